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
from sqz_hw.rtl.choices import Choice, Chooser, between, pixels_after, wait
from sqz_hw.rtl.core import Folding
from sqz_hw.rtl.cost import Cost
from sqz_hw.rtl.network import Network, Stage

LUT_SHARE, FF_SHARE, DSP_SHARE, TILE_SHARE = 0.8, 0.6, 0.95, 0.95
"""Shares of a part that a design may take."""
ROUNDS = 90
RISE, FALL = 1.08, 0.97
"""A price follows the share of its budget that was used, by no more than these factors a round."""
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
class Solution:
    """Foldings of all sparse stages.

    Attributes:
        foldings: by stage.
        clocks: predicted, by stage.
        cost: of all cores and of what stands between them, but additions and queues, predicted.
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
        prices = Prices(*(p * min(RISE, max(FALL, o)) for p, o in zip(prices, over, strict=True)))
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
    """The cheapest way to some width of word: its price, its cost, its fill, the choices made."""

    price: float
    cost: Cost
    fill: float
    choices: tuple[tuple[str, Choice], ...]


class _Step(NamedTuple):
    """A way through a stage: pixels of a word out, the choice if there is one, cost, fill."""

    pixels: int
    choice: Choice | None
    cost: Cost
    fill: float


class _Solver:
    def __init__(self, network: Network, interval: float, dense: bool) -> None:
        self.network, self.interval = network, interval
        self.chooser = Chooser(interval, dense)

    def run(self, prices: Prices) -> Solution:
        """The cheapest way along the network at these prices."""
        ways: dict[str, dict[int, _Way]] = {self.network.pixels.name: {1: _Way(0.0, Cost(), 0.0, ())}}
        for stage in self.network.stages:
            reached: dict[int, _Way] = {}
            for pixels, way in ways[self._main_input(stage)].items():
                for out, choice, cost, fill in self._steps(stage, pixels, prices):
                    lanes = 0 if choice is None else choice.folding.pixels * choice.folding.cores
                    price = way.price + prices.clock * fill + _price(cost, lanes, prices)
                    if out not in reached or price < reached[out].price:
                        chosen = () if choice is None else ((stage.name, choice),)
                        reached[out] = _Way(price, way.cost + cost, way.fill + fill, way.choices + chosen)
            if not reached:
                raise BadInputError(
                    f"{stage.name}: no folding takes at most {self.interval:.0f} clocks an image; "
                    "ask for fewer images a second"
                )
            ways[stage.output.name] = reached
        best = min(ways[self.network.result.name].values(), key=lambda way: way.price)
        clocks = {name: choice.clocks for name, choice in best.choices}
        foldings = {name: choice.folding for name, choice in best.choices}
        return Solution(foldings, clocks, best.cost, next(iter(clocks.values())) + best.fill)

    def _main_input(self, stage: Stage) -> str:
        """The input whose words set the pace: of an addition the one made last."""
        order = {s.output.name: i for i, s in enumerate(self.network.stages)}
        return max(stage.inputs, key=lambda name: order.get(name, -1))

    def _steps(self, stage: Stage, pixels: int, prices: Prices) -> list[_Step]:
        """For each width of word out of a stage the cheapest way to it."""
        if stage.rows is None:
            source = self.network.tensor(self._main_input(stage))
            fill = wait(stage, source, pixels) * self.interval
            return [_Step(pixels_after(stage, source, pixels), None, between(stage, source, pixels), fill)]
        found: dict[int, tuple[float, Choice]] = {}
        for choice in self.chooser.choices(stage, stage.rows, pixels):
            p = choice.folding.pixels
            lanes = p * choice.folding.cores
            price = _price(choice.cost, lanes, prices) + prices.clock * choice.fill
            if p not in found or price < found[p][0]:
                found[p] = (price, choice)
        return [_Step(p, choice, choice.cost, choice.fill) for p, (_, choice) in found.items()]


def _price(cost: Cost, lanes: int, prices: Prices) -> float:
    return (
        prices.lut * cost.lut
        + prices.ff * cost.ff
        + prices.dsp * cost.dsp
        + prices.tile * cost.tiles
        + prices.lane * lanes
    )
