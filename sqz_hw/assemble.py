"""Puts a report together from the model, the design, the verification and the estimates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design
from sqz_hw.estimate.cycles import estimate_cycles, tool_for
from sqz_hw.estimate.memory import MemoryKind, MemoryMap, memory_map
from sqz_hw.estimate.parts import Part
from sqz_hw.estimate.ranges import Range as EstimateRange
from sqz_hw.estimate.resources import PREDICTS, estimate_resources, verdict
from sqz_hw.model.accumulators import accumulators
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
    LayerCycles,
    LayerMemory,
    LayerResources,
    MemorySection,
    ModelSection,
    NotCompared,
    PartSection,
    Range,
    Report,
    ResourceColumn,
    Verdict,
    VerificationSection,
)
from sqz_hw.verify.exactness import float64_layers
from sqz_hw.verify.run import CSIM, Outcome, accuracy

Scores = npt.NDArray[np.float64]


def assemble(
    model: Model, part: Part, design: Design, outcome: Outcome, data: Dataset, float_scores: Scores | None
) -> Report:
    """The report of one build.

    Args:
        model: the quantised model.
        part: what it is built for.
        design: the hardware, with its decisions.
        outcome: what the verification found.
        data: the images it ran on.
        float_scores: scores of the float network on the same images, or None.
    """
    memories = memory_map(design)
    resources = estimate_resources(design, memories)
    cycles = estimate_cycles(design)
    budget = {name: part.budget[name] for name in resources.totals}
    judged = verdict(resources.totals, budget, design.clock_mhz)
    return Report(
        model=_model(model),
        part=PartSection.of(part),
        verification=_verification(design, outcome, data, float_scores),
        resources=(
            ResourceColumn(
                kind="estimate",
                predicts=PREDICTS,
                tool=tool_for(design),
                totals=_totals(resources.totals),
                layers=tuple(
                    LayerResources(row.name, {name: _range(amount) for name, amount in row.totals.items()})
                    for row in resources.layers
                ),
            ),
        ),
        latency=(
            LatencyColumn(
                kind="estimate",
                clock_mhz=design.clock_mhz,
                clock_status="assumed",
                latency_cycles=cycles.latency,
                interval_cycles=cycles.interval,
                bottleneck=cycles.bottleneck,
                layers=tuple(LayerCycles(name, count) for name, count in cycles.layers),
            ),
        ),
        memory=_memory(design, part, memories),
        verdict=Verdict(judged.fits, judged.reasons),
        accumulators=_accumulators(model),
    )


def _accumulators(model: Model) -> AccumulatorSection:
    found = accumulators(model)
    channels = {spec.name: spec.out_shape[2] for spec in model.architecture.convolutions}
    return AccumulatorSection(
        tight_bits=sum(a.tight.width * channels[name] for name, a in found.items()),
        auto_bits=sum(a.auto.width * channels[name] for name, a in found.items()),
        layers=tuple(AccumulatorTypes(name, str(a.tight), str(a.auto)) for name, a in found.items()),
    )


def _totals(totals: Mapping[str, EstimateRange | None]) -> dict[str, Range | None]:
    """The estimate's totals, block RAM in tiles of two as well; these kernels place nothing in URAM."""
    blocks = totals["BRAM18"]
    tiles = (
        None if blocks is None else Range(*(-(-n // 2) for n in (blocks.low, blocks.expected, blocks.high)))
    )
    return {
        **{name: _range(amount) for name, amount in totals.items()},
        "BRAM36": tiles,
        "URAM": Range.exactly(0),
    }


def _model(model: Model) -> ModelSection:
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
        code_bits=None,
        dense_bytes=sizes.dense_bytes,
        compressed_bytes=sizes.compressed_bytes,
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
        measured = {name: _accuracy(scores, data.y) for name, scores in engines.items()}
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


def _accuracy(scores: Scores, labels: npt.NDArray[np.int64]) -> Accuracy:
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


def _range(amount: EstimateRange | None) -> Range | None:
    return None if amount is None else Range(amount.low, amount.expected, amount.high)
