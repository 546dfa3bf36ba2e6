"""Reuse factors: which are legal, and which balance the pipeline within a budget of multipliers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isqrt

from sqz_hw.design import Design, Op
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import PIPELINE_CYCLES, conv_cycles, conv_overhead, layer_cycles, tool_for


@dataclass(frozen=True)
class ConvShape:
    """What folding a convolution depends on.

    Attributes:
        name: the design's layer.
        n_in: products summed for one output value, kernel x kernel x C_in.
        n_out: output channels.
        input_pixels, output_pixels: words read (padding included) and written an image.
    """

    name: str
    n_in: int
    n_out: int
    input_pixels: int
    output_pixels: int


@dataclass(frozen=True)
class Folding:
    """A choice of reuse factors.

    Attributes:
        reuse_factors: (layer, reuse factor), in the order given.
        multipliers: in all; each is counted as one DSP, though synthesis may build small ones from LUTs.
        interval: cycles of the slowest layer an image.
        within_budget: false where even the largest legal factors need more than the budget.
    """

    reuse_factors: tuple[tuple[str, int], ...]
    multipliers: int
    interval: int
    within_budget: bool


def legal_reuse_factors(n_in: int, n_out: int) -> tuple[int, ...]:
    """Reuse factors that hls4ml 1.3.0 takes and has a Resource kernel for, rising.

    hls4ml's rule (``FPGABackend._validate_reuse_factor``): RF divides n_in * n_out; up to n_in
    the multipliers come in whole groups of n_out; above n_in it is a multiple of n_in (else
    ``DenseResource_rf_gt_nin`` is emitted, which does not exist). That leaves the divisors of
    n_in, and n_in times each divisor of n_out.

    Raises:
        BadInputError: n_in or n_out is below 1.
    """
    if n_in < 1 or n_out < 1:
        raise BadInputError(f"a convolution must have n_in and n_out of at least 1, not {n_in} and {n_out}")
    return tuple(sorted({*_divisors(n_in), *(n_in * d for d in _divisors(n_out))}))


def conv_shapes(design: Design) -> tuple[ConvShape, ...]:
    """The design's convolutions, in dataflow order."""
    return tuple(
        ConvShape(
            layer.name,
            conv.n_in,
            conv.n_out,
            layer.in_shape[0] * layer.in_shape[1],
            layer.out_shape[0] * layer.out_shape[1],
        )
        for layer, conv in design.convolutions
    )


def choose_reuse_factors(
    design: Design, dsp_budget: int, tool: str | None = None, target_interval: int = 0
) -> Folding:
    """The fastest balanced folding of a design whose multipliers fit the budget.

    Args:
        design: its shapes matter, not the reuse factors that it has.
        dsp_budget: multipliers allowed in all.
        tool: a key of ``CONV_OVERHEAD``; by default that of the design's backend.
        target_interval: cycles an image that are fast enough; multipliers are saved beyond that.

    Raises:
        BadInputError: an unknown tool or backend, or a negative budget.
    """
    overhead = conv_overhead(tool_for(design, tool))
    others = max(
        (layer_cycles(layer, overhead) for layer in design.layers if layer.op is not Op.CONV), default=0
    )
    folding = balance(conv_shapes(design), dsp_budget, overhead, max(target_interval, others))
    return replace(folding, interval=max(folding.interval, others))


class FoldingSpace:
    """Every interval that some folding gives, and for each the folding with the fewest multipliers.

    For an interval each layer takes its largest legal factor that keeps it. So the multipliers
    fall as the interval rises, and only cycles that some legal factor gives can be an interval.

    Args:
        convs: the convolutions.
        overhead: c of the tool (``cycles.conv_overhead``), one for all or by layer name.
        interval_floor: cycles below which nothing is gained (a slower layer of another sort, a target).

    Attributes:
        intervals: rising; the first is the fastest.
    """

    def __init__(
        self, convs: Iterable[ConvShape], overhead: int | Mapping[str, int], interval_floor: int = 0
    ) -> None:
        self.convs = tuple(convs)
        self._choices = [
            [(_busy(c, rf, _of(overhead, c.name)), rf) for rf in legal_reuse_factors(c.n_in, c.n_out)]
            for c in self.convs
        ]
        lowest = max(interval_floor, *(layer[0][0] for layer in self._choices), 0)
        slower = {cycles for layer in self._choices for cycles, _ in layer if cycles > lowest}
        self.intervals: tuple[int, ...] = (lowest, *sorted(slower))

    def at(self, interval: int) -> Folding:
        """The folding with the fewest multipliers that keeps an interval of at least the first."""
        chosen = [max(option for option in layer if option[0] <= interval) for layer in self._choices]
        factors = tuple((c.name, rf) for c, (_, rf) in zip(self.convs, chosen, strict=True))
        multipliers = sum(-(-c.n_in * c.n_out // rf) for c, (_, rf) in zip(self.convs, chosen, strict=True))
        return Folding(factors, multipliers, max((cycles for cycles, _ in chosen), default=0), True)


def balance(
    convs: Iterable[ConvShape], dsp_budget: int, overhead: int | Mapping[str, int], interval_floor: int = 0
) -> Folding:
    """The smallest interval whose multipliers fit the budget, and the fewest multipliers for it.

    Exact: bisection over :class:`FoldingSpace`.

    Args:
        convs: the convolutions.
        dsp_budget: multipliers allowed in all, each counted as one DSP.
        overhead: c of the tool, see ``cycles.conv_overhead``.
        interval_floor: cycles below which nothing is gained (a slower layer of another sort, a target).

    Returns:
        the folding; where nothing fits, the largest legal factors with ``within_budget`` false.

    Raises:
        BadInputError: a negative budget.
    """
    if dsp_budget < 0:
        raise BadInputError(
            f"a DSP budget must be 0 or more, not {dsp_budget}; give the part's number of DSPs"
        )
    space = FoldingSpace(convs, overhead, interval_floor)
    first = bisect_left(
        space.intervals, True, key=lambda interval: space.at(interval).multipliers <= dsp_budget
    )
    folding = space.at(space.intervals[min(first, len(space.intervals) - 1)])
    return replace(folding, within_budget=folding.multipliers <= dsp_budget)


def _busy(conv: ConvShape, reuse_factor: int, overhead: int) -> int:
    """Cycles it is busy with one image, as ``cycles.layer_cycles`` counts them."""
    cycles = conv_cycles(conv.input_pixels, conv.output_pixels, reuse_factor, overhead)
    return cycles + PIPELINE_CYCLES


def _of(overhead: int | Mapping[str, int], name: str) -> int:
    return overhead if isinstance(overhead, int) else overhead[name]


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return small + [number // d for d in small]
