"""What the report of a StreamRTL build says: columns of resources, memory, verification, notes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw.assemble import accuracy_row
from sqz_hw.design import Design
from sqz_hw.estimate.layer_resources import LayerResources
from sqz_hw.estimate.parts import Part
from sqz_hw.estimate.ranges import ZERO, Range
from sqz_hw.flow import float_scores
from sqz_hw.model.datasets import Dataset
from sqz_hw.report.content import (
    Accuracy,
    LayerComparison,
    MemorySection,
    ResourceColumn,
    VerificationSection,
)
from sqz_hw.rtl.accelerator import Accelerated
from sqz_hw.rtl.cost import SPREAD
from sqz_hw.rtl.cost_core import block_depth, window_depth
from sqz_hw.rtl.counts import Count, total
from sqz_hw.rtl.depth import network_levels
from sqz_hw.rtl.plan import Plan
from sqz_hw.rtl.simulate import Measured, lanes, useful_products
from sqz_hw.rtl.synthesis import yosys_name
from sqz_hw.verify.exactness import float64_layers

Scores = npt.NDArray[np.float64]


def estimated(accelerated: Accelerated) -> ResourceColumn:
    """The cost model's column."""
    cost = accelerated.cost
    blocks = math.ceil(2 * cost.tiles)
    totals: dict[str, Range | None] = {
        "LUT": _around(cost.lut), "FF": _around(cost.ff), "DSP": Range.exactly(cost.dsp),
        "BRAM18": Range.exactly(blocks), "BRAM36": Range.exactly(-(-blocks // 2)), "URAM": ZERO,
    }  # fmt: skip
    return ResourceColumn("estimate", None, "StreamRTL's cost model, fitted to Yosys's counts", totals)


def _around(value: float) -> Range:
    return Range(math.floor(value * (1 - SPREAD)), round(value), math.ceil(value * (1 + SPREAD)))


def counted(plan: Plan, counts: Mapping[str, Count]) -> ResourceColumn:
    """Yosys's column, by stage."""
    stages: dict[str, list[Count]] = {}
    for instance in plan.instances:
        stages.setdefault(instance.stage, []).append(counts[instance.name])
    return ResourceColumn(
        "yosys", None, yosys_name(), _exact(total(counts.values())),
        tuple(LayerResources(stage, _exact(total(found))) for stage, found in stages.items()),
    )  # fmt: skip


def _exact(count: Count) -> dict[str, Range | None]:
    blocks = count.bram18 + 2 * count.bram36
    values = {
        "LUT": count.lut, "FF": count.ff, "DSP": count.dsp, "BRAM18": blocks, "BRAM36": -(-blocks // 2),
        "URAM": count.uram,
    }  # fmt: skip
    return {name: Range.exactly(value) for name, value in values.items()}


def memory(plan: Plan, part: Part) -> MemorySection:
    """Bits that the memories hold, by what they are for (as generated: exact)."""
    weights = sum(bits * len(words) for bits, words in plan.memories.values())
    lines = queues = 0
    for instance in plan.instances:
        v = {name: int(value) for name, value in instance.parameters.items() if not isinstance(value, str)}
        if instance.module == "sqz_sparse_core":
            if v["TAPS"] > 1:
                lines += window_depth(v)[0] * v["B"] * v["P"]
            else:
                lines += block_depth(v) * v["B"] * max(v["P"], v["PIN"])
            queues += v["QUEUE"] * v["P"] * v["OUT"]
        elif instance.module == "sqz_max_pool":
            lines += v["W"] * v["C"] * v["B"]
            queues += v["C"] * v["P"] // 2 * v["B"] if v["P"] < v["W"] else 0  # windows that wait
        elif instance.module == "sqz_space_to_depth":
            lines += 2 * v["S"] * v["W"] * v["C"] * v["B"]
        elif instance.module == "sqz_global_sum":
            lines += v["C"] * v["OUT"]
        elif instance.module == "sqz_reblock":
            queues += v["SLOTS"] * v["C"] * v["B"] * max(v["PIN"], v["POUT"])
    return MemorySection("estimate", weights, lines, queues, part.memory_bits)


def verification(
    model_path: Path,
    data: Dataset,
    scores: Mapping[str, Scores],
    layers: tuple[LayerComparison, ...],
    result: str,
    design: Design,
) -> VerificationSection:
    """What was compared, and the engines' accuracy.

    Args:
        model_path, data: the model's file, the images.
        scores: images x classes, by engine; images x 1 if the class itself is the result.
        layers: compared, tensor by tensor.
        result: ``scores`` or ``argmax``.
        design: the hardware.
    """
    floats = float_scores(model_path, data)
    agreement = None
    engines = dict(scores)
    if floats is not None:
        same = floats.argmax(axis=1) == classes_of(engines["rtl"], result)
        agreement = round(float(100.0 * same.mean()), 4)
        engines = {"float": floats, **engines}
    measured: dict[str, Accuracy] | None = None
    if data.y is not None and result == "scores":
        labels = data.y
        measured = {name: accuracy_row(found, labels) for name, found in engines.items()}
    return VerificationSection(
        images=len(data), source=data.source, compared=("qkeras", "golden", "rtl"), layers=layers,
        bit_exact=all(layer.mismatches == 0 for layer in layers), float_agreement_top1=agreement,
        accuracy=measured, float64_layers=float64_layers(design),
    )  # fmt: skip


def classes_of(results: Scores, result: str) -> Scores:
    """The class of each image, from its scores, or from the class itself where that is the result."""
    flat = results.reshape(len(results), -1)
    return flat[:, 0] if result == "argmax" else flat.argmax(axis=1).astype(np.float64)


def notes(
    plan: Plan, measured: Measured, counts: Mapping[str, Count] | None, stalled: int, stalls: tuple[int, int]
) -> tuple[str, ...]:
    """What the columns do not say.

    Args:
        plan: the accelerator.
        measured: by the simulation.
        counts: of each instance, where Yosys counted.
        stalled: images that were simulated again under random stalls.
        stalls: per mille of clocks in which pixels were offered and results taken then.
    """
    lines = [
        f"StreamRTL: {lanes(plan)} multiplier lanes, {useful_products(plan):,} products an image "
        f"with a nonzero weight: {100 * measured.useful:.1f} % of the lanes' clocks, "
        "measured in the steady state",
        f"{stalled} of the images were simulated again with pixels offered in {stalls[0] / 10:g} % and "
        f"results taken in {stalls[1] / 10:g} % of clocks, at random; every tensor is compared there too",
    ]
    if counts is not None:
        deepest = max(plan.instances, key=lambda i: counts[i.name].levels)
        levels, way = network_levels(plan, {name: count.paths for name, count in counts.items()})
        lines += [
            f"longest combinational path of a module: {counts[deepest.name].levels} LUT levels "
            f"({deepest.name}); through several modules: {levels} ({way}); carry chains and a slice's own "
            "multiplexers count none",
        ]
    lines += [
        f"queue {name}: {most} of {depth} words used at most"
        for name, (depth, most) in sorted(measured.queues.items())
        if most == depth
    ]
    return tuple(lines)
