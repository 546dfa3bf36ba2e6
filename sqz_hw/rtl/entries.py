"""The stream of nonzeros that a sparse core walks: gap and code, row after row.

As in Deep Compression (Han et al. 2016, arXiv 1510.00149, section 2) a nonzero is stored as its distance
from the one before, with filler entries of code 0 where the distance is too large. Other than
there the distance runs on from a row into the next, so that a row's end needs no mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Entries:
    """The entries of one core.

    Attributes:
        gaps: distance from the entry before, less 1.
        codes: weights as they are stored, 0 in a filler entry.
        useful: entries with a weight that is not zero.
        lengths: entries of each row; a filler that passes a row's end is the next row's.
    """

    gaps: tuple[int, ...]
    codes: tuple[int, ...]
    useful: int
    lengths: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.gaps)


def gap_bits(channels: int, most: int = 4) -> int:
    """Bits of a gap: at most ``most``, and no gap may pass more than one tap's end.

    Args:
        channels: input channels: positions of one tap.
        most: more cost memory for each entry; fewer cost filler entries.
    """
    return max(1, min(most, channels.bit_length() - 1))


def encode(rows: Sequence[Ints], bits: int) -> Entries:
    """Entries of some rows, one after the other.

    Args:
        rows: the weights of each output channel by position: taps x input channels, the channel
            running fastest; a row with the centre tap only has input channels alone.
        bits: of a gap.

    Raises:
        BadInputError: there is no row, or one has fewer positions than a gap can pass.
    """
    reach = 1 << bits
    if not rows or any(len(row) < min(reach, 2) for row in rows):
        raise BadInputError(f"a core needs rows of at least {min(reach, 2)} positions; give it some channels")
    lengths = np.array([len(row) for row in rows], np.int64)
    flat = np.concatenate(rows)
    used = flat != 0
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    useful = int(used.sum())
    empty = np.add.reduceat(used, starts) == 0
    used[starts[empty]] = True  # a row must have an entry to begin with
    positions = np.flatnonzero(used)
    distances = np.diff(positions, prepend=-1) - 1
    fillers = distances >> bits
    total = len(positions) + int(fillers.sum())
    gaps = np.full(total, reach - 1, np.int64)
    codes = np.zeros(total, np.int64)
    at = np.arange(len(positions)) + np.cumsum(fillers)
    gaps[at] = distances & (reach - 1)
    codes[at] = flat[positions]
    rows_at = np.searchsorted(starts, np.cumsum(gaps + 1) - 1, side="right") - 1
    counts = np.bincount(rows_at, minlength=len(rows))
    return Entries(tuple(gaps.tolist()), tuple(codes.tolist()), useful, tuple(counts.tolist()))


def encode_dense(rows: Sequence[Ints]) -> Entries:
    """Every position an entry, zeros too: what a unit that ignores zeros would walk. Gaps are 0."""
    flat = np.concatenate(rows)
    lengths = tuple(len(row) for row in rows)
    return Entries((0,) * len(flat), tuple(flat.tolist()), int(np.count_nonzero(flat)), lengths)


def share(costs: Sequence[int], cores: int) -> tuple[int, ...]:
    """Which core computes each row: the one that would be done first, row after row.

    Cores then stay close together, so that their outputs can be joined in order through short queues.

    Args:
        costs: clocks of each row.
        cores: how many.

    Returns:
        the core of each row.
    """
    loads = [0] * cores
    chosen = []
    for cost in costs:
        core = loads.index(min(loads))
        loads[core] += cost
        chosen.append(core)
    return tuple(chosen)
