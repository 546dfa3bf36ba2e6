"""Quantises one convolution's kernel so that the layer's output stays close to the float network's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.quantisation import best_weight_type
from sqz_hw.ptq.codebook import first_codebook, refitted
from sqz_hw.ptq.error_feedback import Levels, Mask, Matrix, damped, descend, feedback, squared_error
from sqz_hw.ptq.moments import Moments

SWEEPS = 10
"""Of coordinate descent at a time; the gain of later ones is small."""

ROUNDS = 8
"""Of descent and a new fit of the codebook, in turns."""

ENOUGH = 1e-3
"""A round that lowers the error by a smaller share is the last."""


@dataclass(frozen=True)
class QuantisedKernel:
    """A kernel on the grid of its type.

    Attributes:
        values: n_in x n_out.
        type: signed, power-of-two scale.
        codebook: the different integer codes where weights are shared, rising, else None.
    """

    values: Matrix
    type: FixedPoint
    codebook: tuple[int, ...] | None


def quantised_kernel(
    kernel: npt.NDArray[np.floating[Any]],
    seen: Moments,
    outputs: npt.NDArray[np.float64] | None = None,
    *,
    weight_bits: int,
    code_bits: int | None,
    damping: float,
) -> QuantisedKernel:
    """The kernel with the least squared error of the layer's output that the search finds.

    The target is the real kernel that, fed with the quantised network's columns, comes closest
    to the float network's sums (least squares, pulled towards the float kernel by the damping).

    Args:
        kernel: n_in x n_out of the float network; zeros stay zero.
        seen: moments of the layer's columns.
        outputs: how much each output counts where they share values, n_out; None: all alike.
        weight_bits: width of the type.
        code_bits: at most ``2**code_bits`` different values, or None for all of the type's.
        damping: added to the Hessian's diagonal, as a share of its mean.
    """
    weights = np.asarray(kernel, np.float64)
    kept = weights != 0
    hessian = damped(seen.covariance, damping)
    target = weights + np.linalg.solve(hessian, (seen.cross - seen.covariance) @ weights)
    to = best_weight_type(np.where(kept, target, 0.0), weight_bits)
    if code_bits is None:
        levels = np.arange(to.min_code, to.max_code + 1) * to.lsb
        rounded = feedback(target, hessian, levels, kept)
        return QuantisedKernel(descend(rounded, target, hessian, levels, kept, SWEEPS), to, None)
    levels = first_codebook(target, hessian, kept, to, 1 << code_bits, outputs)
    rounded, levels = _shared(target, hessian, kept, to, levels, outputs)
    codes = tuple(int(c) for c in np.unique(to.to_codes(rounded)))
    return QuantisedKernel(rounded, to, codes)


def _shared(
    target: Matrix, hessian: Matrix, kept: Mask, to: FixedPoint, levels: Levels, outputs: Levels | None
) -> tuple[Matrix, Levels]:
    """Weights on a codebook, and the codebook: each chosen for the other, in turns."""
    rounded = feedback(target, hessian, levels, kept)
    rounded = descend(rounded, target, hessian, levels, kept, SWEEPS)
    error = squared_error(rounded, target, hessian, outputs)
    for _ in range(ROUNDS):
        rounded, levels = refitted(rounded, target, hessian, levels, to, outputs)
        rounded = descend(rounded, target, hessian, levels, kept, SWEEPS)
        before, error = error, squared_error(rounded, target, hessian, outputs)
        if error >= before * (1 - ENOUGH):
            break
    return rounded, levels
