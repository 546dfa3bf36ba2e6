"""Accuracy and loss of networks on images, always in float32."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.network import Weights, float_network, set_weights
from sqz_hw.training.lean import computing_in


def accuracy(network: Any, data: Dataset, batch: int = 500) -> float:
    """Top-1 accuracy in percent."""
    if data.y is None:
        raise BadInputError(f"{data.source}: accuracy needs labels, and there are none")
    hits = 0
    for start in range(0, len(data), batch):
        scores = network(to_float(data.x[start : start + batch]), training=False).numpy()
        hits += int((scores.argmax(axis=1) == data.y[start : start + batch]).sum())
    return 100.0 * hits / len(data)


def folded_network(arch: Architecture, weights: Weights, precision: str = "float32") -> Any:
    """A float network with batch norm folded, its weights set."""
    with computing_in(precision):
        network = float_network(arch, batch_norm=False)
    set_weights(network, weights)
    return network


def folded_accuracy(arch: Architecture, weights: Weights, data: Dataset) -> float:
    """Top-1 accuracy in percent of folded float weights."""
    return accuracy(folded_network(arch, weights), data)


def mean_loss(network: Any, data: Dataset, batch: int = 250) -> float:
    """Mean cross-entropy in nats.

    Args:
        network: a compiled function or network of float32 images that gives scores.
        data: images with labels.
        batch: images at once.
    """
    total = 0.0
    for start in range(0, len(data), batch):
        images, labels = data.x[start : start + batch], data.y[start : start + batch]  # type: ignore[index]
        scores = network(tf.constant(to_float(images)))
        total += float(tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)))
    return total / len(data)
