"""Keras and QKeras files, written by Keras itself, and HDF5 that reaches for more than it should."""

import io
import json
import re
import zipfile

import h5py
import numpy as np
import pytest
from models import TINY, TINY_ODD, random_float_model, random_model, random_weights

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers import isolated
from sqz_hw.model.readers.archive import Archive
from sqz_hw.model.readers.keras_file import read, read_archive
from sqz_hw.model.readers.tensors import most_bytes


def loaded(path, arch):
    data = path.read_bytes()
    if path.suffix == ".keras":
        return read_archive("w", Archive("w", data), arch, most_bytes(arch)).weights
    return read("w", data, arch, most_bytes(arch)).weights


def same(weights, model):
    return weights.keys() == model.weights.keys() and all(
        np.array_equal(weights[k], model.weights[k]) for k in weights
    )


SUFFIXES = (".h5", ".weights.h5", ".keras")
KINDS = [*(f"{which} {suffix}" for which in ("tiny", "tiny-odd", "QKeras") for suffix in SUFFIXES), "whole"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Files as Keras writes them: float and QKeras, weights and whole models, old format and new."""
    from sqz_hw.model.network import float_network, quantised_network, set_weights

    folder = tmp_path_factory.mktemp("keras")
    found = {}
    for arch in (TINY, TINY_ODD):
        model = random_float_model(arch)
        network = float_network(arch, batch_norm=False)
        set_weights(network, model.weights)
        network.compile(optimizer="adam", loss="mse")
        for suffix in SUFFIXES:
            path = folder / f"{arch.name}{suffix}"
            network.save(path) if suffix == ".keras" else network.save_weights(path)
            found[f"{arch.name} {suffix}"] = (path, arch, model)
    network.save(folder / "whole.h5")
    found["whole"] = (folder / "whole.h5", arch, model)
    quantised = random_model(TINY)
    network = quantised_network(TINY, quantised.quantisation)
    set_weights(network, quantised.weights)
    for suffix in SUFFIXES:
        path = folder / f"q{suffix}"
        network.save(path) if suffix == ".keras" else network.save_weights(path)
        found[f"QKeras {suffix}"] = (path, TINY, quantised)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_as_keras_writes_them(written, kind):
    path, arch, model = written[kind]
    assert same(loaded(path, arch), model)


@pytest.mark.filterwarnings("ignore")
def test_another_architecture(written):
    path, _, _ = written["tiny .h5"]
    with pytest.raises(
        ModelFileError, match=r"^w: the \d+ convolutions must be called as in tiny-odd \(conv1, "
    ):
        loaded(path, TINY_ODD)


def hdf5(fill):
    file = io.BytesIO()
    with h5py.File(file, "w") as out:
        fill(out)
    return file.getvalue()


def fill_by(layout):
    weights = random_weights(TINY)

    def fill(out):
        for i, spec in enumerate(TINY.convolutions):
            for part in ("kernel", "bias"):
                letter, index = ("W", 0) if part == "kernel" else ("b", 1)
                path = layout.format(spec.name, spec.safe_name, part, letter, i, index)
                out[path] = weights[f"{spec.name}/{part}"]

    return fill


@pytest.mark.parametrize(
    "layout",
    [
        "{1}/{1}/{2}:0",
        "{0}/{0}/{2}:0",
        "{1}/{1}_{3}:0",
        "model_weights/{0}/{0}/{2}:0",
        "layers/{1}/vars/{5}",
        "conv2d_{4}/conv2d_{4}/{2}:0",
        "{1}/{2}",
    ],
)
def test_names_of_other_versions(layout):
    weights = read("w", hdf5(fill_by(layout)), TINY, most_bytes(TINY)).weights
    assert same(weights, random_float_model(TINY))


def refusal(data, most=None):
    with pytest.raises(ModelFileError) as caught:
        read("w", data, TINY, most or most_bytes(TINY))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_batch_norm_is_to_be_folded_first():
    def fill(out):
        fill_by("{1}/{1}/{2}:0")(out)
        out["conv1_bn/conv1_bn/gamma:0"] = np.ones(8, np.float32)

    assert refusal(hdf5(fill)) == (
        "w: conv1_bn/conv1_bn/gamma:0 is neither kernel nor bias of a convolution; "
        "fold batch normalisation into the kernels, or check --architecture"
    )


def test_no_bias():
    def fill(out):
        fill_by("{1}/{2}")(out)
        del out["conv4/bias"]

    assert refusal(hdf5(fill)) == "w: conv4 has no bias; the architecture asks for it"


def test_a_lambda_in_a_whole_model():
    def fill(out):
        fill_by("{1}/{1}/{2}:0")(out)
        out.attrs["model_config"] = json.dumps(
            {"config": {"layers": [{"class_name": "Lambda", "config": {"function": ["4wEAAAA="]}}]}}
        )

    assert refusal(hdf5(fill)) == (
        "w must be of plain layers, and has a Lambda, whose code would say what it computes; "
        "save the weights without it"
    )


def keras_zip(config, weights):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("config.json", config)
        out.writestr("model.weights.h5", weights)
    return Archive("w", file.getvalue())


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ('{"layers": [{"class_name": "TFOpLambda"}]}', "w must be of plain layers, and has a TFOpLambda"),
        ("[" * 100_000, "w: the model's configuration must be JSON, and is damaged"),
        ("x" * (1 << 21), "w must be an archive of weights, and cannot be read (config.json unpacks to more than 1,048,576 bytes)"),
    ],
)  # fmt: skip
def test_configurations_of_a_keras_archive(config, text):
    with pytest.raises(ModelFileError, match="^" + re.escape(text)):
        read_archive("w", keras_zip(config, hdf5(fill_by("{1}/{2}"))), TINY, most_bytes(TINY))


def test_a_bomb_in_a_keras_archive():
    with pytest.raises(ModelFileError, match=r"model\.weights\.h5 unpacks to more than"):
        read_archive("w", keras_zip("{}", bytes(1 << 25)), TINY, most_bytes(TINY))


# HDF5 that is no good


def test_damage():
    data = hdf5(fill_by("{1}/{2}"))
    for length in (8, 100, 1000, len(data) - 1):
        assert refusal(data[:length]).startswith("w: it must be an HDF5 file, and is damaged (")


def test_a_dataset_that_unpacks_without_end():
    def fill(out):
        out.create_dataset("conv1/kernel", (1 << 30,), np.float32, compression="gzip", chunks=(1 << 20,))

    data = hdf5(fill)
    assert len(data) < 1 << 16
    assert refusal(data) == (
        "w: conv1/kernel would unpack to 4,294,967,296 bytes, more than such a network has; check --architecture"
    )


def test_a_chunk_that_unpacks_without_end():
    def fill(out):
        out.create_dataset("conv1/kernel", (4,), np.float32, maxshape=(None,), chunks=(1 << 28,))

    assert "would unpack to 1,073,741,824 bytes" in refusal(hdf5(fill))


def test_values_in_another_file(tmp_path):
    """External storage would read any file of the machine."""
    (tmp_path / "secret").write_bytes(bytes(64))

    def fill(out):
        out.create_dataset("conv1/bias", (8,), np.float32, external=[(str(tmp_path / "secret"), 0, 32)])

    assert refusal(hdf5(fill)) == "w: conv1/bias must be stored in the file itself, and lies in another"


def test_a_virtual_dataset():
    def fill(out):
        layout = h5py.VirtualLayout((8,), np.float32)
        layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (8,))
        out.create_virtual_dataset("conv1/bias", layout)

    assert "must be stored in the file itself" in refusal(hdf5(fill))


def test_links_to_other_files_are_not_followed():
    def fill(out):
        fill_by("{1}/{2}")(out)
        del out["conv1/bias"]
        out["conv1/bias"] = h5py.ExternalLink("/etc/hostname", "/x")

    assert refusal(hdf5(fill)) == "w: conv1 has no bias; the architecture asks for it"


def test_a_group_within_itself():
    def fill(out):
        fill_by("{1}/{2}")(out)
        out["conv1/again"] = out["conv1"]

    assert same(read("w", hdf5(fill), TINY, most_bytes(TINY)).weights, random_float_model(TINY))


def test_more_objects_than_any_network():
    def fill(out):
        for i in range(5001):
            out.create_group(str(i))

    assert refusal(hdf5(fill), 1 << 26) == "w: it must hold at most 5,000 objects, and holds more"


# the process around the parser


def child(monkeypatch, program):
    monkeypatch.setattr(isolated, "_START", program)
    return refusal(hdf5(fill_by("{1}/{2}")))


def test_a_parser_that_crashes(monkeypatch):
    text = child(monkeypatch, "import os; os.kill(os.getpid(), 11)")
    assert text == "w cannot be read: HDF5 fails on it (signal 11); the file is damaged"


def test_a_parser_that_hangs(monkeypatch):
    monkeypatch.setattr(isolated, "SECONDS", 0.2)
    text = child(monkeypatch, "import time; time.sleep(30)")
    assert text == "w cannot be read: HDF5 took more than 0.2 s over it; the file is damaged"


def test_a_parser_that_wants_all_memory(monkeypatch):
    program = (
        "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
        "from sqz_hw.model.readers.isolated_child import limit; limit(1); x = bytearray(1 << 33)"
    )
    assert child(monkeypatch, program) == (
        "w cannot be read: HDF5 fails on it (MemoryError); the file is damaged"
    )
