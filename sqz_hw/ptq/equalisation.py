"""Rescales channels so that types with one scale a tensor suit all of them; the function stays the same.

A ReLU, a max pool and a concatenation commute with a positive factor for each channel, so a
factor on the outputs of a convolution may be taken back in the weights that read them (Nagel et al.
2019, arXiv 1906.04721, section 4.1). The factors divide the burden between activations and weights
as in Xiao et al. 2022 (SmoothQuant, arXiv 2211.10438, equation 4).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import Kind, LayerSpec
from sqz_hw.ptq.activations import of_one_type
from sqz_hw.ptq.forward import Array

Factors = npt.NDArray[np.float64]
MOST = 4.0
"""Largest factor: a channel that hardly lives would else get weights that widen its kernel's type."""

USUAL = 0.999
"""Share of a channel's values that its size covers."""

STEPS = 8
OCTAVES = 4
"""The ends of a range that are tried: so many to a factor of two, over so many of them."""


def scalable(arch: Architecture) -> dict[str, list[tuple[LayerSpec, int]]]:
    """ReLUs of convolutions whose outputs only convolutions read, and which those are.

    Returns:
        by the ReLU's name: each reader and the number of its input channel that the ReLU's first is.
    """
    readers: dict[str, list[LayerSpec]] = {}
    for spec in arch.layers:
        for name in spec.inputs:
            readers.setdefault(name, []).append(spec)
    found = {}
    convolutions = {spec.name for spec in arch.convolutions}
    for spec in arch.layers:
        if spec.kind is Kind.RELU and spec.inputs[0] in convolutions:
            ends = _ends(arch, spec, 0, readers)
            if ends and all(end.kind is Kind.CONV for end, _ in ends):
                found[spec.name] = ends
    return found


def _ends(
    arch: Architecture, spec: LayerSpec, offset: int, readers: Mapping[str, list[LayerSpec]]
) -> list[tuple[LayerSpec, int]]:
    ends: list[tuple[LayerSpec, int]] = []
    widths = {s.name: s.out_shape[2] for s in arch.layers}
    for reader in readers.get(spec.name, []):
        if reader.kind is Kind.MAX_POOL:
            ends += _ends(arch, reader, offset, readers)
        elif reader.kind is Kind.CONCAT:
            before = sum(widths[n] for n in reader.inputs[: reader.inputs.index(spec.name)])
            ends += _ends(arch, reader, offset + before, readers)
        else:
            ends.append((reader, offset))
    return ends


def equalised(
    arch: Architecture,
    weights: Mapping[str, Array],
    samples: Mapping[str, Array],
    share: float = 0.5,
) -> tuple[dict[str, Array], dict[str, Factors]]:
    """Weights of the same function whose activations have channels of more equal size.

    The factor of a channel is r**(1 - share) / a**share over the geometric mean of these, with a
    the value that all but a thousandth of its values stay below, and r the root of the sum of
    squares of the weights that read it. A channel that is hardly ever above zero keeps factor 1.

    Args:
        arch: the architecture.
        weights: folded float weights.
        samples: outputs of each ReLU, pixels x C.
        share: how much of the differences the weights take over, 0 to 1.

    Returns:
        the weights, and by ReLU the factors on its output's channels.
    """
    factors: dict[str, Factors] = {}
    for name, readers in scalable(arch).items():
        width = samples[name].shape[1]
        size = np.quantile(samples[name], USUAL, axis=0).astype(np.float64)
        power = np.zeros(width)
        for spec, first in readers:
            kernel = weights[f"{spec.name}/kernel"][:, :, first : first + width]
            power += np.square(kernel, dtype=np.float64).sum(axis=(0, 1, 3))
        read = np.sqrt(power)
        alive = (size > 0) & (read > 0)
        factor = np.ones(width)
        factor[alive] = read[alive] ** (1 - share) / size[alive] ** share
        factor[alive] /= np.exp(np.log(factor[alive]).mean())
        factor = np.clip(factor, 1 / MOST, MOST)
        factors[name] = factor
    return scaled(arch, weights, factors), factors


def fitted(
    arch: Architecture,
    weights: Mapping[str, Array],
    samples: Mapping[str, Array],
    bits: int | Mapping[str, int],
) -> tuple[dict[str, Array], dict[str, Factors]]:
    """Weights of the same function whose activations' best range ends at a power of two.

    Hardware's scales are powers of two. One factor for all channels of a tensor (for both expand
    layers of a Fire module alike) moves the range with the least squared error onto such a scale.

    Args:
        arch: the architecture.
        weights: folded float weights.
        samples: outputs of each ReLU, pixels x C.
        bits: width of the activations, or of each by ReLU.

    Returns:
        the weights, and by ReLU the factors on its output's channels.
    """
    factors: dict[str, Factors] = {}
    scales = scalable(arch)
    for names in of_one_type(arch):
        if not all(name in scales for name in names):
            continue
        values = np.concatenate([samples[name].ravel() for name in names])
        top = float(values.max())
        if top <= 0:
            continue
        width = bits if isinstance(bits, int) else bits[names[0]]
        limits = top * 2.0 ** (-np.arange(OCTAVES * STEPS) / STEPS)
        errors = []
        for limit in limits:
            step = np.float32(limit / 2**width)
            codes = np.minimum(np.rint(values / step), 2**width - 1)
            errors.append(float(np.square(codes * step - values).sum(dtype=np.float64)))
        limit = limits[int(np.argmin(errors))]
        factor = 2.0 ** np.rint(np.log2(limit)) / limit
        for name in names:
            factors[name] = np.full(samples[name].shape[1], factor)
    return scaled(arch, weights, factors), factors


def times(samples: Mapping[str, Array], factors: Mapping[str, Factors]) -> dict[str, Array]:
    """What the samples are after the factors."""
    return {
        name: values * factors[name].astype(np.float32) if name in factors else values
        for name, values in samples.items()
    }


def scaled(
    arch: Architecture, weights: Mapping[str, Array], factors: Mapping[str, Factors]
) -> dict[str, Array]:
    """Weights with factors on the outputs of ReLUs, taken back by the convolutions that read them."""
    result = {key: value.astype(np.float64) for key, value in weights.items()}
    producers = {spec.name: spec.inputs[0] for spec in arch.layers if spec.kind is Kind.RELU}
    for name, readers in scalable(arch).items():
        if name not in factors:
            continue
        factor = factors[name]
        result[f"{producers[name]}/kernel"] *= factor
        result[f"{producers[name]}/bias"] *= factor
        for spec, first in readers:
            result[f"{spec.name}/kernel"][:, :, first : first + len(factor)] /= factor[:, None]
    return {key: value.astype(np.float32) for key, value in result.items()}
