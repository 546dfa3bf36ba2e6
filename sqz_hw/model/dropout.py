"""Dropout that goes on after a restart as if there had been none."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class ResumableDropout(tf.keras.layers.Layer):  # type: ignore[misc]
    """Drops a share of its inputs while training; the mask depends on seed and step alone.

    Keras's own Dropout draws from a generator whose state no checkpoint holds. Here the
    step is a weight of the layer, and so in the checkpoint.

    Args:
        rate: share of the inputs set to zero, 0 to below 1; the others are scaled by 1 / (1 - rate).
        seed: of the run.
        name: of the layer.
    """

    def __init__(self, rate: float, seed: int, name: str) -> None:
        super().__init__(name=name)
        self.rate, self.seed = rate, seed
        self.step = self.add_weight("step", shape=(), dtype=tf.int32, initializer="zeros", trainable=False)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Inputs as they are, or with a share of them dropped."""
        if not training:
            return inputs
        step = self.step.assign_add(1)
        noise = tf.random.stateless_uniform(tf.shape(inputs), tf.stack([self.seed, step]))
        return tf.where(noise >= self.rate, inputs / (1.0 - self.rate), 0.0)
