"""From a ``Design`` to a plan under a part's budget: the one way in for builds and evaluations."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError, DoesNotFitError
from sqz_hw.estimate.parts import Part
from sqz_hw.rtl.core import clocks
from sqz_hw.rtl.cost import Cost, stage_cost
from sqz_hw.rtl.cost_tables import used_tables
from sqz_hw.rtl.families import family_of
from sqz_hw.rtl.fold import Budget, Solution, solve
from sqz_hw.rtl.network import Network, network_of
from sqz_hw.rtl.plan import Plan
from sqz_hw.rtl.planner import make_plan

LATENCIES = (3.25, 4.5)
"""Intervals that one image may take by itself: the first that fits, else any."""
CLOSER = 4
"""Times that the solver is asked again, for a little more, where its plan is slower than wanted."""
RANDOM_TABLES = (1.02, 1.05)
"""Times the LUTs that a plan will take by what its tables hold, the solver may find it to take."""
BISECTIONS = 5
RESERVE = Cost(lut=1000, ff=1000)
"""Held back for what the folding does not count: copies, the last-word counter."""
ADDITION = Cost(lut=600, ff=600, tiles=3)
"""Held back for each addition and the queue on the way around."""


@dataclass(frozen=True)
class Accelerated:
    """A plan and how it came about.

    Attributes:
        plan: the accelerator.
        solution: its foldings, with predicted clocks.
        cost: predicted, of all instances.
    """

    plan: Plan
    solution: Solution
    cost: Cost


def accelerate(design: Design, part: Part, *, target_fps: float | None = None) -> Accelerated:
    """Fold a design for a part.

    Args:
        design: the hardware.
        part: what it must fit in (its shares are in ``fold``).
        target_fps: images a second at the design's clock; None for the fastest that fits.

    Raises:
        BadInputError: StreamRTL does not build such a design, no folding is so fast, or ``target_fps``
            is no positive number.
        DoesNotFitError: nothing that fast fits.
    """
    if target_fps is not None and not (math.isfinite(target_fps) and target_fps > 0):
        raise BadInputError(
            f"target_fps must be a finite number of images a second above 0, not {target_fps:g}; "
            "leave it out for the fastest folding that fits"
        )
    network, family = network_of(design), family_of(part)
    additions = sum(stage.kind == "add" for stage in network.stages)
    budget = Budget.of(part.budget, RESERVE + ADDITION.times(additions))
    if target_fps is not None:
        interval = design.clock_mhz * 1e6 / target_fps
        try:
            return _reached(network, interval, budget, family)
        except DoesNotFitError:
            found = _by_contents(network, interval, budget, part)
            if found is None:
                raise
            return found
    return _planned(network, _fastest(network, budget, family), family)


def _solved(network: Network, interval: float, budget: Budget, family: str) -> Solution:
    """With a short latency if the budget allows it."""
    for latency in LATENCIES:
        try:
            return solve(network, interval, budget, latency * interval, family=family)
        except DoesNotFitError:
            continue
    return solve(network, interval, budget, family=family)


def _reached(network: Network, interval: float, budget: Budget, family: str) -> Accelerated:
    """As fast as asked by the plan's own clocks; the solver's are near, so it is asked for a little more."""
    asked, found = interval, _planned(network, _solved(network, interval, budget, family), family)
    for _ in range(CLOSER):
        if found.solution.interval <= interval:
            break
        asked *= 0.999 * interval / found.solution.interval
        found = _planned(network, _solved(network, asked, budget, family), family)
    return found


def _by_contents(network: Network, interval: float, budget: Budget, part: Part) -> Accelerated | None:
    """A plan that keeps to the budget though the solver, for which tables are random, finds it too large."""
    allowed = Budget.of(part.budget)
    for more in RANDOM_TABLES:
        try:
            found = _reached(network, interval, replace(budget, lut=more * budget.lut), family_of(part))
        except DoesNotFitError:
            continue
        if found.solution.interval <= interval and allowed.holds(found.cost):
            return found
    return None


def _planned(network: Network, solution: Solution, family: str) -> Accelerated:
    plan = make_plan(network, solution.foldings)
    rows = {stage.name: rows for stage, rows in network.sparse}
    exact = {name: max(clocks(core, rows[name]) for core in cores) for name, cores in plan.cores.items()}
    solution = replace(solution, clocks=exact)
    cost = Cost()
    for instance in plan.instances:
        tables = used_tables(instance.parameters, plan.memories)
        cost = cost + stage_cost(instance.module, instance.parameters, tables=tables, family=family)
    return Accelerated(plan, solution, cost)


def _fastest(network: Network, budget: Budget, family: str) -> Solution:
    """The shortest interval that fits: halved as long as possible, then searched within a factor of two."""
    interval = float(sum(r.nonzeros * r.height * r.width for _, r in network.sparse))
    best, shortest, asked = solve(network, interval, budget, family=family), 1.0, interval
    while best.interval > 1:
        half = best.interval / 2
        try:
            best, asked = solve(network, half, budget, family=family), half
        except (DoesNotFitError, BadInputError):
            shortest = half
            break
    longest = float(best.interval)
    for _ in range(BISECTIONS):
        middle = (shortest * longest) ** 0.5
        try:
            best, asked = solve(network, middle, budget, family=family), middle
            longest = middle
        except (DoesNotFitError, BadInputError):
            shortest = middle
    try:
        return _solved(network, best.interval, budget, family)
    except (DoesNotFitError, BadInputError):  # a stage beside a pool has to be faster than its own clocks
        return _solved(network, asked, budget, family)
