"""What the synthesis model sees of our own designs.

No public report holds our concat, add, clone, overlapping pool and arg max: their LUT and FF
are those of similar layers, with wider intervals (:data:`.logic.BY_ANALOGY`).
"""

from __future__ import annotations

import numpy as np

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis.facts import Kind, LayerFacts, Multiplier, ToolFacts, dsp_family

TOOLS = {"Vitis": ("Vitis HLS", "2024.2"), "Vivado": ("Vivado HLS", "2019.2")}
"""The tool whose reports are predicted, by backend, unless another is named."""

KINDS = {
    Op.CONV: Kind.CONV,
    Op.RELU: Kind.RELU,
    Op.ZERO_PAD: Kind.ZERO_PAD,
    Op.MAX_POOL: Kind.POOL,
    Op.CONCAT: Kind.CONCAT,
    Op.ADD: Kind.ADD,
    Op.CLONE: Kind.CLONE,
    Op.GLOBAL_SUM: Kind.GLOBAL_POOL,
    Op.ARGMAX: Kind.ARGMAX,
}


def tool_facts_of(design: Design, name: str | None = None, version: str | None = None) -> ToolFacts:
    """The tool that a design goes to, at the clock it asks for.

    Args:
        design: the design.
        name, version: such as ``Vitis HLS`` and ``2023.2``; by default :data:`TOOLS` by its backend.

    Raises:
        BadInputError: a backend without an HLS tool, or an unknown tool.
    """
    if design.backend not in TOOLS and (name is None or version is None):
        raise BadInputError(
            f"csynth is predicted for the backends {' and '.join(TOOLS)}, not for {design.backend!r}; "
            "name a tool and its version"
        )
    usual = TOOLS.get(design.backend, ("", ""))
    return ToolFacts(
        name or usual[0], version or usual[1], 1000.0 / design.clock_mhz, dsp_family(design.part)
    )


def facts_of(design: Design, layer: DesignLayer, multiplier: Multiplier | None = None) -> LayerFacts:
    """What the model sees of one layer.

    Args:
        design: the design that the layer is of.
        layer: the layer.
        multiplier: what products are made of; by default what the design says.
    """
    source = design.stream(layer.inputs[0])
    kind = KINDS[layer.op]
    if layer.op is Op.MAX_POOL and layer.stride < layer.kernel:
        kind = Kind.OVERLAPPING_POOL
    lanes_in = layer.out_shape[2] if layer.op is Op.CONCAT else layer.in_shape[2]
    side = max(1, layer.kernel)
    conv = layer.conv
    streams = {Op.CONCAT: len(layer.inputs), Op.ADD: len(layer.inputs), Op.CLONE: len(layer.outputs)}
    return LayerFacts(
        kind=kind,
        in_height=layer.in_shape[0],
        in_width=layer.in_shape[1],
        out_height=layer.out_shape[0],
        out_width=layer.out_shape[1],
        in_lanes=lanes_in,
        out_lanes=layer.out_shape[2],
        in_bits=source.type.width,
        out_bits=layer.out_type.width,
        kernel_height=side,
        kernel_width=side,
        n_in=conv.n_in if conv else 0,
        n_out=conv.n_out if conv else 0,
        weight_bits=conv.weight_type.width if conv else 0,
        weight_integer=conv.weight_type.integer if conv else 1,
        accum_bits=conv.accum_type.width if conv else layer.out_type.width,
        top_weight_bits=top_weight_bits(conv) if conv else None,
        weights_are_zero=conv is not None and conv.nonzeros == 0,
        reuse_factor=conv.reuse_factor if conv else 1,
        multiplier=multiplier or (conv.multiplier if conv else "auto"),
        streams=max(1, streams.get(layer.op, 1)),
    )


def top_weight_bits(conv: ConvParameters) -> int:
    """Significant bits of the weights in the highest slice of the ROM's word, sign included.

    The ROM holds the weights as hls4ml lays them out, output channel by output channel
    (C_out x kernel x kernel x C_in), in blocks of RF words (ARRAY_RESHAPE block).
    """
    start = conv.reuse_factor * (conv.multipliers - 1)
    channel = min(start // conv.n_in, conv.n_out - 1)
    last = np.moveaxis(conv.weights[..., channel:], -1, 0).ravel()
    slice_ = last[start - channel * conv.n_in :]
    sign = 1 if conv.weight_type.signed else 0
    low, high = min(0, int(slice_.min())), max(0, int(slice_.max()))
    digits = max(high.bit_length(), (-1 - low).bit_length() if low else 0)
    return max(1, digits + sign)
