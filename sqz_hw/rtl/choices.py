"""The foldings of one stage that reach an interval, with their clocks and what they cost."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from sqz_hw.errors import BadInputError
from sqz_hw.rtl.core import (
    BLOCK_WORDS,
    OVERHEAD,
    PORT,
    Folding,
    Lanes,
    check_folding,
    geometry,
    packs,
    row_costs,
    slots,
)
from sqz_hw.rtl.cost import Cost, stage_cost
from sqz_hw.rtl.entries import share
from sqz_hw.rtl.network import Stage, Tensor
from sqz_hw.rtl.plan import pool_parameters, pool_pixels, reblock_parameters
from sqz_hw.rtl.rows import Rows, signed_bits, sum_reach

MOST_CORES = 32
SUPPLY = 0.9
"""Share of an interval that a stream's words may take, one a clock."""
SPEEDS = (1.0, 1.5, 2.0)
"""A stage may be so much faster than the interval asks, for latency's sake."""


@dataclass(frozen=True)
class Choice:
    """A folding of one stage.

    Attributes:
        folding: how.
        clocks: of an image.
        cost: of all its cores, inputs in words of ``pixels_in``.
        fill: clocks that it still takes when its last input is there.
        pixels_in: pixels of a word in.
    """

    folding: Folding
    clocks: int
    cost: Cost
    fill: float
    pixels_in: int


