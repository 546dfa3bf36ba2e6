"""Fitting a design into a part: reuse factors, multipliers and FIFO storage under the whole budget.

The pipeline is as fast as its slowest layer, so a folding is an interval, with each layer
folded as far as that interval allows (``reuse.FoldingSpace``). There are some dozens to some
hundreds of intervals and all are tried, the fastest first: resources need not fall as the interval
rises, because deep folding moves weights from LUTs to block RAM, and a layer of few filters with a
multiplier for each weight needs no selectors. (Folding one layer less deeply than the interval
allows could then save block RAM or LUTs; that is not tried.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqz_hw.decisions import Decisions, with_decisions
from sqz_hw.design import Design, Op
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import layer_cycles, overhead_of, tool_for
from sqz_hw.estimate.fifo import MARGIN, safe_depths
from sqz_hw.estimate.placement import choose_fifo_storage, choose_multipliers
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.resources import RESOURCES, ResourceEstimate, estimate_resources
from sqz_hw.estimate.reuse import FoldingSpace, conv_shapes

BRAM_PRICES = (1.0, 4.0, 0.25)
"""Shares of LUTs that a share of block RAM is worth, tried in this order."""
SURE, LIKELY, POSSIBLE, NEVER = range(4)
"""How a design fits: by its high bounds, its expected amounts, its low bounds, or not at all."""


@dataclass(frozen=True)
class Candidate:
    """One way to build the design.

    Attributes:
        decisions: reuse factors, multipliers, FIFO depths and storage.
        design: the design with these decisions.
        resources: its estimate.
        interval: cycles of its slowest layer.
        fit: SURE, LIKELY, POSSIBLE or NEVER.
    """

    decisions: Decisions
    design: Design
    resources: ResourceEstimate
    interval: int
    fit: int


@dataclass(frozen=True)
class Fitting:
    """What was chosen.

    Attributes:
        chosen: the candidate.
        target_interval: cycles an image asked for, or None.
        reaches_target: whether any legal folding is that fast, and this one is.
    """

    chosen: Candidate
    target_interval: int | None
    reaches_target: bool


def target_interval(target_fps: float, clock_mhz: float) -> int:
    """Whole cycles that an image may take.

    Raises:
        BadInputError: a rate that is not above 0, or above the clock.
    """
    if not 0 < target_fps <= clock_mhz * 1e6:
        raise BadInputError(
            f"a target must be above 0 and at most {clock_mhz * 1e6:g} images/s (one a cycle), "
            f"not {target_fps:g}; give a lower --target-fps"
        )
    return int(clock_mhz * 1e6 / target_fps)


def fit(
    design: Design,
    budget: Mapping[str, int],
    *,
    target_fps: float | None = None,
    tool: str | None = None,
    fifo_margin: int = MARGIN,
    depths: Mapping[str, int] | None = None,
    attempts: int | None = None,
) -> Fitting:
    """The fastest folding that fits a budget, or the smallest that reaches a rate.

    A candidate fits better the surer it is: all high bounds within the budget before all
    expected amounts, before all low bounds. Among those that are expected to fit the fastest
    wins, among the others the slowest, which is the smallest; with a target none is faster than it
    needs to be, and where the target is out of reach the fastest is chosen.

    Args:
        design: with any decisions; its shapes, types and weights matter.
        budget: of each of ``resources.RESOURCES``.
        target_fps: images a second wanted, or None for as many as fit.
        tool: a key of ``CONV_OVERHEAD``; by default that of the design's backend.
        fifo_margin: words added to each FIFO in which words pile up.
        depths: words by stream; by default the least that exclude deadlock, and the margin.
        attempts: intervals to try at most, evenly spread, the fastest and the slowest among them;
            None for all.

    Raises:
        BadInputError: an impossible target, tool, margin, number of attempts or design, or a
            resource has no budget.
    """
    if attempts is not None and attempts < 2:
        raise BadInputError(f"a fit needs 2 attempts or more, not {attempts}; give None for all")
    words = safe_depths(design, fifo_margin) if depths is None else dict(depths)
    tool = tool_for(design, tool)
    overheads = {layer.name: overhead_of(layer, tool) for layer in design.layers}
    others = [layer_cycles(layer, 0) for layer in design.layers if layer.op is not Op.CONV]
    floor = max(others, default=0)
    wanted = None if target_fps is None else target_interval(target_fps, design.clock_mhz)
    space = FoldingSpace(conv_shapes(design), overheads, max(floor, wanted or 0))

    def at(interval: int) -> Candidate:
        folding = space.at(interval)
        return candidate(design, dict(folding.reuse_factors), words, max(floor, folding.interval), budget)

    chosen = at(space.intervals[0])
    if wanted is not None:
        return Fitting(chosen, wanted, chosen.interval <= wanted)
    for interval in _spread(space.intervals, attempts)[1:]:
        if chosen.fit == SURE:
            break
        found = at(interval)
        if found.fit < chosen.fit or found.fit == chosen.fit >= POSSIBLE:
            chosen = found
    return Fitting(chosen, None, True)


def _spread(intervals: tuple[int, ...], most: int | None) -> tuple[int, ...]:
    """At most so many of them (2 or more), evenly spread in their order, with both ends."""
    if most is None or len(intervals) <= most:
        return intervals
    last = len(intervals) - 1
    return tuple(intervals[round(i * last / (most - 1))] for i in range(most))


def fit_of(resources: ResourceEstimate, budget: Mapping[str, int]) -> int:
    """SURE, LIKELY, POSSIBLE or NEVER.

    Raises:
        BadInputError: a resource has no budget.
    """
    _require_all(budget)
    ranges = [(amount, budget[name]) for name, amount in resources.totals.items()]
    if all(amount.high <= limit for amount, limit in ranges):
        return SURE
    if all(amount.expected <= limit for amount, limit in ranges):
        return LIKELY
    return POSSIBLE if all(amount.low <= limit for amount, limit in ranges) else NEVER


def shortages(resources: ResourceEstimate, budget: Mapping[str, int]) -> dict[str, tuple[Range, int]]:
    """Resources whose expected amount is above the budget, the worst first, with that budget.

    Raises:
        BadInputError: a resource has no budget.
    """
    _require_all(budget)
    short = {
        name: (amount, budget[name])
        for name, amount in resources.totals.items()
        if amount.expected > budget[name]
    }
    return dict(sorted(short.items(), key=lambda item: -item[1][0].expected / max(1, item[1][1])))


def candidate(
    design: Design, factors: dict[str, int], depths: dict[str, int], interval: int, budget: Mapping[str, int]
) -> Candidate:
    """The best placement of products and FIFOs for given reuse factors and depths.

    Args:
        design: with any decisions.
        factors: reuse factors by layer.
        depths: words by stream.
        interval: cycles of the slowest layer with these factors.
        budget: of each of ``resources.RESOURCES``.

    Raises:
        BadInputError: a resource has no budget.
    """
    _require_all(budget)
    folded = with_decisions(design, Decisions(factors, depths))
    multipliers = choose_multipliers(folded, budget["DSP"])
    best: Candidate | None = None
    for price in BRAM_PRICES:
        storage = choose_fifo_storage(folded, budget, price)
        if best is not None and storage == best.decisions.fifo_storage:
            continue
        decisions = Decisions(factors, depths, multipliers, storage)
        decided = with_decisions(design, decisions)
        resources = estimate_resources(decided)
        found = Candidate(decisions, decided, resources, interval, fit_of(resources, budget))
        if best is None or found.fit < best.fit:
            best = found
        if best.fit == SURE:
            break
    if best is None:
        raise BadInputError("no price for block RAM was given; name at least one")
    return best


def _require_all(budget: Mapping[str, int]) -> None:
    missing = [name for name in RESOURCES if name not in budget]
    if missing:
        raise BadInputError(
            f"a budget must name {', '.join(RESOURCES)}, and {', '.join(missing)} is missing; add its amount"
        )
