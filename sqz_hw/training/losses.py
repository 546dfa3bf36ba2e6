"""The loss: labels, and where there are teachers, their scores on the same images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from sqz_hw.training.settings import DISTILL_WEIGHT, TrainSettings

Loss = Callable[[Any, Any, Any], Any]
"""Called with images, labels (classes, or N x classes probabilities) and scores; gives one loss an image."""


def make_loss(settings: TrainSettings, classes: int, teachers: Sequence[Any] = ()) -> Loss:
    """(1 - a) CE(labels) + a T^2 KL(teachers || student), softmaxes at temperature T in the second term.

    Hinton, Vinyals and Dean 2015 (arXiv 1503.02531), section 2: T^2 keeps the two gradients'
    proportion whatever T is. Of several teachers, the (arithmetic) mean of their probabilities.

    Args:
        settings: ``label_smoothing``, ``distill_weight`` (a), ``distill_temperature`` (T).
        classes: number of classes.
        teachers: networks that give float32 scores; none: labels alone.
    """
    smooth = settings.label_smoothing

    def labels_loss(labels: Any, scores: Any) -> Any:
        each = tf.one_hot(labels, classes) if labels.shape.rank == 1 else labels
        wanted = each * (1.0 - smooth) + smooth / classes
        return tf.nn.softmax_cross_entropy_with_logits(wanted, scores)

    if not teachers:
        return lambda images, labels, scores: labels_loss(labels, scores)
    weight = DISTILL_WEIGHT if settings.distill_weight is None else settings.distill_weight
    temperature = settings.distill_temperature

    def loss(images: Any, labels: Any, scores: Any) -> Any:
        each = [tf.nn.log_softmax(teacher(images, training=False) / temperature) for teacher in teachers]
        theirs = tf.stop_gradient(tf.reduce_logsumexp(tf.stack(each), axis=0) - math.log(len(teachers)))
        ours = tf.nn.log_softmax(scores / temperature)
        divergence = tf.reduce_sum(tf.exp(theirs) * (theirs - ours), axis=-1)
        return (1.0 - weight) * labels_loss(labels, scores) + weight * temperature**2 * divergence

    return loss


def seeing(network: Any, side: int) -> Any:
    """A network that is shown images of any size at its own ``side`` x ``side`` pixels (bilinear).

    A teacher for larger images sees more of a small network's images than that one can.
    """

    def shown(images: Any, training: bool = False) -> Any:
        if images.shape[1] != side:
            images = tf.image.resize(images, (side, side), method="bilinear")
        return network(images, training=training)

    return shown
