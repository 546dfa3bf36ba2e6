"""Gradual magnitude pruning: masks that close on tfmot's schedule, each layer to its own density."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_model_optimization as tfmot

from sqz_hw.model.architecture import Architecture

RAMP = 0.6
"""Share of the stage over which sparsity rises (cubic: Zhu and Gupta 2017, equation 1)."""

UPDATES = 20
"""Times that masks are chosen anew on the ramp, at least; a long ramp has one every 20 steps."""


class Masks:
    """Which weights of a network are kept at zero.

    Args:
        network: its layers' kernels are held.
        arch: its architecture.
        layers: names of the convolutions that have masks.
    """

    def __init__(self, network: Any, arch: Architecture, layers: Iterable[str]) -> None:
        held = set(layers)
        safe = {s.name: s.safe_name for s in arch.convolutions if s.name in held}
        self.kernels: dict[str, Any] = {
            n: network.get_layer(safe_name).kernel for n, safe_name in safe.items()
        }
        self.variables: dict[str, Any] = {
            name: tf.Variable(tf.ones(kernel.shape), trainable=False, name=f"{safe[name]}_mask")
            for name, kernel in self.kernels.items()
        }

    def keep_zeros(self) -> None:
        """Hold every weight that is zero now."""
        for name, kernel in self.kernels.items():
            self.variables[name].assign((kernel.numpy() != 0).astype(np.float32))


class GradualPruning:
    """Closes masks by magnitude as training goes on.

    Args:
        masks: of the layers to prune.
        densities: share of weights that each layer keeps at the end of the ramp.
        steps: training steps of the stage.
    """

    def __init__(self, masks: Masks, densities: Mapping[str, float], steps: int) -> None:
        self._masks = masks
        self._densities = dict(densities)
        self._schedules = {name: schedule(1.0 - d, steps) for name, d in densities.items()}

    def update(self, step: int, momentum: Mapping[str, Any]) -> bool:
        """Choose masks anew if it is time; weights and momentum outside are set to zero.

        Args:
            step: number of the training step that follows, from 0.
            momentum: the optimiser's velocity of each layer's kernel, if it has one.
        """
        due = False
        for name, density in self._densities.items():
            now, sparsity = self._schedules[name](tf.constant(step))
            if not bool(now):
                continue
            due = True
            kernel = self._masks.kernels[name]
            values = kernel.numpy()
            kept = round(values.size * max(density, 1.0 - float(sparsity)))
            mask = largest(values, kept)
            self._masks.variables[name].assign(mask)
            kernel.assign(values * mask)
            if name in momentum:
                momentum[name].assign(momentum[name].numpy() * mask)
        return due


def largest(values: npt.NDArray[np.float32], kept: int) -> npt.NDArray[np.float32]:
    """A mask of ones where the ``kept`` largest magnitudes are, the first of equals."""
    mask = np.zeros(values.size, np.float32)
    mask[np.argsort(-np.abs(values).ravel(), kind="stable")[:kept]] = 1.0
    return mask.reshape(values.shape)


def schedule(sparsity: float, steps: int) -> Any:
    """The ramp; its last update falls on its end, so that the final sparsity is reached."""
    every = max(1, min(20, int(steps * RAMP) // UPDATES))
    end = int(steps * RAMP) // every * every
    if end == 0:
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=1)
    return tfmot.sparsity.keras.PolynomialDecay(0.0, sparsity, begin_step=0, end_step=end, frequency=every)
