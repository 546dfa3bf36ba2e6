"""Numbers of a fixed width, against Python's integers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sqz_hw.model.compression.bitfields import pack, packed_bytes, unpack


@given(st.integers(1, 32), st.data())
def test_round_trip(width, data):
    signed = data.draw(st.booleans())
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    numbers = data.draw(st.lists(st.integers(low, high), max_size=20))
    packed = pack(np.array(numbers, np.int64), width)
    text = "".join(f"{n & ((1 << width) - 1):0{width}b}" for n in numbers)
    text = text.ljust(8 * packed_bytes(len(numbers), width), "0")
    assert packed == (int(text, 2).to_bytes(len(text) // 8, "big") if text else b"")
    assert unpack(packed, len(numbers), width, signed=signed).tolist() == numbers
