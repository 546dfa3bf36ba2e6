"""Rounds a kernel so that the layer's output changes least: error feedback, then coordinate descent.

The kernel is a matrix n_in x n_out; the error of one output's weights w against the target t is
(w - t)' H (w - t). Error feedback (GPTQ: Frantar et al. 2022, arXiv 2210.17323, algorithm 1)
rounds one input after the other and moves the inputs not yet rounded so that they make up for it.
Coordinate descent then takes each weight again, with all others fixed, to its best level, until
none moves. Weights that are zero stay zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Levels = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
BLOCK = 64


def nearest(values: Matrix, levels: Levels) -> Matrix:
    """The nearest of the levels (rising order) for each value."""
    between = (levels[1:] + levels[:-1]) / 2
    found: Matrix = levels[np.searchsorted(between, values)]
    return found


def damped(hessian: Matrix, share: float) -> Matrix:
    """The Hessian with ``share`` of its mean diagonal added to the diagonal."""
    scale = float(np.mean(np.diag(hessian)))
    return hessian + np.eye(len(hessian)) * (share * scale if scale > 0 else 1.0)


def feedback(target: Matrix, hessian: Matrix, levels: Levels, kept: Mask) -> Matrix:
    """Round with error feedback, the inputs with the largest Hessian first.

    Args:
        target: n_in x n_out.
        hessian: n_in x n_in, positive definite.
        levels: the values there are, rising.
        kept: n_in x n_out, false where the weight has to be zero.

    Returns:
        n_in x n_out, each on a level or zero.
    """
    order = np.argsort(-np.diag(hessian), kind="stable")
    upper = np.linalg.cholesky(np.linalg.inv(hessian[np.ix_(order, order)])).T
    rest, mask = target[order].copy(), kept[order]
    result = np.zeros_like(rest)
    for start in range(0, len(order), BLOCK):
        stop = min(start + BLOCK, len(order))
        errors = np.zeros((stop - start, rest.shape[1]))
        for i in range(start, stop):
            result[i] = np.where(mask[i], nearest(rest[i], levels), 0.0)
            errors[i - start] = (rest[i] - result[i]) / upper[i, i]
            rest[i:stop] -= upper[i, i:stop, None] * errors[i - start]
        rest[stop:] -= upper[start:stop, stop:].T @ errors
    restored = np.empty_like(result)
    restored[order] = result
    return restored


def descend(
    weights: Matrix, target: Matrix, hessian: Matrix, levels: Levels, kept: Mask, sweeps: int
) -> Matrix:
    """Coordinate descent: each weight to its best level, the others fixed.

    Args:
        weights: where to start, n_in x n_out.
        target, hessian, levels, kept: as in ``feedback``.
        sweeps: over all weights at most; ends early when none moves.
    """
    weights = weights.copy()
    slope = hessian @ (weights - target)
    diagonal = np.diag(hessian)
    for _ in range(sweeps):
        moved = False
        for start in range(0, len(weights), BLOCK):
            block = slice(start, start + BLOCK)
            inside, local = hessian[block, block], slope[block].copy()
            change = np.zeros_like(local)
            for i in range(len(local)):
                now = weights[start + i]
                best = np.where(kept[start + i], nearest(now - local[i] / diagonal[start + i], levels), 0.0)
                step = best - now
                if step.any():
                    change[i], weights[start + i] = step, best
                    local[i:] += inside[i:, i, None] * step
            if change.any():
                moved = True
                slope += hessian[:, block] @ change
        if not moved:
            break
    return weights


def squared_error(weights: Matrix, target: Matrix, hessian: Matrix, outputs: Levels | None = None) -> float:
    """Sum over the outputs of (w - t)' H (w - t), each times its share in ``outputs`` (n_out)."""
    off = weights - target
    each = np.sum(off * (hessian @ off), axis=0)
    return float(each.sum() if outputs is None else each @ outputs)
