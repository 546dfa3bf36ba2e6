"""What ``report.json`` says, as frozen dataclasses (its JSON Schema is ``schema.json``).

No number stands without its kind. Columns go from least to most trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar, Literal

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.layer_resources import LayerResources
from sqz_hw.estimate.parts import Part
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.verdict import Verdict
from sqz_hw.report.sections import (
    BudgetSection,
    Calibration,
    FifoSection,
    NetworkLayer,
    PartVerdicts,
    ZerosSection,
)
from sqz_hw.report.timing import TIMING_NOTE, clock_is_assumed, speaks_of_timing

SCHEMA = 1
RESOURCES = ("LUT", "FF", "DSP", "BRAM18", "BRAM36", "URAM")

ResourceKind = Literal["estimate", "csynth", "vivado", "yosys"]
LatencyKind = Literal["estimate", "csynth", "cosim", "rtl-simulation"]
ClockStatus = Literal["assumed", "met"]


@dataclass(frozen=True)
class ModelSection:
    """What is computed; every number is counted, none is estimated.

    Attributes:
        name: the model's name.
        architecture: the architecture's name (``v1.0``).
        parameters, nonzeros: weights and biases in all, and those that are not zero.
        weight_bits: bits of a weight (of the widest layer).
        code_bits: bits of a codebook index where weights are shared, else None.
        dense_bytes, compressed_bytes: the parameters as dense codes, and as stored compressed.
        macs, nonzero_macs: multiplications an image, and those with a weight that is not zero.
        fire_density: share of the Fire modules' weights that are not zero (0 to 1), or None.
        shipped_bytes: the whole model as a Deep Compression file, Huffman codes included, or None.
        float_bytes: the parameters as float32, or None.
    """

    _optional: ClassVar[tuple[str, ...]] = ("fire_density", "shipped_bytes", "float_bytes")

    name: str
    architecture: str
    parameters: int
    nonzeros: int
    weight_bits: int
    code_bits: int | None
    dense_bytes: int
    compressed_bytes: int
    macs: int
    nonzero_macs: int
    fire_density: float | None = None
    shipped_bytes: int | None = None
    float_bytes: int | None = None


@dataclass(frozen=True)
class PartSection:
    """The part and its ``budget``: each of RESOURCES, and ``memory_bits``."""

    name: str
    full_name: str
    budget: Mapping[str, int]

    @classmethod
    def of(cls, part: Part) -> PartSection:
        """The section for a part of the table."""
        return cls(part.name, part.full_name, part.budget)


@dataclass(frozen=True)
class LayerComparison:
    """One tensor compared: values, values that differ, and the largest difference in LSB."""

    name: str
    elements: int
    mismatches: int
    max_abs_error_lsb: float


@dataclass(frozen=True)
class NotCompared:
    """A layer or an engine that was left out of the comparison, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Accuracy:
    """Accuracy of one engine in percent; ``top5`` is None where it means nothing."""

    top1: float
    top5: float | None


@dataclass(frozen=True)
class VerificationSection:
    """Does the hardware compute the right thing.

    Attributes:
        images: images compared.
        source: where they come from.
        compared: names of the engines that were compared with each other.
        layers: one row a tensor, in dataflow order.
        bit_exact: no value differs; None where nothing was compared.
        float_agreement_top1: percent of images with the float model's top class, or None.
        not_compared: what was left out, each with its reason.
        accuracy: by engine, or None where labels are not known.
        float64_layers: convolutions and additions that QKeras computed in float64, as float32 is not proven
            to hold their sums.
    """

    _optional: ClassVar[tuple[str, ...]] = ("accuracy",)

    images: int
    source: str
    compared: tuple[str, ...]
    layers: tuple[LayerComparison, ...]
    bit_exact: bool | None
    float_agreement_top1: float | None
    not_compared: tuple[NotCompared, ...] = ()
    accuracy: Mapping[str, Accuracy] | None = None
    float64_layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class AccumulatorTypes:
    """Types of one convolution's accumulator: what is built, and what hls4ml would infer."""

    name: str
    tight: str
    auto: str


@dataclass(frozen=True)
class AccumulatorSection:
    """Bits of the convolutions' accumulators, width times output channels.

    Attributes:
        tight_bits: as narrow as the actual weights allow; this is what is built.
        auto_bits: what hls4ml infers from the types alone.
        layers: types by layer.
    """

    tight_bits: int
    auto_bits: int
    layers: tuple[AccumulatorTypes, ...]


@dataclass(frozen=True)
class ResourceColumn:
    """Resources from one source.

    Attributes:
        kind: who says so.
        predicts: what an estimate predicts (``csynth`` or ``vivado``); None for a measurement.
        tool: name and version of the tool.
        totals: each of RESOURCES; None where it is not estimated. What is left out counts as None.
        layers: rows in dataflow order.
        calibration: by resource, how far this estimate was off on known designs; None where not known.
    """

    _optional: ClassVar[tuple[str, ...]] = ("calibration",)

    kind: ResourceKind
    predicts: Literal["csynth", "vivado"] | None
    tool: str
    totals: Mapping[str, Range | None]
    layers: tuple[LayerResources, ...] = ()
    calibration: Mapping[str, Calibration] | None = None


