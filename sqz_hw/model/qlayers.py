"""The QKeras and Keras layers of the quantised network, one class for each HLS kernel.

They compute what their base classes compute; the names are what the HLS conversion goes by
(hls4ml's extension API finds a layer's handler by its class name).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from qkeras import QActivation, QConv2D


class FixedPointConv2D(QConv2D):  # type: ignore[misc]
    """A QConv2D whose weight types may have any binary point (``FixedPointBits``).

    Where ``in_float64`` is set, its sums are computed in float64: for layers whose sums
    float32 is not proven to hold (``sqz_hw.verify.exactness.qkeras_proofs``).
    """

    in_float64 = False

    def call(self, inputs: Any) -> Any:
        """QConv2D's own computation, or the same in float64."""
        if not self.in_float64:
            return super().call(inputs)
        kernel = tf.cast(self.kernel_quantizer_internal(self.kernel), tf.float64)
        bias = tf.cast(self.bias_quantizer_internal(self.bias), tf.float64)
        return tf.nn.conv2d(tf.cast(inputs, tf.float64), kernel, self.strides, "VALID") + bias


class FixedPointRelu2D(QActivation):  # type: ignore[misc]
    """A QActivation whose type may have any binary point (``FixedPointRelu``)."""


class StreamMaxPooling2D(tf.keras.layers.MaxPooling2D):  # type: ignore[misc]
    """Max pooling whose windows may overlap (3x3, stride 2), without padding of its own."""


class StreamGlobalAveragePooling2D(tf.keras.layers.GlobalAveragePooling2D):  # type: ignore[misc]
    """Global average; hardware emits the sum over the map, the division is a shift or the host's."""


class ArgMax(tf.keras.layers.Layer):  # type: ignore[misc]
    """Index of the largest score, the first of equals.

    Input shape:
        (N, classes).

    Output shape:
        (N, 1), float32 holding a whole number.
    """

    def call(self, scores: Any) -> Any:
        """Arg max over the classes."""
        return tf.cast(tf.argmax(scores, axis=-1)[:, None], tf.float32)
