"""The quantizers equal QKeras's own where those exist, and NumPy's formula everywhere."""

import numpy as np
import pytest
import tensorflow as tf
from qkeras import quantized_bits, quantized_relu

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.quantizers import FixedPointBits, FixedPointRelu, activation_quantizer, weight_quantizer


def values(bits: int, integer: int) -> np.ndarray:
    """Random numbers over and beyond the range, and every tie between two codes."""
    rng = np.random.default_rng([bits, integer + 20])
    top = 2.0**integer
    ties = (np.arange(-(2**bits), 2**bits) + 0.5) * top * 2.0**-bits
    return np.concatenate([rng.uniform(-2 * top, 2 * top, 2000), ties, [0.0, top, -top]]).astype(np.float32)


@pytest.mark.parametrize("integer", [0, 1, 3])
@pytest.mark.parametrize("bits", [2, 4, 6, 12])
def test_weights_equal_stock_quantized_bits(bits, integer):
    x = values(bits, integer)
    stock = quantized_bits(bits, integer, keep_negative=1, alpha=1)
    np.testing.assert_array_equal(FixedPointBits(bits, integer)(x), stock(x))


@pytest.mark.parametrize("integer", [0, 1, 3])
@pytest.mark.parametrize("bits", [2, 4, 6, 12])
def test_activations_equal_stock_quantized_relu(bits, integer):
    x = values(bits, integer)
    np.testing.assert_array_equal(FixedPointRelu(bits, integer)(x), quantized_relu(bits, integer)(x))


@pytest.mark.parametrize("integer", [-7, -3, -1, 0, 2])
@pytest.mark.parametrize("bits", [2, 4, 6, 12])
def test_any_binary_point_rounds_to_nearest_even_and_clips(bits, integer):
    x = values(bits, integer)
    weight = FixedPoint(bits, integer + 1, True)
    codes = np.clip(np.rint(x * 2.0**weight.fraction), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    np.testing.assert_array_equal(weight_quantizer(weight)(x), codes * 2.0**-weight.fraction)
    activation = FixedPoint(bits, integer, False)
    codes = np.clip(np.rint(x * 2.0**activation.fraction), 0, 2**bits - 1)
    np.testing.assert_array_equal(activation_quantizer(activation)(x), codes * 2.0**-activation.fraction)


@pytest.mark.parametrize(
    "to", [FixedPoint(6, -2, True), FixedPoint(6, 1, True), FixedPoint(5, 7, True)], ids=str
)
def test_every_weight_code_is_kept(to):
    codes = np.arange(to.min_code, to.max_code + 1)
    kept = weight_quantizer(to)((codes * to.lsb).astype(np.float32))
    np.testing.assert_array_equal(to.to_codes(kept), codes)


def gradient(quantizer, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(quantizer(x))
    return tape.gradient(y, x).numpy()


def test_gradients_equal_the_stock_ones():
    """Training goes straight through the rounding."""
    x = values(4, 1)
    stock = gradient(quantized_bits(4, 1, keep_negative=1, alpha=1), x)
    np.testing.assert_array_equal(gradient(FixedPointBits(4, 1), x), stock)
    stock = gradient(quantized_relu(4, 1), x)
    np.testing.assert_array_equal(gradient(FixedPointRelu(4, 1), x), stock)
    assert stock.any()


def test_gradients_do_not_depend_on_the_binary_point():
    x = values(4, 1)
    for quantizer in (FixedPointBits, FixedPointRelu):
        np.testing.assert_array_equal(gradient(quantizer(4, -3), x / 16), gradient(quantizer(4, 1), x))


@pytest.mark.parametrize("quantizer", [FixedPointBits(6, -2), FixedPointRelu(6, -2)])
def test_config_makes_it_again(quantizer):
    again = type(quantizer)(**quantizer.get_config())
    x = values(6, -2)
    np.testing.assert_array_equal(again(x), quantizer(x))
    assert (again.bits, again.integer) == (6, -2)
