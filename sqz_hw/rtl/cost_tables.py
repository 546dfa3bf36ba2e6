"""Tables in LUTs, priced by what they hold.

Yosys makes a read-only memory without block RAM a tree of two-way choices by the address bits, the lowest
at the leaves. Equal parts of the tree (or complements of each other) are one, over all bits of a word: a
reduced ordered decision diagram (Bryant 1986, IEEE Trans. Computers C-35, 677). A table of 64 words takes
a LUT for each bit that differs. Of a larger one the mapper makes LUTs of a few nodes each, many more than
one for 64 words of a bit, unless the path through it is the module's longest. Both are counted here; how many
make a LUT is fitted. Where a table's words are not known yet, it is taken for a random one of as many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

Words = tuple[int, tuple[int, ...]]
"""Bits of a word, and the words."""
INPUTS = 6
"""Of a LUT."""
_EXACT = 20.0
"""Above so many bits the number of distinct functions is without bound."""


class Table(NamedTuple):
    """What a table holds, equal (or complementary) parts counted once.

    Attributes:
        choices: two-way choices, nodes of the diagram, but those that are an address bit itself.
        blocks: functions of the lowest six address bits.
    """

    choices: float
    blocks: float


def table_of(table: Words) -> Table:
    """A table that is known.

    Args:
        table: bits of a word, and the words; what is beyond the last word may be anything.
    """
    width, words = table
    deep = max(INPUTS, (len(words) - 1).bit_length())
    # An edge is twice its node's number, plus 1 if it complements; node 0 is the constant 0; -1: anything.
    edges = np.full((width, 1 << deep), -1, np.int64)
    values = np.array(words, dtype=object)
    for bit in range(width):
        edges[bit, : len(words)] = (values >> bit & 1).astype(np.int64)
    nodes, found, blocks = 1, 0, 0
    bits: set[int] = set()  # nodes that are an address bit
    for level in range(deep):
        low, high = edges[:, 0::2], edges[:, 1::2]
        low = np.where(low < 0, high, low)
        high = np.where(high < 0, low, high)
        flip = np.where(low < 0, 0, low & 1)
        pairs = np.stack([low ^ flip, high ^ flip])
        several = low != high
        keys, which = np.unique(pairs[:, several], axis=1, return_inverse=True)
        edges = low.copy()
        edges[several] = 2 * (nodes + which.ravel()) + flip[several]
        own = np.flatnonzero((keys[0] == 0) & (keys[1] == 1))
        bits |= {nodes + int(number) for number in own}
        nodes += keys.shape[1]
        found += keys.shape[1] - len(own)
        if level == INPUTS - 1:
            blocks = len(set((edges[edges > 1] >> 1).tolist()) - bits)
    return Table(found, blocks)


@cache
def random_table(words: int, width: int) -> Table:
    """What a table of random words is expected to hold."""
    whole, found = 4, 0.0
    while whole < 2 * words:
        reached = width * words / whole  # parts of the tree that depend on so many addresses
        bits = whole - 1.0  # 2**bits functions up to complement
        found += reached if bits > _EXACT else 2**bits * -math.expm1(-reached / 2**bits)
        whole *= 2
    return Table(found, width * -(-words // (1 << INPUTS)))


def used_tables(parameters: Mapping[str, int | str], memories: Mapping[str, Words]) -> dict[str, int]:
    """What the tables hold that a module's file parameters name: ``Table``'s attributes by parameter.

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
            about = table_of(memories[name])
            found |= {f"{parameter}.{what}": int(count) for what, count in about._asdict().items()}
    return found


def table_features(
    name: str, values: Mapping[str, int], parameter: str, words: int, width: int
) -> dict[str, float]:
    """Features of a module with a table: blocks of a small one, choices of a larger one.

    Args:
        name: what the features' names begin with.
        values: parameters and, if they are known, what the tables hold.
        parameter: that names the table's file.
        words, width: the table's; 0 words for none.
    """
    about = random_table(words, width) if words else Table(0.0, 0.0)
    if words and f"{parameter}.choices" in values:
        about = Table(values[f"{parameter}.choices"], values[f"{parameter}.blocks"])
    small = words <= 1 << INPUTS
    return {
        f"{name}_small": about.blocks if small else 0.0,
        f"{name}_choices": 0.0 if small else about.choices,
    }


def table_blocks(values: Mapping[str, int], parameter: str, words: int, width: int) -> float:
    """LUTs of a table on a short path: one for 64 words of a bit."""
    if not words:
        return 0.0
    return values.get(f"{parameter}.blocks", random_table(words, width).blocks)
