"""Fits the LUT and FF terms to public reports, and says how far off the fit is.

A repository is the unit: its layers share a tool, a kernel revision and a style, so each
repository weighs the same within a group, and an interval comes from the errors on
repositories that the fit did not see (leave one repository out), never from its own rows.
"""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.synthesis.facts import LayerFacts, ToolFacts
from sqz_hw.estimate.synthesis.least_squares import fit_log_sum
from sqz_hw.estimate.synthesis.logic import BY_ANALOGY, GROUPS, Terms, ff_terms, lut_terms, variant_of
from sqz_hw.estimate.synthesis.rows import Row, read_rows

FILE = Path(__file__).parent / "calibration.json"
RESOURCES = ("LUT", "FF")
TERMS: Mapping[str, Callable[[LayerFacts, ToolFacts], Terms]] = MappingProxyType(
    {"LUT": lut_terms, "FF": ff_terms}
)
PRIORS: Mapping[str, Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "weighted": {
            "LUT": {"multipliers": 50.0, "selectors": 40.0},
            "FF": {"window_bits": 2.0, "accumulators": 2.0, "pipeline": 1.0},
        },
        "activation": {
            "LUT": {"lane_bits": 2.0, "lanes": 15.0, "one": 100.0},
            "FF": {"registers": 1.0, "digits": 2.0},
        },
        "hard_tanh": {"LUT": {"lane_bits": 8.0, "one": 100.0}, "FF": {"lane_bits": 2.0, "one": 20.0}},
        "sigmoid": {"LUT": {"lane_bits": 4.0, "one": 100.0}, "FF": {"lane_bits": 2.0, "one": 20.0}},
        "softmax": {"LUT": {"lane_bits": 6.0, "one": 300.0}, "FF": {"lane_bits": 3.0, "one": 100.0}},
        "batchnorm": {"LUT": {"lane_bits": 2.0, "one": 100.0}, "FF": {"lane_bits": 2.0, "one": 20.0}},
        "zeropad": {
            "LUT": {"lanes": 32.0, "lane_bits_vitis": 1.0, "loops": 30.0},
            "FF": {"counters": 1.0},
        },
        "pooling": {
            "LUT": {"value_bits": 2.0, "values_vitis": 4.0, "window_fifos": 40.0, "one": 300.0},
            "FF": {"values": 16.0, "value_bits_vitis": 3.0, "lane_bits_encoded": 1.0, "window_fifos": 1.0},
        },
        "global_pooling": {"LUT": {"lane_bits": 3.0, "one": 100.0}, "FF": {"lane_bits": 2.0, "one": 20.0}},
        "resize": {"LUT": {"row_bits": 0.5, "one": 200.0}, "FF": {"row_bits": 1.0, "one": 30.0}},
    }
)
"""Weights by structure alone (registers a bit, LUTs a bit), for groups without layers to fit on."""
PRIOR_FACTOR = 3.0
"""Low and high of an estimate by structure alone: a third and three times of it."""
ANALOGY_FACTOR = 2.5
"""How much wider (low and high, each) an interval is for kinds that no report holds."""
WIDER = 0.25
"""With few repositories the tails are not seen: errors are widened by 1 + this / repositories.

The smallest of 0.25, 0.5, 0.75, 1 with which intervals made without a repository cover 85 % of its
layers. It was chosen on the same reports that it is judged on.
"""
FEWEST_ROWS = 3
COVER = 0.9
NORMAL_90, MAD_TO_SIGMA = 1.645, 1.4826
"""90 % of a normal distribution lie within 1.645 sigma, 1.4826 times its median absolute deviation."""
NARROWEST = 1.12
"""No interval is narrower than this factor to either side."""
FIGURES = 6
"""Significant digits kept, so that the last bits of an arithmetic do not show."""


