"""Chooses how far each sparse stage is unfolded: the cheapest folding that reaches an interval.

Each stage's choices (pixels in parallel, cores, requantisers, what multiplies) are listed with their
clocks and their cost; a walk along the network keeps, for each width of word between two stages, the
cheapest way to get there. Resources are weighed by prices, which rise for what a budget is short of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqz_hw.errors import BadInputError, DoesNotFitError
from sqz_hw.rtl.core import (
    BLOCK_WORDS,
    OVERHEAD,
    PORT,
    Folding,
    Lanes,
    Rows,
    check_folding,
    packs,
    row_costs,
    signed_bits,
    slots,
    sum_reach,
)
from sqz_hw.rtl.cost import Cost, stage_cost
from sqz_hw.rtl.entries import gap_bits, share
from sqz_hw.rtl.network import Network, Stage

LUT_SHARE, FF_SHARE, DSP_SHARE, TILE_SHARE = 0.8, 0.6, 0.95, 0.95
"""Shares of a part that a design may take."""
MOST_CORES = 32
SUPPLY = 0.9
"""Share of an interval that a stream's words may take, one a clock."""
ROUNDS = 40
FIRST_PRICE = 0.2
"""A budget's share of anything else, against that of LUTs, until the budget is short of it."""
SPEEDS = (1.0, 1.5, 2.0)
"""A stage may be so much faster than the interval asks, for latency's sake."""
LANE_PRICE = 30.0
"""LUTs that a lane may cost elsewhere to be saved: keeps lanes busy."""


@dataclass(frozen=True)
class Budget:
    """What may be used: LUTs, flip-flops, DSP slices, tiles of block RAM."""

    lut: float
    ff: float
    dsp: float
    tiles: float

    @classmethod
    def of(cls, resources: Mapping[str, int], reserve: Cost | None = None) -> Budget:
        """The shares of a part's resources, less what is spoken for."""
        held = Cost() if reserve is None else reserve
        return cls(
            LUT_SHARE * resources["LUT"] - held.lut, FF_SHARE * resources["FF"] - held.ff,
            DSP_SHARE * resources["DSP"] - held.dsp, TILE_SHARE * resources["BRAM36"] - held.tiles,
        )  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """A folding of one stage.

    Attributes:
        folding: how.
        clocks: of an image.
        cost: of all its cores, inputs in words of ``pixels_in``.
        fill: clocks that it still takes when its last input is there.
    """

    folding: Folding
    clocks: int
    cost: Cost
    fill: float


@dataclass(frozen=True)
class Solution:
    """Foldings of all sparse stages.

    Attributes:
        foldings: by stage.
        clocks: predicted, by stage.
        cost: of all cores, predicted.
        latency: clocks of one image by itself, predicted (roughly).
    """

    foldings: Mapping[str, Folding]
    clocks: Mapping[str, int]
    cost: Cost
    latency: float

    @property
    def interval(self) -> int:
        """Clocks from image to image: those of the slowest stage."""
        return max(self.clocks.values())


def solve(
    network: Network,
    interval: float,
    budget: Budget | None = None,
    latency: float | None = None,
    *,
    dense: bool = False,
) -> Solution:
    """The cheapest foldings with which every stage takes at most ``interval`` clocks.

    Args:
        network: the stages.
        interval: clocks from image to image.
        budget: what may be used; None for the fewest LUTs whatever the rest.
        latency: most clocks for one image by itself; None for any.
        dense: walk the zeros too, for comparison.

    Raises:
        BadInputError: no folding of some stage is that fast.
        DoesNotFitError: none was found that keeps to the budget.
    """
    solver = _Solver(network, interval, dense)
    limits = Budget(1e5, 2e5, 1e3, 1e3) if budget is None else budget
    if min(limits.lut, limits.ff, limits.dsp, limits.tiles) <= 0:
        raise DoesNotFitError(
            f"design {network.name} needs more than the part has: pools, additions and queues alone take it; "
            "choose a larger part"
        )
    prices = Prices(
        1 / limits.lut, FIRST_PRICE / limits.ff, FIRST_PRICE / limits.dsp, FIRST_PRICE / limits.tiles,
        LANE_PRICE / limits.lut, 0.0 if latency is None else FIRST_PRICE / latency,
    )  # fmt: skip
    for _ in range(ROUNDS):
        found = solver.run(prices)
        cost = found.cost
        over = Prices(
            cost.lut / limits.lut, cost.ff / limits.ff, cost.dsp / limits.dsp, cost.tiles / limits.tiles, 1.0,
            1.0 if latency is None else found.latency / latency,
        )  # fmt: skip
        if max(over) <= 1.0 or (budget is None and latency is None):
            return found
        prices = Prices(*(p * (1.3 if o > 1.0 else 0.97) for p, o in zip(prices, over, strict=True)))
    raise DoesNotFitError(
        f"design {network.name} needs a folding within LUT {limits.lut:.0f}, FF {limits.ff:.0f}, "
        f"DSP {limits.dsp:.0f} and BRAM36 {limits.tiles:.1f} for an image every {interval:.0f} clocks"
        f"{'' if latency is None else f' and {latency:.0f} for one by itself'}, and the last one tried takes "
        f"{cost.lut:.0f}, {cost.ff:.0f}, {cost.dsp} and {cost.tiles:.1f} "
        f"({found.latency:.0f} clocks for one); "
        "ask for fewer images a second, or choose a larger part"
    )


