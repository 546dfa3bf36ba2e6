"""Fixed-point layers on single values, in fractions: slow, obvious, and nothing of sqz_hw.verify in it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from sqz_hw.fixed_point import FixedPoint

HALF = Fraction(1, 2)


def value(code: int, of: FixedPoint) -> Fraction:
    """The real value of a code."""
    return Fraction(int(code)) / Fraction(2) ** of.fraction


def cast(real: Fraction, to: FixedPoint) -> Fraction:
    """A value in a type: rounded, then saturated or wrapped (UG1399)."""
    scaled = real * Fraction(2) ** to.fraction
    sign = -1 if scaled < 0 else 1
    whole = {
        "TRN": lambda: math.floor(scaled),
        "TRN_ZERO": lambda: math.trunc(scaled),
        "RND": lambda: math.floor(scaled + HALF),
        "RND_ZERO": lambda: sign * math.ceil(abs(scaled) - HALF),
        "RND_INF": lambda: sign * math.floor(abs(scaled) + HALF),
        "RND_MIN_INF": lambda: math.ceil(scaled - HALF),
        "RND_CONV": lambda: round(scaled),
    }[to.rounding]()
    low, high = to.min_code, to.max_code
    if to.saturation == "WRAP":
        whole = (whole - low) % 2**to.width + low
    elif to.saturation == "SAT_ZERO":
        whole = whole if low <= whole <= high else 0
    else:
        if to.saturation == "SAT_SYM" and to.signed and to.width > 1:
            low = -high
        whole = min(max(whole, low), high)
    return Fraction(whole) / Fraction(2) ** to.fraction


def code(real: Fraction, of: FixedPoint) -> int:
    """The code of a value that lies on a type's grid."""
    scaled = real * Fraction(2) ** of.fraction
    if scaled.denominator != 1:
        raise ValueError(f"{real} is not on the grid of {of}")
    return int(scaled)


def convolve(x, pixel, conv, kernel, stride, out_type, order):
    """One image, H x W x C codes, through a convolution, as ``nnet_dense_resource.h`` does it."""
    accum = conv.accum_type
    height, width = ((side - kernel) // stride + 1 for side in x.shape[:2])
    weights = conv.weights.reshape(-1, conv.n_out)
    out = np.zeros((height, width, conv.n_out), np.int64)
    for row, column, channel in np.ndindex(*out.shape):
        window = x[row * stride : row * stride + kernel, column * stride : column * stride + kernel].reshape(
            -1
        )
        total = cast(value(conv.bias[channel], conv.bias_type), accum)
        for i in order:
            product = value(window[i], pixel) * value(weights[i, channel], conv.weight_type)
            total = cast(total + cast(product, accum), accum)
        out[row, column, channel] = code(cast(total, out_type), out_type)
    return out


def elementwise(x, source: FixedPoint, to: FixedPoint, *, relu: bool = False):
    """Codes of any shape, each cast (after a ReLU); C++ copies equal types as they are."""
    if source == to and not relu:
        return x
    made = [
        code(cast(max(value(v, source), Fraction(0)) if relu else value(v, source), to), to) for v in x.flat
    ]
    return np.array(made, np.int64).reshape(x.shape)


def add(x, y, sources, to: FixedPoint):
    """The exact sum, cast once."""
    first, second = sources
    made = [
        code(cast(value(a, first) + value(b, second), to), to) for a, b in zip(x.flat, y.flat, strict=True)
    ]
    return np.array(made, np.int64).reshape(x.shape)
