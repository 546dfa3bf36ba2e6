"""torchvision's names and layout."""

import re

import numpy as np
import pytest
from models import TINY, TINY_ODD, random_weights

from sqz_hw.errors import ModelFileError
from sqz_hw.model.architecture import V1_0, V1_1, Architecture
from sqz_hw.model.readers.torchvision import prefixes, read

V1_0_FIRES = (3, 4, 5, 7, 8, 9, 10, 12)
V1_1_FIRES = (3, 4, 6, 7, 9, 10, 11, 12)
"""Places of the Fire modules in ``features``, as ``print(torchvision.models.squeezenet1_0())`` lists them."""


@pytest.mark.parametrize(("arch", "fires"), [(V1_0, V1_0_FIRES), (V1_1, V1_1_FIRES)])
def test_names(arch, fires):
    names = prefixes(arch)
    assert names["conv1"] == "features.0"
    assert names["conv10"] == "classifier.1"
    for fire, place in zip(range(2, 10), fires, strict=True):
        assert names[f"fire{fire}/squeeze1x1"] == f"features.{place}.squeeze"
        assert names[f"fire{fire}/expand1x1"] == f"features.{place}.expand1x1"
        assert names[f"fire{fire}/expand3x3"] == f"features.{place}.expand3x3"
    assert len(names) == 26


def state(arch: Architecture, dtype=np.float32):
    weights = random_weights(arch)
    tensors = {}
    for ours, theirs in prefixes(arch).items():
        tensors[f"{theirs}.weight"] = weights[f"{ours}/kernel"].transpose(3, 2, 0, 1).astype(dtype)
        tensors[f"{theirs}.bias"] = weights[f"{ours}/bias"].astype(dtype)
    return weights, tensors


@pytest.mark.parametrize("prefix", ["", "module."])
def test_kernels_are_turned_to_hwio(prefix):
    weights, tensors = state(TINY)
    got = read("f", {prefix + k: v for k, v in tensors.items()}, TINY).weights
    assert got.keys() == weights.keys()
    for key, value in weights.items():
        np.testing.assert_array_equal(got[key], value)
        assert got[key].dtype == np.float32


def test_half_and_double_precision():
    for dtype in (np.float16, np.float64):
        weights, tensors = state(TINY, dtype)
        got = read("f", tensors, TINY).weights
        for key, value in weights.items():
            np.testing.assert_array_equal(got[key], value.astype(dtype).astype(np.float32))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.pop("features.0.bias"), "f: features.0.bias is missing; the architecture asks for it"),
        (lambda t: t.update({"features.99.weight": np.zeros(1)}), "f: 1 tensors belong to no layer of the architecture, first features.99.weight; check --architecture"),
        (lambda t: t.update({"features.0.weight": t["features.0.weight"].transpose(2, 3, 1, 0)}), "f: features.0.weight must have shape (8, 3, 3, 3), not (3, 3, 3, 8); check --architecture"),
        (lambda t: t.update({"features.0.bias": np.zeros(8, np.int8)}), "f: features.0.bias must be floating point, not int8"),
        (lambda t: t.update({"features.0.bias": np.full(8, 1e300)}), "f: features.0.bias must be finite float32, and has NaN, infinity or more"),
    ],
)  # fmt: skip
def test_what_does_not_fit(change, text):
    _, tensors = state(TINY)
    change(tensors)
    with pytest.raises(ModelFileError, match="^" + re.escape(text) + "$"):
        read("f", tensors, TINY)


def test_a_bypass_that_torchvision_lacks():
    _, tensors = state(TINY)
    with pytest.raises(ModelFileError):
        read("f", tensors, TINY_ODD)
