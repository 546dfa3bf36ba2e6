"""The hardware of a quantised model: its design, and the estimates of ``sqz_hw.estimate``."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.build_log import heard
from sqz_hw.decisions import Decisions
from sqz_hw.design import Design
from sqz_hw.estimate.dataflow import simulate
from sqz_hw.estimate.decisions import decide
from sqz_hw.estimate.parts import resolve
from sqz_hw.estimate.resources import RESOURCES, verdict
from sqz_hw.estimate.verdict import Verdict
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.hls.convert import ConversionOptions, convert
from sqz_hw.hls.graph_design import design_of
from sqz_hw.model.modelfile import Model

ANY_PART = "xc7z020"
"""Nothing that is computed depends on the part; hls4ml wants one all the same."""


@dataclass(frozen=True)
class Estimate:
    """What a design is estimated to be on a part.

    Attributes:
        fps, latency_us: simulated, at the clock that is assumed.
        lut_share: LUTs expected, of the part's.
        verdict: does it fit.
        overflow: by how much the fullest resource exceeds the part (its low bound; its high bound where
            "unsure" counts as not fitting), as a share of it; at or below 0 where none does.
        delay: by how much the interval exceeds that of the target rate, as a share of it.
        expected: amount of each resource.
    """

    fps: float
    latency_us: float
    lut_share: float
    verdict: Verdict
    overflow: float
    delay: float
    expected: Mapping[str, int]


def designed(model: Model, settings: ExploreSettings) -> Design:
    """The model's design with hls4ml's own folding; what hls4ml says is not shown."""
    part = resolve(settings.part or ANY_PART)
    options = ConversionOptions(part.full_name, clock_mhz=settings.clock_mhz)
    with tempfile.TemporaryDirectory(prefix="sqz_hw-") as folder, heard(_silent()):
        graph = convert(model, options, Decisions(), Path(folder))
    return design_of(graph, model, name=model.name, part=part.name, clock_mhz=settings.clock_mhz)


def estimated(design: Design, settings: ExploreSettings, target_fps: float | None) -> Estimate:
    """The folding for the settings' part, and what it comes to.

    Args:
        design: any folding.
        settings: of the search; they name a part.
        target_fps: the smallest folding that reaches it; None: the fastest that fits.

    Raises:
        BadInputError: the target is above the clock.
        ToolError: g++, which the simulation needs, is missing or failed.
    """
    part = resolve(settings.part or ANY_PART)
    fitting = decide(design, part.budget, target_fps=target_fps)
    chosen = fitting.chosen
    simulation = simulate(chosen.design)
    totals = chosen.resources.totals
    budget = {name: part.budget[name] for name in RESOURCES}
    bounds = {name: span.high if settings.strict else span.low for name, span in totals.items()}
    wanted = fitting.target_interval
    return Estimate(
        fps=simulation.fps(settings.clock_mhz),
        latency_us=simulation.latency / settings.clock_mhz,
        lut_share=totals["LUT"].expected / budget["LUT"],
        verdict=verdict(totals, budget, settings.clock_mhz),
        overflow=max(bounds[name] / max(1, budget[name]) - 1 for name in budget),
        delay=0.0 if wanted is None else simulation.interval / wanted - 1,
        expected={name: totals[name].expected for name in budget},
    )


def _silent() -> logging.Logger:
    log = logging.getLogger("sqz_hw.explore.hls4ml")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return log
