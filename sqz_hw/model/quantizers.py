"""QKeras's fixed-point quantizers with any binary point.

QKeras 0.9.0 raises the integer 2 to its ``integer`` argument, which TensorFlow refuses
below zero; small weights need a binary point left of the word. Scaling by a power of two
before and after the stock quantizer is exact: q(x; b, i) = 2**i q(x / 2**i; b, 0).
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from qkeras import quantized_bits, quantized_relu

from sqz_hw.fixed_point import FixedPoint


class FixedPointBits(quantized_bits):  # type: ignore[misc]
    """``quantized_bits(width, integer - 1, alpha=1)`` for a signed type: rounds to nearest even, clips."""

    def __init__(self, bits: int, integer: int) -> None:
        super().__init__(bits, 0, keep_negative=1, alpha=1)
        self.integer = integer
        self._unit = quantized_bits(bits, 0, keep_negative=1, alpha=1)

    def __call__(self, x: Any) -> Any:
        """The nearest values of the type."""
        scale = 2.0**self.integer
        return self._unit(x / scale) * scale

    def get_config(self) -> dict[str, Any]:
        """Arguments that make this quantizer again."""
        return {"bits": self.bits, "integer": self.integer}


class FixedPointRelu(quantized_relu):  # type: ignore[misc]
    """``quantized_relu(width, integer)`` for an unsigned type: rounds to nearest even, clips."""

    def __init__(self, bits: int, integer: int) -> None:
        super().__init__(bits, 0)
        self.integer = integer
        self._unit = quantized_relu(bits, 0)

    def __call__(self, x: Any) -> Any:
        """The nearest values of the type, zero for negative ones; float64 is rounded only once."""
        scale = 2.0**self.integer
        if getattr(x, "dtype", None) == tf.float64:
            steps = 2.0**self.bits
            codes = tf.clip_by_value(tf.round(x / scale * steps), 0.0, steps - 1.0)
            return tf.cast(codes * (scale / steps), tf.float32)
        return self._unit(x / scale) * scale

    def get_config(self) -> dict[str, Any]:
        """Arguments that make this quantizer again."""
        return {"bits": self.bits, "integer": self.integer}


def weight_quantizer(to: FixedPoint) -> FixedPointBits:
    """The quantizer of a signed type (QKeras's ``integer`` leaves the sign out)."""
    return FixedPointBits(to.width, to.integer - 1)


def activation_quantizer(to: FixedPoint) -> FixedPointRelu:
    """The ReLU quantizer of an unsigned type."""
    return FixedPointRelu(to.width, to.integer)
