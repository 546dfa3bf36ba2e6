"""In how many columns each map is carried: a few more than it has, where they divide better.

Maps of an ImageNet network are 111, 55, 27 and 13 pixels wide: their divisors do not go together,
so that words would have to be cut and joined again at every pool. Carried in 112, 56, 28 and 14 columns
the words halve from pool to pool. What stands in the columns beyond the map is computed and read by nobody:
windows are masked at the map's edge, pools and sums leave it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqz_hw.rtl.network import Network, Stage

WASTE = 1.1
"""More columns than so many times the map's are not taken for an even number of them."""


def pitches(network: Network) -> dict[str, int]:
    """Columns of each tensor's raster, at least its width.

    Maps of one size share them; a pool halves them; a convolution that looks forward, whose output has
    another size, begins anew.
    """
    levels = {network.pixels.name: 0}
    widths = [network.pixels.shape[1]]
    pooled: dict[int, int] = {}
    for stage in network.stages:
        before = levels[stage.inputs[0]]
        if stage.kind == "pool" and before in pooled:
            level = pooled[before]
        elif stage.kind in ("pool", "sum", "argmax") or _looks_forward(stage):
            level = len(widths)
            widths.append(stage.output.shape[1])
            if stage.kind == "pool":
                pooled[before] = level
        else:
            level = before
        levels[stage.output.name] = level
    fixed = {levels[stage.inputs[0]] for stage in network.stages if _looks_forward(stage)}
    fixed.add(levels[network.pixels.name])  # they arrive without any between their rows
    found = list(widths)
    for level in range(len(widths)):
        if level in pooled.values():
            continue
        chain = [level]
        while chain[-1] in pooled:
            chain.append(pooled[chain[-1]])
        columns = dict(zip(chain, chained([widths[link] for link in chain]), strict=True))
        if all(columns[link] == widths[link] for link in fixed & set(chain)):
            found = [columns.get(link, width) for link, width in enumerate(found)]
    return {name: found[level] for name, level in levels.items()}


def chained(widths: Sequence[int]) -> tuple[int, ...]:
    """Columns of maps that are pooled one into the next: each twice the next, and at least the map's width.

    Args:
        widths: of the maps, the first one first.
    """
    down = len(widths) - 1
    last = max(-(-width // (1 << (down - i))) for i, width in enumerate(widths))
    exact = all(width == last << (down - i) for i, width in enumerate(widths))
    even = last + last % 2
    if not exact and even << down <= WASTE * widths[0]:
        last = even
    return tuple(last << (down - i) for i in range(len(widths)))


def _looks_forward(stage: Stage) -> bool:
    return stage.rows is not None and stage.rows.taps > 1 and not stage.rows.window.edge
