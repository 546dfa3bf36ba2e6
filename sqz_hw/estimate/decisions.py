"""All decisions at once: folding, placement and FIFO depths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqz_hw.design import Design
from sqz_hw.estimate.fifo import MARGIN
from sqz_hw.estimate.fifo_search import smallest_depths
from sqz_hw.estimate.fitting import Fitting, candidate, fit

ROUNDS = 4
"""Foldings tried until one fits with the FIFOs that it needs."""


def decide(
    design: Design,
    budget: Mapping[str, int],
    *,
    tool: str | None = None,
    target_fps: float | None = None,
    fifo_margin: int = MARGIN,
) -> Fitting:
    """The folding that fits a budget, with the smallest FIFOs that keep its interval.

    The search for a folding begins with the depths that exclude deadlock. Those that also cost
    no cycle are found for the folding that it chose; where these do not fit as surely, the
    folding is searched for again with them. Should that not end, the depths that exclude
    deadlock stay: such a design stalls, which the simulation in its report shows.

    Args:
        design: a design with any reuse factors and depths.
        budget: of each of ``resources.RESOURCES``.
        tool: a key of ``CONV_OVERHEAD``; by default that of the design's backend.
        target_fps: images a second that are enough, or None for as many as fit.
        fifo_margin: words added to each FIFO in which words pile up.

    Raises:
        BadInputError: an impossible argument or design.
        ToolError: g++, which the simulation of the FIFOs needs, is missing or failed.
    """
    first = fitting = fit(design, budget, target_fps=target_fps, tool=tool, fifo_margin=fifo_margin)
    for _ in range(ROUNDS):
        found = fitting.chosen
        depths = smallest_depths(found.design, fifo_margin, tool).depths
        factors = dict(found.decisions.reuse_factors)
        deeper = candidate(design, factors, dict(depths), found.interval, budget)
        if deeper.fit <= first.chosen.fit:
            return replace(fitting, chosen=deeper)
        fitting = fit(
            design, budget, target_fps=target_fps, tool=tool, fifo_margin=fifo_margin, depths=depths
        )
        if dict(fitting.chosen.decisions.reuse_factors) == factors:
            break  # the same folding again would need the same FIFOs
    return first
