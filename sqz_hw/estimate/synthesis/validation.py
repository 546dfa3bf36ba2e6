"""Holds the model against synthesis reports: layer by layer, design by design, and in sum.

The figures that the bars are about (stock kernels, Resource strategy) are kept apart from the
others. LUT and FF of a design whose repository is among the calibration rows are predicted by
a fit that has not seen that repository. Cycles, DSP and BRAM18 follow rules set by hand from
``hls_designs.json``: on its own designs their errors are in-sample, on others they are not.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqz_hw.estimate.ranges import ZERO, Range
from sqz_hw.estimate.synthesis.calibration import calibration_without
from sqz_hw.estimate.synthesis.facts import Kind
from sqz_hw.estimate.synthesis.flow import chain_cycles
from sqz_hw.estimate.synthesis.layer import FifoEstimate, LayerEstimate, estimate_fifo, estimate_layer
from sqz_hw.estimate.synthesis.measured import MeasuredDesign, MeasuredLayer, Skipped
from sqz_hw.estimate.synthesis.post_synthesis import ratios
from sqz_hw.estimate.synthesis.rows import read_rows

BARS: Mapping[str, float] = {"BRAM18": 0.15, "LUT": 0.40, "FF": 0.30}
"""Largest error of a layer that counts as within its bar."""
RESOURCES = ("LUT", "FF", "DSP", "BRAM18")
MOST_WORDS = 50_000_000
"""Words of all layers beyond which a design is not clocked word by word."""


@dataclass(frozen=True)
class LayerCheck:
    """A layer, measured and predicted."""

    measured: MeasuredLayer
    predicted: LayerEstimate

    @property
    def is_conv(self) -> bool:
        """A convolution."""
        return self.measured.facts.kind is Kind.CONV

    def range(self, resource: str) -> Range:
        """The prediction of one resource."""
        value = getattr(self.predicted, resource)
        if not isinstance(value, Range):
            raise TypeError(f"{resource} must be one of {', '.join(RESOURCES)}")
        return value


@dataclass(frozen=True)
class Comparison:
    """One figure, measured and predicted."""

    what: str
    real: float
    predicted: float

    @property
    def error(self) -> float:
        """predicted / real - 1."""
        return self.predicted / self.real - 1


@dataclass(frozen=True)
class DesignCheck:
    """A design, measured and predicted.

    ``left_out``: its repository is among the calibration rows, and the fit did not see it.
    """

    measured: MeasuredDesign
    layers: tuple[LayerCheck, ...]
    fifos: tuple[tuple[FifoEstimate, int], ...]
    interval: Comparison | None
    cosim: tuple[Comparison, ...]
    left_out: bool

    def total(self, resource: str) -> Range:
        """The core's prediction: its layers and the FIFOs that are listed."""
        layers = sum((check.range(resource) for check in self.layers), ZERO)
        if resource == "DSP":
            return layers
        for each, count in self.fifos:
            one: Range = getattr(each, resource)
            layers += Range(one.low * count, one.expected * count, one.high * count)
        return layers


def check_designs(
    designs: Iterable[MeasuredDesign],
) -> tuple[tuple[DesignCheck, ...], tuple[Skipped, ...]]:
    """Predict every design; what cannot be predicted is listed with its reason."""
    known = {row.repo for row in read_rows()}
    checks: list[DesignCheck] = []
    skipped: list[Skipped] = []
    for design in designs:
        left_out = design.repo in known
        calibration = calibration_without(design.repo if left_out else None)
        layers = tuple(
            LayerCheck(layer, estimate_layer(layer.facts, design.tool, calibration))
            for layer in design.layers
        )
        fifos = tuple(
            (estimate_fifo(fifo.width_bits, fifo.depth, design.tool), fifo.count) for fifo in design.fifos
        )
        interval = None
        if design.busy_known and design.interval:
            busiest = max(check.predicted.cycles_worst for check in layers)
            interval = Comparison("interval", design.interval, busiest + 1)
        skipped += [Skipped(design.name, reason) for reason in _not_compared(design)]
        cosim: tuple[Comparison, ...] = ()
        if design.cosim and not design.whole:
            skipped.append(Skipped(design.name, "cosim: not all layers can be predicted"))
        elif design.cosim and sum(x.facts.in_words + x.facts.out_words for x in design.layers) > MOST_WORDS:
            skipped.append(Skipped(design.name, "cosim: too many words to clock one by one"))
        elif design.cosim:
            cosim = _cosim(design)
        checks.append(DesignCheck(design, layers, fifos, interval, cosim, left_out))
    return tuple(checks), tuple(skipped)