class Prices(NamedTuple):
    """Of a LUT, a flip-flop, a DSP slice, a tile of block RAM, a lane, a clock of latency."""

    lut: float
    ff: float
    dsp: float
    tile: float
    lane: float
    clock: float


class _Way(NamedTuple):
    """The cheapest way to some width of word: its price, its fill, the choices made."""

    price: float
    fill: float
    choices: tuple[tuple[str, Choice], ...]


class _Solver:
    def __init__(self, network: Network, interval: float, dense: bool) -> None:
        self.network, self.interval, self.dense = network, interval, dense
        self.choices: dict[tuple[str, int], list[Choice]] = {}
        self.entries: dict[str, list[int]] = {}
        self.packed: dict[str, bool] = {}
        self.reach: dict[str, tuple[int, int]] = {}
        self.heaviest: dict[tuple[str, int, int], int] = {}

    def run(self, prices: Prices) -> Solution:
        """The cheapest way along the network at these prices."""
        ways: dict[str, dict[int, _Way]] = {self.network.pixels.name: {1: _Way(0.0, 0.0, ())}}
        for stage in self.network.stages:
            reached: dict[int, _Way] = {}
            for pixels, way in ways[self._main_input(stage)].items():
                for out, choice, fill in self._steps(stage, pixels, prices):
                    price = way.price + prices.clock * fill + (_price(choice, prices) if choice else 0.0)
                    if out not in reached or price < reached[out].price:
                        chosen = () if choice is None else ((stage.name, choice),)
                        reached[out] = _Way(price, way.fill + fill, way.choices + chosen)
            if not reached:
                raise BadInputError(
                    f"{stage.name}: no folding takes at most {self.interval:.0f} clocks an image; "
                    "ask for fewer images a second"
                )
            ways[stage.output.name] = reached
        best = min(ways[self.network.result.name].values(), key=lambda way: way.price)
        cost = Cost()
        for _, choice in best.choices:
            cost = cost + choice.cost
        clocks = {name: choice.clocks for name, choice in best.choices}
        foldings = {name: choice.folding for name, choice in best.choices}
        return Solution(foldings, clocks, cost, next(iter(clocks.values())) + best.fill)

    def _main_input(self, stage: Stage) -> str:
        """The input whose words set the pace: of an addition the one made last."""
        order = {s.output.name: i for i, s in enumerate(self.network.stages)}
        return max(stage.inputs, key=lambda name: order.get(name, -1))

    def _steps(self, stage: Stage, pixels: int, prices: Prices) -> list[tuple[int, Choice | None, float]]:
        if stage.rows is None:
            return [(_pixels_after(stage, pixels), None, _wait(stage, pixels) * self.interval)]
        found: dict[int, Choice] = {}
        for choice in self._choices(stage, stage.rows, pixels):
            p = choice.folding.pixels
            if (
                p not in found
                or _price(choice, prices) + prices.clock * choice.fill
                < _price(found[p], prices) + prices.clock * found[p].fill
            ):
                found[p] = choice
        return [(p, choice, choice.fill) for p, choice in found.items()]

    def _choices(self, stage: Stage, rows: Rows, pixels_in: int) -> list[Choice]:
        key = (stage.name, pixels_in)
        if key not in self.choices:
            self.choices[key] = [
                choice for pixels in _widths(rows) for choice in self._with_pixels(rows, pixels, pixels_in)
            ]
        return self.choices[key]

    def _with_pixels(self, rows: Rows, pixels: int, pixels_in: int) -> list[Choice]:
        size = rows.height * rows.width
        if size * rows.channels / pixels_in > SUPPLY * self.interval:
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
        blocks = rows.height * rows.width // pixels
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
            for lanes in kinds:
                for block in (False, True) if rows.taps == 1 else (False,):
                    folding = Folding(pixels, cores, units, lanes, block, self.dense)
                    try:
                        check_folding(rows, folding, pixels_in)
                    except BadInputError:
                        continue
                    values = _parameters(rows, folding, pixels_in, load, self._reach(rows))
                    cost = stage_cost("sqz_sparse_core", values).times(cores)
                    clocks = blocks * (load + OVERHEAD)
                    result.append(Choice(folding, clocks, cost, _fill(rows, pixels, pixels_in) * clocks))
        return result

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
    bits = 1 if folding.dense else gap_bits(rows.channels)
    width = bits + rows.code_bits
    return {
        "P": folding.pixels, "Q": folding.units, "PIN": pixels_in, "LUTS": int(folding.lanes == "lut"),
        "PACK": int(folding.lanes == "packed"), "ENTRIES": entries, "C": rows.channels, "TAPS": rows.taps,
        "SEGMENT": BLOCK_WORDS[next(w for w in sorted(BLOCK_WORDS) if w >= width)], "W": rows.width,
        "SLOTS": slots(rows, folding.pixels), "B": rows.pixel.width, "BLOCK_RAM": int(folding.block_ram),
        "QUEUE": 16, "OUT": rows.out_type.width, "SUM": sums, "BIAS": bias_bits,
        "TOTAL": max(sums + rows.up, bias_bits) + 1, "ROWS": -(-len(rows.weights) // folding.cores),
        "GAP_BITS": bits, "CODE_BITS": rows.code_bits,
        "VALUE": rows.code_bits + max(rows.shifts), "SPLIT": PORT - rows.pixel.width,
    }  # fmt: skip


def _widths(rows: Rows) -> list[int]:
    """Pixels in parallel that fit the map: what divides a row, or whole rows that divide the map."""
    size = rows.height * rows.width
    return [
        p for p in range(1, min(size, 64) + 1)
        if size % p == 0 and (rows.width % p == 0 or p % rows.width == 0)
    ]  # fmt: skip


def _pixels_after(stage: Stage, pixels: int) -> int:
    """Pixels of a word out of a stage without weights, as the plan makes them."""
    if stage.kind == "pool":
        width = stage.layer.in_shape[1] - stage.padding[1 + 2]
        whole = pixels == width or pixels % 2 or width % pixels
        return stage.output.shape[1] if whole else pixels // 2
    return 1 if stage.kind in ("sum", "argmax") else pixels


def _wait(stage: Stage, pixels: int) -> float:
    """Share of an image that a stage without weights has still to give when its last input is there."""
    height, width, _ = stage.layer.in_shape
    if stage.kind != "pool":
        return 0.0
    width -= stage.padding[3]
    height -= stage.padding[1]
    reblocked = pixels != width and (pixels % 2 != 0 or width % pixels != 0)
    return pixels / (height * width) if reblocked else 0.0


def _fill(rows: Rows, pixels: int, pixels_in: int) -> float:
    """Share of an image that a stage has still to compute when its last input is there."""
    size = rows.height * rows.width
    if rows.taps == 1:
        return max(pixels, pixels_in) / size
    reach = 0 if pixels == size else 1 if pixels >= rows.width else rows.width // pixels + 1
    return min(1.0, pixels * (reach + 1) / size)


def _price(choice: Choice, prices: Prices) -> float:
    cost, lanes = choice.cost, choice.folding.pixels * choice.folding.cores
    return (
        prices.lut * cost.lut
        + prices.ff * cost.ff
        + prices.dsp * cost.dsp
        + prices.tile * cost.tiles
        + prices.lane * lanes
    )
