"""A folded network made trainable again: batch norm put back so that nothing changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sqz_hw.model.architecture import Architecture
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images
from sqz_hw.model.network import BATCH_NORM_EPSILON, Weights, float_network, set_weights

BATCH = 128


def unfold(network: Any, arch: Architecture, weights: Weights, images: Images) -> None:
    """Give a network with batch norm the function of a folded one.

    With mean and variance of Wx over ``images`` as moving statistics,
    gamma = sqrt(variance + epsilon) and beta = bias + mean, batch norm adds the bias and nothing else:
    gamma (Wx - mean) / sqrt(variance + epsilon) + beta = Wx + bias. As the statistics are the
    data's, training on batches goes on from nearly the same function.

    Batch norm takes any scale out of a kernel, and a step's effect goes with rate / |W|^2 (van Laarhoven
    2017, arXiv 1706.05350, section 2). So that a rate means the same for every model, each kernel is
    divided by the root mean square of its filters' norms, and its statistics with it.

    Args:
        network: ``float_network`` with batch norm; its weights are set.
        arch: its architecture.
        weights: folded kernels and biases.
        images: uint8, N x S x S x 3, that the statistics are taken on.
    """
    for name, (mean, variance) in _moments(arch, weights, images).items():
        safe, kernel = name.replace("/", "_"), weights[f"{name}/kernel"]
        norm = float(np.sqrt(np.square(kernel, dtype=np.float64).sum() / kernel.shape[-1])) or 1.0
        network.get_layer(safe).set_weights([(kernel / norm).astype(np.float32)])
        variance = variance / norm**2
        gamma = norm * np.sqrt(variance + BATCH_NORM_EPSILON)
        beta = weights[f"{name}/bias"] + mean
        network.get_layer(f"{safe}_bn").set_weights(
            [a.astype(np.float32) for a in (gamma, beta, mean / norm, variance)]
        )


def _moments(
    arch: Architecture, weights: Weights, images: Images
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Mean and variance of each convolution's output without its bias, channel by channel."""
    folded = float_network(arch, batch_norm=False)
    set_weights(folded, weights)
    specs = arch.convolutions
    probe = tf.keras.Model(folded.input, [folded.get_layer(s.safe_name).output for s in specs])
    counts = {s.name: 0 for s in specs}
    sums = {s.name: np.zeros(s.out_shape[2]) for s in specs}
    squares = {s.name: np.zeros(s.out_shape[2]) for s in specs}
    for start in range(0, len(images), BATCH):
        for spec, out in zip(specs, probe(to_float(images[start : start + BATCH])), strict=True):
            values = out.numpy().reshape(-1, spec.out_shape[2]).astype(np.float64)
            values -= weights[f"{spec.name}/bias"]
            counts[spec.name] += len(values)
            sums[spec.name] += values.sum(axis=0)
            squares[spec.name] += np.square(values).sum(axis=0)
    moments = {}
    for name, count in counts.items():
        mean = sums[name] / count
        moments[name] = mean, np.maximum(squares[name] / count - np.square(mean), 0.0)
    return moments
