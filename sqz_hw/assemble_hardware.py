"""The report's sections that are read off the design: network, FIFOs, zeros, part budgets, layer times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sqz_hw.design import Design, DesignLayer
from sqz_hw.estimate.budget import memory_budget
from sqz_hw.estimate.every_part import ATTEMPTS, verdicts
from sqz_hw.estimate.memory import MemoryKind, MemoryMap
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.modelfile import Model
from sqz_hw.model.storage import storage
from sqz_hw.report.content import LayerCycles
from sqz_hw.report.sections import (
    ALEXNET,
    BudgetSection,
    FifoSection,
    NetworkLayer,
    PartVerdicts,
    StoredIn,
    StreamRow,
    ZerosCase,
    ZerosSection,
)


class LayerTiming(Protocol):
    """When a dataflow simulation saw one layer at work, in cycles (see :class:`LayerCycles`)."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def first(self) -> int: ...  # noqa: D102
    @property
    def last(self) -> int: ...  # noqa: D102
    @property
    def busy(self) -> int: ...  # noqa: D102
    @property
    def starved(self) -> int: ...  # noqa: D102
    @property
    def blocked(self) -> int: ...  # noqa: D102


class StreamUse(Protocol):
    """How a dataflow simulation saw one FIFO used (see :class:`StreamRow`)."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def high_water(self) -> int: ...  # noqa: D102
    @property
    def stalls(self) -> int: ...  # noqa: D102


def layer_cycles(
    cycles: Iterable[tuple[str, int]], timings: Iterable[LayerTiming] = ()
) -> tuple[LayerCycles, ...]:
    """Cycles of each layer, with its times where they were simulated.

    Args:
        cycles: (layer, cycles it is busy with an image), in dataflow order.
        timings: of a dataflow simulation; layers may be missing.
    """
    seen = {timing.name: timing for timing in timings}
    rows = []
    for name, count in cycles:
        t = seen.get(name)
        if t is None:
            rows.append(LayerCycles(name, count))
        else:
            rows.append(LayerCycles(name, count, t.first, t.last, t.busy, t.starved, t.blocked))
    return tuple(rows)


def network_section(design: Design, architecture: Architecture) -> tuple[NetworkLayer, ...]:
    """The layers of the design, each with the Fire module it belongs to."""
    fires = {spec.safe_name: spec.fire for spec in architecture.layers}
    return tuple(_network_layer(design, layer, fires) for layer in design.layers)


def _network_layer(design: Design, layer: DesignLayer, fires: dict[str, str | None]) -> NetworkLayer:
    streams = [design.stream(name) for name in layer.inputs]
    conv, pixels = layer.conv, layer.out_shape[0] * layer.out_shape[1]
    return NetworkLayer(
        name=layer.name,
        op=layer.op.value,
        fire=fires.get((layer.reference or layer.name).removesuffix("_pad")),
        inputs=tuple(stream.source for stream in streams),
        in_shape=layer.in_shape,
        out_shape=layer.out_shape,
        in_type=str(streams[0].type),
        out_type=str(layer.out_type),
        kernel=layer.kernel,
        stride=layer.stride,
        weight_type=None if conv is None else str(conv.weight_type),
        accum_type=None if conv is None else str(conv.accum_type),
        reuse_factor=None if conv is None else conv.reuse_factor,
        multipliers=None if conv is None else conv.multipliers,
        macs=0 if conv is None else pixels * conv.n_in * conv.n_out,
        nonzero_macs=0 if conv is None else pixels * conv.nonzeros,
    )


def fifo_section(design: Design, memories: MemoryMap, uses: Iterable[StreamUse] = ()) -> FifoSection:
    """Every stream with its depth and where it is expected to be stored.

    Args:
        design: the design.
        memories: its memory map.
        uses: of a dataflow simulation; streams may be missing.
    """
    blocks = {m.name: m.bram18.expected for m in memories.memories if m.kind is MemoryKind.FIFO}
    seen = {use.name: use for use in uses}
    rows = []
    for stream in design.streams:
        stored: StoredIn = "registers or LUTs"
        if stream.name not in blocks:
            stored = "port"
        elif blocks[stream.name]:
            stored = "block RAM"
        use = seen.get(stream.name)
        rows.append(
            StreamRow(
                stream.name,
                stream.source,
                stream.sink,
                stream.width_bits,
                stream.depth,
                stream.bits,
                stored,
                None if use is None else use.high_water,
                None if use is None else use.stalls,
            )
        )
    return FifoSection("estimate", tuple(rows))


def zeros_section(model: Model, design: Design, nonzeros: int, interval_cycles: int) -> ZerosSection:
    """What zeros are worth: the model as pruned beside itself with no weight zero.

    The kernels multiply by zeros too, so cycles are the same. The bound is that of the
    layer with the most nonzero products for each of its multipliers: max over layers of
    ceil(products / multipliers). With no weight zero, dense codes are the smaller storage.

    Args:
        model: the quantised model.
        design: the hardware.
        nonzeros: weights and biases of the model that are not zero.
        interval_cycles: cycles from one image to the next.
    """
    sizes = storage(model)
    rows = network_section(design, model.architecture)
    work = [(row.macs, row.nonzero_macs, row.multipliers) for row in rows if row.multipliers is not None]
    macs, nonzero_macs = sum(row[0] for row in work), sum(row[1] for row in work)
    fps = round(design.clock_mhz * 1e6 / interval_cycles, 3)
    return ZerosSection(
        kind="estimate",
        skipped=False,
        cases=(
            ZerosCase(
                name="as pruned",
                kind="counted",
                nonzeros=nonzeros,
                dense_bytes=sizes.dense_bytes,
                compressed_bytes=sizes.compressed_bytes,
                multiplications=macs,
                nonzero_multiplications=nonzero_macs,
                interval_cycles=interval_cycles,
                fps=fps,
                bound_interval_cycles=max((-(-nonzero // m) for _, nonzero, m in work), default=0),
            ),
            ZerosCase(
                name="not pruned",
                kind="assumed",
                nonzeros=model.architecture.parameters,
                dense_bytes=sizes.dense_bytes,
                compressed_bytes=sizes.dense_bytes,
                multiplications=macs,
                nonzero_multiplications=macs,
                interval_cycles=interval_cycles,
                fps=fps,
                bound_interval_cycles=max((-(-dense // m) for dense, _, m in work), default=0),
            ),
        ),
    )


def budget_section(design: Design, memories: MemoryMap) -> BudgetSection:
    """Which parts of the table hold the model at 4, 6 and 8 bits, with AlexNet beside it."""
    budget = memory_budget(design, memories)
    return BudgetSection("estimate", budget.needs, budget.parts, (ALEXNET,))


def every_part_section(design: Design) -> PartVerdicts:
    """Whether some folding of the model fits each part of the table, and what is short."""
    return PartVerdicts("estimate", ATTEMPTS, design.clock_mhz, verdicts(design))
