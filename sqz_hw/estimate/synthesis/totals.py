"""Bounds of a whole design's LUT and FF, from the errors of whole designs left out of the fit.

The layers of a design share a tool and a revision of the kernels, so their errors have a
common part; but they do not all err by the most at once, as the sum of their bounds would
have it. The error of the sum is seen directly: each repository with Resource designs of stock
kernels is left out of the fit in turn, and its designs' totals are predicted.

From csynth to Vivado's synthesis there is a second error, of the ratio between the two. The
two are independent, so their logarithms add as squares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.synthesis.calibration import FILE, content_of

RESOURCES = ("LUT", "FF")
SECTION = "totals"


@dataclass(frozen=True)
class TotalError:
    """How far whole designs were off.

    Attributes:
        low, high: factors from the estimate to the ends of the interval.
        designs, repositories: how many it was seen on.
        median_abs_pct: median of |predicted / real - 1| in percent.
    """

    low: float
    high: float
    designs: int
    repositories: int
    median_abs_pct: float


def errors_of(ratios: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Section of the calibration file from real / predicted totals by repository, for one resource.

    The ends are the extremes seen, and never on the near side of 1.

    Args:
        ratios: for each repository, real / predicted of its designs, the fit not having seen it.
    """
    seen = [value for values in ratios.values() for value in values]
    if not seen:
        return {"low": None, "high": None, "designs": 0, "repositories": 0, "median_abs_pct": None}
    off = sorted(abs(1 / value - 1) for value in seen)
    middle = (off[(len(off) - 1) // 2] + off[len(off) // 2]) / 2
    return {
        "low": round(min(1.0, *seen), 4),
        "high": round(max(1.0, *seen), 4),
        "designs": len(seen),
        "repositories": len(ratios),
        "median_abs_pct": round(100 * middle, 2),
    }


@lru_cache(maxsize=2)
def total_error(resource: str) -> TotalError:
    """The errors that the package ships.

    Raises:
        BadInputError: no LUT or FF, or the calibration file is damaged.
    """
    if resource not in RESOURCES:
        raise BadInputError(f"totals have calibrated bounds for LUT and FF, not for {resource!r}")
    try:
        plain = content_of(FILE)[SECTION][resource]
        return TotalError(
            float(plain["low"]), float(plain["high"]), int(plain["designs"]), int(plain["repositories"]),
            float(plain["median_abs_pct"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{FILE.name} must have the errors of whole designs, and has not; make it again with "
            "scripts/fit_estimator.py"
        ) from error


def csynth_total(resource: str, expected: int) -> Range:
    """What csynth reports for a whole design whose layers and FIFOs sum up to so many."""
    error = total_error(resource)
    return _spread(expected, error.low, error.high)


def vivado_total(resource: str, expected: int) -> Range:
    """What Vivado's synthesis makes of a design for which csynth is expected to report so many."""
    error, (least, middle, most) = total_error(resource), _ratio(resource)
    low = math.hypot(math.log(error.low), math.log(most / middle))
    high = math.hypot(math.log(error.high), math.log(middle / least))
    return _spread(expected / middle, math.exp(-low), math.exp(high))


def _ratio(resource: str) -> tuple[float, float, float]:
    try:
        plain = content_of(FILE)["post_synthesis"]["resource"][resource]
        return float(plain["low"]), float(plain["median"]), float(plain["high"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{FILE.name} must have ratios of csynth to Vivado's synthesis, and has not; make it again with "
            "scripts/fit_estimator.py"
        ) from error


def _spread(value: float, low: float, high: float) -> Range:
    middle = round(value)
    return Range(min(middle, math.floor(value * low)), middle, max(middle, math.ceil(value * high)))
