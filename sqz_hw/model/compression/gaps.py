"""Nonzero entries with the run of zeros before each: the sparse storage of Deep Compression.

Source: Han et al. 2016, arXiv 1510.00149, section 2 and figure 2: relative indices of a few
bits; a run that they cannot hold is bridged by filler entries, zeros that are stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import ModelFileError
from sqz_hw.model.storage import GAP_BITS

LONGEST = (1 << GAP_BITS) - 1
"""Zeros that one gap can hold."""
Codes = npt.NDArray[np.int64]
Stored = npt.NDArray[np.integer[Any]]


def encode(flat: Codes) -> tuple[Codes, Codes]:
    """Entries of a flat array of symbols, where symbol 0 is weight 0.

    Returns:
        symbols and gaps of the stored entries; a filler is symbol 0 with the longest gap.
    """
    places = np.flatnonzero(flat)
    zeros = np.diff(places, prepend=-1) - 1
    fillers = zeros // (LONGEST + 1)
    at = np.cumsum(fillers + 1) - 1
    entries = int(len(places) + fillers.sum())
    symbols, gaps = np.zeros(entries, np.int64), np.full(entries, LONGEST, np.int64)
    symbols[at] = flat[places]
    gaps[at] = zeros - fillers * (LONGEST + 1)
    return symbols, gaps


def decode(where: str, symbols: Stored, gaps: Stored, size: int) -> Codes:
    """The flat array of ``size`` symbols that ``encode`` took.

    Args:
        where: file and layer, for messages.
        symbols, gaps: one for each entry; a gap counts the zeros skipped before it.
        size: values of the array.

    Raises:
        ModelFileError: the entries reach beyond the array.
    """
    flat = np.zeros(size, np.int64)
    if len(symbols):
        places = np.cumsum(gaps.astype(np.int64) + 1) - 1
        if places[-1] >= size:
            raise ModelFileError(
                f"{where}: the entries must end within {size:,} weights, and reach weight "
                f"{int(places[-1]) + 1:,}; the file is damaged or of another architecture"
            )
        flat[places] = symbols
    return flat
