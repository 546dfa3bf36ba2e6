"""The sections of ``report.json`` that came after the first ones; all are optional.

An older report has none of them, and the views leave out what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqz_hw.estimate.budget import MemoryNeed, PartMemory
from sqz_hw.estimate.every_part import PartVerdict

StoredIn = Literal["block RAM", "registers or LUTs", "port"]
ZerosKind = Literal["counted", "assumed"]


@dataclass(frozen=True)
class Calibration:
    """How far an estimate was off on designs whose synthesis is known.

    Attributes:
        n: designs (or layers) compared; small n says little.
        median_abs_pct: median of abs(expected - reported) / reported, in percent.
        coverage_90: share of reported values within low and high, 0 to 1; 0.9 was asked for. None where
            the bounds are the extremes seen.
        median_high_over_low: median width of the interval, high / low.
    """

    n: int
    median_abs_pct: float
    coverage_90: float | None
    median_high_over_low: float


@dataclass(frozen=True)
class NetworkLayer:
    """One layer of the hardware, counted in the design.

    Attributes:
        name: the layer.
        op: what it does (:class:`sqz_hw.design.Op`).
        fire: the Fire module it belongs to, or None.
        inputs: the layers it reads, in order; None stands for the pixels.
        in_shape, out_shape: (height, width, channels) of the first input and of the output.
        in_type, out_type: fixed-point types of one value.
        kernel, stride: of the window, 0 where there is none.
        weight_type, accum_type: of a convolution, else None.
        reuse_factor, multipliers: of a convolution, else None.
        macs, nonzero_macs: multiplications an image, and those with a weight that is not zero.
    """

    name: str
    op: str
    fire: str | None
    inputs: tuple[str | None, ...]
    in_shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    in_type: str
    out_type: str
    kernel: int
    stride: int
    weight_type: str | None
    accum_type: str | None
    reuse_factor: int | None
    multipliers: int | None
    macs: int
    nonzero_macs: int


@dataclass(frozen=True)
class StreamRow:
    """One FIFO.

    Attributes:
        name: the stream.
        source, sink: the layers that write and read it; None at the design's edge.
        width_bits, depth, bits: of one word; words; their product.
        stored: where it is expected to be stored; ``port`` at the design's edge.
        high_water: most words seen waiting in a dataflow simulation, or None.
        stalls: cycles an image that its writer waited because it was full, or None.
    """

    name: str
    source: str | None
    sink: str | None
    width_bits: int
    depth: int
    bits: int
    stored: StoredIn
    high_water: int | None = None
    stalls: int | None = None


@dataclass(frozen=True)
class FifoSection:
    """All FIFOs; ``kind`` is that of ``stored``, ``high_water`` and ``stalls``; the rest is counted."""

    kind: Literal["estimate"]
    streams: tuple[StreamRow, ...]


@dataclass(frozen=True)
class ZerosCase:
    """The model with or without its pruning.

    Attributes:
        name: ``as pruned`` or ``not pruned``.
        kind: ``counted`` in the model, or ``assumed`` (every weight taken as not zero).
        nonzeros: weights and biases that are not zero.
        dense_bytes, compressed_bytes: as dense codes; the smaller of dense and sparse for each layer.
        multiplications: an image, by these kernels.
        nonzero_multiplications: of them, with a weight that is not zero.
        interval_cycles, fps: of this hardware.
        bound_interval_cycles: no engine with this many multipliers in each layer that works on
            nonzeros only can be faster; a bound, not a result.
    """

    name: Literal["as pruned", "not pruned"]
    kind: ZerosKind
    nonzeros: int
    dense_bytes: int
    compressed_bytes: int
    multiplications: int
    nonzero_multiplications: int
    interval_cycles: int
    fps: float
    bound_interval_cycles: int


@dataclass(frozen=True)
class ZerosSection:
    """What zeros are worth: these kernels ignore them (``skipped`` is False).

    ``kind`` is that of ``interval_cycles`` and ``fps``.
    """

    kind: Literal["estimate"]
    skipped: bool
    cases: tuple[ZerosCase, ...]


@dataclass(frozen=True)
class Beside:
    """Another network's weights, to compare with."""

    name: str
    bytes: int
    source: str


@dataclass(frozen=True)
class BudgetSection:
    """Which parts hold the model: bits against bits, which is not yet fit.

    Attributes:
        kind: of line buffers and FIFOs; weights and biases are counted.
        needs: what is needed, one row a weight width.
        parts: what each part has, and its answer for each width.
        beside: other networks' weights.
    """

    kind: Literal["estimate"]
    needs: tuple[MemoryNeed, ...]
    parts: tuple[PartMemory, ...]
    beside: tuple[Beside, ...]


@dataclass(frozen=True)
class PartVerdicts:
    """The same model on every part, each with a folding of its own.

    Attributes:
        kind: of the resources and the interval.
        foldings: tried for each part, spread over all that are legal.
        clock_mhz: at which images a second are meant.
        parts: one row a part.
    """

    kind: Literal["estimate"]
    foldings: int
    clock_mhz: float
    parts: tuple[PartVerdict, ...]


ALEXNET = Beside("AlexNet", 240_000_000, "Iandola et al. 2016, arXiv 1602.07360, table 2")
"""AlexNet's float32 weights: "240MB" in SqueezeNet's paper."""
