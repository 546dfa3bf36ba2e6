"""From csynth's LUT and FF to those of Vivado's synthesis: ratios seen in public reports.

csynth adds up a table of operators; Vivado then shares, trims and packs. The ratio depends on
the kernels more than on the size, so the range seen is the range given.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.synthesis.calibration import FILE, content_of
from sqz_hw.estimate.synthesis.measured import MeasuredDesign

RESOURCES = ("LUT", "FF")
STRATEGIES = ("resource", "latency")


def ratios(designs: Iterable[MeasuredDesign]) -> dict[str, dict[str, dict[str, Any]]]:
    """csynth / Vivado's synthesis of whole cores, by strategy and resource: n, low, median, high."""
    found: dict[str, dict[str, list[float]]] = {s: {r: [] for r in RESOURCES} for s in STRATEGIES}
    for design in designs:
        for resource in RESOURCES:
            csynth, vivado = design.totals.get(resource), design.vivado.get(resource)
            if csynth and vivado:
                found[design.strategy][resource].append(csynth / vivado)
    return {s: {r: _spread(values) for r, values in by.items()} for s, by in found.items()}


def after_synthesis(resource: str, csynth: Range) -> Range:
    """What Vivado's synthesis makes of csynth's LUT or FF, from the ratios of Resource designs.

    Raises:
        BadInputError: another resource, or the package's calibration is damaged.
    """
    if resource not in RESOURCES:
        raise BadInputError(f"csynth and Vivado differ by a ratio for LUT and FF, not for {resource!r}")
    low, median, high = _shipped_ratio(resource)
    return Range(int(csynth.low / high), round(csynth.expected / median), -int(-csynth.high // low))


@lru_cache(maxsize=2)
def _shipped_ratio(resource: str) -> tuple[float, float, float]:
    try:
        seen: Mapping[str, Any] = content_of(FILE)["post_synthesis"]["resource"][resource]
        return float(seen["low"]), float(seen["median"]), float(seen["high"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{FILE.name} must have ratios of csynth to Vivado's synthesis, and has not; make it again"
        ) from error


def _spread(values: list[float]) -> dict[str, Any]:
    if not values:
        return {"n": 0, "low": None, "median": None, "high": None}
    ends = {"low": min(values), "median": statistics.median(values), "high": max(values)}
    return {"n": len(values), **{name: round(value, 4) for name, value in ends.items()}}
