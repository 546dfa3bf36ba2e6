"""The authors' container: round trips through a writer made from its description, and damage."""

import struct

import numpy as np
import pytest
from fuzz.containers import deep_compression, shared_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, TINY_ODD

from sqz_hw.errors import ModelFileError
from sqz_hw.model.architecture import V1_0
from sqz_hw.model.readers.deep_compression import read


@pytest.fixture(scope="module")
def legal():
    return deep_compression(*shared_weights(TINY))


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([TINY, TINY_ODD]), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.02, 0.3, 1.0]))
def test_what_was_written_is_read(arch, seed, density):
    indices, codebooks, biases = shared_weights(arch, seed, density)
    weights = read("f", deep_compression(indices, codebooks, biases), arch).weights
    for spec, index, codebook, bias in zip(arch.convolutions, indices, codebooks, biases, strict=True):
        np.testing.assert_array_equal(weights[f"{spec.name}/kernel"], codebook[index].transpose(2, 3, 1, 0))
        np.testing.assert_array_equal(weights[f"{spec.name}/bias"], bias)


@pytest.mark.parametrize("zeros", [14, 15, 16, 17, 31, 32, 33, 48])
def test_runs_of_zeros_about_the_longest_gap(zeros):
    indices, codebooks, biases = shared_weights(TINY, density=0.0)
    indices[0].reshape(-1)[zeros] = 7
    weights = read("f", deep_compression(indices, codebooks, biases), TINY).weights["conv1/kernel"]
    assert np.flatnonzero(weights.transpose(3, 2, 0, 1)).tolist() == [zeros]


def refusal(data, arch=TINY):
    with pytest.raises(ModelFileError) as caught:
        read("w.net", data, arch)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_cut_is_refused(legal):
    for length in [*range(0, 200), *range(200, len(legal), 997), len(legal) - 1]:
        refusal(legal[:length])


def test_messages_say_what_is_wrong(legal):
    layers = len(TINY.convolutions)
    assert refusal(b"\0") == (
        f"w.net: a Deep Compression container of {layers} layers must have at least {4 * layers} bytes, "
        "not 1; the file is cut or something else"
    )
    huge = struct.pack("<I", 2**32 - 1) + legal[4:]
    assert refusal(huge) == (
        "w.net: conv1 must have at most 216 stored entries, not 4,294,967,295; the file is damaged, of "
        "another architecture or something else"
    )
    assert refusal(legal + b"\0") == (
        f"w.net: a Deep Compression container with these counts must have {len(legal):,} bytes, "
        f"not {len(legal) + 1:,}; the file is cut, damaged or of another architecture"
    )
    assert "must have" in refusal(legal, V1_0)
    start = 4 * layers
    nan = legal[: start + 4] + struct.pack("<f", float("nan")) * 255 + legal[start + 1024 :]
    assert refusal(nan) == "w.net: conv1: shared weights must be finite, and are not; the file is damaged"
    signalling = legal[:start] + b"\x01\x00\xa0\x7f" + legal[start + 4 :]
    assert refusal(signalling) == refusal(nan)
    first = legal[:start] + struct.pack("<f", 0.5) + legal[start + 4 :]
    assert refusal(first) == "w.net: conv1: the first shared weight must be 0, not 0.5; the file is damaged"


def test_entries_beyond_the_layer_are_refused():
    """All weights stored, so one gap more leads beyond the last."""
    indices, codebooks, biases = shared_weights(TINY, density=1.0)
    data = bytearray(deep_compression(indices, codebooks, biases))
    weights = indices[0].size
    gaps = 4 * len(TINY.convolutions) + 1024 + 4 * len(biases[0]) + weights
    data[gaps] = 1
    assert refusal(bytes(data)) == (
        f"w.net: conv1: the entries must end within {weights} weights, and reach weight {weights + 1}; "
        "the file is damaged or of another architecture"
    )


def test_an_unused_half_byte_that_is_used_is_damage():
    indices, codebooks, biases = shared_weights(TINY, density=0.0)
    indices[-1].reshape(-1)[:63] = 1
    data = bytearray(deep_compression(indices, codebooks, biases))
    data[-1] |= 0xF0
    assert refusal(bytes(data)) == (
        "w.net: conv4: the last half byte must be unused, and is not; the file is damaged"
    )


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_refused_or_a_legal_network(legal, data):
    at = data.draw(st.integers(0, 8 * len(legal) - 1))
    flipped = bytearray(legal)
    flipped[at // 8] ^= 1 << (at % 8)
    try:
        weights = read("w.net", bytes(flipped), TINY).weights
    except ModelFileError:
        return
    assert all(np.isfinite(w).all() for w in weights.values())
    changed = [k for k, v in read("w.net", legal, TINY).weights.items() if not np.array_equal(v, weights[k])]
    assert len(changed) <= 1
