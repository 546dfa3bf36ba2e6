"""LUT, FF, DSP and block RAM of a design with bounds, and the verdict: does it fit.

Two predictions of the same design: what csynth reports (the calibrated model of
:mod:`sqz_hw.estimate.synthesis`), and what Vivado's synthesis makes of it, which is what
has to fit: LUT and FF by the ratios seen in public reports, block RAM by the shapes of the
memories (:mod:`sqz_hw.estimate.memory`), DSP as in csynth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqz_hw.design import Design, DesignLayer
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.layer_resources import LayerResources, Purpose
from sqz_hw.estimate.memory import MemoryKind, MemoryMap, memory_map
from sqz_hw.estimate.ranges import ZERO, Range
from sqz_hw.estimate.synthesis.facts import ToolFacts
from sqz_hw.estimate.synthesis.from_design import facts_of, tool_facts_of
from sqz_hw.estimate.synthesis.layer import estimate_fifo, estimate_layer
from sqz_hw.estimate.synthesis.post_synthesis import after_synthesis
from sqz_hw.estimate.synthesis.totals import csynth_total, vivado_total
from sqz_hw.estimate.verdict import Fits, Verdict

Predicts = Literal["csynth", "vivado"]

LOGIC: tuple[str, ...] = ("LUT", "FF")
RESOURCES: tuple[str, ...] = ("LUT", "FF", "DSP", "BRAM18")
PREDICTS: Predicts = "vivado"
"""Whose figures the verdict is about: Vivado's synthesis, which is what the part has to hold."""

_PURPOSES: Mapping[MemoryKind, Purpose] = {
    MemoryKind.WEIGHTS: "weights",
    MemoryKind.LINE_BUFFER: "line_buffer",
    MemoryKind.FIFO: "fifo",
}


@dataclass(frozen=True)
class ResourceEstimate:
    """Resources of a design.

    Attributes:
        predicts: whose report is predicted.
        totals: by each of :data:`RESOURCES`.
        layers: in dataflow order; a FIFO counts with the layer that writes it.
    """

    predicts: Predicts
    totals: Mapping[str, Range]
    layers: tuple[LayerResources, ...]


def estimate_resources(
    design: Design, memories: MemoryMap | None = None, predicts: Predicts = PREDICTS
) -> ResourceEstimate:
    """Resources of a design with the decisions that it has.

    Totals of LUT and FF have bounds of their own, from the errors of whole designs, not the
    sums of the layers' bounds: layers do not all err by the most at once. One layer may err
    by the most, so no total's high is below that of any layer with what is certain of the others.

    Args:
        design: the design.
        memories: its memory map, if it has been made already.
        predicts: whose report.

    Raises:
        BadInputError: a backend without an HLS tool.
    """
    memories = memory_map(design) if memories is None else memories
    tool = tool_facts_of(design)
    blocks = _blocks(memories)
    rows = [_csynth(design, layer, tool) for layer in design.layers]
    totals = {name: sum((row.totals[name] or ZERO for row in rows), ZERO) for name in RESOURCES}
    if predicts == "vivado":
        rows = [_after_synthesis(design, row, blocks) for row in rows]
        totals["BRAM18"] = memories.bram18
    bounds = vivado_total if predicts == "vivado" else csynth_total
    for name in LOGIC:
        totals[name] = _with_each_layer(bounds(name, totals[name].expected), name, rows)
    return ResourceEstimate(predicts, totals, tuple(rows))


def _with_each_layer(total: Range, name: str, rows: Sequence[LayerResources]) -> Range:
    """The total with its high raised to that of the widest layer and the low bounds of the others.

    The errors of whole designs are those of designs of many layers; where one layer makes up
    most of the design, its own bound counts.
    """
    amounts = [row.totals[name] or ZERO for row in rows]
    certain = sum(amount.low for amount in amounts)
    widest = max((amount.high - amount.low for amount in amounts), default=0)
    return Range(total.low, total.expected, max(total.high, certain + widest))


