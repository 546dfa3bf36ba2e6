"""How much a network's loss rises when one layer alone is pruned or made narrower.

Measured on images that were not trained on, with all other layers as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.calibration import activation_groups, sample_activations
from sqz_hw.model.datasets import Dataset, Images
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.network import Weights, build, keeps_size, pad, set_weights
from sqz_hw.model.quantisation import best_activation_type, best_weight_type, quantise
from sqz_hw.training.evaluation import mean_loss
from sqz_hw.training.pruning import largest

DENSITIES = (0.7, 0.5, 0.35, 0.25, 0.15, 0.08)
"""At which each layer's loss is measured; the choice interpolates between them."""

LEAST_BITS = 3
LEAST_INCREASE = 1e-4
"""Nats that any layer's 3 bits are taken to cost."""
Table = dict[str, dict[str, float]]
"""Increase of the loss in nats by layer, and by density or width as text."""


class Probe:
    """A folded float network of which one layer at a time is changed.

    Args:
        arch: its architecture.
        weights: its folded weights.
        data: images and labels that the loss is measured on.
    """

    def __init__(self, arch: Architecture, weights: Weights, data: Dataset) -> None:
        self._arch, self._weights, self._data = arch, weights, data
        self._network = build(arch, _conv, lambda spec, x: _SwitchedRelu(spec.safe_name)(x))
        set_weights(self._network, weights)
        self._scores = tf.function(lambda images: self._network(images, training=False), autograph=False)
        self.base = mean_loss(self._scores, data)

    def with_kernel(self, name: str, kernel: npt.NDArray[Any]) -> float:
        """Increase of the loss with another kernel."""
        variable = self._network.get_layer(name.replace("/", "_")).kernel
        variable.assign(kernel.astype(np.float32))
        increase = mean_loss(self._scores, self._data) - self.base
        variable.assign(self._weights[f"{name}/kernel"])
        return increase

    def with_activations(self, names: Iterable[str], to: FixedPoint) -> float:
        """Increase of the loss with the outputs of these ReLUs on the grid of a type."""
        layers = [self._network.get_layer(name.replace("/", "_")) for name in names]
        for layer in layers:
            layer.lsb.assign(to.lsb)
            layer.top.assign(to.max_code * to.lsb)
        increase = mean_loss(self._scores, self._data) - self.base
        for layer in layers:
            layer.lsb.assign(0.0)
        return increase


def density_table(probe: Probe, weights: Weights, layers: Iterable[str]) -> Table:
    """Loss increase of each layer at each of ``DENSITIES``, by magnitude pruning of that layer alone."""
    table: Table = {}
    for name in layers:
        kernel = weights[f"{name}/kernel"]
        table[name] = {
            f"{density:g}": probe.with_kernel(name, kernel * largest(kernel, round(density * kernel.size)))
            for density in DENSITIES
        }
    return table


def weight_bits_table(probe: Probe, arch: Architecture, weights: Weights, most: int) -> Table:
    """Loss increase of each kernel at each width from ``LEAST_BITS`` to ``most``, rounded alone."""
    table: Table = {}
    for spec in arch.convolutions:
        kernel = weights[f"{spec.name}/kernel"]
        table[spec.name] = {
            str(bits): probe.with_kernel(spec.name, quantise(kernel, best_weight_type(kernel, bits)))
            for bits in widths(most)
        }
    return table


def activation_bits_table(
    probe: Probe, arch: Architecture, weights: Weights, images: Images, most: Mapping[str, int]
) -> Table:
    """Loss increase of each ReLU at each width, together with those that share its type.

    The class scores' map is left out: its width is a setting.

    Args:
        probe: what measures.
        arch: the architecture.
        weights: folded float weights.
        images: training images that set the ranges.
        most: the largest width of each ReLU's output.
    """
    table: Table = {}
    samples = sample_activations(arch, weights, images)
    for names in activation_groups(arch)[:-1]:
        row = {
            str(bits): probe.with_activations(names, best_activation_type(samples[names], bits))
            for bits in widths(most[names[0]])
        }
        table.update(dict.fromkeys(names, row))
    return table


def smoothed(table: Table) -> Table:
    """Loss increases by width as a law in place of what was measured: k 4^-b for b bits.

    A bit less makes the noise of rounding four times as strong, and small noise costs loss in proportion to
    its power (second order at a minimum). What one set of images says of one layer is itself noisy, and can
    be below zero; k is fitted by least squares, which the narrow widths decide, and never below
    ``LEAST_INCREASE`` at 3 bits: no layer is free.

    Args:
        table: measured increases, by layer and width.
    """
    result: Table = {}
    for name, row in table.items():
        powers = {int(bits): 4.0 ** -int(bits) for bits in row}
        squares = sum(power**2 for power in powers.values())
        fitted = sum(row[str(bits)] * power for bits, power in powers.items()) / squares
        k = max(fitted, LEAST_INCREASE * 4.0**3)
        result[name] = {str(bits): k * power for bits, power in powers.items()}
    return result


def widths(most: int) -> range:
    """The widths to choose from; where ``most`` is below ``LEAST_BITS``, that alone."""
    return range(min(LEAST_BITS, most), most + 1)


def as_numbers(row: Mapping[str, float]) -> dict[float, float]:
    """A row of a table with its densities or widths as numbers."""
    return {float(key): value for key, value in row.items()}


def _conv(spec: LayerSpec, x: Any) -> Any:
    same = keeps_size(spec)
    return tf.keras.layers.Conv2D(
        spec.out_shape[2],
        spec.kernel,
        strides=spec.stride,
        padding="same" if same else "valid",
        name=spec.safe_name,
    )(x if same else pad(spec, x))


class _SwitchedRelu(tf.keras.layers.Layer):  # type: ignore[misc]
    """A ReLU whose output can be put on a grid: where ``lsb`` is not 0, rounded to it and cut at ``top``."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.lsb = self.add_weight("lsb", shape=(), initializer="zeros", trainable=False)
        self.top = self.add_weight("top", shape=(), initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        return tf.cond(
            self.lsb > 0,
            lambda: tf.round(tf.clip_by_value(inputs, 0.0, self.top) / self.lsb) * self.lsb,
            lambda: tf.nn.relu(inputs),
        )
