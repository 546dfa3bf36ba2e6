"""Bias correction: each output channel keeps the mean that it has in the float network.

Rounded weights and activations shift the mean of a convolution's output; its bias takes that back
(Nagel et al. 2019, arXiv 1906.04721, section 4.2, with means measured on the calibration images).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.quantisation import SMALLEST, quantise
from sqz_hw.ptq.error_feedback import Matrix
from sqz_hw.ptq.moments import Moments

Biases = npt.NDArray[np.float64]


def corrected(bias: npt.NDArray[Any], target: npt.NDArray[Any], rounded: Matrix, seen: Moments) -> Biases:
    """The bias with which the quantised layer's mean output is the float layer's.

    Args:
        bias: of the float network, n_out.
        target: the float network's kernel, n_in x n_out.
        rounded: the quantised kernel, n_in x n_out.
        seen: mean inputs of both networks.
    """
    return np.asarray(bias + seen.float_mean @ target - seen.mean @ rounded)


def on_grid(bias: Biases, bits: int, finest: int) -> tuple[Biases, FixedPoint]:
    """Biases rounded to a type of at most ``bits`` bits.

    Args:
        bias: n_out.
        bits: largest width.
        finest: fraction bits of the layer's products; more would only widen the accumulator.

    Returns:
        the rounded biases and the narrowest signed type that holds them.
    """
    top = float(np.max(np.abs(bias), initial=0.0))
    integer = (max(SMALLEST, math.frexp(top)[1]) if top > 0 else SMALLEST) + 1
    fraction = min(bits - integer, finest)
    rounded = quantise(bias, FixedPoint(bits, bits - fraction, True))
    largest = int(np.max(np.abs(rounded), initial=0.0) * 2.0**fraction)
    width = max(2, min(bits, largest.bit_length() + 1))
    return rounded, FixedPoint(width, width - fraction, True)
