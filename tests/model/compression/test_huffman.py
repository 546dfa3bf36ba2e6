"""Huffman codes: the best there are, decoded to what was coded, and damage refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.errors import ModelFileError
from sqz_hw.model.compression import huffman
from sqz_hw.model.compression.huffman import MAX_LENGTH, check_code, code_lengths, decode, encode

counts_of = st.lists(st.integers(0, 1000), min_size=1, max_size=40).map(lambda x: np.array(x, np.int64))


def best_total(counts):
    """Bits of an optimal code: the sum of all merged weights (Huffman 1952)."""
    nodes = sorted(int(c) for c in counts if c)
    if len(nodes) == 1:
        return nodes[0]
    total = 0
    while len(nodes) > 1:
        merged = nodes[0] + nodes[1]
        total += merged
        nodes = sorted([*nodes[2:], merged])
    return total


@given(counts_of)
def test_no_code_is_shorter(counts):
    lengths = code_lengths(counts)
    assert ((lengths > 0) == (counts > 0)).all()
    assert int((lengths.astype(np.int64) * counts).sum()) == best_total(counts)
    check_code("f", lengths)


def test_lengths_are_bounded():
    fibonacci = [1, 1]
    while len(fibonacci) < 60:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    lengths = code_lengths(np.array(fibonacci))
    assert lengths.max() == MAX_LENGTH
    check_code("f", lengths)
    symbols = np.random.default_rng(1).integers(0, 60, 500)
    assert (decode("f", *encode(symbols, lengths), lengths, 500) == symbols).all()


@settings(deadline=None)
@given(counts_of.filter(lambda c: c.any()), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_round_trip(counts, size, seed):
    symbols = np.random.default_rng(seed).choice(len(counts), size, p=counts / counts.sum())
    lengths = code_lengths(counts)
    data, bits = encode(symbols, lengths)
    assert bits == int(lengths[symbols].astype(np.int64).sum())
    assert len(data) == (bits + 7) // 8
    np.testing.assert_array_equal(decode("f", data, bits, lengths, size), symbols)


def test_across_chunks(monkeypatch):
    monkeypatch.setattr(huffman, "_CHUNK_BYTES", 7)
    symbols = np.random.default_rng(1).geometric(0.2, 2000).clip(0, 30)
    lengths = code_lengths(np.bincount(symbols))
    np.testing.assert_array_equal(decode("f", *encode(symbols, lengths), lengths, 2000), symbols)


def test_canonical_codes():
    """RFC 1951's example: lengths 3 3 3 3 3 2 4 4 for A to H."""
    lengths = np.array([3, 3, 3, 3, 3, 2, 4, 4], np.uint8)
    data, bits = encode(np.arange(8), lengths)
    text = "".join(f"{byte:08b}" for byte in data)[:bits]
    assert text == "0100111001011100011101111"


def test_nothing():
    none = np.zeros(4, np.uint8)
    assert encode(np.zeros(0, np.int64), none) == (b"", 0)
    assert decode("f", b"", 0, none, 0).tolist() == []


@pytest.mark.parametrize("lengths", [[1, 1, 1], [2, 2], [2], [1, 2], [25, 1], [31]])
def test_lengths_that_are_no_code(lengths):
    with pytest.raises(
        ModelFileError, match=r"^f: the code lengths make no Huffman code; the file is damaged$"
    ):
        decode("f", b"\0\0", 16, np.array(lengths, np.uint8), 3)


@pytest.mark.parametrize(("bits", "count"), [(15, 16), (16, 15), (17, 16), (0, 1), (1, 0), (16, 17)])
def test_bits_that_are_other_than_so_many_codes(bits, count):
    with pytest.raises(ModelFileError, match=rf"^f: {bits} bits must be {count} codes, and are not; "):
        decode("f", bytes(3), bits, np.array([1, 1], np.uint8), count)


def test_a_one_where_a_single_symbol_is_zero():
    lengths = np.array([0, 1], np.uint8)
    assert decode("f", b"\0", 3, lengths, 3).tolist() == [1, 1, 1]
    with pytest.raises(ModelFileError, match="3 bits must be 3 codes"):
        decode("f", b"\x40", 3, lengths, 3)


@given(st.binary(max_size=40), counts_of.filter(lambda c: c.any()), st.integers(0, 330), st.integers(0, 400))
def test_any_bits_decode_or_are_refused(data, counts, bits, count):
    lengths = code_lengths(counts)
    bits = min(bits, 8 * len(data))
    try:
        symbols = decode("f", data, bits, lengths, count)
    except ModelFileError:
        return
    again, same = encode(symbols, lengths)
    assert same == bits
    assert again[: bits // 8] == data[: bits // 8]
