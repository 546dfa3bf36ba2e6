"""Which reader a file goes to, what is assumed of it, and the authors' own networks where they are at hand."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fuzz.containers import archive, deep_compression, npz, shared_weights
from models import TINY, random_float_model, random_model, random_weights
from safetensors.numpy import save as safetensors_bytes

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.model import modelfile
from sqz_hw.model.architecture import V1_0, V1_1
from sqz_hw.model.compression import container
from sqz_hw.model.preprocessing import CAFFE, HARDWARE, TORCHVISION, fold
from sqz_hw.model.readers.importing import import_weights
from sqz_hw.model.readers.torchvision import prefixes

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
STRIDED = replace(TINY, conv1_padding=0, input_size=18)
"""conv1 without padding, as in the published networks."""


def torchvision_tensors(arch):
    weights = random_weights(arch)
    found = {}
    for ours, theirs in prefixes(arch).items():
        found[f"{theirs}.weight"] = np.ascontiguousarray(weights[f"{ours}/kernel"].transpose(3, 2, 0, 1))
        found[f"{theirs}.bias"] = weights[f"{ours}/bias"]
    return found


def file_of(kind):
    if kind == "net":
        return deep_compression(*shared_weights(STRIDED))
    if kind == "npz":
        return npz(torchvision_tensors(STRIDED))
    if kind == "layers":
        return npz(random_weights(STRIDED), compressed=True)
    return safetensors_bytes(torchvision_tensors(STRIDED))


def imported(tmp_path, data, name="w.bin", arch=STRIDED, **options):
    (tmp_path / name).write_bytes(data)
    return import_weights(tmp_path / name, arch, name="mine", **options)


@pytest.mark.parametrize(
    ("kind", "format_name", "trained", "size", "padding"),
    [
        ("net", "Deep Compression container", CAFFE, 18, 1),
        ("npz", "torchvision weights", TORCHVISION, 224, 0),
        ("safetensors", "torchvision weights", TORCHVISION, 224, 0),
        ("layers", "weights by layer name", HARDWARE, 18, 1),
    ],
)
def test_formats_and_their_conventions(tmp_path, kind, format_name, trained, size, padding):
    data = file_of(kind)
    name = "w.safetensors" if kind == "safetensors" else "weights"
    model = imported(tmp_path, data, name, replace(STRIDED, conv10_padding=1))
    assert model.kind == "float"
    assert model.name == "mine"
    assert (model.architecture.input_size, model.architecture.conv10_padding) == (size, padding)
    assert model.record == {
        "imported": {
            "file": name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "format": format_name,
            "preprocessing": trained.to_dict(),
            "preprocessing_given": False,
        }
    }
    if kind != "net":
        weights = random_weights(STRIDED)
        kernel, bias, _ = fold(weights["conv1/kernel"], weights["conv1/bias"], trained, 0)
        weights |= {"conv1/kernel": kernel, "conv1/bias": bias}
        assert all(np.array_equal(model.weights[k], weights[k]) for k in weights)
    modelfile.save(model, tmp_path / "m")
    assert modelfile.load(tmp_path / "m").architecture == model.architecture


def test_what_is_given_comes_first(tmp_path):
    model = imported(tmp_path, file_of("npz"), preprocessing=HARDWARE, input_size=20)
    assert model.architecture.input_size == 20
    np.testing.assert_array_equal(model.weights["conv1/kernel"], random_weights(STRIDED)["conv1/kernel"])
    assert model.record["imported"]["preprocessing_given"] is True


def test_a_padded_conv1_leaves_the_mean_stated(tmp_path):
    model = imported(tmp_path, deep_compression(*shared_weights(TINY)), arch=TINY)
    assert model.input_mean == (123.0, 117.0, 104.0)


def test_compressed_models_come_back(tmp_path):
    for model in (random_float_model(TINY), random_model(TINY)):
        again = imported(tmp_path, container.write(model), arch=None)
        assert again.quantisation == model.quantisation
        assert all(np.array_equal(again.weights[k], model.weights[k]) for k in model.weights)
        assert again.record["imported"]["format"] == "compressed model"
    with pytest.raises(ModelFileError, match=r"^w\.bin holds a tiny, not a v1\.0; leave --architecture out$"):
        imported(tmp_path, container.write(model), arch=V1_0)
    with pytest.raises(
        BadInputError,
        match=r"^w\.bin is a compressed model, which takes pixels / 256; leave --preprocessing out$",
    ):
        imported(tmp_path, container.write(model), arch=None, preprocessing=CAFFE)


def refusal(path, arch=TINY):
    with pytest.raises(BadInputError) as caught:
        import_weights(path, arch, name="x")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_are_none(tmp_path):
    assert refusal(tmp_path / "none") == f"the weights must be a file; there is none at {tmp_path / 'none'}"
    assert "the weights must be a file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "the weights must be a file" in refusal(tmp_path / "pipe")
    assert "File name too long" in refusal(tmp_path / ("a" * 300))
    assert refusal(Path("a\0b")) == "the weights must be a file; there is none at a\\x00b"


def test_a_file_that_is_too_large(tmp_path):
    with (tmp_path / "big").open("wb") as file:
        file.truncate(1 << 40)
    most = 32 * TINY.parameters + (4 << 20)
    assert refusal(tmp_path / "big") == (
        f"big must have at most {most:,} bytes for this architecture, not 1,099,511,627,776; check --architecture"
    )


def test_no_architecture(tmp_path):
    (tmp_path / "w").write_bytes(file_of("net"))
    assert (
        refusal(tmp_path / "w", None) == "w does not say its architecture; give --architecture v1.0 or v1.1"
    )


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"SQZHWDC1", b"\x80\x02}q\x00."]
)
def test_something_else(tmp_path, data):
    (tmp_path / "w").write_bytes(data)
    assert refusal(tmp_path / "w").startswith("w")


@pytest.mark.parametrize("names", [[], ["data"], ["data", "more"]])
def test_tensors_of_other_names(tmp_path, names):
    (tmp_path / "w.npz").write_bytes(npz({n: np.zeros(2) for n in names}) if names else archive({}))
    text = refusal(tmp_path / "w.npz")
    assert text.startswith("w.npz")
    if names:
        assert text.endswith("(features.0.weight) or the layers' (conv1/kernel), not data")


# the authors' networks, which are no part of this project

needs = pytest.mark.skipif(
    not DATA.is_dir(), reason="the published networks are not at hand (../shared/data)"
)


@needs
def test_the_authors_v1_0(tmp_path):
    path = DATA / "compressed_SqueezeNet.net"
    model = import_weights(path, V1_0, name="v1.0")
    assert model.architecture.parameters == sum(w.size for w in model.weights.values()) == 1_248_424
    kernels = {k: w for k, w in model.weights.items() if k.endswith("kernel")}
    assert sum(np.count_nonzero(w) for w in kernels.values()) == 415_921
    assert round(100 * model.density(fire_only=False), 2) == 33.42
    assert {len(np.unique(w[w != 0])) for w in kernels.values()} == {255}
    by_layer = {"conv1": 13902, "fire2/expand3x3": 3039, "fire8/squeeze1x1": 24388, "conv10": 102323}
    for name, nonzero in by_layer.items():
        assert np.count_nonzero(model.weights[f"{name}/kernel"]) == nonzero
    assert (model.architecture.conv10_padding, model.architecture.input_size) == (1, 227)


@needs
def test_v1_0_at_six_bits_is_no_larger_than_the_papers():
    """Iandola et al., table 2: 0.47 MB at 6 bits."""
    from sqz_hw.model.compression.sharing import share_weights

    model = import_weights(DATA / "compressed_SqueezeNet.net", V1_0, name="v1.0")
    for bits, most in ((8, 675_763), (6, 470_000)):
        shared = share_weights(model, bits)
        data = container.write(shared)
        assert len(data) <= most
        again = container.read("f", data)
        assert all(np.array_equal(again.weights[k], shared.weights[k]) for k in shared.weights)


@needs
def test_v1_1_with_its_codebooks():
    model = import_weights(DATA / "squeezenet_v1.1_8bit.npz", V1_1, name="v1.1")
    assert model.record["imported"]["format"] == "codebook weights"
    assert model.architecture.parameters == sum(w.size for w in model.weights.values()) == 1_235_496
    with np.load(DATA / "squeezenet_v1.1_8bit.npz") as stored:
        np.testing.assert_array_equal(model.weights["conv1/kernel"], 256 * stored["conv1/kernel"][:, :, ::-1])
        np.testing.assert_array_equal(model.weights["conv10/kernel"], stored["conv10/kernel"])


@needs
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "arch", "top1", "top5"),
    [("compressed_SqueezeNet.net", V1_0, 62.4, 82.6), ("squeezenet_v1.1_8bit.npz", V1_1, 60.6, 81.8)],
)
def test_accuracy_on_the_sample_of_imagenet(tmp_path, file, arch, top1, top5):
    """Figures of the data's own notes, from another program."""
    import sys

    from sqz_hw.evaluate import evaluate
    from sqz_hw.model.datasets import Dataset

    sys.path.insert(0, str(DATA))
    import load_imagenet

    sample = load_imagenet.load(DATA / "imagenet_dev_packed.npz")
    modelfile.save(import_weights(DATA / file, arch, name="m"), tmp_path / "m.safetensors")
    data = Dataset(sample["x"], sample["y"].astype(np.int64), "sample")
    result = evaluate(tmp_path / "m.safetensors", data, "float")
    assert abs(result.top1 - top1) <= 0.4
    assert abs(result.top5 - top5) <= 0.4