def summary(checks: Sequence[DesignCheck], skipped: Sequence[Skipped]) -> dict[str, Any]:
    """The figures of ``validate_estimator.py --json``; fractions are from 0 to 1, *_pct in percent."""
    mine = [check for check in checks if check.measured.counts]
    others = [check for check in checks if not check.measured.counts]
    return {
        **_figures(mine),
        "by_kind": _by(mine, lambda design, layer: layer.measured.facts.kind.value),
        "by_tool": _by(mine, lambda design, layer: f"{design.tool.name} {design.tool.version}"),
        "design_totals": _totals(mine),
        "post_synthesis": ratios([check.measured for check in checks]),
        "other": {"designs": [check.measured.name for check in others], **_figures(others)},
        "skipped": [item.to_dict() for item in skipped],
    }


def _not_compared(design: MeasuredDesign) -> tuple[str, ...]:
    """What of a whole core is not compared, and why; a design without layers says so already."""
    if not design.layers:
        return ()
    reasons = []
    if not design.interval:
        reasons.append("interval: the core's interval_max is not stated")
    elif not design.busy_known:
        reasons.append("interval: not all convolutions and dense layers can be predicted")
    if not design.totals:
        reasons.append("totals: none are stated")
    elif not design.whole:
        reasons.append("totals: not all layers can be predicted")
    elif not design.fifos:
        reasons.append("totals but DSP: no list of FIFOs, or not all of them can be predicted")
    return tuple(reasons)


def _cosim(design: MeasuredDesign) -> tuple[Comparison, ...]:
    latency, interval = chain_cycles([layer.facts for layer in design.layers], design.tool)
    found = []
    real = steady_interval(design.cosim)
    if real:
        found.append(Comparison("cosim interval", real, interval))
    if design.cosim.get("latency_min"):
        found.append(Comparison("cosim latency", design.cosim["latency_min"], latency))
    return tuple(found)


def steady_interval(cosim: Mapping[str, int]) -> float | None:
    """Cycles between two results once the design is full.

    RTL simulation states when inputs are taken, and its first images find empty FIFOs. Of
    three images (the average interval is that of the least and the largest) the times of
    the results follow: latencies and intervals give two intervals at the output, and the
    last is the steady one. Otherwise the largest interval is.
    """
    low, average, high = (cosim.get(f"interval_{key}") for key in ("min", "avg", "max"))
    first, mean, last = (cosim.get(f"latency_{key}") for key in ("min", "avg", "max"))
    if high is None:
        return None
    if not (low and average and first and mean and last) or abs(2 * average - low - high) > 2:
        return float(high)
    middle = 3 * mean - first - last
    orders = [(low + b - first, high + c - b) for b, c in ((middle, last), (last, middle))]
    positive = [order for order in orders if min(order) > 0]
    return float(min(positive, key=lambda order: abs(order[0] - order[1]))[1]) if positive else float(high)


