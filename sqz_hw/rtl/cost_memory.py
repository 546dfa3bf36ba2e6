"""Memories and multiplexers in a part's primitives: block RAM, LUT RAM, choices of words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

Values = Mapping[str, int]
ULTRASCALE = "ULTRASCALE"
"""Among a module's parameters: 1 for UltraScale(+), 0 for the 7 series."""
Features = dict[str, float]


SHAPES = (
    (36, 512, 1), (18, 1024, 1), (9, 2048, 1), (4, 4096, 1), (2, 8192, 1), (1, 16384, 1),
    (72, 512, 2), (36, 1024, 2), (18, 2048, 2), (9, 4096, 2), (4, 8192, 2), (2, 16384, 2), (1, 32768, 2),
)  # fmt: skip
"""Bits of a word, words, and halves of a tile, of a RAMB18 and of a RAMB36 (UG473, tables 1-7 to 1-10)."""
BYTE = 9
"""Bits that are written together."""
ROW_PRICE = 0.02
"""Halves of a tile that a LUT which chooses among rows counts as."""


@cache
def block_ram_shape(words: int, width: int) -> tuple[int, int]:
    """The cheapest shape of block RAM for a simple dual-port memory (Yosys's memory_libmap takes one).

    What is deeper than the shape goes on beside itself, in rows; a row is whole bytes of 9 bits (single bits
    where the shape has fewer), and rows may share a RAM.

    Returns:
        halves of a tile; rows, among which LUTs choose.
    """
    found = []
    for bits, deep, halves in SHAPES:
        rows = -(-words // deep)
        row = -(-width // BYTE) * BYTE if bits >= BYTE else width
        needed = halves * -(-rows * row // bits)
        found.append((needed + ROW_PRICE * width * tree_luts(rows), rows, needed))
    _, rows, needed = min(found)
    return needed, rows


def block_ram(words: int, width: int) -> float:
    """Tiles of 36 kbit for a simple dual-port memory."""
    return block_ram_shape(words, width)[0] / 2


LUT_RAMS = (((64, 3, 4), (32, 6, 4)), ((64, 7, 8), (32, 14, 8)))
"""Words, bits and LUTs: RAM64M and RAM32M (UG474); of UltraScale RAM64M8 and RAM32M16 (UG574)."""


def lut_ram_shape(words: int, width: int, ultrascale: int = 0) -> tuple[int, int]:
    """A simple dual-port LUT RAM of the primitive that is cheaper with what chooses among its rows.

    Returns:
        rows of primitives; LUTs that are memory. What chooses among the rows is not within.
    """
    found = []
    for deep, bits, luts in LUT_RAMS[ultrascale]:
        rows = -(-words // deep)
        found.append((rows, luts * rows * -(-width // bits)))
    return min(found, key=lambda shape: shape[1] + width * (shape[0] - 1) / 2)


def lut_ram(words: int, width: int, ultrascale: int = 0) -> int:
    """LUTs of a simple dual-port LUT RAM, without what chooses among those of a deep one."""
    return lut_ram_shape(words, width, ultrascale)[1]


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


def choose_luts(words: int) -> int:
    """LUTs of one bit of ``sqz_choose``: four words each, and what is left over in LUTs of two.

    Two left-over words that the last two-way choice takes are in its LUT.
    """
    if words <= 4:
        return int(words > 1)
    groups, rest = -(-words // 4), words % 4
    return words // 4 + (rest == 3 or _pair_has_lut(words)) + choose_luts(groups)


def choose_joins(words: int) -> int:
    """Of ``choose_luts``, LUTs of three inputs: choices between two words."""
    if words <= 4:
        return int(words == 2)
    return _pair_has_lut(words) + choose_joins(-(-words // 4))


def _pair_has_lut(words: int) -> bool:
    """Two words are left over, and the last choice does not take them in its LUT."""
    left = -(-words // 4)
    while left > 4 and left % 4 == 1:  # goes up by itself
        left = -(-left // 4)
    return words % 4 == 2 and left % 4 != 2


def wraps_early(count: int) -> bool:
    """A counter of so many states needs a comparison to wrap."""
    return count & (count - 1) != 0


def mapped_luts(rows: int) -> float:
    """LUTs of one bit chosen among rows by Yosys's own tree, off a module's longest path.

    Up to eight it fills its LUTs; beyond, two two-way choices take one (24 rows: 12.6 as counted).
    """
    return tree_luts(rows) if rows <= 8 else 0.53 * (rows - 1)


def tree_luts(inputs: int) -> float:
    """LUTs of one bit of a tree of two-way choices, four inputs and two bits of select in a LUT."""
    if inputs <= 4:
        return 0.0 if inputs < 2 else 1.0
    fours, rest = divmod(inputs, 4)
    groups, left = fours + (rest > 0), fours + (rest > 1)  # one that is left over takes no LUT here
    return min(-(-inputs // 2) - 1.0, left + tree_luts(groups))
