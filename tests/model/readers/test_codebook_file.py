"""Kernels with their shared weights."""

import re

import numpy as np
import pytest
from fuzz.containers import shared_weights
from models import TINY, random_weights

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers.codebook_file import FORMAT, PLAIN, looks_like, read


@pytest.fixture
def shared():
    tensors = {"layer_names": np.zeros(1)}
    for spec, index, codebook, bias in zip(TINY.convolutions, *shared_weights(TINY), strict=True):
        hwio = index.transpose(2, 3, 1, 0)
        name = spec.safe_name
        tensors |= {f"{name}/index": hwio, f"{name}/codebook": codebook, f"{name}/bias": bias, f"{name}/kernel": codebook[hwio]}  # fmt: skip
    return tensors


def check(tensors, shared):
    stored = read("f", tensors, TINY)
    for spec in TINY.convolutions:
        np.testing.assert_array_equal(
            stored.weights[f"{spec.name}/kernel"], shared[f"{spec.safe_name}/kernel"]
        )
        np.testing.assert_array_equal(stored.weights[f"{spec.name}/bias"], shared[f"{spec.safe_name}/bias"])
    return stored.format


def test_with_and_without_the_kernel(shared):
    assert check(shared, shared) == FORMAT
    assert check({k: v for k, v in shared.items() if not k.endswith("kernel")}, shared) == FORMAT


def test_without_codebooks(shared):
    assert check({k: v for k, v in shared.items() if k.endswith(("kernel", "bias"))}, shared) == PLAIN


def test_names_with_a_slash():
    weights = random_weights(TINY)
    assert looks_like(weights)
    stored = read("f", weights, TINY)
    assert all(np.array_equal(stored.weights[k], weights[k]) for k in weights)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.update({"conv1/codebook": t["conv1/codebook"] + 1}), "f: conv1/kernel must be its codebook's values, and is not; the file is damaged"),
        (lambda t: t.update({"conv1/codebook": t["conv1/codebook"][:9]}), "f: conv1/index must be between 0 and 8, not 0 to 25"),
        (lambda t: t.update({"conv1/codebook": np.zeros((0,), "f4")}), "f: conv1/codebook must be 1 to 65,536 values, not shape (0,)"),
        (lambda t: t.update({"conv1/index": t["conv1/index"].astype("i4") - 1}), "f: conv1/index must be between 0 and 255, not -1 to "),
        (lambda t: t.update({"conv1/index": t["conv1/index"].astype("f4")}), "f: conv1/index must be whole numbers of shape (3, 3, 3, 8), not float32"),
        (lambda t: t.pop("conv1/codebook"), "f: conv1/codebook is missing; the architecture asks for it"),
        (lambda t: t.pop("conv1/index"), "f: conv1/index is missing; the architecture asks for it"),
        (lambda t: t.update({"fire2/squeeze1x1/bias": t["fire2_squeeze1x1/bias"]}), "f: a tensor is there twice, once with / and once with _; remove one"),
        (lambda t: t.update({"conv9/bias": np.zeros(1)}), "f: 1 tensors belong to no layer of the architecture, first conv9/bias; check --architecture"),
    ],
)  # fmt: skip
def test_what_does_not_fit(shared, change, text):
    change(shared)
    with pytest.raises(ModelFileError, match="^" + re.escape(text)):
        read("f", shared, TINY)
