"""One convolution of a design in integers, by the cheapest way that its proof allows.

The products and their sum go through BLAS on float arrays of whole numbers where
``exactness`` has proven that nothing can round, else through int64; where the hardware
rounds or clips on the way, product after product in the kernel's own order. What follows
(the cast to the layer's type, and the ReLU after it if nobody wants to see between) is done
block by block while the sums are in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sqz_hw.design import ConvParameters, DesignLayer
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.verify.exactness import Proof, accum_bias, prove, weight_grain
from sqz_hw.verify.float_requantise import Array, Conversion, carrier, chain, preserves, run_steps
from sqz_hw.verify.requantise import Codes, overflow, requantise, round_off

BLOCK_BYTES = 1 << 21
"""Columns and sums of a block: about a core's second-level cache."""


class Convolution:
    """A convolution with valid padding, ready to run.

    Args:
        layer: the layer, with its parameters.
        pixel: type of the stream it reads.
        relu: type of a ReLU that follows and is computed along with it, or None.

    Raises:
        BadInputError: it has no weights, its sums are not proven to fit in 63 bits, or its
            accumulator can saturate and no kernel has its reuse factor.
    """

    def __init__(self, layer: DesignLayer, pixel: FixedPoint, relu: FixedPoint | None = None) -> None:
        conv = layer.conv
        if conv is None:
            raise BadInputError(
                f"{layer.name}: a convolution must have weights, not none; build the design again"
            )
        self.layer, self.pixel = layer, pixel
        self.proof: Proof = prove(layer, conv, pixel)
        self.type = layer.out_type if relu is None else relu
        self._conv, self._n_in, self._n_out = conv, conv.n_in, conv.n_out
        self._order = kernel_order(layer.name, conv) if self.proof.saturates else range(conv.n_in)
        self._stages = _stages(self.proof, conv, layer.out_type, relu)
        self._dtype = np.dtype(self.proof.path)
        scale, self._steps = chain([stage.plan(self._dtype) for stage in self._stages])
        self._kernel, self._bias = _terms(self.proof, conv, pixel, scale)

    def __call__(self, x: Array, out: Array | None = None) -> Array:
        """Convolve a batch.

        Args:
            x: codes, N x H x W x C_in, in the carrier of ``pixel``.
            out: where to put the result; may be a slice of channels of a wider array.

        Returns:
            codes of ``type`` in its carrier, N x H' x W' x C_out (``out`` if given).
        """
        count, (height, width, channels) = len(x), self.layer.out_shape
        kernel, stride, n_in = self.layer.kernel, self.layer.stride, self._n_in
        if out is None:
            out = np.empty((count, height, width, channels), carrier(self.type))
        if kernel == 1:
            pixels = np.ascontiguousarray(x[:, : height * stride : stride, : width * stride : stride])
            self._run(pixels.reshape(-1, n_in), _flat(out))
            return out
        x = np.ascontiguousarray(x)
        for images, rows in _blocks(count, height, width * (n_in + channels) * self._dtype.itemsize):
            part = out[images, rows]
            window = _windows(x[images, rows.start * stride :], part.shape, kernel, stride)
            columns = np.empty(window.shape, self._dtype)
            np.copyto(columns, window, casting="unsafe")
            self._run(columns.reshape(-1, n_in), _flat(part))
        return out

    def _run(self, columns: Array, out: Array) -> None:
        """Sums of products of a matrix of inputs, pixels x n_in, and all that follows."""
        size = max(1, BLOCK_BYTES // ((self._n_in + self._n_out) * self._dtype.itemsize))
        for start in range(0, len(columns), size):
            codes = self._sums(columns[start : start + size])
            target = out[start : start + size]
            if self._steps is not None:
                run_steps(self._steps, codes, codes, target)
                continue
            for stage in self._stages:
                codes = stage(codes)
            np.copyto(target, codes)

    def _sums(self, block: Array) -> Array:
        if self.proof.stepwise:
            return stepwise(block.astype(np.int64), self._conv, self.pixel, self._order)
        sums: Array = block.astype(self._dtype, copy=False) @ self._kernel
        if self._bias is not None:
            sums += self._bias
        return sums


def stepwise(block: Codes, conv: ConvParameters, pixel: FixedPoint, order: Sequence[int]) -> Codes:
    """Add product after product as ``nnet_dense_resource.h`` does: cast, add, cast the sum.

    Args:
        block: input codes, pixels x n_in.
        conv: weights, bias and types.
        pixel: type of the inputs.
        order: the inputs' numbers in the order in which they are added.

    Returns:
        codes of the accumulator's type, pixels x n_out.
    """
    accum = conv.accum_type
    fraction = conv.weight_type.fraction + pixel.fraction
    product = FixedPoint(64, 64 - fraction, True)
    weights = conv.weights.reshape(-1, conv.n_out)
    sums = np.repeat(accum_bias(conv)[None], len(block), axis=0)
    for i in order:
        if not weights[i].any():
            continue
        products = block[:, i, None] * weights[i]
        if accum.saturation == "WRAP" and fraction >= accum.fraction:  # bits above fall off at the end
            sums += round_off(products, fraction - accum.fraction, accum.rounding)
        else:
            sums = overflow(sums + requantise(products, product, accum), accum)
    return overflow(sums, accum)


def kernel_order(name: str, conv: ConvParameters) -> list[int]:
    """The order in which the Resource kernel adds one output's products.

    With a reuse factor up to n_in, cycle r adds inputs r, r + RF, r + 2 RF, ...; above it one
    input after the other.

    Raises:
        BadInputError: a reuse factor for which hls4ml has no kernel, or one that mixes outputs.
    """
    n_in, factor = conv.n_in, conv.reuse_factor
    if factor <= n_in and n_in % factor == 0:
        return [i for cycle in range(factor) for i in range(cycle, n_in, factor)]
    if factor > n_in and factor % n_in == 0:
        return list(range(n_in))
    raise BadInputError(
        f"{name}: its accumulator can saturate, so its reuse factor must divide n_in = {n_in} or be "
        f"a multiple of it, not {factor}; choose another or a wider accumulator"
    )


def _stages(
    proof: Proof, conv: ConvParameters, out_type: FixedPoint, relu: FixedPoint | None
) -> list[Conversion]:
    """Conversions from the sums to the result; those that change no value are left out."""
    accum = conv.accum_type
    source, low, high = proof.sum_type, proof.low, proof.high
    if proof.stepwise:
        source, low, high = accum, accum.min_code, accum.max_code
    targets = [(accum, False), (out_type, False)] + ([(relu, True)] if relu is not None else [])
    stages = []
    for number, (to, is_relu) in enumerate(targets, start=1):
        if number < len(targets) and (source == to or preserves(low, high, source, to)):
            continue
        stages.append(Conversion(source, to, (low, high), relu=is_relu))
        source, low, high = to, to.min_code, to.max_code
    return stages


def _terms(proof: Proof, conv: ConvParameters, pixel: FixedPoint, scale: float) -> tuple[Array, Array | None]:
    """Kernel (n_in x n_out) and bias in the path's arithmetic, in the proof's units times ``scale``."""
    if proof.stepwise:
        return conv.weights.reshape(-1, conv.n_out), None
    grain = weight_grain(conv.weights)
    product = conv.weight_type.fraction + pixel.fraction - grain
    up = proof.fraction - product if conv.weights.any() else 0
    kernel: Array = (conv.weights >> grain).reshape(-1, conv.n_out)
    bias: Array = accum_bias(conv) >> (conv.accum_type.fraction - proof.fraction)
    if proof.path == "int64":
        kernel = kernel << up
    else:
        dtype = np.dtype(proof.path)
        kernel = (kernel * (2.0**up * scale)).astype(dtype)
        bias = (bias * scale).astype(dtype)
    return kernel, bias if bias.any() else None


def _flat(out: Array) -> Array:
    """All pixels of an array in one axis, as a view of it."""
    view = out.view()
    view.shape = (-1, out.shape[-1])
    return view


def _blocks(count: int, height: int, row_bytes: int) -> Iterator[tuple[slice, slice]]:
    """Images and output rows that fit into a block: rows of one image, or several whole ones."""
    rows = max(1, BLOCK_BYTES // row_bytes)
    if rows < height:
        for image in range(count):
            for top in range(0, height, rows):
                yield slice(image, image + 1), slice(top, min(top + rows, height))
        return
    images = max(1, rows // height)
    for first in range(0, count, images):
        yield slice(first, min(first + images, count)), slice(0, height)


def _windows(x: Array, shape: tuple[int, ...], kernel: int, stride: int) -> Array:
    """The inputs of each output as a view: N x rows x width x kernel x (kernel * C_in).

    A window's row is contiguous in memory, so copying it takes whole runs.
    """
    image, row, column, last = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (*shape[:3], kernel, kernel * x.shape[3]),
        (image, row * stride, column * stride, row, last),
        writeable=False,
    )