def _csynth(design: Design, layer: DesignLayer, tool: ToolFacts) -> LayerResources:
    """What csynth is expected to report for a layer and the FIFOs that it writes."""
    multiplier = "auto" if layer.conv is None else layer.conv.multiplier
    found = estimate_layer(facts_of(design, layer, multiplier), tool)
    fifo = dict.fromkeys(RESOURCES, ZERO)
    for stream in (design.stream(name) for name in layer.outputs):
        if stream.sink is not None:
            one = estimate_fifo(stream.width_bits, stream.depth, tool, stream.storage)
            fifo = {**fifo, "LUT": fifo["LUT"] + one.LUT, "FF": fifo["FF"] + one.FF}
            fifo["BRAM18"] += one.BRAM18
    memory: Purpose = "weights" if layer.conv is not None else "line_buffer"
    parts: dict[Purpose, dict[str, Range | None]] = {
        "logic": {"LUT": found.LUT, "FF": found.FF, "DSP": found.DSP},
        memory: {"BRAM18": found.BRAM18},
        "fifo": {name: fifo[name] for name in ("LUT", "FF", "BRAM18")},
    }
    own = {"LUT": found.LUT, "FF": found.FF, "DSP": found.DSP, "BRAM18": found.BRAM18}
    totals = {name: own[name] + fifo[name] for name in RESOURCES}
    return LayerResources(layer.name, totals, parts)


def _after_synthesis(
    design: Design, row: LayerResources, blocks: Mapping[tuple[MemoryKind, str], Range]
) -> LayerResources:
    """What Vivado's synthesis makes of it; block RAM from the shapes of the memories."""
    written = design.layer(row.name).outputs
    by_purpose: dict[Purpose, Range] = {}
    for (kind, name), amount in blocks.items():
        if name == row.name or name in written:
            purpose = _PURPOSES[kind]
            by_purpose[purpose] = by_purpose.get(purpose, ZERO) + amount
    parts: dict[Purpose, dict[str, Range | None]] = {}
    for purpose, amounts in (row.parts or {}).items():
        kept = {
            name: a if name == "DSP" else _logic(name, a) for name, a in amounts.items() if name != "BRAM18"
        }
        parts[purpose] = kept
    for purpose, amount in by_purpose.items():
        parts[purpose] = {**parts.get(purpose, {}), "BRAM18": amount}
    totals = {name: sum((a.get(name) or ZERO for a in parts.values()), ZERO) for name in RESOURCES}
    return LayerResources(row.name, totals, {p: amounts for p, amounts in parts.items() if amounts})


def _logic(name: str, csynth: Range | None) -> Range | None:
    return None if csynth is None else after_synthesis(name, csynth)


def _blocks(memories: MemoryMap) -> dict[tuple[MemoryKind, str], Range]:
    return {(memory.kind, memory.name): memory.bram18 for memory in memories.memories}


def verdict(totals: Mapping[str, Range | None], budget: Mapping[str, int], clock_mhz: float) -> Verdict:
    """Whether the estimated resources fit the budget.

    "no" if a low bound exceeds its budget; "yes" only if each of :data:`RESOURCES` is
    estimated and every high bound is within its budget; else "unsure".

    Args:
        totals: by resource, as in :class:`ResourceEstimate`; None where not estimated.
        budget: what the part has, by resource; must name every resource of ``totals``.
        clock_mhz: the clock asked for, which nothing here proves.

    Raises:
        BadInputError: a resource has no budget.
    """
    missing = [name for name in totals if name not in budget]
    if missing:
        raise BadInputError(
            f"a budget must name {', '.join(totals)}, and {', '.join(missing)} is missing; add its amount"
        )
    known = {name: amount for name, amount in totals.items() if amount is not None}
    unknown = [name for name in dict.fromkeys((*RESOURCES, *totals)) if name not in known]
    over = [name for name, amount in known.items() if amount.low > budget[name]]
    tight = [name for name, amount in known.items() if amount.low <= budget[name] < amount.high]
    reasons = [f"{n}: at least {known[n].low:,} needed, the part has {budget[n]:,}" for n in over]
    reasons += [
        f"{n}: {known[n].low:,} to {known[n].high:,} needed, {known[n].expected:,} expected, "
        f"the part has {budget[n]:,}"
        for n in tight
    ]
    if unknown:
        reasons.append(f"{' and '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} not estimated yet")
    if not reasons:
        reasons.append("every resource is within the part's budget, by its upper bound")
    reasons.append(f"timing is not established: the clock of {clock_mhz:g} MHz is assumed")
    fits: Fits = "no" if over else "unsure" if tight or unknown else "yes"
    return Verdict(fits, tuple(reasons))
