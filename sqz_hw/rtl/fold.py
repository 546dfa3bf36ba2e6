"""Chooses how far each sparse stage is unfolded: the cheapest folding that reaches an interval.

Each stage's choices (pixels in parallel, cores, requantisers, what multiplies) are listed with their
clocks and their cost; a walk along the network keeps, for each width of word between two stages, the
cheapest way to get there. Resources are weighed by prices, which rise for what a budget is short of. At any
prices a kind of lane is the cheaper one for many stages at once; so stages are exchanged one by one
(``exchange``): into the budget where no prices lead there, and then as long as that saves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqz_hw.errors import BadInputError, DoesNotFitError
from sqz_hw.rtl.bypass import bypasses
from sqz_hw.rtl.choices import Choice, Chooser, between, pixels_after, wait
from sqz_hw.rtl.core import Folding
from sqz_hw.rtl.cost import Cost
from sqz_hw.rtl.exchange import exchanged
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
NEAREST = 12
"""Ways nearest to the budget from which stages are exchanged."""


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

    def holds(self, cost: Cost) -> bool:
        """All of it is within."""
        return bool(
            cost.lut <= self.lut and cost.ff <= self.ff and cost.dsp <= self.dsp and cost.tiles <= self.tiles
        )


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
    family: str = "xc7",
) -> Solution:
    """The cheapest foldings with which every stage takes at most ``interval`` clocks.

    Args:
        network: the stages.
        interval: clocks from image to image.
        budget: what may be used; None for the fewest LUTs whatever the rest.
        latency: most clocks for one image by itself; None for any.
        dense: walk the zeros too, for comparison.
        family: of the part (``families``): what a stage costs depends on it.

    Raises:
        BadInputError: no folding of some stage is that fast.
        DoesNotFitError: none was found that keeps to the budget.
    """
    solver = _Solver(network, interval, dense, family)
    limits = Budget(1e5, 2e5, 1e3, 1e3) if budget is None else budget
    if min(limits.lut, limits.ff, limits.dsp, limits.tiles) <= 0:
        raise DoesNotFitError(
            f"design {network.name} needs more than the part has: pools, additions and queues alone take it; "
            "choose a larger part"
        )
    first = prices = Prices(
        1 / limits.lut, FIRST_PRICE / limits.ff, FIRST_PRICE / limits.dsp, FIRST_PRICE / limits.tiles,
        LANE_PRICE / limits.lut, 0.0 if latency is None else FIRST_PRICE / latency,
    )  # fmt: skip

    def shares(way: Way) -> Prices:
        cost = way.cost
        return Prices(
            cost.lut / limits.lut, cost.ff / limits.ff, cost.dsp / limits.dsp, cost.tiles / limits.tiles, 1.0,
            1.0 if latency is None else way.latency / latency,
        )  # fmt: skip

    def excess(way: Way) -> float:
        return sum(max(0.0, share - 1.0) for share in shares(way))

    def price(way: Way) -> float:
        lanes = sum(choice.folding.pixels * choice.folding.cores for _, choice in way.choices)
        return math.inf if excess(way) > 0.0 else _price(way.cost, lanes, first)

    tried: dict[Way, float] = {}
    for _ in range(ROUNDS):
        way = solver.run(prices)
        over = shares(way)
        if budget is None and latency is None:
            return way.solution
        if max(over) <= 1.0:
            return exchanged(way, solver.alternatives, price).solution
        tried[way] = excess(way)
        prices = Prices(*(p * min(RISE, max(FALL, o)) for p, o in zip(prices, over, strict=True)))
    for near in sorted(tried, key=lambda way: tried[way])[:NEAREST]:
        better = exchanged(near, solver.alternatives, excess)
        if excess(better) <= 0.0:
            return exchanged(better, solver.alternatives, price).solution
    cost = way.cost
    raise DoesNotFitError(
        f"design {network.name} needs a folding within LUT {limits.lut:.0f}, FF {limits.ff:.0f}, "
        f"DSP {limits.dsp:.0f} and BRAM36 {limits.tiles:.1f} for an image every {interval:.0f} clocks"
        f"{'' if latency is None else f' and {latency:.0f} for one by itself'}, and the last one tried takes "
        f"{cost.lut:.0f}, {cost.ff:.0f}, {cost.dsp} and {cost.tiles:.1f} "
        f"({way.latency:.0f} clocks for one); "
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


class Way(NamedTuple):
    """The cheapest way to some width of word.

    Attributes:
        price: what it was chosen by.
        cost: of it.
        fill: clocks that its stages still take one after the other when their last inputs are there.
        choices: made, by stage.
    """

    price: float
    cost: Cost
    fill: float
    choices: tuple[tuple[str, Choice], ...]

    @property
    def latency(self) -> float:
        """Clocks of one image by itself, roughly."""
        return self.choices[0][1].clocks + self.fill

    @property
    def solution(self) -> Solution:
        """The foldings."""
        clocks = {name: choice.clocks for name, choice in self.choices}
        foldings = {name: choice.folding for name, choice in self.choices}
        return Solution(foldings, clocks, self.cost, self.latency)


class _Step(NamedTuple):
    """A way through a stage: pixels of a word out, the choices if there are any, cost, fill."""

    pixels: int
    choices: tuple[tuple[str, Choice], ...]
    cost: Cost
    fill: float


class _Words(NamedTuple):
    """Pixels of a word, and beside a convolution on a way around of a word where the ways part (else 0)."""

    pixels: int
    parted: int = 0


class _Solver:
    def __init__(self, network: Network, interval: float, dense: bool, family: str) -> None:
        self.network, self.interval = network, interval
        self.chooser = Chooser(interval, dense, family)
        found = bypasses(network)
        self.around = {name: bypass.around for name, bypass in found.items() if bypass.around is not None}
        self.beside = {stage.name for stage in self.around.values()}
        self.parting = {found[name].through[0].name for name in self.around}

    def run(self, prices: Prices) -> Way:
        """The cheapest way along the network at these prices; a way around is chosen at its addition."""
        ways = {_Words(1): Way(0.0, Cost(), 0.0, ())}
        for stage in self.network.stages:
            if stage.name in self.beside:
                continue
            reached: dict[_Words, Way] = {}
            found: dict[_Words, list[_Step]] = {}
            for words, way in ways.items():
                parted = words.pixels if stage.name in self.parting else words.parted
                read = words if stage.kind == "add" else _Words(words.pixels)
                if read not in found:
                    found[read] = self._steps(stage, read, prices)
                for out, choices, cost, fill in found[read]:
                    lanes = sum(choice.folding.pixels * choice.folding.cores for _, choice in choices)
                    price = way.price + prices.clock * fill + _price(cost, lanes, prices)
                    to = _Words(out, 0 if stage.kind == "add" else parted)
                    if to not in reached or price < reached[to].price:
                        reached[to] = Way(price, way.cost + cost, way.fill + fill, way.choices + choices)
            if not reached:
                raise BadInputError(
                    f"{self.around.get(stage.name, stage).name}: no folding takes at most "
                    f"{self.interval:.{0 if self.interval >= 1 else 3}f} clocks an image; "
                    "ask for fewer images a second"
                )
            ways = reached
        return min(ways.values(), key=lambda way: way.price)

    def alternatives(self, name: str, choice: Choice) -> list[Choice]:
        """Other foldings of a stage with words of the same pixels; none of one on a way around."""
        return [
            other
            for stage, rows in self.network.sparse
            if stage.name == name and name not in self.beside
            for other in self.chooser.choices(stage, rows, choice.pixels_in)
            if other.folding.pixels == choice.folding.pixels and other != choice
        ]

    def _steps(self, stage: Stage, words: _Words, prices: Prices) -> list[_Step]:
        """For each width of word out of a stage the cheapest way to it."""
        if stage.kind == "add":
            return self._joined(stage, words, prices)
        if stage.rows is None:
            source, pixels = self.network.tensor(stage.inputs[0]), words.pixels
            fill = wait(stage, source, pixels) * self.interval
            cost = between(stage, source, pixels, self.chooser.family)
            return [_Step(pixels_after(stage, source, pixels), (), cost, fill)]
        return [
            _Step(pixels, ((stage.name, choice),), choice.cost, choice.fill)
            for pixels, choice in self._cheapest(stage, words.pixels, prices).items()
        ]

    def _joined(self, addition: Stage, words: _Words, prices: Prices) -> list[_Step]:
        """An addition and the convolution on its way around, which keeps up and is never waited for."""
        around = self.around.get(addition.name)
        if around is None:
            return [_Step(words.pixels, (), Cost(), 0.0)]
        found = [
            choice
            for pixels, choice in self._cheapest(around, words.parted, prices).items()
            if words.pixels % pixels == 0
        ]
        if not found:
            return []
        best = min(found, key=lambda choice: _choice_price(choice, prices))
        return [_Step(words.pixels, ((around.name, best),), best.cost, 0.0)]

    def _cheapest(self, stage: Stage, pixels_in: int, prices: Prices) -> dict[int, Choice]:
        """By pixels of a word out the cheapest folding of a stage with weights."""
        if stage.rows is None:
            return {}
        found: dict[int, Choice] = {}
        prized: dict[int, float] = {}
        for choice in self.chooser.choices(stage, stage.rows, pixels_in):
            pixels = choice.folding.pixels
            price = _choice_price(choice, prices) + prices.clock * choice.fill
            if pixels not in found or price < prized[pixels]:
                found[pixels], prized[pixels] = choice, price
        return found


def _choice_price(choice: Choice, prices: Prices) -> float:
    return _price(choice.cost, choice.folding.pixels * choice.folding.cores, prices)


def _price(cost: Cost, lanes: int, prices: Prices) -> float:
    return (
        prices.lut * cost.lut
        + prices.ff * cost.ff
        + prices.dsp * cost.dsp
        + prices.tile * cost.tiles
        + prices.lane * lanes
    )
