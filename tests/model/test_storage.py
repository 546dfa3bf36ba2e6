"""Bytes of a model, against an encoder and a decoder of the sparse format."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from models import TINY, random_float_model, random_model

from sqz_hw.errors import ModelFileError
from sqz_hw.model.storage import sparse_entries, storage


def encode(codes):
    """Deep Compression: (zeros before, value); a gap of more than 15 is bridged by a stored zero."""
    entries, gap = [], 0
    for code in codes:
        if code == 0 and gap < 15:
            gap += 1
        else:
            entries.append((gap, int(code)))
            gap = 0
    while entries and entries[-1][1] == 0:
        entries.pop()  # zeros at the end need none
    return entries


def decode(entries, size):
    codes = []
    for gap, code in entries:
        codes += [0] * gap + [code]
    return codes + [0] * (size - len(codes))


KERNELS = arrays(np.int64, st.integers(0, 300), elements=st.sampled_from([0] * 30 + [-3, 1, 7]))


@given(KERNELS)
def test_sparse_entries_are_those_of_an_encoder(codes):
    entries = encode(codes)
    assert all(gap <= 15 for gap, _ in entries)
    assert decode(entries, len(codes)) == codes.tolist()
    assert sparse_entries(codes) == len(entries)


@pytest.mark.parametrize(("zeros", "entries"), [(0, 1), (15, 1), (16, 2), (31, 2), (32, 3)])
def test_gaps(zeros, entries):
    assert sparse_entries(np.array([0] * zeros + [5])) == entries


def test_kernels_are_walked_in_the_order_of_their_memory():
    kernel = np.zeros((1, 1, 2, 16), np.int64)
    kernel[0, 0, 0, 0] = kernel[0, 0, 1, 15] = 1
    assert sparse_entries(kernel) == 3  # 30 zeros between


def test_a_dense_model():
    model = random_model(TINY, weight_bits=6)
    weights = sum(v.size for k, v in model.weights.items() if k.endswith("kernel"))
    biases = sum(v.size for k, v in model.weights.items() if k.endswith("bias"))
    sizes = storage(model)
    assert sizes.float_bytes == 4 * TINY.parameters
    assert sizes.dense_bytes == -(-(6 * weights + 12 * biases) // 8)
    assert sizes.compressed_bytes == sizes.dense_bytes  # 10 bits an entry, and hardly any zero


def test_a_sparse_model():
    model = random_model(TINY, density=0.2)
    bits = 0
    for spec in TINY.convolutions:
        codes = model.codes(f"{spec.name}/kernel")
        bits += min(6 * codes.size, 10 * len(encode(codes.ravel()))) + 12 * spec.out_shape[2]
    sizes = storage(model)
    assert sizes.compressed_bytes == -(-bits // 8)
    assert sizes.compressed_bytes < 0.7 * sizes.dense_bytes


def test_an_empty_network_still_has_its_biases():
    model = random_model(TINY)
    none = {k: np.zeros_like(v) if k.endswith("kernel") else v for k, v in model.weights.items()}
    biases = sum(v.size for k, v in model.weights.items() if k.endswith("bias"))
    assert storage(replace(model, weights=none)).compressed_bytes == -(-12 * biases // 8)


def test_a_float_model_is_refused():
    with pytest.raises(ModelFileError, match=r"^model tiny is float and has no codes; quantise it first$"):
        storage(random_float_model(TINY))
