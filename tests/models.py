"""Small networks with random weights, for tests of everything that reads a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqz_hw.model.architecture import V1_0, Architecture, small_stem
from sqz_hw.model.datasets import Images
from sqz_hw.model.modelfile import Model


def tiny_architecture(**changes: Any) -> Architecture:
    """Two Fire modules on 16x16 with a simple bypass; ends in an 8x8 map, a power of two."""
    return small_stem(V1_0, **{**_TINY, **changes})


_TINY: dict[str, Any] = {
    "name": "tiny", "input_size": 16, "classes": 4, "conv1_filters": 8, "base_e": 8, "incr_e": 8, "freq": 1,
    "squeeze_ratio": 0.5, "fire_modules": 2, "pools_after": (1,), "bypass": "simple",
}  # fmt: skip

TINY = tiny_architecture()

TINY_ODD = small_stem(
    V1_0, name="tiny-odd", input_size=13, classes=5, conv1_filters=6, base_e=6, incr_e=4, freq=1,
    squeeze_ratio=0.5, pct3x3=0.4, fire_modules=2, pools_after=(1, 3), bypass="complex",
)  # fmt: skip
"""An odd map size, a padded pool and a 1x1 bypass; ends in a 3x3 map, no power of two."""


def random_images(arch: Architecture, count: int, seed: int = 1) -> Images:
    """Images of the architecture's size: smooth colour, some noise, the whole range of uint8."""
    rng = np.random.default_rng([seed, 0x1316])
    side = arch.input_size
    coarse = rng.integers(0, 256, (count, 4, 4, 3)).repeat(-(-side // 4), 1).repeat(-(-side // 4), 2)
    noise = rng.integers(-40, 41, (count, side, side, 3))
    return np.clip(coarse[:, :side, :side] + noise, 0, 255).astype(np.uint8)


def random_weights(arch: Architecture, seed: int = 1, density: float = 1.0) -> dict[str, np.ndarray]:
    """Float weights that keep the activations' scale from layer to layer.

    Args:
        arch: what they are for.
        seed: of the numbers.
        density: share of the Fire modules' kernel weights that are not zero.
    """
    rng = np.random.default_rng(seed)
    weights = {}
    for spec in arch.convolutions:
        shape = (spec.kernel, spec.kernel, spec.in_shape[2], spec.out_shape[2])
        kernel = rng.normal(0.0, np.sqrt(2.0 / np.prod(shape[:3])), shape)
        if spec.fire:
            kernel[rng.random(shape) >= density] = 0.0
        weights[f"{spec.name}/kernel"] = kernel.astype(np.float32)
        weights[f"{spec.name}/bias"] = rng.normal(0.0, 0.05, shape[3]).astype(np.float32)
    return weights


def random_float_model(arch: Architecture, seed: int = 1, density: float = 1.0) -> Model:
    """A float model with random weights."""
    return Model(arch.name, arch, random_weights(arch, seed, density), None, {"data": "random weights"})


def random_model(
    arch: Architecture = TINY,
    seed: int = 1,
    weight_bits: int = 6,
    activation_bits: int = 6,
    *,
    bias_bits: int = 12,
    score_bits: int = 8,
    density: float = 1.0,
) -> Model:
    """A quantised model with random weights, calibrated on random images; the same for the same arguments."""
    from sqz_hw.model.calibration import calibrate
    from sqz_hw.model.quantisation import quantise

    weights = random_weights(arch, seed, density)
    types = calibrate(
        arch, weights, random_images(arch, 16, seed), weight_bits=weight_bits, bias_bits=bias_bits,
        activation_bits=activation_bits, score_bits=score_bits,
    )  # fmt: skip
    on_grid = {}
    for spec in arch.convolutions:
        for what, to in (("kernel", types.weights[spec.name]), ("bias", types.biases[spec.name])):
            key = f"{spec.name}/{what}"
            on_grid[key] = quantise(weights[key], to).astype(np.float32)
    return Model(arch.name, arch, on_grid, types, {"data": "random weights"})