def _figures(checks: Sequence[DesignCheck]) -> dict[str, Any]:
    layers = [layer for check in checks for layer in check.layers]
    convs = [layer for layer in layers if layer.is_conv and layer.measured.cycles]
    errors = [abs(x.predicted.cycles_worst / (x.measured.cycles or 1) - 1) for x in convs]
    tops = [abs(check.interval.error) for check in checks if check.interval]
    cosim = [abs(item.error) for check in checks for item in check.cosim]
    return {
        "conv_cycles": {
            "n": len(errors),
            "within_5pct": _fraction(errors, 0.05),
            "max_abs_pct": _percent(max(errors)) if errors else None,
        },
        "top_interval": {"n": len(tops), "within_10pct": _fraction(tops, 0.10)},
        "cosim": {"n": len(cosim), "within_10pct": _fraction(cosim, 0.10)},
        "dsp": _dsp(layers),
        **{name.lower(): _resource(layers, name) for name in ("BRAM18", "LUT", "FF")},
    }


def _dsp(layers: Sequence[LayerCheck]) -> dict[str, Any]:
    convs = [
        x for x in layers if x.is_conv and not x.measured.dsp_is_circular and "DSP" in x.measured.figures
    ]
    real = sum(x.measured.figures["DSP"] for x in convs)
    predicted = sum(x.predicted.DSP.expected for x in convs)
    exact = [x.predicted.DSP.expected == x.measured.figures["DSP"] for x in convs]
    return {
        "n": len(convs),
        "exact_fraction": _short(sum(exact) / len(exact)) if exact else None,
        "total_abs_pct": _percent(abs(predicted / real - 1)) if real else None,
    }


def _resource(layers: Sequence[LayerCheck], resource: str) -> dict[str, Any]:
    """Errors on the layers that have any of it, measured or predicted (LUT and FF: measured)."""
    used = [
        (x.measured.figures[resource], x.range(resource))
        for x in layers
        if resource in x.measured.figures
        and (x.measured.figures[resource] > 0 or (resource == "BRAM18" and x.range(resource).expected > 0))
    ]
    errors = [abs(each.expected - real) / max(1, real) for real, each in used]
    covered = [each.low <= real <= each.high for real, each in used]
    spread = [max(1, each.high) / max(1, each.low) for _, each in used]
    return {
        "n": len(used),
        "kind": "csynth",
        "median_abs_pct": _percent(statistics.median(errors)) if errors else None,
        "within_bar": _fraction(errors, BARS[resource]),
        "coverage_90": _short(sum(covered) / len(covered)) if covered else None,
        "median_high_over_low": _short(statistics.median(spread)) if spread else None,
    }


def _by(
    checks: Sequence[DesignCheck], key: Callable[[MeasuredDesign, LayerCheck], str]
) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[LayerCheck]] = {}
    for check in checks:
        for layer in check.layers:
            groups.setdefault(key(check.measured, layer), []).append(layer)
    return {
        name: {r.lower(): _resource(layers, r) for r in ("BRAM18", "LUT", "FF")}
        for name, layers in sorted(groups.items())
    }


def _totals(checks: Sequence[DesignCheck]) -> dict[str, Any]:
    """Errors of whole cores, layers and FIFOs, where every layer and FIFO is stated."""
    result: dict[str, Any] = {}
    for resource in RESOURCES:
        pairs = [
            (check.measured.totals[resource], check.total(resource))
            for check in checks
            if check.measured.whole
            and check.measured.totals.get(resource)
            and (check.fifos or resource == "DSP")
        ]
        errors = [abs(each.expected / real - 1) for real, each in pairs]
        result[resource] = {
            "n": len(pairs),
            "median_abs_pct": _percent(statistics.median(errors)) if errors else None,
            "max_abs_pct": _percent(max(errors)) if errors else None,
            "covered": _short(sum(e.low <= r <= e.high for r, e in pairs) / len(pairs)) if pairs else None,
        }
    return result


def _fraction(errors: Sequence[float], limit: float) -> float | None:
    return _short(sum(error <= limit + 1e-12 for error in errors) / len(errors)) if errors else None


def _percent(value: float) -> float:
    return round(100 * value, 2)


def _short(value: float) -> float:
    return round(value, 4)
