"""Tables in LUTs (``sqz_table``), priced by what they hold.

They are mapped by themselves, in banks of 256 words: a bit of a bank is a function of eight address bits,
which fills four LUTs that the slice's own multiplexers join (UG474: MUXF7, MUXF8); one that depends on seven
takes two, on six or fewer one, and one that is constant, an address bit, or equal to another (or its
complement) none. Banks are joined by four-way choices (``cost_memory.choose_luts``). Where a table's words
are not known yet, each bit is taken to depend on all of a bank's address bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sqz_hw.rtl.cost_memory import choose_luts

Words = tuple[int, tuple[int, ...]]
"""Bits of a word, and the words."""
Bits = NDArray[np.int8]
BANK = 256
"""Words of a bank of ``sqz_table``."""
INPUTS = 6
"""Of a LUT."""


def table_luts(table: Words) -> int:
    """LUTs of a table that is known.

    Args:
        table: bits of a word, and the words.
    """
    width, words = table
    whole = sum(_bank_luts(width, words[first : first + BANK]) for first in range(0, len(words), BANK))
    return whole + int(width * choose_luts(-(-len(words) // BANK)))


def table_bits(table: Words) -> int:
    """Flip-flops of what is read: in a table of one bank equal bits share one, and constants have none."""
    width, words = table
    if len(words) > BANK:
        return width
    columns = {tuple(word >> bit & 1 for word in words) for bit in range(width)}
    return len([column for column in columns if len(set(column)) > 1])


def _bank_luts(width: int, words: tuple[int, ...]) -> int:
    deep = max(1, (len(words) - 1).bit_length())
    # 0, 1; beyond the last word: what the rest of the tree makes it
    functions = np.full((width, 1 << deep), -1, np.int8)
    values = np.array(words, dtype=object)
    for bit in range(width):
        functions[bit, : len(words)] = (values >> bit & 1).astype(np.int8)
    size = 1
    while size < 1 << deep:  # a part that is beyond the last word is as its neighbour
        parts = functions.reshape(width, -1, 2, size)
        unknown = parts[:, :, 1, :1] < 0
        parts[:, :, 1] = np.where(unknown, parts[:, :, 0], parts[:, :, 1])
        size *= 2
    luts, seen = 0, set()
    for function in functions:
        kept = function ^ function[0]
        if (key := kept.tobytes()) in seen:
            continue
        seen.add(key)
        inputs = sum(_depends(kept, place) for place in range(deep))
        luts += 0 if inputs < 2 else 1 << max(0, inputs - INPUTS)
    return luts


def _depends(function: Bits, place: int) -> bool:
    halves = function.reshape(-1, 2, 1 << place)
    return bool((halves[:, 0] != halves[:, 1]).any())


def random_luts(words: int, width: int) -> int:
    """LUTs of a table of random words."""
    banks, rest = divmod(words, BANK)
    last = (rest - 1).bit_length() if rest else 0
    each = 4 * banks + (0 if last == 0 else 1 << max(0, last - INPUTS))
    return int(width * (each + choose_luts(banks + (rest > 0))))


def used_tables(parameters: Mapping[str, int | str], memories: Mapping[str, Words]) -> dict[str, int]:
    """LUTs and registers of the tables that a module's file parameters name, by parameter.

    Of a core's entries only the last segment is one, and that if it is in LUTs.
    """
    found: dict[str, int] = {}
    for parameter, name in parameters.items():
        if not isinstance(name, str):
            continue
        if parameter == "ENTRY_FILE":
            segments = -(-int(parameters["ENTRIES"]) // int(parameters["SEGMENT"]))
            name = f"{name}.{segments - 1:02d}.mem" if parameters["LUT_LAST"] else ""
        if name in memories:
            found[f"{parameter}.luts"] = table_luts(memories[name])
            found[f"{parameter}.bits"] = table_bits(memories[name])
    return found


def table_feature(values: Mapping[str, int], parameter: str, words: int, width: int) -> float:
    """LUTs of a module's table, known or not.

    Args:
        values: parameters and, if they are known, what the tables take.
        parameter: that names the table's file.
        words, width: the table's; 0 words for none.
    """
    return float(values.get(f"{parameter}.luts", random_luts(words, width))) if words else 0.0