@dataclass(frozen=True)
class LayerCycles:
    """Cycles that one layer is busy with an image, and when.

    Attributes:
        name: the layer.
        cycles: it is busy with an image, if nothing makes it wait.
        first, last: cycles of the first image at which it begins and ends; None where not simulated.
        busy, starved, blocked: cycles of a steady interval in which it works, waits for input, and
            waits for room at its output; None where not simulated.
    """

    _optional: ClassVar[tuple[str, ...]] = ("first", "last", "busy", "starved", "blocked")

    name: str
    cycles: int
    first: int | None = None
    last: int | None = None
    busy: int | None = None
    starved: int | None = None
    blocked: int | None = None


@dataclass(frozen=True)
class LatencyColumn:
    """Speed from one source; ``latency_us`` and ``fps`` follow from cycles and clock.

    Attributes:
        kind: who says so.
        clock_mhz: clock in MHz.
        clock_status: ``assumed`` until a tool has shown that the design meets it.
        latency_cycles, interval_cycles: from first pixel to result; from one image to the next.
        bottleneck: the layer that sets the interval, or None where not known.
        layers: rows in dataflow order.

    Raises:
        BadInputError: a clock or interval that is not positive.
    """

    _derived: ClassVar[tuple[str, ...]] = ("latency_us", "fps")

    kind: LatencyKind
    clock_mhz: float
    clock_status: ClockStatus
    latency_cycles: int
    interval_cycles: int
    bottleneck: str | None
    layers: tuple[LayerCycles, ...] = ()

    def __post_init__(self) -> None:
        if not self.clock_mhz > 0 or self.interval_cycles < 1:
            raise BadInputError(
                "latency must have a clock above 0 MHz and an interval of 1 cycle or more, "
                f"not {self.clock_mhz} MHz and {self.interval_cycles}; mend what computed it"
            )

    @property
    def latency_us(self) -> float:
        """Microseconds from the first pixel in to the result out."""
        return round(self.latency_cycles / self.clock_mhz, 3)

    @property
    def fps(self) -> float:
        """Images a second."""
        return round(self.clock_mhz * 1e6 / self.interval_cycles, 3)


@dataclass(frozen=True)
class LayerMemory:
    """On-chip memory of one layer in bits; a FIFO counts with the layer that writes it."""

    name: str
    weights_bits: int
    line_buffer_bits: int
    fifo_bits: int


@dataclass(frozen=True)
class MemorySection:
    """On-chip memory in bits, by what it holds, against the part's ``budget_bits``."""

    _derived: ClassVar[tuple[str, ...]] = ("total_bits",)

    kind: ResourceKind
    weights_bits: int
    line_buffer_bits: int
    fifo_bits: int
    budget_bits: int
    layers: tuple[LayerMemory, ...] = ()

    @property
    def total_bits(self) -> int:
        """Weights, line buffers and FIFOs together."""
        return self.weights_bits + self.line_buffer_bits + self.fifo_bits


@dataclass(frozen=True)
class Report:
    """All of ``report.json``; sections that default to None are optional.

    ``notes`` are on the measurements: one line for each thing that their columns do not say.
    """

    _optional: ClassVar[tuple[str, ...]] = (
        "accumulators", "network", "fifos", "zeros", "budgets", "every_part", "notes",
    )  # fmt: skip

    model: ModelSection
    part: PartSection
    verification: VerificationSection
    resources: tuple[ResourceColumn, ...]
    latency: tuple[LatencyColumn, ...]
    memory: MemorySection
    verdict: Verdict
    accumulators: AccumulatorSection | None = None
    network: tuple[NetworkLayer, ...] | None = None
    fifos: FifoSection | None = None
    zeros: ZerosSection | None = None
    budgets: BudgetSection | None = None
    every_part: PartVerdicts | None = None
    notes: tuple[str, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the verdict gains TIMING_NOTE where it owes and lacks it."""
        plain: dict[str, Any] = {"schema": SCHEMA, **_plain(self)}
        for column in plain["resources"]:
            column["totals"] = {name: column["totals"].get(name) for name in RESOURCES} | column["totals"]
        if clock_is_assumed(plain) and not speaks_of_timing(plain):
            plain["verdict"]["reasons"].append(TIMING_NOTE)
        return plain


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        names = [f.name for f in fields(value)] + list(getattr(value, "_derived", ()))
        absent = [n for n in getattr(value, "_optional", ()) if getattr(value, n) is None]
        return {name: _plain(getattr(value, name)) for name in names if name not in absent}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
