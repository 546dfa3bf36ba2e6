"""Memories and multiplexers in a part's primitives: block RAM, LUT RAM, choices of words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

Values = Mapping[str, int]
Features = dict[str, float]


SHAPES = (
    (36, 512, 1), (18, 1024, 1), (9, 2048, 1), (4, 4096, 1), (2, 8192, 1), (1, 16384, 1),
    (72, 512, 2), (36, 1024, 2), (18, 2048, 2), (9, 4096, 2), (4, 8192, 2), (2, 16384, 2), (1, 32768, 2),
)  # fmt: skip
"""Bits of a word, words, and halves of a tile, of a RAMB18 and of a RAMB36 (UG473, tables 1-7 to 1-10)."""


@cache
def columns(words: int, width: int) -> tuple[int, float]:
    """The cheapest block RAM for a simple dual-port memory: columns of any shapes side by side.

    Returns:
        halves of a tile; LUTs that choose among the memories of a column that is deeper than one.
    """
    best: list[tuple[int, float]] = [(0, 0.0)]
    for wide in range(1, width + 1):
        found = []
        for bits, deep, halves in SHAPES:
            rows = -(-words // deep)
            before = best[max(0, wide - bits)]
            found.append((before[0] + halves * rows, before[1] + min(bits, wide) * mux_luts(rows)))
        best.append(min(found))
    return best[width]


def block_ram(words: int, width: int) -> float:
    """Tiles of 36 kbit for a simple dual-port memory."""
    return columns(words, width)[0] / 2


LUT_RAMS = ((64, 3), (32, 6))
"""Words and bits of RAM64M and RAM32M, of 4 LUTs each (UG474)."""


def lut_ram_shape(words: int, width: int) -> tuple[int, int]:
    """A simple dual-port LUT RAM of the primitive that is cheaper with what chooses among its rows.

    Returns:
        rows of primitives; LUTs that are memory. What chooses among the rows is not within.
    """
    found = [(-(-words // deep), 4 * -(-words // deep) * -(-width // bits)) for deep, bits in LUT_RAMS]
    return min(found, key=lambda shape: shape[1] + width * (shape[0] - 1) / 2)


def lut_ram(words: int, width: int) -> int:
    """LUTs of a simple dual-port LUT RAM, without what chooses among those of a deep one."""
    return lut_ram_shape(words, width)[1]


def lut_ram_reads(rows: int, bits: int) -> float:
    """LUTs, about, that choose among rows of LUT RAM: one for up to four of them, then one for three more."""
    return bits * max(1.0, 0.36 * rows) if rows > 1 else 0.0


def entry_tiles(words: int, segment: int) -> float:
    """Tiles of a core's entries: whole segments, and a last one that may be a RAMB18."""
    whole, rest = divmod(words, segment)
    return whole + (0.0 if rest == 0 else 0.5 if rest <= segment // 2 else 1.0)


def bits_for(count: int) -> int:
    """Bits of a counter of so many states."""
    return max(1, (count - 1).bit_length())


def mux_luts(inputs: int) -> float:
    """LUTs of one bit of a multiplexer with coded select; MUXF7 and MUXF8 join them (UG474)."""
    return 0.0 if inputs < 2 else 0.5 if inputs == 2 else float(-(-inputs // 4))


def tree_luts(inputs: int) -> float:
    """LUTs of one bit of a tree of two-way choices, four inputs and two bits of select in a LUT."""
    if inputs <= 4:
        return 0.0 if inputs < 2 else 1.0
    fours = -(-inputs // 4)
    return min(-(-inputs // 2) - 1.0, fours + tree_luts(fours))
