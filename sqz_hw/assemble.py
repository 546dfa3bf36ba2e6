"""Puts a report together from the model, the design, the verification and the estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sqz_hw.assemble_hardware import (
    budget_section,
    every_part_section,
    fifo_section,
    layer_cycles,
    network_section,
    zeros_section,
)
from sqz_hw.design import Design
from sqz_hw.estimate.cycles import estimate_cycles, tool_for
from sqz_hw.estimate.dataflow import simulate
from sqz_hw.estimate.memory import MemoryKind, MemoryMap, memory_map
from sqz_hw.estimate.parts import Part
from sqz_hw.estimate.ranges import ZERO, Range
from sqz_hw.estimate.resources import LOGIC, Predicts, ResourceEstimate, estimate_resources, verdict
from sqz_hw.estimate.synthesis.totals import total_error
from sqz_hw.model.accumulators import accumulators
from sqz_hw.model.compression import container
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.layers import Kind
from sqz_hw.model.modelfile import Model
from sqz_hw.model.storage import storage
from sqz_hw.report.content import (
    AccumulatorSection,
    AccumulatorTypes,
    Accuracy,
    LatencyColumn,
    LayerComparison,
    LayerMemory,
    MemorySection,
    ModelSection,
    NotCompared,
    PartSection,
    Report,
    ResourceColumn,
    VerificationSection,
)
from sqz_hw.report.sections import Calibration
from sqz_hw.synth.columns import Measured
from sqz_hw.verify.exactness import float64_layers
from sqz_hw.verify.run import CSIM, Outcome, accuracy

Scores = npt.NDArray[np.float64]


def assemble(
    model: Model,
    part: Part,
    design: Design,
    outcome: Outcome,
    data: Dataset,
    float_scores: Scores | None,
    *,
    measured: Measured | None = None,
    notes: Sequence[str] = (),
) -> Report:
    """The report of one build.

    Args:
        model: the quantised model.
        part: what it is built for.
        design: the hardware, with its decisions.
        outcome: what the verification found.
        data: the images it ran on.
        float_scores: scores of the float network on the same images, or None.
        measured: columns of the vendor's tools, if they ran.
        notes: lines on the measurements, and what would help a design that does not fit.

    Raises:
        ToolError: g++, which the simulation of the dataflow needs, is missing or failed.
    """
    memories = memory_map(design)
    resources = estimate_resources(design, memories)
    cycles, simulation = estimate_cycles(design), simulate(design)
    budget = {name: part.budget[name] for name in resources.totals}
    judged = verdict(resources.totals, budget, design.clock_mhz)
    described = model_section(model)
    measured = Measured() if measured is None else measured
    return Report(
        model=described,
        part=PartSection.of(part),
        verification=_verification(design, outcome, data, float_scores),
        resources=(*_resources(design, resources, memories), *measured.resources),
        latency=(
            LatencyColumn(
                kind="estimate",
                clock_mhz=design.clock_mhz,
                clock_status="assumed",
                latency_cycles=simulation.latency,
                interval_cycles=simulation.interval,
                bottleneck=simulation.bottleneck,
                layers=layer_cycles(cycles.layers, simulation.layers),
            ),
            *measured.latency,
        ),
        memory=_memory(design, part, memories),
        verdict=judged,
        accumulators=_accumulators(model),
        network=network_section(design, model.architecture),
        fifos=fifo_section(design, memories, simulation.streams),
        zeros=zeros_section(model, design, described.nonzeros, simulation.interval),
        budgets=budget_section(design, memories),
        every_part=every_part_section(design),
        notes=tuple(notes) or None,
    )


def _resources(design: Design, vivado: ResourceEstimate, memories: MemoryMap) -> tuple[ResourceColumn, ...]:
    """Both estimates as columns: what csynth reports, and what Vivado's synthesis makes of it."""
    csynth = estimate_resources(design, memories, "csynth")
    tool = tool_for(design)
    return tuple(
        ResourceColumn(
            kind="estimate",
            predicts=found.predicts,
            tool=tool,
            totals=_totals(found.totals),
            layers=found.layers,
            calibration=_calibration(found.predicts),
        )
        for found in (csynth, vivado)
    )


def _calibration(predicts: Predicts) -> dict[str, Calibration] | None:
    """How far the totals of whole designs were off, for csynth; Vivado's have too few to say."""
    if predicts == "vivado":
        return None
    found = {}
    for name in LOGIC:
        error = total_error(name)
        found[name] = Calibration(
            n=error.designs,
            median_abs_pct=error.median_abs_pct,
            coverage_90=None,
            median_high_over_low=round(error.high / error.low, 2),
        )
    return found