class Chooser:
    """Lists foldings; what it finds out about a layer it keeps.

    Args:
        interval: clocks from image to image, at most.
        dense: walk the zeros too.
        family: of the part (``families``).
    """

    def __init__(self, interval: float, dense: bool, family: str) -> None:
        self.interval, self.dense, self.family = interval, dense, family
        self.found: dict[tuple[str, int], list[Choice]] = {}
        self.entries: dict[str, list[int]] = {}
        self.packed: dict[str, bool] = {}
        self.reach: dict[str, tuple[int, int]] = {}
        self.heaviest: dict[tuple[str, int, int], int] = {}

    def choices(self, stage: Stage, rows: Rows, pixels_in: int) -> list[Choice]:
        """All foldings of a stage with words of so many pixels in."""
        key = (stage.name, pixels_in)
        if key not in self.found:
            self.found[key] = [
                choice for pixels in _widths(rows) for choice in self._with_pixels(rows, pixels, pixels_in)
            ]
        return self.found[key]

    def _with_pixels(self, rows: Rows, pixels: int, pixels_in: int) -> list[Choice]:
        size = rows.height * rows.pitch
        arriving = rows.window.height * rows.window.width * rows.channels
        if max(size * rows.channels, arriving) / pixels_in > SUPPLY * self.interval:
            return []
        if size * len(rows.weights) / pixels > SUPPLY * self.interval:
            return []
        kinds: list[Lanes] = ["packed" if pixels % 2 == 0 and self._packs(rows) else "dsp", "lut"]
        result = []
        for units in (u for u in range(1, pixels + 1) if pixels % u == 0):
            result += self._with_units(rows, pixels, pixels_in, units, kinds)
        return result

    def _with_units(
        self, rows: Rows, pixels: int, pixels_in: int, units: int, kinds: list[Lanes]
    ) -> list[Choice]:
        result = []
        costs = self._costs(rows, pixels // units)
        blocks = rows.height * rows.pitch // pixels
        for speed in SPEEDS:
            room = self.interval / speed / blocks - OVERHEAD
            if room < max(costs):
                continue
            cores = max(1, int(-(-sum(costs) // room)))
            while cores <= min(MOST_CORES, len(costs)):
                load = self._heaviest(rows, pixels // units, cores)
                if load <= room:
                    break
                cores += 1
            else:
                continue
            found = (cores, load, blocks * (load + OVERHEAD))
            for lanes, block, lut_rom in itertools.product(kinds, (False, True), (False, True)):
                if block and rows.taps > 1:
                    continue
                folding = Folding(pixels, cores, units, lanes, block, self.dense, lut_rom)
                result += self._priced(rows, folding, pixels_in, found)
        return result

    def _priced(
        self, rows: Rows, folding: Folding, pixels_in: int, found: tuple[int, int, int]
    ) -> list[Choice]:
        """The choice with its cost; none where no core has that folding."""
        cores, load, clocks = found
        try:
            check_folding(rows, folding, pixels_in)
        except BadInputError:
            return []
        values = _parameters(rows, folding, pixels_in, load, self._reach(rows))
        cost = stage_cost("sqz_sparse_core", values, family=self.family).times(cores)
        if cores > 1:
            wide = folding.pixels * rows.out_type.width
            cost = cost + stage_cost("sqz_merge", {"WIDTH": wide, "N": cores, "ROWS": len(rows.weights)})
        step = rows.window.step
        if step > 1:
            sizes = {"S": step, "W": rows.window.width * step, "C": rows.channels // step**2}
            cost = cost + stage_cost("sqz_space_to_depth", {**sizes, "B": rows.pixel.width})
        fill = _fill(rows, folding.pixels, pixels_in) * clocks
        return [Choice(folding, clocks, cost, fill, pixels_in)]

    def _reach(self, rows: Rows) -> tuple[int, int]:
        if rows.name not in self.reach:
            self.reach[rows.name] = sum_reach(rows, range(len(rows.weights)))
        return self.reach[rows.name]

    def _packs(self, rows: Rows) -> bool:
        if rows.name not in self.packed:
            self.packed[rows.name] = packs(rows, range(len(rows.weights)))
        return self.packed[rows.name]

    def _costs(self, rows: Rows, spacing: int) -> list[int]:
        if rows.name not in self.entries:
            self.entries[rows.name] = row_costs(rows, 1, self.dense)
        return [max(spacing, cost) for cost in self.entries[rows.name]]

    def _heaviest(self, rows: Rows, spacing: int, cores: int) -> int:
        """Clocks of a block on the core that has most to do."""
        key = (rows.name, spacing, cores)
        if key not in self.heaviest:
            costs = self._costs(rows, spacing)
            loads = [0] * cores
            for cost, core in zip(costs, share(costs, cores), strict=True):
                loads[core] += cost
            self.heaviest[key] = max(loads)
        return self.heaviest[key]


def _parameters(
    rows: Rows, folding: Folding, pixels_in: int, entries: int, reach: tuple[int, int]
) -> dict[str, int]:
    """As ``core`` has them, for the average core; what only its own weights can say is bounded."""
    low, high = reach
    sums = signed_bits(low, high)
    bias_bits = signed_bits(min(rows.biases), max(rows.biases))
    magnitude = rows.magnitude_bits(range(len(rows.weights)))
    bits = 1 if folding.dense else rows.gap_bits
    width = bits + rows.code_bits
    return {
        "P": folding.pixels, "Q": folding.units, "PIN": pixels_in, "LUTS": int(folding.lanes == "lut"),
        "PACK": int(folding.lanes == "packed"), "ENTRIES": entries, "C": rows.channels, "TAPS": rows.taps,
        "SEGMENT": BLOCK_WORDS[next(w for w in sorted(BLOCK_WORDS) if w >= width)],
        "W": geometry(rows, folding.pixels, 1)["W"], "SIDE": rows.window.side, "EDGE": int(rows.window.edge),
        "LUT_LAST": int(folding.lut_rom),
        "GAP_BITS": bits, "CODE_BITS": rows.code_bits, "SHARED": int(rows.books is not None),
        "ROWS1": rows.singles,
        "SLOTS": slots(rows, folding.pixels, pixels_in), "B": rows.pixel.width,
        "BLOCK_RAM": int(folding.block_ram),
        "QUEUE": 16, "OUT": rows.out_type.width, "SUM": sums, "BIAS": bias_bits,
        "TOTAL": max(sums + rows.up, bias_bits) + 1, "ROWS": -(-len(rows.weights) // folding.cores),
        "VALUE": rows.plain_bits + max(rows.shifts), "MAGNITUDE": magnitude, "SPLIT": PORT - rows.pixel.width,
    }  # fmt: skip


def _widths(rows: Rows) -> list[int]:
    """Pixels in parallel that fit the map: what divides a row, or whole rows that divide the map."""
    size, pitch = rows.height * rows.pitch, rows.pitch
    return [p for p in range(1, min(size, 64) + 1) if size % p == 0 and (pitch % p == 0 or p % pitch == 0)]


def pixels_after(stage: Stage, source: Tensor, pixels: int) -> int:
    """Pixels of a word out of a stage without weights, as the plan makes them."""
    if stage.kind == "pool":
        return (
            stage.output.pitch if pool_pixels(source, stage.output, pixels) == source.pitch else pixels // 2
        )
    return 1 if stage.kind in ("sum", "argmax") else pixels


def wait(stage: Stage, source: Tensor, pixels: int) -> float:
    """Share of an image that a stage without weights has still to give when its last input is there."""
    if stage.kind != "pool" or pool_pixels(source, stage.output, pixels) == pixels:
        return 0.0
    return pixels / (source.shape[0] * source.pitch)


def _fill(rows: Rows, pixels: int, pixels_in: int) -> float:
    """Share of an image that a stage has still to compute when its last input is there."""
    size = rows.height * rows.pitch
    if rows.taps == 1:
        return max(pixels, pixels_in) / size
    reach = 0 if pixels == size else 1 if pixels >= rows.pitch else rows.pitch // pixels + 1
    return min(1.0, pixels * (reach + 1) / size)


def between(stage: Stage, source: Tensor, pixels: int, family: str) -> Cost:
    """What a stage without weights costs (additions are counted in what is held back)."""
    if stage.kind == "pool":
        taken = pool_pixels(source, stage.output, pixels)
        cost = stage_cost("sqz_max_pool", pool_parameters(source, stage.output, taken), family=family)
        if taken != pixels:
            queue = reblock_parameters(source, pixels, taken, 2)
            cost = cost + stage_cost("sqz_reblock", queue, family=family)
        return cost
    if stage.kind == "sum":
        sizes = {"C": source.shape[2], "OUT": stage.output.type.width, "INIT": int(source.border > 0)}
        sizes |= {"W": source.pitch, "WIDTH": source.shape[1], "P": pixels, "B": source.type.width}
        sizes["BLOCKS"] = source.shape[0] * source.pitch // pixels
        return stage_cost("sqz_global_sum", sizes, family=family)
    return Cost()
