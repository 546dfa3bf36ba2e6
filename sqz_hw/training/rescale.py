"""Channels rescaled before quantisation, so that types with one power-of-two scale a tensor suit them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.model.architecture import Architecture
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.network import Weights
from sqz_hw.ptq.activations import sampled
from sqz_hw.ptq.equalisation import equalised, fitted, times
from sqz_hw.ptq.forward import convolve, rectify, run, without_weights

Array = npt.NDArray[Any]


def rescaled(
    arch: Architecture,
    weights: Weights,
    images: Images,
    activation_bits: Mapping[str, int],
    share: float,
    seed: int,
) -> Weights:
    """Weights of the same function, for QAT to begin with; zeros stay zeros.

    Channels are equalised (``ptq.equalisation.equalised``), then each tensor's best range is moved onto a
    power of two (``fitted``). Only ReLUs that convolutions alone read can be scaled: a bypass holds its
    tensors' scales.

    Args:
        arch: the architecture.
        weights: folded, pruned.
        images: uint8, N x S x S x 3: training images.
        activation_bits: widths by ReLU.
        share: how much of the channels' differences the weights take over, 0 to 1.
        seed: of the pixels that are looked at.
    """
    samples: dict[str, Array] = {}

    def convolution(spec: LayerSpec, x: Array) -> Array:
        return convolve(spec, x, weights[f"{spec.name}/kernel"], weights[f"{spec.name}/bias"])

    def relu(spec: LayerSpec, x: Array) -> Array:
        out = rectify(x)
        samples[spec.name] = sampled(out, seed)
        return out

    run(arch, to_float(images), convolution, relu, without_weights)
    plain = {key: np.asarray(value) for key, value in weights.items()}
    equal, factors = equalised(arch, plain, samples, share)
    result, _ = fitted(arch, equal, times(samples, factors), activation_bits)
    return result
