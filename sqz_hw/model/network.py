"""Keras networks from an architecture: float with batch norm, float folded, and QKeras.

All three take images as float32 N x H x W x 3 (pixel / 256, RGB) and give one score a
class. Layer names are the architecture's with ``/`` replaced by ``_``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sqz_hw.model.architecture import Architecture
from sqz_hw.model.dropout import ResumableDropout
from sqz_hw.model.layers import Kind, LayerSpec
from sqz_hw.model.qlayers import (
    ArgMax,
    FixedPointConv2D,
    FixedPointRelu2D,
    StreamGlobalAveragePooling2D,
    StreamMaxPooling2D,
)
from sqz_hw.model.quantisation import Quantisation
from sqz_hw.model.quantizers import activation_quantizer, weight_quantizer

Weights = Mapping[str, npt.NDArray[np.float32]]
"""`<layer>/kernel` (HWIO) and `<layer>/bias` by architecture layer name."""

BATCH_NORM_EPSILON = 1e-3
ARGMAX_NAME = "argmax"
Layer = tf.keras.layers.Layer


def float_network(
    arch: Architecture,
    *,
    batch_norm: bool = True,
    dropout: float = 0.0,
    seed: int = 0,
    synchronised: bool = False,
) -> Any:
    """The float network for training (``batch_norm``) or after folding.

    Args:
        arch: what to build.
        batch_norm: normalise after each convolution, which then has no bias of its own.
        dropout: share of conv10's input dropped while training (the paper uses 0.5).
        seed: of the dropout.
        synchronised: batch norm takes its statistics over all replicas of a distribution strategy.

    Output shape:
        (N, classes): mean of conv10's map after ReLU, without softmax.
    """

    def conv(spec: LayerSpec, x: Any) -> Any:
        x = tf.keras.layers.Conv2D(
            spec.out_shape[2],
            spec.kernel,
            strides=spec.stride,
            padding="same" if keeps_size(spec) else "valid",
            use_bias=not batch_norm,
            kernel_initializer="he_normal",
            name=spec.safe_name,
        )(x if keeps_size(spec) else pad(spec, x))
        if batch_norm:
            x = tf.keras.layers.BatchNormalization(
                epsilon=BATCH_NORM_EPSILON,
                momentum=0.9,
                synchronized=synchronised,
                dtype="float32" if synchronised else None,  # Keras squares in the layer's own dtype
                name=f"{spec.safe_name}_bn",
            )(x)
        return x

    def relu(spec: LayerSpec, x: Any) -> Any:
        return tf.keras.layers.ReLU(name=spec.safe_name)(x)

    return build(arch, conv, relu, ResumableDropout(dropout, seed, "dropout") if dropout else None)


def quantised_network(
    arch: Architecture,
    quantisation: Quantisation,
    *,
    argmax: bool = False,
    in_float64: Collection[str] = (),
) -> Any:
    """The QKeras network whose every tensor lies on the grid of its fixed-point type.

    Same-padding is an explicit ZeroPadding2D, so that each HLS tensor has its counterpart.

    Args:
        arch: what to build.
        quantisation: the types.
        argmax: end in the index of the largest score instead of the scores.
        in_float64: safe names of convolutions and additions whose sums are computed in float64.
    """

    def conv(spec: LayerSpec, x: Any) -> Any:
        layer = FixedPointConv2D(
            spec.out_shape[2],
            spec.kernel,
            strides=spec.stride,
            padding="valid",
            kernel_quantizer=weight_quantizer(quantisation.weights[spec.name]),
            bias_quantizer=weight_quantizer(quantisation.biases[spec.name]),
            name=spec.safe_name,
        )
        layer.in_float64 = spec.safe_name in in_float64
        return layer(pad(spec, x))

    def relu(spec: LayerSpec, x: Any) -> Any:
        quantizer = activation_quantizer(quantisation.activations[spec.name])
        return FixedPointRelu2D(quantizer, name=spec.safe_name, autocast=False)(x)

    network = build(arch, conv, relu, in_float64=in_float64)
    if argmax:
        network = tf.keras.Model(network.input, ArgMax(name=ARGMAX_NAME)(network.output), name="squeezenet")
    return network


def set_weights(network: Any, weights: Weights) -> None:
    """Put kernels and biases into a folded or quantised network."""
    for key in sorted(weights):
        if key.endswith("/kernel"):
            name = key.removesuffix("/kernel")
            layer = network.get_layer(name.replace("/", "_"))
            layer.set_weights([weights[key], weights[f"{name}/bias"]])


def get_weights(network: Any, arch: Architecture) -> dict[str, npt.NDArray[np.float32]]:
    """Kernels and biases of a folded or quantised network."""
    weights = {}
    for spec in arch.convolutions:
        kernel, bias = network.get_layer(spec.safe_name).get_weights()
        weights[f"{spec.name}/kernel"], weights[f"{spec.name}/bias"] = kernel, bias
    return weights


def fold_batch_norm(network: Any, arch: Architecture) -> dict[str, npt.NDArray[np.float32]]:
    """Kernels and biases with batch norm folded in; zeros of a kernel stay zero.

    y = gamma (Wx - mean) / sqrt(var + eps) + beta, so W' = W gamma / sqrt(var + eps) and
    b' = beta - mean gamma / sqrt(var + eps).
    """
    weights = {}
    for spec in arch.convolutions:
        (kernel,) = network.get_layer(spec.safe_name).get_weights()
        gamma, beta, mean, variance = network.get_layer(f"{spec.safe_name}_bn").get_weights()
        scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        weights[f"{spec.name}/kernel"] = (kernel * scale).astype(np.float32)
        weights[f"{spec.name}/bias"] = (beta - mean * scale).astype(np.float32)
    return weights


def build(
    arch: Architecture,
    conv: Callable[[LayerSpec, Any], Any],
    relu: Callable[[LayerSpec, Any], Any],
    dropout: ResumableDropout | None = None,
    in_float64: Collection[str] = (),
) -> Any:
    """A Keras network from makers of its convolutions and ReLUs; the average is always float32.

    Args:
        arch: what to build.
        conv, relu: called with the layer's data and its input; give its output.
        dropout: put before the last convolution.
        in_float64: safe names of additions that are computed in float64.
    """
    tensors: dict[str, Any] = {}
    source: Any = None
    for spec in arch.layers:
        args = [tensors[name] for name in spec.inputs]
        if spec.kind is Kind.INPUT:
            out = source = tf.keras.Input(spec.out_shape, name=spec.safe_name)
        elif spec.kind is Kind.CONV:
            x = args[0]
            if dropout is not None and spec is arch.convolutions[-1]:
                x = dropout(x)
            out = conv(spec, x)
        elif spec.kind is Kind.RELU:
            out = relu(spec, args[0])
        elif spec.kind is Kind.MAX_POOL:
            out = StreamMaxPooling2D(spec.kernel, spec.stride, padding="valid", name=spec.safe_name)(
                pad(spec, args[0])
            )
        elif spec.kind is Kind.CONCAT:
            out = tf.keras.layers.Concatenate(name=spec.safe_name)(args)
        elif spec.kind is Kind.ADD:
            wide = spec.safe_name in in_float64  # Keras casts a layer's inputs to its dtype
            out = tf.keras.layers.Add(name=spec.safe_name, dtype="float64" if wide else None)(args)
        else:
            out = StreamGlobalAveragePooling2D(name=spec.safe_name, dtype="float32")(args[0])
        tensors[spec.name] = out
    return tf.keras.Model(source, tensors[arch.layers[-1].name], name="squeezenet")


def keeps_size(spec: LayerSpec) -> bool:
    """Whether Keras's "same" padding is the layer's own."""
    return spec.stride == 1 and spec.kernel % 2 == 1 and spec.padding == (spec.kernel // 2,) * 4


def pad(spec: LayerSpec, x: Any) -> Any:
    """Explicit zeros. After a ReLU they stand in for Caffe's ceil-mode pooling as well."""
    top, bottom, left, right = spec.padding
    if not any(spec.padding):
        return x
    return tf.keras.layers.ZeroPadding2D(((top, bottom), (left, right)), name=f"{spec.safe_name}_pad")(x)
