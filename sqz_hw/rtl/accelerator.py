"""From a ``Design`` to a plan under a part's budget: the one way in for builds and evaluations."""

from __future__ import annotations

from dataclasses import dataclass

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError, DoesNotFitError
from sqz_hw.estimate.parts import Part
from sqz_hw.rtl.cost import Cost, stage_cost
from sqz_hw.rtl.fold import Budget, Solution, solve
from sqz_hw.rtl.network import Network, network_of
from sqz_hw.rtl.plan import Plan, make_plan

STEP = 1.06
"""Intervals tried lie this factor apart."""
RESERVE = Cost(lut=5000, ff=4000, dsp=0, tiles=22)
"""Held back for pools, additions, queues and copies until they are counted in the plan itself."""


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
        BadInputError: StreamRTL does not build such a design, or no folding is so fast.
        DoesNotFitError: nothing that fast fits.
    """
    network = network_of(design)
    clock = design.clock_mhz * 1e6
    if target_fps is not None:
        return _planned(network, solve(network, clock / target_fps, Budget.of(part.budget, RESERVE)))
    return _fastest(network, part)


def _planned(network: Network, solution: Solution) -> Accelerated:
    plan = make_plan(network, solution.foldings)
    cost = Cost()
    for instance in plan.instances:
        cost = cost + stage_cost(instance.module, instance.parameters)
    return Accelerated(plan, solution, cost)


def _fastest(network: Network, part: Part) -> Accelerated:
    """The shortest interval that fits: ever shorter ones from the slowest folding on."""
    budget = Budget.of(part.budget, RESERVE)
    interval = float(sum(r.nonzeros * r.height * r.width for _, r in network.sparse))
    best: Solution | None = None
    fault: DoesNotFitError | BadInputError | None = None
    while interval >= 1.0:
        try:
            best = solve(network, interval, budget)
        except (DoesNotFitError, BadInputError) as error:
            fault = error
            break
        interval = min(interval, best.interval) / STEP
    if best is None:
        raise fault if fault is not None else BadInputError(f"design {network.name} has nothing to fold")
    return _planned(network, best)
