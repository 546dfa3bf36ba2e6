"""Magnitude pruning of the Fire modules by tfmot's schedules, and masks that training keeps."""

from __future__ import annotations

from collections.abc import Mapping
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


def prune_fire_modules(network: Any, arch: Architecture, sparsity: float, steps: int) -> Any:
    """Wrap the convolutions of the Fire modules for gradual magnitude pruning.

    Args:
        network: the float network.
        arch: its architecture.
        sparsity: share of zeros in each kernel at the end of the ramp.
        steps: training steps of the stage.

    Returns:
        A network that shares the weights; train it with ``pruning_callback``.
    """
    in_fire = {s.safe_name for s in arch.convolutions if s.fire}
    schedule = _schedule(sparsity, steps)

    def wrap(layer: Any) -> Any:
        if layer.name in in_fire:
            return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule)
        return layer

    return tf.keras.models.clone_model(network, clone_function=wrap)


def _schedule(sparsity: float, steps: int) -> Any:
    """The ramp; its last update falls on its end, so that the final sparsity is reached."""
    every = max(1, min(20, int(steps * RAMP) // UPDATES))
    end = int(steps * RAMP) // every * every
    if end == 0:
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=1)
    return tfmot.sparsity.keras.PolynomialDecay(0.0, sparsity, begin_step=0, end_step=end, frequency=every)


def strip(network: Any) -> Any:
    """The plain network again, zeros in place."""
    return tfmot.sparsity.keras.strip_pruning(network)


def pruning_callback() -> Any:
    """The callback that moves the pruning step; it takes its start from the optimiser's counter."""
    return tfmot.sparsity.keras.UpdatePruningStep()


class MaskedModel(tf.keras.Model):  # type: ignore[misc]
    """A network whose pruned weights stay zero: masks are applied after every update."""

    masks: tuple[tuple[Any, Any], ...] = ()

    def keep_zeros(self, arch: Architecture, kernels: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Fix the zeros of the Fire modules' ``<layer>/kernel`` arrays."""
        self.masks = tuple(
            (
                self.get_layer(s.safe_name).kernel,
                tf.constant((kernels[f"{s.name}/kernel"] != 0).astype(np.float32)),
            )
            for s in arch.convolutions
            if s.fire
        )

    def train_step(self, data: Any) -> Any:
        """One step of Keras's own, then the masks."""
        logs = super().train_step(data)
        for kernel, mask in self.masks:
            kernel.assign(kernel * mask)
        return logs
