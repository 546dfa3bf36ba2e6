"""Chooses the fixed-point types of a folded float network from its weights and from images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images
from sqz_hw.model.layers import Kind, LayerSpec
from sqz_hw.model.network import Weights, float_network, set_weights
from sqz_hw.model.quantisation import (
    INPUT_TYPE,
    Quantisation,
    best_activation_type,
    best_weight_type,
    bias_type,
)

SAMPLES_A_LAYER = 200_000
Bits = int | Mapping[str, int]
"""A width for all layers, or one for each by name."""


def calibrate(
    arch: Architecture,
    weights: Weights,
    images: Images,
    *,
    weight_bits: Bits,
    bias_bits: int,
    activation_bits: Bits,
    score_bits: int,
) -> Quantisation:
    """Types with the least squared error on the weights and on the activations of ``images``.

    Both expand layers of a Fire module share one activation type, so that their
    concatenation has one grid.

    Args:
        arch: the architecture.
        weights: folded float weights.
        images: uint8, N x S x S x 3; their activations set the ranges.
        weight_bits: widths, by convolution.
        bias_bits: width.
        activation_bits: widths, by ReLU; those that share a type have the same.
        score_bits: width of the last ReLU's output, the class scores' map.
    """
    activations = _activation_types(arch, weights, images, activation_bits, score_bits)
    weight_types = {
        s.name: best_weight_type(weights[f"{s.name}/kernel"], _width(weight_bits, s.name))
        for s in arch.convolutions
    }
    biases = {s.name: bias_type(weights[f"{s.name}/bias"], bias_bits) for s in arch.convolutions}
    return Quantisation(weight_types, biases, activations, INPUT_TYPE)


def activation_groups(arch: Architecture) -> tuple[tuple[str, ...], ...]:
    """Names of the ReLUs that share a type, group by group; the last is the class scores' map."""
    groups: dict[str, list[str]] = {}
    for spec in _relus(arch):
        expand = spec.fire is not None and "relu_expand" in spec.name
        groups.setdefault(f"{spec.fire}/expand" if expand else spec.name, []).append(spec.name)
    return tuple(tuple(names) for names in groups.values())


def sample_activations(
    arch: Architecture, weights: Weights, images: Images
) -> dict[tuple[str, ...], npt.NDArray[np.float32]]:
    """Values of each group of ReLUs on ``images``, every channel alike, some 200,000 a layer."""
    network = float_network(arch, batch_norm=False)
    set_weights(network, weights)
    relus = _relus(arch)
    probe = tf.keras.Model(network.input, [network.get_layer(s.safe_name).output for s in relus])
    samples: dict[str, list[Any]] = {s.name: [] for s in relus}
    batch = 64
    for start in range(0, len(images), batch):
        for spec, values in zip(relus, probe(to_float(images[start : start + batch])), strict=True):
            flat = values.numpy().ravel()
            step = max(1, flat.size * -(-len(images) // batch) // SAMPLES_A_LAYER)
            while math.gcd(step, spec.out_shape[2]) > 1:  # else some channels would never be sampled
                step += 1
            samples[spec.name].append(flat[::step])
    return {
        names: np.concatenate([part for name in names for part in samples[name]])
        for names in activation_groups(arch)
    }


def _activation_types(
    arch: Architecture, weights: Weights, images: Images, bits: Bits, score_bits: int
) -> dict[str, FixedPoint]:
    types = {}
    scores = _relus(arch)[-1].name
    for names, values in sample_activations(arch, weights, images).items():
        chosen = best_activation_type(values, score_bits if scores in names else _width(bits, names[0]))
        types.update(dict.fromkeys(names, chosen))
    return types


def _relus(arch: Architecture) -> list[LayerSpec]:
    return [s for s in arch.layers if s.kind is Kind.RELU]


def _width(bits: Bits, name: str) -> int:
    return bits if isinstance(bits, int) else bits[name]
