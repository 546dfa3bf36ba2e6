"""The quantised network for training: QKeras's forward values at a fraction of its operations.

QKeras 0.9.0 writes each quantizer as some fifteen element-wise operations in float32. Here each
is one rounding with a gradient of its own. Values are those of ``FixedPointBits`` and
``FixedPointRelu``, bit for bit in float32 (while |x| < 2**23 last bits, beyond which QKeras's own
``x + (q - x)`` rounds). With a bfloat16 policy convolutions take bfloat16, which holds weights and
activations of up to 8 bits exactly, and their sums are rounded to it; weights, biases and quantizers stay
float32.

Gradients are straight-through: of a ReLU where 0 < x <= its largest value, as ``quantized_relu``'s;
of a weight everywhere but where it is clipped and would go on outwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import tensorflow as tf

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.network import build, keeps_size, pad
from sqz_hw.model.quantisation import Quantisation


def quantise_weights(x: Any, to: FixedPoint) -> Any:
    """Values of the signed type ``to`` (nearest even, clipped) and their straight-through gradient.

    Args:
        x: float32 of any shape.
        to: a signed type.
    """
    steps, low, high = 2.0**to.fraction, float(to.min_code), float(to.max_code)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def forward(values: Any) -> Any:
        codes = tf.round(values * steps)

        def backward(upstream: Any) -> Any:
            above, below = codes > high, codes < low  # descent moves against the gradient
            outwards = (above & (upstream < 0)) | (below & (upstream > 0))
            return tf.where(outwards, 0.0, upstream)

        return tf.clip_by_value(codes, low, high) * (1.0 / steps), backward

    return forward(x)


def quantise_relu(x: Any, to: FixedPoint) -> Any:
    """Values of the unsigned type ``to`` (nearest even, clipped) and their straight-through gradient.

    Args:
        x: float32 or bfloat16 of any shape; the result has its dtype.
        to: an unsigned type; of at most 8 bits if x is bfloat16.
    """
    nearest, passed = _relu_kernels(to)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def forward(values: Any) -> Any:
        return nearest(values), lambda upstream: passed(values, upstream)

    return forward(x)


@cache
def _relu_kernels(to: FixedPoint) -> tuple[Any, Any]:
    """Value and gradient, each compiled into one pass over the tensor."""
    steps, high = 2.0**to.fraction, float(to.max_code)
    top = high / steps

    def nearest(values: Any) -> Any:
        codes = tf.round(tf.clip_by_value(tf.cast(values, tf.float32) * steps, 0.0, high))
        return tf.cast(codes * (1.0 / steps), values.dtype)

    def passed(values: Any, upstream: Any) -> Any:
        return tf.where((values > 0) & (values <= top), upstream, tf.zeros_like(upstream))

    compiled = {"jit_compile": True, "autograph": False}
    return tf.function(nearest, **compiled), tf.function(passed, **compiled)


class LeanConv2D(tf.keras.layers.Layer):  # type: ignore[misc]
    """A convolution whose latent float32 kernel and bias are quantised on the way in.

    Args:
        spec: the layer.
        weights, biases: types of kernel and bias.

    Input shape:
        (N, H, W, C).

    Output shape:
        (N, H', W', filters), the compute dtype.
    """

    def __init__(self, spec: LayerSpec, weights: FixedPoint, biases: FixedPoint) -> None:
        super().__init__(name=spec.safe_name)
        self._spec, self._types = spec, (weights, biases)

    def build(self, input_shape: Any) -> None:
        """Kernel (HWIO) and bias, in float32 whatever the policy."""
        spec, plain = self._spec, {"dtype": tf.float32, "experimental_autocast": False}
        shape = (spec.kernel, spec.kernel, spec.in_shape[2], spec.out_shape[2])
        self.kernel = self.add_weight("kernel", shape, **plain)
        self.bias = self.add_weight("bias", shape[3:], **plain)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Sums of products plus bias."""
        kernel = tf.cast(quantise_weights(self.kernel, self._types[0]), self.compute_dtype)
        bias = tf.cast(quantise_weights(self.bias, self._types[1]), self.compute_dtype)
        padding = "SAME" if keeps_size(self._spec) else "VALID"
        return tf.nn.bias_add(tf.nn.conv2d(inputs, kernel, self._spec.stride, padding), bias)


class LeanRelu(tf.keras.layers.Layer):  # type: ignore[misc]
    """``FixedPointRelu`` with a gradient of its own.

    Args:
        name: of the layer.
        to: its unsigned type.
    """

    def __init__(self, name: str, to: FixedPoint) -> None:
        super().__init__(name=name)
        self._type = to

    def call(self, inputs: Any) -> Any:
        """The nearest values of the type, zero for negative ones."""
        return quantise_relu(inputs, self._type)


def lean_network(arch: Architecture, quantisation: Quantisation) -> Any:
    """The network that QAT trains; weights are latent float32, set and got as the QKeras network's.

    Args:
        arch: what to build.
        quantisation: types of everything.

    Output shape:
        (N, classes), float32.
    """

    def conv(spec: LayerSpec, x: Any) -> Any:
        layer = LeanConv2D(spec, quantisation.weights[spec.name], quantisation.biases[spec.name])
        return layer(x if keeps_size(spec) else pad(spec, x))

    def relu(spec: LayerSpec, x: Any) -> Any:
        return LeanRelu(spec.safe_name, quantisation.activations[spec.name])(x)

    return build(arch, conv, relu)


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers made inside compute in this precision; their variables are float32."""
    policies = tf.keras.mixed_precision
    before = policies.global_policy()
    policies.set_global_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        policies.set_global_policy(before)
