"""Chooses the type of each ReLU's output from the float network's outputs on the calibration images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import Kind
from sqz_hw.model.quantisation import best_activation_type
from sqz_hw.ptq.forward import Array

SAMPLES_A_LAYER = 1 << 20
"""Values that are kept of a layer's outputs."""


def sampled(x: Array, seed: int) -> Array:
    """Some pixels of a map with all their channels: pixels x C, drawn without repetition."""
    flat = x.reshape(-1, x.shape[-1])
    count = max(1, SAMPLES_A_LAYER // flat.shape[1])
    if len(flat) <= count:
        return flat.copy()
    chosen = np.random.default_rng(seed).choice(len(flat), count, replace=False)
    return flat[np.sort(chosen)]


def of_one_type(arch: Architecture) -> list[list[str]]:
    """ReLUs in dataflow order, those together whose outputs have one type: expand layers of a Fire module."""
    groups: dict[str, list[str]] = {}
    for spec in arch.layers:
        if spec.kind is Kind.RELU:
            expand = spec.fire is not None and "relu_expand" in spec.name
            groups.setdefault(f"{spec.fire}/expand" if expand else spec.name, []).append(spec.name)
    return list(groups.values())


def activation_types(
    arch: Architecture, samples: Mapping[str, Array], bits: int, score_bits: int
) -> dict[str, FixedPoint]:
    """The unsigned types with the least squared error, both expand layers of a Fire module alike.

    Args:
        arch: the architecture.
        samples: outputs of each ReLU in the float network, pixels x C.
        bits: width.
        score_bits: width of the last ReLU's output.
    """
    groups = of_one_type(arch)
    types: dict[str, FixedPoint] = {}
    for names in groups:
        values = np.concatenate([samples[name].ravel() for name in names])
        width = score_bits if names is groups[-1] else bits
        types.update(dict.fromkeys(names, best_activation_type(values, width)))
    return types
