"""Gaps between nonzero weights, against a loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqz_hw.errors import ModelFileError
from sqz_hw.model.compression.gaps import LONGEST, decode, encode
from sqz_hw.model.storage import sparse_entries

runs = st.lists(st.tuples(st.integers(0, 70), st.integers(1, 255)), max_size=12)


@given(runs, st.integers(0, 40))
def test_round_trip_and_entries(pairs, tail):
    flat = np.array([v for zeros, symbol in pairs for v in [0] * zeros + [symbol]] + [0] * tail, np.int64)
    symbols, gaps = encode(flat)
    np.testing.assert_array_equal(decode("f", symbols, gaps, len(flat)), flat)
    assert len(symbols) == len(gaps) == sum(1 + zeros // 16 for zeros, _ in pairs) == sparse_entries(flat)
    assert gaps.max(initial=0) <= LONGEST == 15
    assert (gaps[symbols == 0] == 15).all()


def test_an_example():
    symbols, gaps = encode(np.array([0, 0, 7] + [0] * 16 + [9]))
    assert (symbols.tolist(), gaps.tolist()) == ([7, 0, 9], [2, 15, 0])


def test_beyond_the_end():
    with pytest.raises(
        ModelFileError, match=r"^f: conv1: the entries must end within 9 weights, and reach weight 10; "
    ):
        decode("f: conv1", np.array([1, 1]), np.array([4, 4]), 9)
    assert decode("f", np.array([1, 1]), np.array([4, 4]), 10).tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
