"""The narrowest accumulator of each convolution, from its actual weights.

hls4ml's ``auto`` assumes that every weight has its type's largest value. Here each output
channel's smallest and largest sum are computed from the weights themselves (interval
arithmetic, as in hls4ml's ``bit_exact`` pass, but once a channel instead of once a pixel:
all pixels of a map share a type). Accumulators wrap around, and addition modulo 2**width is
associative, so only the final sum has to be in range, whatever the partial sums do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import ModelFileError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.modelfile import Model
from sqz_hw.model.tensor_types import tensor_types

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Accumulator:
    """Types of one convolution's sums.

    Attributes:
        layer: the architecture's layer.
        tight: the narrowest type that holds every sum exactly.
        auto: what hls4ml 1.3.0 infers from the types alone.
    """

    layer: str
    tight: FixedPoint
    auto: FixedPoint


def accumulators(model: Model) -> dict[str, Accumulator]:
    """Both types of each convolution of a quantised model, by layer name.

    Raises:
        ModelFileError: the model is float.
    """
    if model.quantisation is None:
        raise ModelFileError(f"model {model.name} is float and has no accumulator types; quantise it first")
    types = tensor_types(model.architecture, model.quantisation)
    result = {}
    for spec in model.architecture.convolutions:
        weight, bias = model.quantisation.weights[spec.name], model.quantisation.biases[spec.name]
        value = types[spec.inputs[0]]
        kernel, offset = model.codes(f"{spec.name}/kernel"), model.codes(f"{spec.name}/bias")
        tight = tight_type(kernel, offset, weight, bias, value)
        result[spec.name] = Accumulator(spec.name, tight, auto_type(weight, bias, value, kernel[..., 0].size))
    return result


def tight_type(
    kernel: Codes, bias: Codes, weight_type: FixedPoint, bias_type: FixedPoint, value: FixedPoint
) -> FixedPoint:
    """The narrowest type that holds every possible sum of a convolution exactly.

    Args:
        kernel: integer codes, ... x C_out.
        bias: integer codes, C_out.
        weight_type, bias_type, value: types of weights, biases and inputs.
    """
    from_products = _needed_fraction(kernel, weight_type.fraction + value.fraction)
    from_bias = _needed_fraction(bias, bias_type.fraction)
    fraction = max((f for f in (from_products, from_bias) if f is not None), default=0)
    flat = kernel.reshape(-1, kernel.shape[-1]).astype(object)
    positive, negative = np.maximum(flat, 0).sum(axis=0), np.minimum(flat, 0).sum(axis=0)
    exponent = fraction - weight_type.fraction - value.fraction
    highest = [
        _shift(int(p) * value.max_code + int(n) * value.min_code, exponent)
        for p, n in zip(positive, negative, strict=True)
    ]
    lowest = [
        _shift(int(p) * value.min_code + int(n) * value.max_code, exponent)
        for p, n in zip(positive, negative, strict=True)
    ]
    offsets = [_shift(int(b), fraction - bias_type.fraction) for b in bias]
    top = max((h + b for h, b in zip(highest, offsets, strict=True)), default=0)
    bottom = min((low + b for low, b in zip(lowest, offsets, strict=True)), default=0)
    signed = bottom < 0
    width = max(top.bit_length(), (-bottom - 1).bit_length() if signed else 0) + int(signed)
    width = max(width, 1 + int(signed))
    return FixedPoint(width, width - fraction, signed)


def auto_type(weight: FixedPoint, bias: FixedPoint, value: FixedPoint, n_in: int) -> FixedPoint:
    """hls4ml 1.3.0's ``auto`` accumulator (``infer_precision.py``, ``_infer_common_precision``)."""
    growth = int(np.ceil(np.log2(n_in)))
    width, integer = weight.width + value.width + growth, weight.integer + value.integer + growth
    signed = weight.signed or value.signed
    fraction = width - integer
    from_sum, from_bias = integer + (bias.signed and not signed), bias.integer + (signed and not bias.signed)
    integer = max(from_sum, from_bias) + 1
    return FixedPoint(integer + max(fraction, bias.fraction), integer, signed or bias.signed)


def _needed_fraction(codes: Codes, fraction: int) -> int | None:
    """Fraction bits without the low bits that are zero in every code; None if all codes are zero."""
    bits = int(np.bitwise_or.reduce(np.abs(codes), axis=None)) if codes.size else 0
    return fraction - ((bits & -bits).bit_length() - 1) if bits else None


def _shift(value: int, left: int) -> int:
    return value << left if left >= 0 else value >> -left
