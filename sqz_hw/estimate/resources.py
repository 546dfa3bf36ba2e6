"""DSP and block RAM of a design with bounds, and the verdict: does it fit.

A first version: LUT and FF are not estimated yet, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sqz_hw.design import ConvParameters, Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.memory import MemoryMap, memory_map
from sqz_hw.estimate.ranges import ZERO, Range

RESOURCES = ("LUT", "FF", "DSP", "BRAM18")
PREDICTS: Literal["csynth", "vivado"] = "vivado"
"""Whose figures are predicted: Vivado's synthesis, which puts shallow weights into LUTs (csynth does not)."""
SMALL_OPERAND_BITS = 10
TINY_OPERAND_BITS = 4
"""Synthesis may build a product from LUTs where both operands are small, or one is tiny."""
DSP_OPERANDS = ((18, 25), (25, 18))
"""Signed operands of one DSP48E1 (UG479); those of a DSP48E2 are larger (UG579)."""

Fits = Literal["yes", "unsure", "no"]


@dataclass(frozen=True)
class LayerResources:
    """Resources of one layer; None where not estimated yet."""

    name: str
    totals: Mapping[str, Range | None]


@dataclass(frozen=True)
class ResourceEstimate:
    """Resources of a design.

    Attributes:
        totals: by each of :data:`RESOURCES`; None where not estimated yet.
        layers: in dataflow order; FIFOs are in the totals only.
    """

    totals: Mapping[str, Range | None]
    layers: tuple[LayerResources, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether a design fits.

    Attributes:
        fits: "yes", "unsure" or "no".
        reasons: short sentences, never empty.
    """

    fits: Fits
    reasons: tuple[str, ...]


def estimate_resources(design: Design, memories: MemoryMap | None = None) -> ResourceEstimate:
    """DSP and BRAM18 of a design with the reuse factors and FIFO depths that it has.

    Args:
        design: the design.
        memories: its memory map, if it has been made already.
    """
    memories = memory_map(design) if memories is None else memories
    layers: list[LayerResources] = []
    dsps = ZERO
    for layer in design.layers:
        dsp = ZERO
        if layer.conv is not None:
            dsp = dsp_range(layer.conv, design.stream(layer.inputs[0]).type.width)
        blocks = sum((m.bram18 for m in memories.memories if m.name == layer.name), ZERO)
        layers.append(LayerResources(layer.name, {"LUT": None, "FF": None, "DSP": dsp, "BRAM18": blocks}))
        dsps += dsp
    return ResourceEstimate({"LUT": None, "FF": None, "DSP": dsps, "BRAM18": memories.bram18}, tuple(layers))


def dsp_range(conv: ConvParameters, activation_width: int) -> Range:
    """DSPs of a Resource convolution.

    High and, with RF above 1, expected: every multiplier in DSPs, ceil(n_in * n_out / RF)
    of them (public csynth reports agree). Low: none where both operands have at most
    :data:`SMALL_OPERAND_BITS` bits or one has at most :data:`TINY_OPERAND_BITS`, because
    synthesis may then use LUTs; what it really does with them is not known here (6 x 16 bits:
    DSPs, in a public report). With RF = 1 the weights are constants: zeros and powers of
    two need no multiplier, and the others may become additions, so low is 0.

    Args:
        conv: the convolution.
        activation_width: bits of one input value.
    """
    each = dsps_per_product(conv.weight_type.width, activation_width)
    high = conv.multipliers * each
    if conv.reuse_factor == 1:
        size = np.abs(conv.weights)
        return Range(0, int(np.count_nonzero(size & (size - 1))) * each, high)
    widths = (conv.weight_type.width, activation_width)
    small = max(widths) <= SMALL_OPERAND_BITS or min(widths) <= TINY_OPERAND_BITS
    return Range(0 if small else conv.multipliers, high, high)


def dsps_per_product(a_bits: int, b_bits: int) -> int:
    """DSP48E1 that one product takes: operands are cut into pieces of 18 and 25 bits, sign included.

    A piece that is not the highest has no sign of its own, so it is one bit shorter.
    """
    return min(_pieces(a_bits, wide) * _pieces(b_bits, deep) for wide, deep in DSP_OPERANDS)


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
    reasons = [f"{n}: at least {known[n].low} needed, the part has {budget[n]}" for n in over]
    reasons += [f"{n}: {known[n].low} to {known[n].high} needed, the part has {budget[n]}" for n in tight]
    if unknown:
        reasons.append(f"{' and '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} not estimated yet")
    reasons.append(f"timing is not established: the clock of {clock_mhz:g} MHz is assumed")
    fits: Fits = "no" if over else "unsure" if tight or unknown else "yes"
    return Verdict(fits, tuple(reasons))


def _pieces(bits: int, operand: int) -> int:
    return 1 if bits <= operand else -(-(bits - 1) // (operand - 1))