@dataclass(frozen=True)
class Fit:
    """One group and resource.

    Attributes:
        weights: by term.
        spread: factors from the estimate to the low and high end of its 90 % interval, by variant
            (see :func:`.logic.variant_of`).
        rows, repositories: how many the fit saw (0: weights by structure alone).
        median_error: median of |predicted / real - 1| on repositories left out, None where there is only one.
    """

    weights: Mapping[str, float]
    spread: Mapping[str, tuple[float, float]]
    rows: int
    repositories: int
    median_error: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "weights": dict(self.weights),
            "spread": {name: list(ends) for name, ends in self.spread.items()},
            "rows": self.rows,
            "repositories": self.repositories,
            "median_error": self.median_error,
        }


@dataclass(frozen=True)
class Calibration:
    """All fits, by group and by resource."""

    fits: Mapping[str, Mapping[str, Fit]]

    def estimate(self, resource: str, layer: LayerFacts, tool: ToolFacts) -> Range:
        """LUT or FF of a layer with the ends of its 90 % interval."""
        fit = self.fits[GROUPS[layer.kind]][resource]
        value = max(1.0, total(TERMS[resource](layer, tool), fit.weights))
        wider = ANALOGY_FACTOR if layer.kind in BY_ANALOGY else 1.0
        expected = round(value)
        low_factor, high_factor = fit.spread.get(variant_of(layer), (1 / PRIOR_FACTOR, PRIOR_FACTOR))
        low = min(expected, math.floor(value * low_factor / wider))
        return Range(low, expected, max(expected, math.ceil(value * high_factor * wider)))


def total(terms: Terms, weights: Mapping[str, float]) -> float:
    """Sum of the terms, each with its weight (0 where the fit has none)."""
    return sum(value * weights.get(name, 0.0) for name, value in terms.items())


def calibrate(rows: Sequence[Row]) -> Calibration:
    """Fit every group on the rows given, with intervals from repositories left out one at a time."""
    fits: dict[str, dict[str, Fit]] = {}
    for group in PRIORS:
        mine = [row for row in rows if GROUPS[row.layer.kind] == group]
        fits[group] = {resource: _fit(group, resource, mine) for resource in RESOURCES}
    return Calibration(fits)


@lru_cache(maxsize=64)
def calibration_without(repo: str | None = None) -> Calibration:
    """The calibration on the rows that the package ships, one repository left out (None: on all).

    Raises:
        BadInputError: the package's file is missing or damaged.
    """
    rows = read_rows()
    return calibrate([row for row in rows if row.repo != repo])


