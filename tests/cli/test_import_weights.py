"""``sqz-hw import`` and ``compress``: what they say, and what they refuse."""

import re

import numpy as np
import pytest
from fuzz.containers import deep_compression, shared_weights
from models import TINY, random_float_model, random_weights

from sqz_hw.cli import main
from sqz_hw.cli.import_weights import chosen
from sqz_hw.errors import BadInputError
from sqz_hw.model import architecture, modelfile
from sqz_hw.model.architecture import V1_0, V1_1
from sqz_hw.model.preprocessing import CAFFE, TORCHVISION, Preprocessing


@pytest.fixture
def run(capfd):
    def call(*arguments):
        code = main([str(a) for a in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "w.net"
    path.write_bytes(deep_compression(*shared_weights(V1_1)))
    return path


def test_import_says_what_it_took_the_file_for(run, net, tmp_path):
    code, out, err = run(
        "import", net, "--architecture", "v1.1", "--output", tmp_path / "new" / "m.safetensors"
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert re.fullmatch(
        r"w\.net: Deep Compression container, SqueezeNet v1\.1, 1,235,496 parameters, 4\d\.\d\d % of the weights nonzero",
        lines[0],
    )
    assert lines[1:] == [
        "pixels: BGR, minus (104, 117, 123), times (1, 1, 1) (the usual of this format); folded into conv1",
        "images 227 x 227, pooling rounds up, conv10 padding 0",
        f"wrote {tmp_path / 'new' / 'm.safetensors'}",
    ]
    model = modelfile.load(tmp_path / "new" / "m.safetensors")
    assert (model.name, model.kind, model.architecture) == ("m", "float", V1_1)


def test_options_of_an_import(run, net, tmp_path):
    output = tmp_path / "m.safetensors"
    options = (
        "--name",
        "mine",
        "--input-size",
        64,
        "--preprocessing",
        "caffe",
        "--channels",
        "RGB",
        "--mean",
        "128",
        "--scale",
        "1,2,4",
    )
    code, out, _ = run("import", net, "--architecture", "v1.1", "--output", output, *options)
    assert code == 0
    assert "pixels: RGB, minus (128, 128, 128), times (1, 2, 4) (given); folded into conv1" in out
    model = modelfile.load(output)
    assert (model.name, model.architecture.input_size) == ("mine", 64)


def test_the_same_file_gives_the_same_bytes(run, net, tmp_path):
    for name in ("a/m", "b/m"):
        assert run("import", net, "--architecture", "v1.1", "--output", tmp_path / name)[0] == 0
    assert (tmp_path / "a" / "m").read_bytes() == (tmp_path / "b" / "m").read_bytes()


def one_line(error, text):
    lines = error.strip().splitlines()
    assert len(lines) == 1, error
    assert lines[0].startswith("error: ")
    assert text in lines[0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--architecture", "v1.0"), "the file is cut, damaged or of another architecture"),
        (("--architecture", "v2"), "architecture must be one of v1.0, v1.1, not 'v2'"),
        ((), "w.net does not say its architecture; give --architecture v1.0 or v1.1"),
        (("--architecture", "v1.1", "--input-size", "0"), "--input-size must be between 1 and 4096, not 0"),
        (("--architecture", "v1.1", "--input-size", "9"), "needs a map of at least"),
        (("--architecture", "v1.1", "--name", "a/b"), "printable text without slashes"),
        (("--architecture", "v1.1", "--mean", "1"), "--channels, --mean and --scale change a --preprocessing"),
        (("--architecture", "v1.1", "--preprocessing", "keras"), "--preprocessing must be one of caffe, torchvision, x/256"),
    ],
)  # fmt: skip
def test_bad_imports(run, net, tmp_path, options, text):
    code, _, err = run("import", net, "--output", tmp_path / "m.safetensors", *options)
    assert code == 2
    one_line(err, text)
    assert list(tmp_path.iterdir()) == []


def test_output_that_is_a_folder(run, net, tmp_path):
    for verb in (("import", net, "--architecture", "v1.1"), ("compress", "cifar10-small")):
        code, _, err = run(*verb, "--output", tmp_path)
        assert code == 2
        one_line(err, "--output must be a file, and ")


def test_preprocessing_by_options():
    assert chosen(None, None, None, None) is None
    assert chosen("torchvision", None, None, None) == TORCHVISION
    assert chosen("caffe", "RGB", "1,2,3", None) == Preprocessing("RGB", (1, 2, 3), CAFFE.scale)
    for channels, mean, text in (
        ("GRB", None, "--channels must be RGB or BGR, not 'GRB'"),
        (None, "1,2", "--mean must be one number or three with commas between, not '1,2'"),
        (None, "x", "--mean must be one number or three with commas between, not 'x'"),
        (
            None,
            "nan",
            "the mean must be three numbers of at most 65536, one for each of BGR, not nan, nan, nan",
        ),
    ):
        with pytest.raises(BadInputError, match="^" + re.escape(text)):
            chosen("caffe", channels, mean, None)


def test_compress_and_back(run, tmp_path, monkeypatch):
    monkeypatch.setitem(architecture.NAMED, "tiny", TINY)
    model = random_float_model(TINY, density=0.5)
    modelfile.save(model, tmp_path / "m.safetensors")
    packed = tmp_path / "m.sqzdc"
    code, out, err = run("compress", tmp_path / "m.safetensors", "--output", packed, "--bits", 4)
    assert (code, err) == (0, "")
    size = packed.stat().st_size
    lines = out.splitlines()
    assert lines[0] == f"tiny: {size:,} bytes, biases and codebooks included"
    dense = 4 * TINY.parameters
    assert lines[1] == f"float32: {dense:,} bytes, {dense / size:.1f} times as many"
    assert lines[2] == f"AlexNet: 240,000,000 bytes, {240_000_000 / size:.0f} times as many"
    code, out, _ = run("import", packed, "--output", tmp_path / "again.safetensors")
    assert code == 0
    assert "m.sqzdc: compressed model, SqueezeNet tiny, " in out
    again = modelfile.load(tmp_path / "again.safetensors")
    for key, value in again.weights.items():
        assert len(np.unique(value)) <= 16 or key.endswith("bias")
    code, _, _ = run("compress", tmp_path / "again.safetensors", "--output", tmp_path / "b.sqzdc")
    assert code == 0
    assert (tmp_path / "b.sqzdc").stat().st_size == size + len("again") - len("tiny")


def test_a_model_is_not_replaced_by_what_is_made_of_it(run, tmp_path):
    path = tmp_path / "m.safetensors"
    modelfile.save(random_float_model(TINY), path)
    (tmp_path / "same.safetensors").symlink_to(path)
    before = path.read_bytes()
    for verb, what in (("compress", "the model"), ("import", "the weights")):
        for output in (path, tmp_path / "same.safetensors"):
            code, _, err = run(verb, path, "--output", output)
            assert code == 2
            one_line(err, f"--output must be another file than {what} ")
    assert path.read_bytes() == before


def test_the_shipped_model_is_compressed_without_loss(run, tmp_path):
    code, _, _ = run("compress", "cifar10-small", "--output", tmp_path / "c.sqzdc")
    assert code == 0
    code, _, err = run("compress", "cifar10-small", "--output", tmp_path / "d.sqzdc", "--bits", 4)
    assert code == 2
    one_line(err, "is quantised: its codes are its shared weights; leave --bits out")
    assert not (tmp_path / "d.sqzdc").exists()


def test_no_place_for_the_compressed_file(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    code, _, err = run("compress", "cifar10-small", "--output", tmp_path / "file" / "c")
    assert code == 2
    one_line(err, " cannot be written (")


def test_a_float_model_is_not_built(run, net, tmp_path):
    """It has to be quantised first, and is told so."""
    run("import", net, "--architecture", "v1.1", "--output", tmp_path / "m.safetensors")
    code, _, err = run(
        "build", "--part", "xc7z020", "--model", tmp_path / "m.safetensors", "--output", tmp_path / "p"
    )
    assert code == 2
    one_line(err, "quantise")


def test_v1_0_by_torchvisions_names(run, tmp_path):
    from sqz_hw.model.readers.torchvision import prefixes

    weights = random_weights(V1_0)
    tensors = {}
    for ours, theirs in prefixes(V1_0).items():
        tensors[f"{theirs}.weight"] = weights[f"{ours}/kernel"].transpose(3, 2, 0, 1)
        tensors[f"{theirs}.bias"] = weights[f"{ours}/bias"]
    np.savez(tmp_path / "t.npz", **tensors)
    code, out, _ = run("import", tmp_path / "t.npz", "--architecture", "v1.0", "--output", tmp_path / "m")
    assert code == 0
    assert "times (0.0171248, 0.017507, 0.0174292) (the usual of this format); folded into conv1" in out
    assert "images 224 x 224, pooling rounds up, conv10 padding 0" in out
