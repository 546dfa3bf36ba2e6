"""hls4ml's graph to the frozen ``Design`` that everything downstream reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op, Shape, Stream
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import ROUNDINGS, FixedPoint
from sqz_hw.model.layers import Kind
from sqz_hw.model.modelfile import Model

_OPS = {
    "Conv2D": Op.CONV,
    "Activation": Op.RELU,
    "ZeroPadding2D": Op.ZERO_PAD,
    "OverlappingMaxPool2D": Op.MAX_POOL,
    "Concatenate": Op.CONCAT,
    "Merge": Op.ADD,
    "Clone": Op.CLONE,
    "GlobalSum2D": Op.GLOBAL_SUM,
    "ArgMaxStream": Op.ARGMAX,
}


def design_of(graph: Any, model: Model | None, *, name: str, part: str, clock_mhz: float) -> Design:
    """Read shapes, types, weights, parallelism and stream depths off hls4ml's graph.

    Weights are read from the graph, not from the model: what is in the design is what the
    C++ project holds.

    Args:
        graph: hls4ml's graph after conversion.
        model: the model it was made from (for the names of its layers), or None where it is not known.
        name: the design's name.
        part: the part's short name.
        clock_mhz: the clock asked for.

    Raises:
        BadInputError: the graph holds a layer that this project does not know.
    """
    nodes = list(graph.get_layers())
    sinks = {variable: node.name for node in nodes for variable in node.inputs if node.class_name != "Input"}
    streams: list[Stream] = []
    names: dict[str, str] = {}
    for node in nodes:
        for output in node.outputs:
            variable = node.get_output_variable(output)
            names[output] = variable.name
            source = None if node.class_name == "Input" else node.name
            streams.append(
                Stream(
                    name=variable.name,
                    shape=_shape(variable.shape),
                    type=fixed_point(variable.type.precision),
                    depth=int(variable.pragma[1]),
                    source=source,
                    sink=sinks.get(output),
                    storage=getattr(variable, "sqz_storage", "auto"),
                )
            )
    by_name = {stream.name: stream for stream in streams}
    relus = {
        spec.inputs[0].replace("/", "_"): spec.safe_name
        for spec in (() if model is None else model.architecture.layers)
        if spec.kind is Kind.RELU
    }
    layers = tuple(
        _layer(node, [names[i] for i in node.inputs], [names[o] for o in node.outputs], by_name, relus)
        for node in nodes
        if node.class_name != "Input"
    )
    backend = str(graph.config.backend.name)
    return Design(name, part, backend, clock_mhz, layers, tuple(streams))


def fixed_point(precision: Any) -> FixedPoint:
    """hls4ml's type as ours.

    Raises:
        BadInputError: it is no fixed-point type, or saturates in a way that has no name here.
    """
    rounding = str(precision.rounding_mode or "TRN").removeprefix("RoundingMode.")
    saturation = str(precision.saturation_mode or "WRAP").removeprefix("SaturationMode.")
    if rounding not in ROUNDINGS:
        raise BadInputError(f"hls4ml chose the type {precision}, whose rounding {rounding!r} is unknown")
    return FixedPoint(
        int(precision.width), int(precision.integer), bool(precision.signed), rounding, saturation
    )


def _layer(
    node: Any, inputs: list[str], outputs: list[str], streams: dict[str, Stream], relus: dict[str, str]
) -> DesignLayer:
    if node.class_name not in _OPS:
        raise BadInputError(f"hls4ml made a {node.class_name} layer ({node.name}), which is unknown here")
    op = _OPS[node.class_name]
    in_shape, out = streams[inputs[0]].shape, streams[outputs[0]]
    kernel, stride, padding = 0, 0, (0, 0, 0, 0)
    conv = None
    if op is Op.CONV:
        kernel, stride = int(node.get_attr("filt_height")), int(node.get_attr("stride_height"))
        conv = _conv(node)
    elif op is Op.MAX_POOL:
        kernel, stride = 3, 2
    elif op is Op.ZERO_PAD:
        top, bottom, left, right = (
            int(node.get_attr(f"pad_{side}")) for side in ("top", "bottom", "left", "right")
        )
        padding = (top, bottom, left, right)
    reference = node.name.removeprefix("clone_") if op is Op.CLONE else node.name
    reference = relus.get(reference, reference)  # a layer before a ReLU writes the ReLU's output
    return DesignLayer(
        name=node.name, op=op, inputs=tuple(inputs), outputs=tuple(outputs), in_shape=in_shape,
        out_shape=out.shape, out_type=out.type, kernel=kernel, stride=stride, padding=padding,
        conv=conv, reference=reference,
    )  # fmt: skip


def _conv(node: Any) -> ConvParameters:
    weight, bias = node.weights["weight"], node.weights["bias"]
    weight_type, bias_type = fixed_point(weight.type.precision), fixed_point(bias.type.precision)
    kernel, channels = int(node.get_attr("filt_height")), int(node.get_attr("n_chan"))
    filters = int(node.get_attr("n_filt"))
    stored = np.asarray(weight.data, np.float64)
    if node.get_attr("_weights_transposed", False):  # the Resource strategy stores OHWI
        stored = np.moveaxis(stored, 0, -1)
    values = stored.reshape(kernel, kernel, channels, filters)
    return ConvParameters(
        weights=weight_type.to_codes(values),
        bias=bias_type.to_codes(np.asarray(bias.data, np.float64)),
        weight_type=weight_type,
        bias_type=bias_type,
        accum_type=fixed_point(node.types["accum_t"].precision),
        reuse_factor=int(node.get_attr("reuse_factor")),
        multiplier=node.get_attr("sqz_multiplier", "auto"),
    )


def _shape(shape: Any) -> Shape:
    height, width, channels = (int(side) for side in shape)
    return (height, width, channels)
