"""Chooses how far each sparse stage is unfolded: the cheapest folding that reaches an interval.

Each stage's choices (pixels in parallel, cores, requantisers, what multiplies) are listed with their
clocks and their cost; a walk along the network keeps, for each width of word between two stages, the
cheapest way to get there. Resources are weighed by prices, which rise for what a budget is short of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
from sqz_hw.rtl.cost import Cost, core_cost
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
    """

    folding: Folding
    clocks: int
    cost: Cost


@dataclass(frozen=True)
class Solution:
    """Foldings of all sparse stages.

    Attributes:
        foldings: by stage.
        clocks: predicted, by stage.
        cost: of all cores, predicted.
    """

    foldings: Mapping[str, Folding]
    clocks: Mapping[str, int]
    cost: Cost

    @property
    def interval(self) -> int:
        """Clocks from image to image: those of the slowest stage."""
        return max(self.clocks.values())


def solve(network: Network, interval: float, budget: Budget | None = None) -> Solution:
    """The cheapest foldings with which every stage takes at most ``interval`` clocks.

    Args:
        network: the stages.
        interval: clocks from image to image.
        budget: what may be used; None for the fewest LUTs whatever the rest.

    Raises:
        BadInputError: no folding of some stage is that fast.
        DoesNotFitError: none was found that keeps to the budget.
    """
    solver = _Solver(network, interval)
    if budget is None:
        return solver.run((1.0, 0.1, 20.0, 50.0, 20.0))
    prices = [1 / budget.lut, FIRST_PRICE / budget.ff, FIRST_PRICE / budget.dsp, FIRST_PRICE / budget.tiles]
    lane = LANE_PRICE / budget.lut
    best: Solution | None = None
    for _ in range(ROUNDS):
        found = solver.run((prices[0], prices[1], prices[2], prices[3], lane))
        over = [
            found.cost.lut / budget.lut, found.cost.ff / budget.ff, found.cost.dsp / budget.dsp,
            found.cost.tiles / budget.tiles,
        ]  # fmt: skip
        if max(over) <= 1.0:
            if best is None or found.cost.lut < best.cost.lut:
                best = found
            break
        prices = [p * (1.3 if o > 1.0 else 0.97) for p, o in zip(prices, over, strict=True)]
    if best is None:
        raise DoesNotFitError(
            f"design {network.name} needs a folding within LUT {budget.lut:.0f}, FF {budget.ff:.0f}, "
            f"DSP {budget.dsp:.0f} and BRAM36 {budget.tiles:.1f} for an image every {interval:.0f} clocks, "
            f"and the last one tried takes {found.cost.lut:.0f}, {found.cost.ff:.0f}, "
            f"{found.cost.dsp} and {found.cost.tiles:.1f}; "
            "ask for fewer images a second, or choose a larger part"
        )
    return best


Prices = tuple[float, float, float, float, float]
"""Of a LUT, a flip-flop, a DSP slice, a tile, a lane."""


class _Solver:
    def __init__(self, network: Network, interval: float) -> None:
        self.network, self.interval = network, interval
        self.choices: dict[tuple[str, int], list[Choice]] = {}
        self.entries: dict[str, list[int]] = {}
        self.packed: dict[str, bool] = {}
        self.reach: dict[str, tuple[int, int]] = {}
        self.heaviest: dict[tuple[str, int, int], int] = {}

    def run(self, prices: Prices) -> Solution:
        """The cheapest way along the network at these prices."""
        first = self.network.pixels.name
        ways: dict[str, dict[int, tuple[float, tuple[tuple[str, Choice], ...]]]] = {first: {1: (0.0, ())}}
        for stage in self.network.stages:
            source = self._main_input(stage)
            reached: dict[int, tuple[float, tuple[tuple[str, Choice], ...]]] = {}
            for pixels, (price, way) in ways[source].items():
                for out, choice in self._steps(stage, pixels, prices):
                    extra = 0.0 if choice is None else _price(choice, prices)
                    if out not in reached or price + extra < reached[out][0]:
                        reached[out] = (
                            price + extra,
                            way if choice is None else (*way, (stage.name, choice)),
                        )
            if not reached:
                raise BadInputError(
                    f"{stage.name}: no folding takes at most {self.interval:.0f} clocks an image; "
                    "ask for fewer images a second"
                )
            ways[stage.output.name] = reached
        _, way = min(ways[self.network.result.name].values(), key=lambda found: found[0])
        cost = Cost()
        for _, choice in way:
            cost = cost + choice.cost
        return Solution(
            {name: choice.folding for name, choice in way},
            {name: choice.clocks for name, choice in way},
            cost,
        )

    def _main_input(self, stage: Stage) -> str:
        """The input whose words set the pace: of an addition the one made last."""
        order = {s.output.name: i for i, s in enumerate(self.network.stages)}
        return max(stage.inputs, key=lambda name: order.get(name, -1))

    def _steps(self, stage: Stage, pixels: int, prices: Prices) -> list[tuple[int, Choice | None]]:
        if stage.rows is None:
            return [(_pixels_after(stage, pixels), None)]
        found: dict[int, Choice] = {}
        for choice in self._choices(stage, stage.rows, pixels):
            p = choice.folding.pixels
            if p not in found or _price(choice, prices) < _price(found[p], prices):
                found[p] = choice
        return list(found.items())

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
            costs = self._costs(rows, pixels // units)
            blocks = size // pixels
            room = self.interval / blocks - OVERHEAD
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
                    folding = Folding(pixels, cores, units, lanes, block)
                    try:
                        check_folding(rows, folding, pixels_in)
                    except BadInputError:
                        continue
                    cost = core_cost(_parameters(rows, folding, pixels_in, load, self._reach(rows))).times(
                        cores
                    )
                    result.append(Choice(folding, blocks * (load + OVERHEAD), cost))
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
            self.entries[rows.name] = row_costs(rows, 1)
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
    bits = gap_bits(rows.channels)
    width = bits + rows.code_bits
    return {
        "P": folding.pixels, "Q": folding.units, "PIN": pixels_in, "LUTS": int(folding.lanes == "lut"),
        "PACK": int(folding.lanes == "packed"), "ENTRIES": entries, "C": rows.channels, "TAPS": rows.taps,
        "SEGMENT": BLOCK_WORDS[next(w for w in sorted(BLOCK_WORDS) if w >= width)], "W": rows.width,
        "SLOTS": slots(rows, folding.pixels), "B": rows.pixel.width, "BLOCK_RAM": int(folding.block_ram),
        "QUEUE": 16, "OUT": rows.out_type.width, "SUM": sums, "BIAS": bias_bits,
        "TOTAL": max(sums + rows.up, bias_bits) + 1, "ROWS": -(-len(rows.weights) // folding.cores),
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


def _price(choice: Choice, prices: Prices) -> float:
    cost, lanes = choice.cost, choice.folding.pixels * choice.folding.cores
    return (
        prices[0] * cost.lut
        + prices[1] * cost.ff
        + prices[2] * cost.dsp
        + prices[3] * cost.tiles
        + prices[4] * lanes
    )
