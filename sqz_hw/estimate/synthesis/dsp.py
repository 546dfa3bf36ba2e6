"""DSPs of one layer.

ceil(n_in * n_out / RF) multipliers, each as many DSPs as its operands have pieces of 18 and
25 bits (DSP48E1, UG479) or 18 and 27 bits (DSP48E2, UG579), sign included. Weights come from
one ROM, all multipliers' side by side in a word. HLS leaves out the word's top bits that only
repeat a sign, so the multiplier of the highest slice is narrower than the others: that is why
32-bit convolutions take 4n - 2 DSPs (weights below 1 in magnitude: 17 bits of [32,16]).
"""

from __future__ import annotations

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.ranges import ZERO, Range
from sqz_hw.estimate.synthesis.facts import WEIGHTED, DspFamily, Kind, LayerFacts, ToolFacts

OPERANDS = {"DSP48E1": ((18, 25), (25, 18)), "DSP48E2": ((18, 27), (27, 18))}
SMALL_BITS = 10
TINY_BITS = 4
"""Synthesis may build a product from LUTs where both operands are small, or one is tiny."""


def dsps_per_product(a_bits: int, b_bits: int, family: DspFamily) -> int:
    """DSPs that one product takes. A piece that is not the highest is one bit shorter: it has no sign.

    Raises:
        BadInputError: an operand without bits.
    """
    if a_bits < 1 or b_bits < 1:
        raise BadInputError(f"an operand must have 1 bit or more, not {min(a_bits, b_bits)}")
    return min(_pieces(a_bits, wide) * _pieces(b_bits, deep) for wide, deep in OPERANDS[family])


def may_be_lut(layer: LayerFacts) -> bool:
    """Whether HLS may build the products from LUTs: small operands, and nothing said about it."""
    widths = (layer.in_bits, layer.weight_bits)
    return max(widths) <= SMALL_BITS or min(widths) <= TINY_BITS


def top_bits(layer: LayerFacts) -> int:
    """Significant bits of the weights in the ROM word's highest slice.

    Where they are not known, weights are taken to be below 1 in magnitude: no integer bits but the sign.
    """
    if layer.top_weight_bits is not None:
        return max(1, min(layer.top_weight_bits, layer.weight_bits))
    return max(1, layer.weight_bits - max(0, layer.weight_integer - 1))


def estimate_dsp(layer: LayerFacts, tool: ToolFacts) -> Range:
    """DSPs as csynth counts them.

    A Resource layer: every multiplier in DSPs; low is 0 where the operands are small and no
    pragma forces them. Latency: weights are constants, so low is 0, and expected takes
    products of small operands to be LUTs. LeakyReLU: one constant product a lane.
    """
    if layer.weights_are_zero:
        return ZERO
    if layer.kind is Kind.LEAKY_RELU:
        each = layer.in_lanes * dsps_per_product(layer.in_bits, min(18, layer.in_bits), tool.dsp)
        return Range(0, each, each)
    if layer.kind is Kind.SOFTMAX:
        return Range(0, (layer.in_lanes + 1) // 2, 2 * layer.in_lanes)
    if layer.kind is Kind.BATCHNORM:
        return Range(0, 0, 4 * layer.in_lanes)
    if layer.kind not in WEIGHTED or layer.multiplier == "lut":
        return ZERO
    each = dsps_per_product(layer.in_bits, layer.weight_bits, tool.dsp)
    top = dsps_per_product(layer.in_bits, top_bits(layer), tool.dsp)
    number = layer.multipliers
    every = (number - 1) * each + top
    if layer.strategy == "latency" or layer.reuse_factor == 1:
        return Range(0, 0 if may_be_lut(layer) and layer.multiplier == "auto" else every, number * each)
    low = 0 if may_be_lut(layer) and layer.multiplier == "auto" else every
    return Range(low, every, number * each if layer.top_weight_bits is None else every)


def _pieces(bits: int, operand: int) -> int:
    return 1 if bits <= operand else -(-(bits - 1) // (operand - 1))
