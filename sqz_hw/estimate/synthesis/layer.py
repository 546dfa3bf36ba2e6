"""One layer's estimate, and one FIFO's: what csynth would report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from sqz_hw.design import Storage
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.ranges import ZERO, Range
from sqz_hw.estimate.synthesis.bram import estimate_bram, fifo_blocks
from sqz_hw.estimate.synthesis.calibration import Calibration, shipped
from sqz_hw.estimate.synthesis.cycles import worst_cycles
from sqz_hw.estimate.synthesis.dsp import estimate_dsp
from sqz_hw.estimate.synthesis.facts import WEIGHTED, LayerFacts, ToolFacts

LUT_PRODUCT = 0.75
"""LUTs of a product for each bit times bit of its operands; from memory of HLS's tables, unmeasured."""
SRL_WORDS = 32
SRL_FACTOR = 1.5
"""Low and high of LUT and FF of a FIFO whose shift registers are asked for by a pragma."""
FIFO_FACTOR = {False: 1.5, True: 3.0}
"""Low and high of a FIFO's LUT and FF, by whether the tool is Vitis HLS (two designs, which disagree)."""


@dataclass(frozen=True)
class LayerEstimate:
    """What csynth is expected to report for a layer; cycles are its worst case."""

    cycles_worst: int
    LUT: Range
    FF: Range
    DSP: Range
    BRAM18: Range


@dataclass(frozen=True)
class FifoEstimate:
    """What csynth is expected to report for one FIFO."""

    LUT: Range
    FF: Range
    BRAM18: Range


def estimate_layer(
    layer: LayerFacts, tool: ToolFacts, calibration: Calibration | None = None
) -> LayerEstimate:
    """Cycles and resources of one layer.

    Products that DSPs do not take are LUTs: the expected LUT counts those that DSP expects
    to be missing, the high LUT all that may be.

    Args:
        layer: the layer.
        tool: the tool.
        calibration: weights for LUT and FF; by default those that the package ships.
    """
    return _estimated(layer, tool) if calibration is None else _estimate(layer, tool, calibration)


@lru_cache(maxsize=1 << 16)
def _estimated(layer: LayerFacts, tool: ToolFacts) -> LayerEstimate:
    """A search for a folding asks for the same layer again and again."""
    return _estimate(layer, tool, shipped())


def _estimate(layer: LayerFacts, tool: ToolFacts, calibration: Calibration) -> LayerEstimate:
    dsp = estimate_dsp(layer, tool)
    lut = calibration.estimate("LUT", layer, tool)
    if layer.kind in WEIGHTED and not layer.weights_are_zero:
        each = LUT_PRODUCT * layer.in_bits * layer.weight_bits
        forced = layer.multiplier == "lut"
        may = dsp.low == 0 and layer.multiplier != "dsp"
        expected = math.ceil(each * layer.multipliers) if forced else 0
        high = math.ceil(each * layer.multipliers) if may or forced else 0
        lut += Range(expected // 2, expected, max(expected, high))
    ff = calibration.estimate("FF", layer, tool)
    return LayerEstimate(worst_cycles(layer, tool), lut, ff, dsp, estimate_bram(layer, tool))


@lru_cache(maxsize=1 << 16)
def estimate_fifo(width_bits: int, depth: int, tool: ToolFacts, storage: Storage = "auto") -> FifoEstimate:
    """LUT, FF and BRAM18 of one FIFO of ``depth`` words.

    Vivado HLS: a shift register of 12 + width LUTs up to 16 words, else block RAM with its
    pointers and an output register. Vitis HLS from 2024: registers of twice the width,
    rounded up to a power of two. Read off the FIFO rows of twelve public designs.

    A FIFO that a pragma makes a shift register (``storage`` "srl") has a LUT a bit for every 32
    words (SRLC32E; UG474, UG574) and the control of Vivado HLS's; one that a pragma puts into
    block RAM ("bram") has that of FIFOs in block RAM, whatever its depth.

    Raises:
        BadInputError: a width or depth below 1.
    """
    if width_bits < 1 or depth < 1:
        raise BadInputError(f"a FIFO must have width and depth of 1 or more, not {width_bits} x {depth}")
    if storage == "srl":
        lut, ff = 12.0 + width_bits * -(-depth // SRL_WORDS), 3.0 + depth.bit_length()
        return FifoEstimate(_spread(lut, SRL_FACTOR), _spread(ff, SRL_FACTOR), ZERO)
    blocks = fifo_blocks(width_bits, max(depth, SRL_WORDS) if storage == "bram" else depth, tool)
    words = 1 << max(0, depth - 1).bit_length()
    digits = math.log2(words) if words > 1 else 1.0
    if tool.is_vitis:
        padded = 1 << (width_bits - 1).bit_length()
        if tool.year >= 2024:
            lut, ff = padded + 23.0, 2.0 * padded + (4 + 3.5 * digits if blocks else 4)
        else:
            lut, ff = 61.0, 131 + 4 * digits if blocks else 99.0
    elif blocks:
        more = max(0, words // 1024 - 1)
        lut, ff = 37 + 1.2 * width_bits + width_bits * more, width_bits + 3.3 * digits + 2 + 7 * more
    elif words <= 16:
        lut, ff = 12.0 + width_bits, 3.0 + digits
    else:
        lut, ff = 12 + 0.2 * width_bits * depth, 3.6 * depth
    factor = FIFO_FACTOR[tool.is_vitis]
    low = blocks // 2 if tool.is_vitis else blocks
    high = max(blocks, -(-width_bits // 18) * max(1, words // 1024)) if blocks else 0
    return FifoEstimate(_spread(lut, factor), _spread(ff, factor), Range(low, blocks, high))


def _spread(value: float, factor: float) -> Range:
    expected = round(value)
    return Range(
        min(expected, math.floor(value / factor)), expected, max(expected, math.ceil(value * factor))
    )
