"""Cycles of one layer as csynth's worst case gives them (``latency_max``).

A Resource convolution is not pipelined over pixels (``conv_2d_buffer_resource_cl``): csynth
charges RF + c for every input pixel, where RTL simulation charges it only for pixels that
complete a window and c0 for the others. c is the depth of ReuseLoop (weight ROM, product,
adder tree) and the pixel's own states. Its parts are below, each with what it was seen in.
They are set by hand from all public reports of ``hls_designs.json``, not fitted, so their
errors on those reports are in-sample.
"""

from __future__ import annotations

import math

from sqz_hw.estimate.synthesis.dsp import dsps_per_product
from sqz_hw.estimate.synthesis.facts import Kind, LayerFacts, ToolFacts

BASE = 3
"""States of a pixel whose product and sum fit one stage (Vivado HLS 2019.2.1, UltraScale+, 5 ns)."""
VITIS_BASE = 5
"""The same in Vitis HLS 2024.2, adders included: said to be 5 throughout, by reports not seen here."""
OLD_ENCODED = 1
"""One more in Vivado HLS 2018.2."""
SEVEN_SERIES = 3
"""FIFO and block RAM accesses each take a state of their own in 7-series fabric (2019.2, 3.33 and 5 ns)."""
SEVEN_SERIES_WIDE = 1
"""One more where a word's value has more than 18 bits."""
MULTI_DSP_STAGES = 4
"""Further stages of a product of several DSPs longer than the period (2019.2, 32 x 32 bits, 5 ns)."""
SINGLE_DSP_STAGES = 2
"""Further stages of one DSP's product where it does not fit the period (2019.2, 3.33 ns)."""
PRODUCT_NS = {"DSP48E1": 3.36, "DSP48E2": 2.2}
"""Delay of one DSP's product, unregistered (as csynth's operator table gives it for 7 series)."""
ADDER_NS = {"DSP48E1": 1.4, "DSP48E2": 0.5}
"""Delay of one level of an adder tree at 16 bits."""


def conv_overheads(layer: LayerFacts, tool: ToolFacts) -> tuple[int, int]:
    """(c, c0): cycles beyond RF of a pixel that completes a window, and cycles of any other pixel."""
    old = tool.dsp == "DSP48E1"
    each = dsps_per_product(layer.in_bits, layer.weight_bits, tool.dsp)
    product = 0
    if each > 1 and 2 * PRODUCT_NS[tool.dsp] > tool.usable_ns:
        product = MULTI_DSP_STAGES
    elif each == 1 and PRODUCT_NS[tool.dsp] > tool.usable_ns and not tool.is_vitis:
        product = SINGLE_DSP_STAGES
    if tool.is_vitis:
        return VITIS_BASE + product, 3
    per_stage = max(1, int(tool.usable_ns / ADDER_NS[tool.dsp]))
    levels = math.ceil(math.log2(layer.sums + 1))
    tree = max(0, -(-levels // per_stage) - 1)
    wide = old and layer.in_bits > 18
    c = BASE + product + tree + (SEVEN_SERIES if old else 0) + (SEVEN_SERIES_WIDE if wide else 0)
    if layer.sums > 2 or layer.reuse_factor > layer.n_in:
        c += 1
    if tool.year < 2019:
        c += OLD_ENCODED
    return c, 2 + (1 if old else 0) + (1 if wide else 0)


def worst_cycles(layer: LayerFacts, tool: ToolFacts) -> int:
    """csynth's worst case for one image, in cycles."""
    words = max(layer.in_words, layer.out_words)
    old = tool.dsp == "DSP48E1"
    if layer.kind is Kind.CONV:
        if layer.strategy == "latency":
            return layer.in_words * layer.reuse_factor + 3
        return layer.in_words * (layer.reuse_factor + conv_overheads(layer, tool)[0])
    if layer.kind is Kind.DENSE:
        arriving = layer.in_words + 3 if layer.in_words > 1 else 0
        if layer.strategy == "latency":
            return arriving + layer.reuse_factor + 1
        return arriving + layer.reuse_factor + conv_overheads(layer, tool)[0] - 2
    if layer.kind is Kind.ZERO_PAD:
        return _zero_pad_cycles(layer, tool)
    if layer.kind is Kind.POOL:
        two = layer.implementation == "linebuffer" and (tool.is_vitis or old)
        return layer.in_words * (2 if two else 1) + (4 if two else 5)
    if layer.kind is Kind.ARGMAX:
        return layer.in_lanes + 3
    if layer.kind is Kind.SOFTMAX:
        return layer.in_words * 8
    if layer.kind is Kind.RESIZE:
        return layer.out_words + 2
    if layer.kind is Kind.OVERLAPPING_POOL:
        return layer.in_words + 4
    wide = old and layer.in_bits > 18
    return words + (2 if tool.is_vitis else 4 if wide else 3)


def _zero_pad_cycles(layer: LayerFacts, tool: ToolFacts) -> int:
    """Sides of one word of padding collapse; thicker ones are loops, 2 cycles to enter and leave."""
    extra_columns, extra_rows = layer.out_width - layer.in_width, layer.out_height - layer.in_height
    if layer.in_height == 1 and layer.out_height == 1:
        return layer.out_words + 2
    a_row = 4 if extra_columns > 2 else 0
    an_edge = 2 if extra_rows > 2 else 0
    if tool.is_vitis:  # loops are processes of their own, not seen with two dimensions
        a_row, an_edge = a_row + 2, an_edge + 2
    return layer.out_words + layer.in_height * a_row + extra_rows * an_edge + 3