def _accumulators(model: Model) -> AccumulatorSection:
    found = accumulators(model)
    channels = {spec.name: spec.out_shape[2] for spec in model.architecture.convolutions}
    return AccumulatorSection(
        tight_bits=sum(a.tight.width * channels[name] for name, a in found.items()),
        auto_bits=sum(a.auto.width * channels[name] for name, a in found.items()),
        layers=tuple(AccumulatorTypes(name, str(a.tight), str(a.auto)) for name, a in found.items()),
    )


def _totals(totals: Mapping[str, Range | None]) -> dict[str, Range | None]:
    """The estimate's totals, block RAM in tiles of two as well; these kernels place nothing in URAM."""
    blocks = totals["BRAM18"]
    tiles = (
        None if blocks is None else Range(*(-(-n // 2) for n in (blocks.low, blocks.expected, blocks.high)))
    )
    return {**totals, "BRAM36": tiles, "URAM": ZERO}


def model_section(model: Model) -> ModelSection:
    """What is computed, counted."""
    sizes = storage(model)
    arch = model.architecture
    nonzero_macs = nonzeros = 0
    for spec in arch.convolutions:
        kernel = int(np.count_nonzero(model.weights[f"{spec.name}/kernel"]))
        nonzeros += kernel + int(np.count_nonzero(model.weights[f"{spec.name}/bias"]))
        nonzero_macs += kernel * spec.out_shape[0] * spec.out_shape[1]
    widths = [] if model.quantisation is None else [t.width for t in model.quantisation.weights.values()]
    return ModelSection(
        name=model.name,
        architecture=arch.name,
        parameters=arch.parameters,
        nonzeros=nonzeros,
        weight_bits=max(widths, default=32),
        code_bits=None if model.quantisation is None else model.quantisation.code_bits,
        dense_bytes=sizes.dense_bytes,
        compressed_bytes=sizes.compressed_bytes,
        shipped_bytes=len(container.write(model)),
        float_bytes=sizes.float_bytes,
        macs=sum(s.macs for s in arch.layers if s.kind is Kind.CONV),
        nonzero_macs=nonzero_macs,
        fire_density=round(model.density(), 6),
    )


def _verification(
    design: Design, outcome: Outcome, data: Dataset, float_scores: Scores | None
) -> VerificationSection:
    comparison = outcome.comparison
    agreement = None
    if float_scores is not None:
        same = float_scores.argmax(axis=1) == outcome.scores[CSIM].argmax(axis=1)
        agreement = round(float(100.0 * same.mean()), 4)
    engines = dict(outcome.scores)
    if float_scores is not None:
        engines = {"float": float_scores, **engines}
    measured = None
    if data.y is not None:
        measured = {name: accuracy_row(scores, data.y) for name, scores in engines.items()}
    missing = "the engine has no tensor that answers to it"
    return VerificationSection(
        images=comparison.images,
        source=data.source,
        compared=(*comparison.engines, CSIM),
        layers=tuple(
            LayerComparison(row.name, row.elements, row.mismatches, row.max_abs_error_lsb)
            for row in comparison.rows()
        ),
        bit_exact=comparison.bit_exact,
        float_agreement_top1=agreement,
        not_compared=tuple(NotCompared(name, missing) for name in sorted(comparison.not_compared)),
        accuracy=measured,
        float64_layers=float64_layers(design),
    )


def accuracy_row(scores: Scores, labels: npt.NDArray[np.int64]) -> Accuracy:
    """Top-1 and top-5 in percent."""
    top1, top5 = accuracy(scores, labels, 1), accuracy(scores, labels, 5)
    return Accuracy(round(top1 or 0.0, 4), None if top5 is None else round(top5, 4))


def _memory(design: Design, part: Part, memories: MemoryMap) -> MemorySection:
    kinds = (MemoryKind.WEIGHTS, MemoryKind.LINE_BUFFER, MemoryKind.FIFO)
    writer = {stream.name: stream.source or stream.name for stream in design.streams}
    by_layer: dict[str, dict[MemoryKind, int]] = {}
    for memory in memories.memories:
        name = writer.get(memory.name, memory.name) if memory.kind is MemoryKind.FIFO else memory.name
        held = by_layer.setdefault(name, dict.fromkeys(kinds, 0))
        held[memory.kind] += memory.bits
    order = [design.input.name, *(layer.name for layer in design.layers)]
    weights, lines, fifos = (sum(held[kind] for held in by_layer.values()) for kind in kinds)
    return MemorySection(
        kind="estimate",
        weights_bits=weights,
        line_buffer_bits=lines,
        fifo_bits=fifos,
        budget_bits=part.memory_bits,
        layers=tuple(
            LayerMemory(name, *(by_layer[name][kind] for kind in kinds)) for name in order if name in by_layer
        ),
    )
