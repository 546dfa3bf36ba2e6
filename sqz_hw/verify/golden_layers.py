"""What each layer of a design other than a convolution computes, on whole batches of codes.

Arrays are N x H x W x C; the codes of a type are held in its carrier (``float_requantise``).
No function changes an array that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sqz_hw.design import Design, DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.verify.exactness import add_reach, cheapest_path
from sqz_hw.verify.float_requantise import Array, Conversion, carrier

Operator = Callable[[Sequence[Array]], Array]
"""From the inputs' codes to the output's."""
_INDEX = FixedPoint(32, 32, False)


def operator(layer: DesignLayer, design: Design) -> Operator:
    """What a layer computes.

    Args:
        layer: any but a convolution.
        design: the types of its inputs.

    Raises:
        BadInputError: the layer is a convolution, or a global sum whose type is neither the
            sum's nor the mean's.
    """
    if layer.op not in _OPERATORS:
        raise BadInputError(f"{layer.name}: a {layer.op.value} is no layer without weights; use Convolution")
    return _OPERATORS[layer.op](layer, [design.stream(name).type for name in layer.inputs])


def max_pool(x: Array, kernel: int, stride: int) -> Array:
    """Largest code of each window, no padding: first down the columns, then along the rows.

    Args:
        x: N x H x W x C.
        kernel, stride: window side and step.

    Returns:
        N x (H - kernel) // stride + 1 x (W - kernel) // stride + 1 x C.
    """
    for axis in (1, 2):
        count = (x.shape[axis] - kernel) // stride + 1
        steps = [
            x[(slice(None),) * axis + (slice(first, first + (count - 1) * stride + 1, stride),)]
            for first in range(kernel)
        ]
        largest = steps[0] if kernel == 1 else np.maximum(steps[0], steps[1])
        for step in steps[2:]:
            np.maximum(largest, step, out=largest)
        x = largest
    return x


def _relu(layer: DesignLayer, types: list[FixedPoint]) -> Operator:
    convert = Conversion(types[0], layer.out_type, relu=True)
    return lambda inputs: convert(inputs[0])


def _clone(layer: DesignLayer, types: list[FixedPoint]) -> Operator:
    convert = Conversion(types[0], layer.out_type)
    return lambda inputs: convert(inputs[0])


def _zero_pad(layer: DesignLayer, types: list[FixedPoint]) -> Operator:
    convert = Conversion(types[0], layer.out_type)
    top, bottom, left, right = layer.padding

    def run(inputs: Sequence[Array]) -> Array:
        x = convert(inputs[0])
        count, height, width, channels = x.shape
        out = np.zeros((count, height + top + bottom, width + left + right, channels), x.dtype)
        out[:, top : top + height, left : left + width] = x
        return out

    return run


def _max_pool(layer: DesignLayer, types: list[FixedPoint]) -> Operator:
    convert = Conversion(types[0], layer.out_type)
    return lambda inputs: convert(max_pool(inputs[0], layer.kernel, layer.stride))


def _concat(layer: DesignLayer, types: list[FixedPoint]) -> Operator:
    converts = [Conversion(source, layer.out_type) for source in types]

    def run(inputs: Sequence[Array]) -> Array:
        return np.concatenate([c(x) for c, x in zip(converts, inputs, strict=True)], axis=3)

    return run


def _add(layer: DesignLayer, types: list[FixedPoint]) -> Operator:
    """The exact sum on the finer grid, converted once (``nnet_merge_stream.h``)."""
    reach, fraction = add_reach(types)
    dtype = np.dtype(cheapest_path(layer.name, reach.bound))
    scales = [1 << (fraction - source.fraction) for source in types]
    convert = Conversion(FixedPoint(64, 64 - fraction, True), layer.out_type, (reach.low, reach.high))

    def run(inputs: Sequence[Array]) -> Array:
        parts = [
            x.astype(dtype, copy=False) * dtype.type(s) if s != 1 else x.astype(dtype, copy=False)
            for x, s in zip(inputs, scales, strict=True)
        ]
        total = parts[0] + parts[1]
        for part in parts[2:]:
            total += part
        return convert(total)

    return run


def _global_sum(layer: DesignLayer, types: list[FixedPoint]) -> Operator:
    """The sum over the map, in as many bits as the output has, and then the output's binary point.

    ``sqz_pooling_stream.h``: the accumulator has the input's fraction and wraps; its bits are
    copied, so that with a power of two of pixels the output reads as the mean.
    """
    source, to = types[0], layer.out_type
    pixels = layer.in_shape[0] * layer.in_shape[1]
    moved = to.fraction - source.fraction
    if moved != 0 and 1 << max(moved, 0) != pixels:
        raise BadInputError(
            f"{layer.name}: a global sum over {pixels} pixels of {source} must have the fraction of the sum "
            f"or, with a power of two, of the mean, not {to}; build the design again"
        )
    low, high = pixels * source.min_code, pixels * source.max_code
    total = FixedPoint(to.width, to.width - source.fraction, to.signed)
    dtype = np.dtype(cheapest_path(layer.name, max(-low, high)))
    convert = Conversion(FixedPoint(64, 64 - source.fraction, True), total, (low, high))

    def run(inputs: Sequence[Array]) -> Array:
        x = inputs[0]
        flat = x.reshape(len(x), -1, x.shape[3])
        return convert(np.add.reduce(flat, axis=1, dtype=dtype)[:, None, None])

    return run


def _argmax(layer: DesignLayer, types: list[FixedPoint]) -> Operator:
    """The first of the largest; codes of one type compare as their values do."""
    convert = Conversion(_INDEX, layer.out_type, (0, layer.in_shape[2] - 1))
    held = carrier(_INDEX)
    return lambda inputs: convert(inputs[0].argmax(axis=3)[..., None].astype(held))


_OPERATORS: dict[Op, Callable[[DesignLayer, list[FixedPoint]], Operator]] = {
    Op.RELU: _relu,
    Op.ZERO_PAD: _zero_pad,
    Op.MAX_POOL: _max_pool,
    Op.CONCAT: _concat,
    Op.ADD: _add,
    Op.CLONE: _clone,
    Op.GLOBAL_SUM: _global_sum,
    Op.ARGMAX: _argmax,
}
