"""LUT and FF of one layer: what the kernels are made of, as terms whose weights are fitted.

Each group of layers has a short list of terms with a meaning, none below zero, each growing
with bits, channels and multipliers, so the estimate does too. :mod:`.calibration` fits one
weight a term to csynth's reports. Vivado HLS gives every lane a FIFO and a handshake of its
own; Vitis HLS one wide FIFO: that is why some terms are for one of them only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sqz_hw.estimate.synthesis.bram import fifo_blocks, window_fifos
from sqz_hw.estimate.synthesis.cycles import conv_overheads
from sqz_hw.estimate.synthesis.facts import Kind, LayerFacts, ToolFacts

Terms = Mapping[str, float]

GROUPS: Mapping[Kind, str] = {
    Kind.CONV: "weighted",
    Kind.DENSE: "weighted",
    Kind.RELU: "activation",
    Kind.LEAKY_RELU: "activation",
    Kind.HARD_TANH: "hard_tanh",
    Kind.SIGMOID: "sigmoid",
    Kind.SOFTMAX: "softmax",
    Kind.BATCHNORM: "batchnorm",
    Kind.ZERO_PAD: "zeropad",
    Kind.POOL: "pooling",
    Kind.OVERLAPPING_POOL: "activation",
    Kind.GLOBAL_POOL: "global_pooling",
    Kind.RESIZE: "resize",
    Kind.CONCAT: "activation",
    Kind.ADD: "activation",
    Kind.CLONE: "activation",
    Kind.ARGMAX: "activation",
}
"""Whose weights a kind of layer takes."""

BY_ANALOGY = frozenset({Kind.OVERLAPPING_POOL, Kind.CONCAT, Kind.ADD, Kind.CLONE, Kind.ARGMAX})
"""Kinds that no public report holds: those of another group, with wider intervals."""


def variant_of(layer: LayerFacts) -> str:
    """Which interval of its group a layer takes: errors of these differ though the terms are the same."""
    if layer.kind is Kind.ZERO_PAD and _pad_loops(layer) > 5:
        return "thick"
    return ""


UNREGISTERED = 4
"""States of a pixel (c of :mod:`.cycles`) without pipeline registers between weight, product and sum."""


def lut_terms(layer: LayerFacts, tool: ToolFacts) -> Terms:
    """Terms of the LUT estimate."""
    lanes, bits = layer.in_lanes, layer.in_bits
    vitis = tool.is_vitis
    group = GROUPS[layer.kind]
    if group == "weighted":
        # Each input that is used in a cycle is selected from the window; a selection among many
        # costs less a bit than one among few (square root: the mean of what reports show), and
        # none is needed where every input has a multiplier of its own (RF = 1).
        inputs = -(-layer.n_in // min(layer.reuse_factor, layer.n_in))
        selecting = inputs * (1 - 1 / layer.reuse_factor)
        return {"multipliers": layer.multipliers, "selectors": selecting * math.sqrt(layer.n_in * bits)}
    if group == "pooling":
        values = layer.kernel_height * layer.kernel_width * lanes
        encoded = layer.implementation == "encoded"
        return {
            "values": 0 if encoded or vitis else values,
            "value_bits": 0 if encoded or vitis else values * bits,
            "values_vitis": 0 if encoded or not vitis else values * bits,
            "window_fifos": values if encoded else 0,
            "one": 1,
        }
    if group == "zeropad":
        lane_bits = lanes * bits if vitis else 0
        return {"lanes": 0 if vitis else lanes, "lane_bits_vitis": lane_bits, "loops": _pad_loops(layer)}
    if group == "resize":
        return {"row_bits": layer.in_width * lanes * bits, "one": 1}
    if group in ("softmax", "sigmoid", "batchnorm"):
        return {"lane_bits": lanes * bits, "one": 1}
    work = _work(layer)
    return {"lane_bits": work * lanes * bits, "lanes": 0 if vitis else layer.streams * lanes, "one": 1}


def ff_terms(layer: LayerFacts, tool: ToolFacts) -> Terms:
    """Terms of the FF estimate."""
    lanes, bits = layer.in_lanes, layer.in_bits
    group = GROUPS[layer.kind]
    if group == "weighted":
        stages = max(0, conv_overheads(layer, tool)[0] - UNREGISTERED)
        return {
            "window_bits": layer.n_in * bits,
            "accumulators": layer.n_out * layer.accum_bits,
            "pipeline": layer.multipliers * max(bits, layer.weight_bits) * stages,
            "window_fifos": layer.n_in if layer.implementation == "encoded" else 0,
        }
    if group == "pooling":
        values = layer.kernel_height * layer.kernel_width * lanes
        encoded = layer.implementation == "encoded"
        held = 2 if tool.dsp == "DSP48E1" else 1  # 7 series reads a word into registers first
        return {
            # Some registers are one a value, others one a bit: the root stands between the two.
            "values": 0 if encoded or tool.is_vitis else values * math.sqrt(bits),
            "value_bits_vitis": values * bits if not encoded and tool.is_vitis else 0,
            "lane_bits_encoded": lanes * bits * held if encoded else 0,
            "window_fifos": _window_fifo_ff(layer, tool),
            "one": 1,
        }
    if group == "zeropad":  # a counter and a state a loop
        return {"counters": _pad_loops(layer) * (_digits(layer.out_width) + 1)}
    if group == "resize":
        return {"row_bits": layer.in_width * lanes * bits, "one": 1}
    if group in ("softmax", "sigmoid", "batchnorm", "global_pooling", "hard_tanh"):
        return {"lane_bits": lanes * bits, "one": 1}
    held = layer.streams * _register_stages(bits, tool) + _words_held(layer)
    registers = (lanes + 1) * bits * held  # the word and one value
    return {"registers": registers, "digits": _digits(layer.in_words), "one": 1}


def _work(layer: LayerFacts) -> float:
    """Compare-and-select steps a value, a ReLU's being one. Judged from the kernels, no report has them."""
    if layer.kind is Kind.OVERLAPPING_POOL:
        return 4  # two along the row, one down the columns, one word of column maxima
    return 0.5 if layer.kind in (Kind.CONCAT, Kind.CLONE) else 1  # those two only route


def _words_held(layer: LayerFacts) -> int:
    """Words that a kernel keeps in registers by itself: of sqz_pooling_stream.h two pixels and a maximum."""
    return 3 if layer.kind is Kind.OVERLAPPING_POOL else 0


def _register_stages(bits: int, tool: ToolFacts) -> int:
    """Times that a layer of one step a word holds its word in registers.

    Seen: 2 in 7 series with 32-bit values, 1 with 16 bits; 1 in UltraScale+ with 2018.2, none
    with 2019.2 and later.
    """
    if tool.dsp == "DSP48E1" and not tool.is_vitis:
        return 2 if bits > 18 else 1
    return 1 if tool.year < 2019 else 0


def _window_fifo_ff(layer: LayerFacts, tool: ToolFacts) -> float:
    number, depth = window_fifos(layer)
    if not number:
        return 0.0
    return number * (layer.in_bits + 20.0 if fifo_blocks(layer.in_bits, depth, tool) else 6.0)


def _pad_loops(layer: LayerFacts) -> int:
    """Loops of a zero_pad that stay loops: a side of one word of padding is unrolled into its neighbour."""
    if layer.in_height == 1 and layer.out_height == 1:
        return 3
    return 8 if layer.out_width - layer.in_width > 2 else 5


def _digits(number: int) -> int:
    return math.ceil(math.log2(number + 1))
