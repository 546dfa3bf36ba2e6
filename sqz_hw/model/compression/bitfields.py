"""Numbers of a fixed width side by side, from the most significant bit on; bytes filled with zeros."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


def pack(numbers: Numbers, width: int) -> bytes:
    """The lowest ``width`` bits of each number (two's complement if negative)."""
    shifts = np.arange(width - 1, -1, -1)
    return np.packbits(((numbers[:, None] >> shifts) & 1).astype(np.uint8).reshape(-1)).tobytes()


def packed_bytes(count: int, width: int) -> int:
    """Bytes that ``count`` numbers take."""
    return (count * width + 7) // 8


def unpack(data: bytes, count: int, width: int, *, signed: bool = False) -> Numbers:
    """``count`` numbers from exactly ``packed_bytes`` bytes."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count * width).reshape(count, width)
    numbers = np.zeros(count, np.int64)
    for i in range(width):
        numbers = (numbers << 1) | bits[:, i]
    return numbers - ((numbers >> (width - 1)) << width) if signed else numbers
