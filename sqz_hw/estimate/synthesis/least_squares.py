"""Robust least squares on the logarithm of a sum of terms, with weights that are never negative."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ROUNDS = 15
SWEEPS = 80
FLAT = 0.15
"""Errors below this (natural logarithm) count by their square, above it by their size."""
SHRINK = 1e-6
"""Ridge, relative to the normal matrix: decides only between terms that the data cannot tell apart."""


def fit_log_sum(terms: Array, real: Array, weights: Array) -> Array:
    """Coefficients c >= 0 that minimise robust errors of log(terms @ c) against log(real).

    Each round linearises the logarithm at the estimate so far, reweights by the size of each
    error, and solves by coordinate descent. The same inputs give the same coefficients.

    Args:
        terms: float64, rows x terms, none below 0.
        real: float64, rows, above 0.
        weights: float64, rows, above 0.

    Returns:
        float64, one for each term.
    """
    peak = terms.max(axis=0)
    scale = np.where(peak > 0, peak, 1.0)
    scaled = terms / scale
    count = scaled.shape[1]
    c: Array = np.full(count, float(np.median(real)) / count)
    for _ in range(ROUNDS):
        estimate = np.maximum(scaled @ c, 1e-6 * real)
        error = np.log(real / estimate)
        rows = scaled / estimate[:, None]
        target = 1.0 + np.clip(error, -1.0, 1.0)
        w = weights / np.maximum(np.abs(error), FLAT)
        normal = (rows * w[:, None]).T @ rows
        normal[np.diag_indices(count)] += 1e-12 + SHRINK * float(np.trace(normal)) / count
        side = (rows * w[:, None]).T @ target
        for _ in range(SWEEPS):
            for j in range(count):
                c[j] = max(0.0, c[j] + (side[j] - float(normal[j] @ c)) / normal[j, j])
    result: Array = c / scale
    return result
