"""Shared weights: the few values of a layer that all its weights take (Deep Compression).

Han et al. 2016 (arXiv 1510.00149, section 3) cluster the weights with k-means. Here each weight
counts by the Hessian's diagonal, the one-dimensional clustering is the optimal one (dynamic
programming: Wang and Song 2011, Ckmeans.1d.dp), and the values are fitted again, by least
squares on the layer's output, to the weights that share them. All values lie on the layer's grid.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.ptq.error_feedback import Levels, Mask, Matrix

STEPS = 200
"""Sweeps over a codebook when it is rounded; a few are enough."""


def clustered(values: npt.NDArray[np.float64], importance: npt.NDArray[np.float64], count: int) -> Levels:
    """Centres of the clusters with the least weighted squared error.

    Args:
        values: real numbers, one axis.
        importance: of each, not negative.
        count: clusters at most.

    Returns:
        rising centres, ``count`` or as many as there are different values.
    """
    points, where = np.unique(values, return_inverse=True)
    if len(points) <= count:
        return points
    weight = np.bincount(where, importance) + 1e-12 * float(importance.mean())
    mass, first = _running(weight), _running(weight * points)
    second = _running(weight * points**2)
    starts, stops = np.arange(len(points))[:, None], np.arange(len(points))[None] + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        within = (
            second[stops]
            - second[starts]
            - (first[stops] - first[starts]) ** 2 / (mass[stops] - mass[starts])
        )
    cost = np.where(stops > starts, within, np.inf)
    best, cuts = cost[0], []
    for _ in range(count - 1):
        totals = np.concatenate([[np.inf], best[:-1]])[:, None] + cost
        cuts.append(totals.argmin(axis=0))
        best = totals.min(axis=0)
    edges, stop = [len(points)], len(points)
    for cut in reversed(cuts):
        stop = int(cut[stop - 1])
        edges.append(stop)
    edges.append(0)
    edges.reverse()
    return np.array([(first[b] - first[a]) / (mass[b] - mass[a]) for a, b in itertools.pairwise(edges)])


def first_codebook(
    target: Matrix, hessian: Matrix, kept: Mask, to: FixedPoint, count: int, outputs: Levels | None = None
) -> Levels:
    """A codebook from the weights alone: clusters of the kept ones on the grid of ``to``.

    Args:
        target: n_in x n_out.
        hessian: n_in x n_in; its diagonal is each weight's importance.
        kept: n_in x n_out, false where the weight is zero; then zero is one of the values.
        to: the grid.
        count: different values at most, zero included.
        outputs: how much each output counts, n_out; None: all alike.
    """
    zero = not kept.all()
    shares = np.ones(kept.shape[1]) if outputs is None else outputs
    importance = np.outer(np.diag(hessian), shares)[kept]
    on_grid = np.clip(np.rint(target[kept] / to.lsb), to.min_code, to.max_code)
    codes = np.rint(clustered(on_grid, importance, count - zero)) if kept.any() else np.zeros(0)
    return np.unique(np.append(codes, 0.0) if zero else codes) * to.lsb


def refitted(
    weights: Matrix,
    target: Matrix,
    hessian: Matrix,
    levels: Levels,
    to: FixedPoint,
    outputs: Levels | None = None,
) -> tuple[Matrix, Levels]:
    """New values for the codebook: least squares on the output, each weight keeping its entry.

    Args:
        weights: each on one of the levels, n_in x n_out.
        target, hessian: as in ``error_feedback``.
        levels: rising; zero stays what it is.
        to: the grid of the new values.
        outputs: how much each output counts, n_out; None: all alike.

    Returns:
        the weights with the new values, and the new values, rising.
    """
    entry = np.searchsorted(levels, weights)
    free = np.flatnonzero(levels)
    shares = np.ones(weights.shape[1]) if outputs is None else outputs
    wanted = (hessian @ target) * shares
    normal, right = np.zeros((len(free), len(free))), np.zeros(len(free))
    members = [np.flatnonzero(entry.ravel() == k) for k in free]
    for row, k in enumerate(free):
        felt = ((hessian @ (entry == k)) * shares).ravel()
        right[row] = wanted.ravel()[members[row]].sum()
        normal[row] = [felt[m].sum() for m in members]
    used = np.array([len(m) > 0 for m in members], bool)
    codes = levels / to.lsb
    codes[free[used]] = _whole_numbers(
        normal[np.ix_(used, used)] * to.lsb, right[used], codes[free[used]], to
    )
    return codes[entry] * to.lsb, np.unique(codes[np.unique(entry)]) * to.lsb


def _whole_numbers(normal: Matrix, right: Levels, start: Levels, to: FixedPoint) -> Levels:
    """Whole codes c with a small c' N c / 2 - r' c: the real optimum rounded, then coordinate descent."""
    ridge = 1e-9 * float(np.trace(normal)) / max(1, len(normal))
    exact = np.linalg.solve(normal + np.eye(len(normal)) * ridge, right + ridge * start)
    codes = np.clip(np.rint(exact), to.min_code, to.max_code)
    slope = normal @ codes - right
    for _ in range(STEPS):
        moved = False
        for k in range(len(codes)):
            best = np.clip(np.rint(codes[k] - slope[k] / normal[k, k]), to.min_code, to.max_code)
            if best != codes[k]:
                slope += normal[:, k] * (best - codes[k])
                codes[k], moved = best, True
        if not moved:
            break
    return codes


def _running(values: Levels) -> Levels:
    return np.concatenate([[0.0], np.cumsum(values)])
