"""Checks that a design's shapes agree with what its layers do, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable

from sqz_hw.design import Design, DesignLayer, Op, Shape
from sqz_hw.errors import BadInputError
from sqz_hw.verify.requantise import INT64_BITS

PIXEL_BITS = 8


def check_design(design: Design) -> None:
    """Refuse a design that contradicts itself or whose codes do not fit.

    Raises:
        BadInputError: pixels that are not 8 bits, a type whose codes need more than 64 bits,
            or a shape that does not follow from the layers before it.
    """
    if design.input.type.width != PIXEL_BITS:
        raise BadInputError(
            f"design {design.name}: pixels must have {PIXEL_BITS} bits, not {design.input.type}; "
            "build it again"
        )
    for stream in design.streams:
        if stream.type.max_code.bit_length() > INT64_BITS:
            raise BadInputError(
                f"design {design.name}: codes must fit in 64 bits, and stream {stream.name} has "
                f"{stream.type}; use narrower types"
            )
    for layer in design.layers:
        given = [design.stream(name).shape for name in layer.inputs]
        wanted = _RULES[layer.op](layer, given)
        made = [layer.out_shape, *(design.stream(name).shape for name in layer.outputs)]
        if layer.in_shape != given[0] or any(shape != wanted for shape in made):
            raise BadInputError(
                f"{layer.name}: a {layer.op.value} of {_text(layer.in_shape)} must read {_text(given[0])} "
                f"and give {_text(wanted)}, not {_text(layer.out_shape)}; build the design again"
            )
        if layer.op is Op.CONV:
            _check_weights(layer)


def _check_weights(layer: DesignLayer) -> None:
    wanted = (layer.kernel, layer.kernel, layer.in_shape[2], layer.out_shape[2])
    conv = layer.conv
    if conv is None or conv.weights.shape != wanted or conv.bias.shape != wanted[3:]:
        given = "none" if conv is None else f"{_text(conv.weights.shape)} and {_text(conv.bias.shape)}"
        raise BadInputError(
            f"{layer.name}: weights and bias must be {_text(wanted)} and {wanted[3]}, not {given}; "
            "build the design again"
        )


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _window(layer: DesignLayer, inputs: list[Shape]) -> Shape:
    height, width, channels = inputs[0]
    if layer.kernel < 1 or layer.stride < 1 or min(height, width) < layer.kernel:
        raise BadInputError(
            f"{layer.name}: a window must fit into the map of {_text(inputs[0])} and move by at least 1, "
            f"not have side {layer.kernel} and stride {layer.stride}; build the design again"
        )
    if layer.op is Op.CONV:
        channels = layer.out_shape[2]
    return ((height - layer.kernel) // layer.stride + 1, (width - layer.kernel) // layer.stride + 1, channels)


def _padded(layer: DesignLayer, inputs: list[Shape]) -> Shape:
    height, width, channels = inputs[0]
    top, bottom, left, right = layer.padding
    return (height + top + bottom, width + left + right, channels)


def _same(layer: DesignLayer, inputs: list[Shape]) -> Shape:
    return inputs[0] if len(set(inputs)) == 1 else (0, 0, 0)


def _joined(layer: DesignLayer, inputs: list[Shape]) -> Shape:
    height, width, _ = inputs[0]
    if len({shape[:2] for shape in inputs}) != 1:
        return (0, 0, 0)
    return (height, width, sum(shape[2] for shape in inputs))


def _summed(layer: DesignLayer, inputs: list[Shape]) -> Shape:
    return (1, 1, inputs[0][2])


def _index(layer: DesignLayer, inputs: list[Shape]) -> Shape:
    return (1, 1, 1)


_RULES: dict[Op, Callable[[DesignLayer, list[Shape]], Shape]] = {
    Op.CONV: _window,
    Op.RELU: _same,
    Op.ZERO_PAD: _padded,
    Op.MAX_POOL: _window,
    Op.CONCAT: _joined,
    Op.ADD: _same,
    Op.CLONE: _same,
    Op.GLOBAL_SUM: _summed,
    Op.ARGMAX: _index,
}
