"""The stream of nonzeros, decoded by the rule that the sequencer follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError
from sqz_hw.rtl.entries import encode, gap_bits, share


def walk(entries, channels: int, taps: int, singles: int, rows: int) -> list[np.ndarray]:
    """What ``sqz_sequencer`` does: the position moves on by gap + 1, a tap ends at ``channels``."""
    lengths = [0] * rows
    decoded = [np.zeros(channels if r < singles else channels * taps, np.int64) for r in range(rows)]
    row, tap, channel, fresh = -1, taps - 1, channels - 1, True
    for gap, code in zip(entries.gaps, entries.codes, strict=True):
        channel += gap + 1
        if channel >= channels:
            channel -= channels
            assert channel < channels, "an entry passes more than one tap's end"
            if fresh or row < singles or tap == taps - 1:
                row, fresh = row + 1, False
                tap = 0
            else:
                tap += 1
        decoded[row][tap * channels + channel] += code
        lengths[row] += 1
    assert tuple(lengths) == entries.lengths
    return decoded


@settings(deadline=None, max_examples=60)
@given(
    channels=st.integers(2, 20), taps=st.sampled_from([1, 9]), rows=st.integers(1, 6), singles=st.integers(0, 3),
    density=st.floats(0, 1), seed=st.integers(0, 1000),
)  # fmt: skip
def test_the_walk_finds_every_weight(
    channels: int, taps: int, rows: int, singles: int, density: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    singles = min(singles, rows - 1) if taps == 9 else 0
    weights = []
    for r in range(rows):
        row = rng.integers(-15, 16, channels if r < singles else channels * taps)
        row[rng.random(len(row)) >= density] = 0
        weights.append(row)
    bits = gap_bits(channels)
    entries = encode(weights, bits)
    assert max(entries.gaps) < 1 << bits
    assert entries.useful == sum(np.count_nonzero(w) for w in weights)
    for wanted, got in zip(weights, walk(entries, channels, taps, singles, rows), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_third_of_the_weights_needs_few_fillers() -> None:
    rng = np.random.default_rng(1)
    rows = [np.where(rng.random(432) < 0.33, 1, 0) for _ in range(64)]
    entries = encode(rows, 4)
    assert len(entries) < 1.01 * entries.useful


def test_no_rows_is_refused() -> None:
    with pytest.raises(BadInputError, match="a core needs rows of at least 2 positions"):
        encode([], 4)


@given(costs=st.lists(st.integers(1, 50), min_size=1, max_size=60), cores=st.integers(1, 8))
def test_shares_are_balanced(costs: list[int], cores: int) -> None:
    owner = share(costs, cores)
    loads = [sum(c for c, o in zip(costs, owner, strict=True) if o == core) for core in range(cores)]
    assert sum(loads) == sum(costs)
    assert max(loads) - min(loads) <= max(costs)
