"""Damage to bytes, the same for the same generator: flips, cuts, numbers that hurt, pieces moved."""

from __future__ import annotations

import numpy as np

NUMBERS = (
    0,
    1,
    7,
    15,
    16,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**24,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
)


def mutate(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """One to eight changes to ``data``."""
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9)) if rng.random() < 0.7 else 1):
        changed = _once(changed, others, rng)
    return bytes(changed)


def _once(data: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    way = int(rng.integers(0, 8))
    size = len(data)
    # half of the changes near the start, where the headers are
    at = int(rng.integers(0, max(1, min(size, 64) if rng.random() < 0.5 else size)))
    end = min(size, at + int(rng.integers(1, 33)))
    if way == 0 and size:
        data[at] ^= 1 << int(rng.integers(0, 8))
    elif way == 1 and size:
        data[at] = int(rng.integers(0, 256))
    elif way == 2:
        del data[at:]
    elif way == 3:
        del data[at:end]
    elif way == 4:
        data[at:at] = data[at:end] * int(rng.integers(1, 5))
    elif way == 5:
        data[at:end] = rng.bytes(end - at)
    elif way == 6:
        width = int(rng.choice((1, 2, 4, 8)))
        number = NUMBERS[int(rng.integers(0, len(NUMBERS)))] % (1 << (8 * width))
        data[at : at + width] = number.to_bytes(width, "little")
    else:
        other = others[int(rng.integers(0, len(others)))]
        start = int(rng.integers(0, max(1, len(other))))
        data[at:end] = other[start : start + end - at]
    return data