@lru_cache(maxsize=1)
def shipped() -> Calibration:
    """The calibration in the package's JSON file, which fit_estimator.py wrote.

    Raises:
        BadInputError: the file is missing or damaged.
    """
    content = content_of(FILE)
    try:
        return Calibration(
            {
                group: {resource: _loaded(content["fits"][group][resource]) for resource in RESOURCES}
                for group in PRIORS
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(error) from error


def content_of(path: Path) -> Mapping[str, Any]:
    """The JSON object of a calibration file.

    Raises:
        BadInputError: it is missing or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(error) from error
    if not isinstance(content, dict):
        raise _damaged(TypeError("no object"))
    return content


def _damaged(error: Exception) -> BadInputError:
    return BadInputError(
        f"{FILE.name} must be as fit_estimator.py writes it, and is not ({type(error).__name__}: {error}); "
        "make it again"
    )


def _loaded(plain: Mapping[str, Any]) -> Fit:
    spread = {name: (float(low), float(high)) for name, (low, high) in plain["spread"].items()}
    return Fit(plain["weights"], spread, plain["rows"], plain["repositories"], plain["median_error"])


def _fit(group: str, resource: str, rows: Sequence[Row]) -> Fit:
    used = [row for row in rows if _real(row, resource) > 0]
    repos = {row.repo for row in used}
    if len(used) < FEWEST_ROWS:
        return Fit(PRIORS[group][resource], {}, 0, 0, None)
    weights = _weights(group, resource, used)
    if len(repos) < 2:
        return Fit(weights, {}, len(used), len(repos), None)
    missed: dict[str, list[tuple[Row, float]]] = {}
    for repo in sorted(repos):
        others = [row for row in used if row.repo != repo]
        seen = _weights(group, resource, others) if len(others) >= FEWEST_ROWS else PRIORS[group][resource]
        for row in used:
            if row.repo == repo:
                estimate = max(1.0, total(TERMS[resource](row.layer, row.tool), seen))
                error = math.log(_real(row, resource) / estimate)
                missed.setdefault(variant_of(row.layer), []).append((row, error))
    every = [abs(math.exp(-error) - 1) for errors in missed.values() for _, error in errors]
    spread = {
        variant: ends for variant, errors in sorted(missed.items()) if (ends := _spread(errors)) is not None
    }
    return Fit(weights, spread, len(used), len(repos), _short(float(np.median(every))))


def _spread(missed: Sequence[tuple[Row, float]]) -> tuple[float, float] | None:
    """Ends of the 90 % interval, as factors, from errors (row, log(real / estimate)) on rows left out.

    Where two repositories have Resource designs of stock kernels, their errors alone count.
    None where there is one repository only: it says nothing of another. With two, weighted
    quantiles are the extremes of either; a normal distribution by the median absolute deviation
    is taken instead. (Decided on the same reports: quantiles gave FF intervals 2.3 wide, this 1.9.)
    """
    like_ours = [(row, error) for row, error in missed if row.counts]
    judged = like_ours if len({row.repo for row, _ in like_ours}) > 1 else list(missed)
    count = Counter(row.repo for row, _ in judged)
    if len(count) < 2:
        return None
    errors = [error for _, error in judged]
    shares = [1 / count[row.repo] for row, _ in judged]
    factor = 1 + WIDER / len(count)
    if len(count) == 2:
        middle = statistics.median(errors)
        reach = NORMAL_90 * MAD_TO_SIGMA * statistics.median(abs(error - middle) for error in errors)
        ends = (middle - factor * reach, middle + factor * reach)
    else:
        ends = (
            factor * _quantile(errors, shares, (1 - COVER) / 2),
            factor * _quantile(errors, shares, (1 + COVER) / 2),
        )
    low, high = min(-math.log(NARROWEST), ends[0]), max(math.log(NARROWEST), ends[1])
    return _short(math.exp(low)), _short(math.exp(high))


def _weights(group: str, resource: str, rows: Sequence[Row]) -> Mapping[str, float]:
    terms = [TERMS[resource](row.layer, row.tool) for row in rows]
    names = sorted({name for each in terms for name in each})
    matrix = np.array([[float(each[name]) for name in names] for each in terms])
    real = np.array([float(_real(row, resource)) for row in rows])
    count = Counter(row.repo for row in rows)
    share = np.array([1 / math.sqrt(count[row.repo]) for row in rows])
    fitted = dict(zip(names, fit_log_sum(matrix, real, share), strict=True))
    prior = PRIORS[group][resource]
    seen = matrix.max(axis=0) > 0
    return {
        name: _short(float(fitted[name])) if seen[i] else prior.get(name, 0.0) for i, name in enumerate(names)
    }


def _real(row: Row, resource: str) -> int:
    return row.lut if resource == "LUT" else row.ff


def _quantile(values: Sequence[float], shares: Sequence[float], at: float) -> float:
    """Weighted quantile, linear between the middles of the values' shares."""
    order = np.argsort(np.array(values), kind="stable")
    sorted_shares = np.array(shares)[order]
    middles = (np.cumsum(sorted_shares) - sorted_shares / 2) / sorted_shares.sum()
    return float(np.interp(at, middles, np.array(values)[order]))


def _short(value: float) -> float:
    return float(f"{value:.{FIGURES}g}")
