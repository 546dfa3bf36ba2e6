"""Quantises a float model layer by layer on calibration images.

The float network and the quantised one run side by side. Each convolution's weights are chosen so
that its output, computed from the quantised network's own inputs, comes closest to the float
network's; what the layers before have done wrong is so made up for as far as weights can.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.modelfile import Model
from sqz_hw.model.network import Weights
from sqz_hw.model.quantisation import INPUT_TYPE, Quantisation
from sqz_hw.model.tensor_types import tensor_types
from sqz_hw.ptq import bias as bias_correction
from sqz_hw.ptq.activations import activation_types, sampled
from sqz_hw.ptq.equalisation import equalised, fitted, times
from sqz_hw.ptq.equalisation import scaled as rescaled
from sqz_hw.ptq.error_feedback import Levels
from sqz_hw.ptq.forward import Array, convolve, matrix, rectify, run, without_weights
from sqz_hw.ptq.importance import output_importance
from sqz_hw.ptq.kernel import quantised_kernel
from sqz_hw.ptq.moments import moments
from sqz_hw.ptq.ranges import tuned
from sqz_hw.ptq.settings import PtqSettings

Report = Callable[[str, int, int], None]
"""Called with what is being done, steps done and steps in all."""


def quantise_model(model: Model, images: Images, settings: PtqSettings, report: Report) -> Model:
    """A quantised model of a float one.

    Args:
        model: float, for pixels as hardware takes them.
        images: uint8, N x S x S x 3; the first ``settings.calibration_images`` are used.
        settings: widths and the rest.
        report: told of the progress.

    Returns:
        the quantised model of the same name, with ``record["quantised"]`` saying how.

    Raises:
        ModelFileError: the model is quantised already, or wants a mean subtracted.
        BadInputError: the images are of another shape or type, or there are none.
    """
    _check(model, images)
    arch = model.architecture
    chosen = images[: settings.calibration_images]
    weights, types = _prepared(arch, model.weights, chosen, settings, report)
    layers = _quantised_layers(arch, weights, types, chosen, settings, report)
    values = {}
    for name, layer in layers.items():
        values[f"{name}/kernel"], values[f"{name}/bias"] = layer.kernel, layer.bias
    quantisation = Quantisation(
        {name: layer.weight_type for name, layer in layers.items()},
        {name: layer.bias_type for name, layer in layers.items()},
        types,
        INPUT_TYPE,
        {name: layer.codebook for name, layer in layers.items() if layer.codebook is not None},
    )
    made = {**settings.model_dump(), "calibration_images": len(chosen)}
    return Model(model.name, arch, values, quantisation, {**model.record, "quantised": made})


def _check(model: Model, images: Images) -> None:
    if model.quantisation is not None:
        raise ModelFileError(
            f"quantisation takes a float model, and {model.name} is quantised; give the float one"
        )
    if any(model.input_mean):
        raise ModelFileError(
            f"model {model.name}: hardware takes pixels as they are, and this network wants a mean "
            "subtracted; its conv1 has padding, so that the mean cannot go into its biases: train it without"
        )
    side = model.architecture.input_size
    if images.dtype != np.uint8 or images.shape[1:] != (side, side, 3) or not len(images):
        raise BadInputError(
            f"calibration images must be uint8, N x {side} x {side} x 3, at least one, not "
            f"{images.dtype}, {' x '.join(map(str, images.shape))}"
        )


def _prepared(
    arch: Architecture, weights: Weights, images: Images, settings: PtqSettings, report: Report
) -> tuple[dict[str, Array], dict[str, FixedPoint]]:
    """Equalised weights, and the types of their activations."""
    samples: dict[str, Array] = {}
    done = 0

    def convolution(spec: LayerSpec, x: Array) -> Array:
        nonlocal done
        report("ranges", done, len(arch.convolutions))
        done += 1
        return convolve(spec, x, weights[f"{spec.name}/kernel"], weights[f"{spec.name}/bias"])

    def relu(spec: LayerSpec, x: Array) -> Array:
        out = rectify(x)
        samples[spec.name] = sampled(out, settings.seed)
        return out

    run(arch, to_float(images), convolution, relu, without_weights)
    report("ranges", done, len(arch.convolutions))
    scaled, factors = equalised(arch, weights, samples, settings.equalisation)
    samples = times(samples, factors)
    scaled, factors = fitted(arch, scaled, samples, settings.activation_bits)
    samples = times(samples, factors)
    score_bits = settings.score_bits or settings.activation_bits
    types = activation_types(arch, samples, settings.activation_bits, score_bits)
    factors = tuned(arch, scaled, types, images, lambda step, steps: report("tuning ranges", step, steps))
    return rescaled(arch, scaled, factors), types


@dataclass(frozen=True)
class _Layer:
    """One convolution as quantised: values on their grids (HWIO and n_out), types, codebook."""

    kernel: Array
    bias: Array
    weight_type: FixedPoint
    bias_type: FixedPoint
    codebook: tuple[int, ...] | None


@dataclass(frozen=True)
class _Both:
    """A tensor of the float network and its counterpart in the quantised one."""

    reference: Array
    quantised: Array


def _quantised_layers(
    arch: Architecture,
    weights: Weights,
    types: dict[str, FixedPoint],
    images: Images,
    settings: PtqSettings,
    report: Report,
) -> dict[str, _Layer]:
    layers: dict[str, _Layer] = {}
    tensors = tensor_types(arch, Quantisation({}, {}, types))

    def convolution(spec: LayerSpec, x: _Both) -> _Both:
        report(spec.name, len(layers), len(arch.convolutions))
        kernel, bias = weights[f"{spec.name}/kernel"], weights[f"{spec.name}/bias"]
        importance = output_importance(arch, weights, spec)
        layer = _quantised_layer(spec, kernel, bias, importance, x, tensors[spec.inputs[0]], settings)
        layers[spec.name] = layer
        return _Both(
            convolve(spec, x.reference, kernel, bias), convolve(spec, x.quantised, layer.kernel, layer.bias)
        )

    def relu(spec: LayerSpec, x: _Both) -> _Both:
        return _Both(rectify(x.reference), rectify(x.quantised, types[spec.name]))

    def other(spec: LayerSpec, inputs: Sequence[_Both]) -> _Both:
        return _Both(
            without_weights(spec, [x.reference for x in inputs]),
            without_weights(spec, [x.quantised for x in inputs]),
        )

    pixels = to_float(images)
    run(arch, _Both(pixels, pixels), convolution, relu, other)
    report("done", len(layers), len(arch.convolutions))
    return layers


def _quantised_layer(
    spec: LayerSpec,
    kernel: Array,
    bias: Array,
    importance: Levels,
    x: _Both,
    value: FixedPoint,
    settings: PtqSettings,
) -> _Layer:
    seen = moments(spec, x.quantised, x.reference)
    chosen = quantised_kernel(
        matrix(kernel),
        seen,
        importance,
        weight_bits=settings.weight_bits,
        code_bits=settings.code_bits,
        damping=settings.damping,
    )
    corrected = bias_correction.corrected(bias, matrix(kernel), chosen.values, seen)
    rounded, bias_type = bias_correction.on_grid(
        corrected, settings.bias_bits, chosen.type.fraction + value.fraction
    )
    return _Layer(
        chosen.values.reshape(kernel.shape).astype(np.float32),
        rounded.astype(np.float32),
        chosen.type,
        bias_type,
        chosen.codebook,
    )
