"""One stage's optimiser and training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from sqz_hw.training.batches import Batches
from sqz_hw.training.losses import Loss
from sqz_hw.training.pruning import GradualPruning, Masks
from sqz_hw.training.settings import TrainSettings
from sqz_hw.training.workers import Workers, exchanged

Progressed = Callable[[int, float, float], None]
"""Called after each step with steps done, mean loss and accuracy (percent) so far in the epoch."""


class Trainer:
    """Trains a network through one stage: a cosine schedule after a linear warm-up.

    Args:
        network: what to train; its scores are float32.
        settings: of the run.
        rate: highest learning rate.
        steps: of an epoch.
        epochs: of the stage.
        loss: one loss an image.
        masks: weights that are kept at zero, or None.
        pruning: closes the masks as training goes on, or None.
        workers: who trains.
    """

    def __init__(
        self,
        network: Any,
        settings: TrainSettings,
        *,
        rate: float,
        steps: int,
        epochs: int,
        loss: Loss,
        workers: Workers,
        masks: Masks | None = None,
        pruning: GradualPruning | None = None,
    ) -> None:
        self.network, self.masks = network, masks
        self._loss, self._pruning, self._workers = loss, pruning, workers
        self.losses: list[float] = []
        total = steps * epochs
        warm = min(steps, total // 10)
        self.schedule = tf.keras.optimizers.schedules.CosineDecay(
            rate / 10, total - warm, alpha=0.0, warmup_target=rate, warmup_steps=warm
        )
        self.optimizer = tf.keras.optimizers.SGD(
            self.schedule, momentum=settings.momentum, nesterov=True, weight_decay=settings.weight_decay
        )
        self.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.optimizer.build(network.trainable_variables)
        places = {id(v): i for i, v in enumerate(network.trainable_variables)}
        held = {} if masks is None else masks.kernels
        self._masked = {places[id(kernel)]: name for name, kernel in held.items()}
        self._step = tf.function(self._traced_step, reduce_retracing=True, autograph=False)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.schedule(self.optimizer.iterations))

    def epoch(self, batches: Batches, progressed: Progressed) -> tuple[float, float]:
        """Train on all batches; gives their mean loss and accuracy in percent, as trained on.

        ``losses`` has the loss of each step.
        """
        self.losses = []
        loss = right = seen = 0.0
        done = 0
        for done, (images, labels) in enumerate(batches.ahead(), 1):
            if self._pruning is not None:
                self._pruning.update(int(self.optimizer.iterations.numpy()), self._momentum())
            total, hits, count = self._step(tf.constant(images), tf.constant(labels))
            self.losses.append(float(total) / float(count))
            loss, right, seen = loss + float(total), right + float(hits), seen + float(count)
            progressed(done, loss / seen, 100.0 * right / seen)
        return loss / seen, 100.0 * right / seen

    def exchanged(self) -> dict[str, Any]:
        """Bytes that the workers exchange in each step."""
        norms = [x for x in self.network.layers if isinstance(x, tf.keras.layers.BatchNormalization)]
        return exchanged(
            [int(np.prod(v.shape)) for v in self.network.trainable_variables],
            sum(norm.gamma.shape[0] for norm in norms),
            self._workers.count,
        )

    def _momentum(self) -> dict[str, Any]:
        if not self.optimizer.momentum:
            return {}
        return {name: self.optimizer.momentums[place] for place, name in self._masked.items()}

    def _traced_step(self, images: Any, labels: Any) -> Any:
        outcome = self._workers.strategy.run(self._replica_step, (images, labels))
        return [self._workers.total(value) for value in outcome]

    def _replica_step(self, images: Any, labels: Any) -> Any:
        variables = self.network.trainable_variables
        count = tf.cast(tf.shape(labels)[0], tf.float32)
        with tf.GradientTape() as tape:
            scores = tf.cast(self.network(images, training=True), tf.float32)
            total = tf.reduce_sum(self._loss(images, labels, scores))
            share = total / (count * self._workers.count)
        gradients = list(tape.gradient(share, variables))
        for place, name in self._masked.items():
            gradients[place] = gradients[place] * self.masks.variables[name]  # type: ignore[union-attr]
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        mostly = labels if labels.shape.rank == 1 else tf.argmax(labels, axis=-1)
        hits = tf.reduce_sum(tf.cast(tf.argmax(scores, axis=-1) == tf.cast(mostly, tf.int64), tf.float32))
        return total, hits, count
