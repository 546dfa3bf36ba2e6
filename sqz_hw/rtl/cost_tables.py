"""Tables in LUTs, priced by what they hold.

Yosys makes a read-only memory without block RAM a tree of two-way choices by the address bits, the lowest at
the leaves. Equal parts of the tree (or complements of each other) are one, over all bits of a word: a
reduced ordered decision diagram (Bryant 1986, IEEE Trans. Computers C-35, 677). Its nodes are what is counted
here; how many of them fill a LUT is fitted. Where a table's words are not known yet, it is taken for a random
one of as many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np

Words = tuple[int, tuple[int, ...]]
"""Bits of a word, and the words."""
_EXACT = 20.0
"""Above so many bits the number of distinct functions is without bound."""


def choices(table: Words) -> int:
    """Two-way choices of a table, equal ones counted once.

    Args:
        table: bits of a word, and the words; what is beyond the last word may be anything.

    Returns:
        nodes of the diagram, less those that are an address bit itself.
    """
    width, words = table
    deep = max(1, (len(words) - 1).bit_length())
    # An edge is twice its node's number, plus 1 if it complements; node 0 is the constant 0; -1: anything.
    edges = np.full((width, 1 << deep), -1, np.int64)
    values = np.array(words, dtype=object)
    for bit in range(width):
        edges[bit, : len(words)] = (values >> bit & 1).astype(np.int64)
    nodes, found = 1, 0
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
        nodes += keys.shape[1]
        found += keys.shape[1] if level else 0
    return found


@cache
def random_choices(words: int, width: int) -> float:
    """As ``choices``, expected of a table with random words."""
    whole, found = 2, 0.0
    while whole < 2 * words:
        reached = width * words / whole  # parts of the tree that depend on so many addresses
        if whole > 2:
            bits = whole - 1.0  # functions up to complement
            found += reached if bits > _EXACT else 2**bits * -math.expm1(-reached / 2**bits)
        whole *= 2
    return found


def used_tables(parameters: Mapping[str, int | str], memories: Mapping[str, Words]) -> dict[str, int]:
    """Choices of the tables that a module's file parameters name, by the parameter.

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
            found[parameter] = choices(memories[name])
    return found
