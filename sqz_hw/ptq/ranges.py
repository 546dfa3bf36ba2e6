"""Tunes the range of each activation by what its rounding does to the class scores.

The least squared error on the activations themselves (``activations``) weighs clipping and rounding alike;
what they do to the scores differs from tensor to tensor. Here one tensor after the other is rounded, all else
stays float, and its range is widened or narrowed as long as the scores come closer to the float network's
(Kullback-Leibler divergence of the softmax, on some of the calibration images; no labels).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images
from sqz_hw.model.layers import Kind
from sqz_hw.model.network import Weights
from sqz_hw.ptq.activations import of_one_type
from sqz_hw.ptq.equalisation import Factors, scalable
from sqz_hw.ptq.forward import Array, convolve, rectify, without_weights

STEP = 0.25
"""Octaves by which a range is changed at a time."""

MOST_STEPS = 3
IMAGES = 48
"""Of the calibration images, evenly spaced."""


def tuned(
    arch: Architecture,
    weights: Weights,
    types: Mapping[str, FixedPoint],
    images: Images,
    told: Callable[[int, int], None],
) -> dict[str, Factors]:
    """Factors on the outputs of ReLUs, for ``equalisation.scaled``, with which the types suit best.

    A factor above one narrows the range and makes the steps finer.

    Args:
        arch: the architecture.
        weights: float weights.
        types: of each ReLU's output.
        images: uint8, N x S x S x 3.
        told: called with the tensors done and the tensors in all.

    Returns:
        by ReLU, one factor for all channels, the same for both expand layers of a Fire module;
        only where convolutions alone read the output.
    """
    network = _Network(arch, weights, images[:: max(1, len(images) // IMAGES)][:IMAGES])
    can = scalable(arch)
    groups = [names for names in of_one_type(arch) if all(name in can for name in names)]
    factors: dict[str, Factors] = {}
    for done, names in enumerate(groups):
        told(done, len(groups))
        best = _walk(lambda octaves, names=names: network.harm(names, types, 2.0**octaves))  # type: ignore[misc]
        for name in names:
            factors[name] = np.full(network.tensors[name].shape[-1], 2.0**best)
    told(len(groups), len(groups))
    return factors


def _walk(harm: Callable[[float], float]) -> float:
    """Octaves with the least harm: steps from 0 in the better direction until it gets worse."""
    least, best = harm(0.0), 0.0
    for direction in (STEP, -STEP):
        if best:
            break
        for number in range(1, MOST_STEPS + 1):
            found = harm(number * direction)
            if found >= least:
                break
            least, best = found, number * direction
    return best


class _Network:
    """The float network on some images, every tensor kept, and what follows a changed tensor."""

    def __init__(self, arch: Architecture, weights: Weights, images: Images) -> None:
        self._arch, self._weights = arch, weights
        self.tensors: dict[str, Array] = {arch.layers[0].name: to_float(images)}
        self._compute(self.tensors, set())
        self._scores = self._softmax(self.tensors)

    def harm(self, names: list[str], types: Mapping[str, FixedPoint], factor: float) -> float:
        """Divergence of the scores where some ReLUs' outputs, times a factor, are rounded to their types."""
        changed = dict(self.tensors)
        for name in names:
            scaled = rectify(self.tensors[name] * np.float32(factor), types[name])
            changed[name] = scaled / np.float32(factor)
        self._compute(changed, set(names))
        found = self._softmax(changed)
        return float(np.sum(np.exp(self._scores) * (self._scores - found), axis=1).mean())

    def _compute(self, tensors: dict[str, Array], changed: set[str]) -> None:
        """Fill in what is missing, or what depends on tensors that have changed."""
        for spec in self._arch.layers[1:]:
            stale = spec.name not in tensors or bool(changed & set(spec.inputs))
            if not stale or spec.name in changed:
                continue
            changed.add(spec.name)
            inputs = [tensors[name] for name in spec.inputs]
            if spec.kind is Kind.CONV:
                kernel, bias = self._weights[f"{spec.name}/kernel"], self._weights[f"{spec.name}/bias"]
                tensors[spec.name] = convolve(spec, inputs[0], kernel, bias)
            elif spec.kind is Kind.RELU:
                tensors[spec.name] = rectify(inputs[0].copy())
            else:
                tensors[spec.name] = without_weights(spec, inputs)

    def _softmax(self, tensors: Mapping[str, Array]) -> npt.NDArray[np.float64]:
        """Logarithm of the softmax of the scores, images x classes."""
        out = tensors[self._arch.layers[-1].name]
        scores = out.reshape(len(out), -1).astype(np.float64)
        scores -= scores.max(axis=1, keepdims=True)
        logarithm: npt.NDArray[np.float64] = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return logarithm
