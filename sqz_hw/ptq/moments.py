"""Moments of a convolution's inputs: what an error of its weights does to its output.

Over the output pixels of the calibration images, a change d of one output's weights (its bias
moved along so that the mean stays) changes the output by d' H d in mean square, with H the
covariance of the inputs: the Hessian of optimal brain surgery (Hassibi and Stork 1993, arXiv of
GPTQ: Frantar et al. 2022, 2210.17323, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sqz_hw.model.layers import LayerSpec
from sqz_hw.ptq.forward import Array, columns

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """First and second moments of one convolution's columns (n_in values an output pixel).

    Attributes:
        covariance: of the quantised network's columns, n_in x n_in.
        cross: covariance of the quantised network's columns with the float network's, n_in x n_in.
        mean: of the quantised network's columns, n_in.
        float_mean: of the float network's columns, n_in.
    """

    covariance: Matrix
    cross: Matrix
    mean: Matrix
    float_mean: Matrix


def moments(spec: LayerSpec, quantised: Array, reference: Array) -> Moments:
    """Moments over all output pixels of all images.

    Args:
        spec: the convolution.
        quantised: its input in the quantised network, N x H x W x C_in.
        reference: the same in the float network.
    """
    n_in = spec.kernel**2 * spec.in_shape[2]
    same = quantised is reference
    square, cross = np.zeros((n_in, n_in)), np.zeros((n_in, n_in))
    total, float_total = np.zeros(n_in), np.zeros(n_in)
    count, near, float_near = 0, np.zeros(n_in, np.float32), np.zeros(n_in, np.float32)
    for (_, rows), (_, other) in zip(columns(spec, quantised), columns(spec, reference), strict=True):
        if not count:  # sums about a value near the mean: float32 loses a small variance beside a large mean
            near, float_near = rows.mean(axis=0), other.mean(axis=0)
        count += len(rows)
        off = rows - near
        square += off.T @ off
        total += off.sum(axis=0, dtype=np.float64)
        if not same:
            float_off = other - float_near
            cross += off.T @ float_off
            float_total += float_off.sum(axis=0, dtype=np.float64)
    if same:
        cross, float_total = square, total
    mean, float_mean = total / count, float_total / count
    covariance = square / count - np.outer(mean, mean)
    return Moments(
        (covariance + covariance.T) / 2,
        cross / count - np.outer(mean, float_mean),
        mean + near,
        float_mean + float_near,
    )
