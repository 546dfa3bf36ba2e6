"""Weight sharing by k-means, a codebook for each layer; pruned weights stay zero.

Source: Han et al. 2016, arXiv 1510.00149, section 3: one-dimensional k-means on a layer's
nonzero weights. The paper starts from linearly spaced centroids and then trains them; without
training, what counts is the squared error, and in one dimension dynamic programming finds the
least (Wang and Song, The R Journal 3/2, 2011).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError
from sqz_hw.model.modelfile import Model

MAX_BITS = 8
ITERATIONS = 100
BINS = 512
"""Values beyond which a layer's are put into bins before the search."""
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def share_weights(model: Model, bits: int) -> Model:
    """The model with at most 2**bits different weights in each layer, zero among them.

    A layer that has no more is left as it is; a quantised model shares its codes already. Biases
    are not shared.

    Args:
        model: any model.
        bits: of a shared weight's index, 1 to 8.

    Raises:
        BadInputError: another number of bits, or the model is quantised.
    """
    if not 1 <= bits <= MAX_BITS:
        raise BadInputError(f"shared weights must have 1 to {MAX_BITS} bits, not {bits}")
    if model.quantisation is not None:
        raise BadInputError(
            f"model {model.name} is quantised: its codes are its shared weights; leave --bits out"
        )
    weights = {
        key: shared(value, (1 << bits) - 1) if key.endswith("/kernel") else value
        for key, value in model.weights.items()
    }
    return replace(model, weights=weights)


def shared(kernel: Float32, most: int) -> Float32:
    """The kernel with each nonzero weight moved to the nearest of at most ``most`` centroids."""
    there = kernel != 0
    values = np.sort(kernel[there].astype(np.float64))
    if len(np.unique(values)) <= most:
        return kernel
    centroids = _k_means(values, most)
    result = np.zeros_like(kernel)
    result[there] = centroids[np.searchsorted(_between(centroids), kernel[there].astype(np.float64))]
    return result


def _k_means(values: Float64, count: int) -> Float32:
    """Centroids of sorted values: the best for their bins, then Lloyd's steps on the values."""
    centroids = _best(*_bins(values), count)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    for _ in range(ITERATIONS):
        edges = np.concatenate(([0], np.searchsorted(values, _between(centroids)), [len(values)]))
        sizes = np.diff(edges)
        means = np.diff(sums[edges])[sizes > 0] / sizes[sizes > 0]
        if np.array_equal(means, centroids):
            break
        centroids = means
    nearest: Float32 = np.unique(centroids.astype(np.float32))
    return nearest


def _bins(values: Float64) -> tuple[Float64, Float64]:
    """The different values and how often each comes; of very many, means and counts of equal bins."""
    means, counts = np.unique(values, return_counts=True)
    if len(means) > BINS:
        place = ((values - values[0]) * (BINS / (values[-1] - values[0]))).astype(np.int64)
        place = np.minimum(place, BINS - 1)
        counts = np.bincount(place, minlength=BINS)
        there = counts > 0
        counts = counts[there]
        means = np.bincount(place, values, minlength=BINS)[there] / counts
    return means, counts.astype(np.float64)


def _best(means: Float64, counts: Float64, clusters: int) -> Float64:
    """Centroids of the contiguous clusters with the least squared error, by dynamic programming.

    error[j] of the first j values in c + 1 clusters is the least over i of error[i] in c clusters
    plus that of values i to j - 1 around their mean.
    """
    total, weighted, squared = (
        np.concatenate(([0.0], np.cumsum(x))) for x in (counts, counts * means, counts * means * means)
    )
    size = np.arange(len(means) + 1)
    members = np.maximum(total[None] - total[:, None], 1.0)
    spread = (squared[None] - squared[:, None]) - (weighted[None] - weighted[:, None]) ** 2 / members
    spread[size[:, None] > size[None]] = np.inf
    error = spread[0]
    starts = []
    for _ in range(min(clusters, len(means)) - 1):
        sums = error[:, None] + spread
        best = sums.argmin(axis=0)
        starts.append(best)
        error = sums[best, size]
    edges = [len(means)]
    for best in reversed(starts):
        edges.append(int(best[edges[-1]]))
    cuts = np.array([0, *reversed(edges)])
    there = np.diff(total[cuts]) > 0
    centroids: Float64 = np.diff(weighted[cuts])[there] / np.diff(total[cuts])[there]
    return centroids


def _between(centroids: npt.NDArray[np.floating[Any]]) -> Float64:
    wide = centroids.astype(np.float64)
    return (wide[1:] + wide[:-1]) / 2
