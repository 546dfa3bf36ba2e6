"""Computes a network layer by layer in NumPy, float32, on the images of the calibration.

Arrays are N x H x W x C. A convolution is a matrix product of its columns (one row an output
pixel, kernel row, kernel column and channel along it) with the kernel as n_in x n_out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import Kind, LayerSpec

Array = npt.NDArray[np.float32]
Tensor = TypeVar("Tensor")
BLOCK_BYTES = 1 << 25
"""Bytes of the columns that are made at once."""


def run(
    arch: Architecture,
    pixels: Tensor,
    convolution: Callable[[LayerSpec, Tensor], Tensor],
    relu: Callable[[LayerSpec, Tensor], Tensor],
    other: Callable[[LayerSpec, Sequence[Tensor]], Tensor],
) -> Tensor:
    """Goes through the layers in dataflow order; no tensor is held past its last use.

    Args:
        arch: the network.
        pixels: the input's tensor, of whatever the three functions take.
        convolution, relu, other: give a layer's output.

    Returns:
        the last layer's output.
    """
    last = {name: spec.name for spec in arch.layers for name in spec.inputs}
    held = {arch.layers[0].name: pixels}
    out = pixels
    for spec in arch.layers[1:]:
        inputs = [held.pop(name) if last[name] == spec.name else held[name] for name in spec.inputs]
        if spec.kind is Kind.CONV:
            out = convolution(spec, inputs[0])
        elif spec.kind is Kind.RELU:
            out = relu(spec, inputs[0])
        else:
            out = other(spec, inputs)
        held[spec.name] = out
        del inputs
    return out


def matrix(kernel: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A kernel, K x K x C_in x C_out, as n_in x n_out."""
    return kernel.reshape(-1, kernel.shape[-1])


def columns(spec: LayerSpec, x: Array) -> Iterator[tuple[slice, Array]]:
    """The columns of a convolution, some images at a time.

    Args:
        spec: the convolution.
        x: its input, N x H x W x C_in, without padding.

    Yields:
        which images, and their output pixels x n_in.
    """
    top, bottom, left, right = spec.padding
    height, width, _ = spec.out_shape
    n_in = spec.kernel**2 * spec.in_shape[2]
    step = max(1, BLOCK_BYTES // (height * width * n_in * x.itemsize))
    for start in range(0, len(x), step):
        part = x[start : start + step]
        if any(spec.padding):
            part = np.pad(part, ((0, 0), (top, bottom), (left, right), (0, 0)))
        if spec.kernel == 1 and spec.stride == 1:
            yield slice(start, start + len(part)), np.ascontiguousarray(part).reshape(-1, n_in)
            continue
        yield slice(start, start + len(part)), _windows(spec, np.ascontiguousarray(part)).reshape(-1, n_in)


def _windows(spec: LayerSpec, x: Array) -> Array:
    """The inputs of each output, N x H_out x W_out x K x (K * C_in); a window's row is one run of memory."""
    image, row, column, last = x.strides
    view = np.lib.stride_tricks.as_strided(
        x,
        (len(x), *spec.out_shape[:2], spec.kernel, spec.kernel * spec.in_shape[2]),
        (image, row * spec.stride, column * spec.stride, row, last),
        writeable=False,
    )
    return np.ascontiguousarray(view)


def convolve(spec: LayerSpec, x: Array, kernel: Array, bias: Array) -> Array:
    """The convolution's sums, N x H_out x W_out x C_out.

    Args:
        spec: the layer.
        x: N x H x W x C_in.
        kernel: K x K x C_in x C_out.
        bias: C_out.
    """
    out = np.empty((len(x), *spec.out_shape), np.float32)
    flat = np.ascontiguousarray(matrix(kernel), np.float32)
    for images, rows in columns(spec, x):
        part = out[images].reshape(-1, spec.out_shape[2])
        np.matmul(rows, flat, out=part)
        part += bias
    return out


def rectify(x: Array, to: FixedPoint | None = None) -> Array:
    """ReLU in place, and rounding (half to even) and clipping to an unsigned type as hardware does."""
    np.maximum(x, 0, out=x)
    if to is not None:
        x *= np.float32(1 / to.lsb)
        np.rint(x, out=x)
        np.minimum(x, np.float32(to.max_code), out=x)
        x *= np.float32(to.lsb)
    return x


def without_weights(spec: LayerSpec, inputs: Sequence[Array]) -> Array:
    """A max pool, a concatenation, an addition or the global average."""
    if spec.kind is Kind.MAX_POOL:
        return _max_pool(spec, inputs[0])
    if spec.kind is Kind.CONCAT:
        return np.concatenate(inputs, axis=3)
    if spec.kind is Kind.ADD:
        return inputs[0] + inputs[1]
    mean: Array = inputs[0].mean(axis=(1, 2), keepdims=True)
    return mean


def _max_pool(spec: LayerSpec, x: Array) -> Array:
    """Windows that hang over the edge see zeros there, as in hardware; inputs are not negative."""
    _, bottom, _, right = spec.padding
    if bottom or right:
        x = np.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0)))
    for axis in (1, 2):
        count = (x.shape[axis] - spec.kernel) // spec.stride + 1
        steps = [
            x[(slice(None),) * axis + (slice(first, first + (count - 1) * spec.stride + 1, spec.stride),)]
            for first in range(spec.kernel)
        ]
        largest = np.maximum(steps[0], steps[1])
        for step in steps[2:]:
            np.maximum(largest, step, out=largest)
        x = largest
    return x
