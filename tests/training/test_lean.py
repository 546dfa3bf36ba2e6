"""The lean quantised network: QKeras's values to the bit, and gradients by their definition."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, TINY_ODD, random_images, random_model

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.network import get_weights, quantised_network, set_weights
from sqz_hw.model.quantizers import activation_quantizer, weight_quantizer
from sqz_hw.training.lean import computing_in, lean_network, quantise_relu, quantise_weights

REACH = 2.0**22
"""Last bits: beyond, QKeras's own x + (q - x) rounds."""


@st.composite
def values_of(draw, signed):
    """A type, and float32 values of all kinds: anywhere, on the grid, half between, at the ends."""
    to = FixedPoint(draw(st.integers(2, 10)), draw(st.integers(-6, 6)), signed)
    codes = st.integers(-4 * 2**to.width, 4 * 2**to.width)
    on_grid = codes.map(lambda c: c * to.lsb / 2)
    anywhere = st.floats(-REACH, REACH, width=32).map(lambda x: x * to.lsb)
    near = st.tuples(codes, st.sampled_from([-1, 1])).map(
        lambda p: float(np.nextafter(np.float32(p[0] * to.lsb / 2), np.float32(p[1] * np.inf)))
    )
    values = draw(st.lists(st.one_of(on_grid, anywhere, near), min_size=1, max_size=40))
    return to, np.array(values, np.float32)


@settings(deadline=None)
@given(values_of(signed=True))
def test_weights_are_qkeras_to_the_bit(drawn):
    to, x = drawn
    np.testing.assert_array_equal(quantise_weights(x, to).numpy(), weight_quantizer(to)(x).numpy())


@settings(deadline=None)
@given(values_of(signed=False))
def test_activations_are_qkeras_to_the_bit(drawn):
    to, x = drawn
    padded = np.zeros(40, np.float32)  # one shape, so that it is compiled once a type
    padded[: len(x)] = x
    np.testing.assert_array_equal(
        quantise_relu(tf.constant(padded), to).numpy(), activation_quantizer(to)(padded).numpy()
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 8), st.integers(-6, 6))
def test_up_to_eight_bits_are_exact_in_bfloat16(width, integer):
    for signed, quantise in ((True, quantise_weights), (False, quantise_relu)):
        to = FixedPoint(width, integer, signed)
        grid = np.arange(to.min_code, to.max_code + 1) * to.lsb
        x = tf.constant(grid, tf.float32 if signed else tf.bfloat16)
        np.testing.assert_array_equal(
            tf.cast(tf.cast(quantise(x, to), tf.bfloat16), tf.float32).numpy(), grid
        )


def gradient(quantise, x, upstream, to):
    variable = tf.Variable(np.array(x, np.float32))
    with tf.GradientTape() as tape:
        y = quantise(variable, to)
    return tape.gradient(y, variable, tf.constant(np.array(upstream, np.float32))).numpy()


def test_gradient_of_an_activation_is_qkeras():
    to = FixedPoint(4, 1, False)  # 0 to 1.875
    x = [-1.0, -0.01, 0.0, 0.01, 1.0, 1.87, 1.875, 1.88, 5.0]
    upstream = np.arange(1, 10)
    found = gradient(quantise_relu, x, upstream, to)
    np.testing.assert_array_equal(found, [0, 0, 0, 4, 5, 6, 7, 0, 0])
    np.testing.assert_array_equal(found, gradient(lambda v, t: activation_quantizer(t)(v), x, upstream, to))


def test_a_clipped_weight_is_not_driven_further_out():
    """Descent moves against the gradient: a negative one raises the weight."""
    to = FixedPoint(4, 1, True)  # -1 to 0.875
    x = [-2.0, -2.0, -1.0, -1.0, 0.3, 0.3, 0.875, 2.0, 2.0]
    upstream = [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0]
    wanted = [0.0, -1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 0.0, 1.0]
    np.testing.assert_array_equal(gradient(quantise_weights, x, upstream, to), wanted)


@pytest.mark.parametrize("arch", [TINY, TINY_ODD], ids=lambda a: a.name)
def test_the_network_is_qkeras_to_the_bit_on_latent_weights(arch):
    model = random_model(arch, weight_bits=5, activation_bits=4, density=0.5)
    rng = np.random.default_rng(1)
    latent = {k: (v + rng.normal(0, 0.02, v.shape)).astype(np.float32) for k, v in model.weights.items()}
    lean, reference = lean_network(arch, model.quantisation), quantised_network(arch, model.quantisation)
    for network in (lean, reference):
        set_weights(network, latent)
    for key, values in get_weights(lean, arch).items():
        np.testing.assert_array_equal(values, latent[key])
    x = to_float(random_images(arch, 8))
    np.testing.assert_array_equal(lean(x, training=True).numpy(), reference(x, training=False).numpy())


def test_the_network_in_bfloat16_is_nearly_it_and_its_weights_are_float32():
    model = random_model(TINY, weight_bits=5, activation_bits=6)
    with computing_in("bfloat16"):
        lean = lean_network(TINY, model.quantisation)
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    plain = lean_network(TINY, model.quantisation)
    for network in (lean, plain):
        set_weights(network, model.weights)
    assert {v.dtype for v in lean.variables} == {tf.float32}
    x = to_float(random_images(TINY, 16))
    scores, wanted = lean(x), plain(x).numpy()
    assert scores.dtype == tf.float32
    assert 0 < np.abs(scores.numpy() - wanted).max() < 0.1 * np.abs(wanted).max()


def test_the_policy_is_put_back_after_an_error():
    with pytest.raises(KeyError), computing_in("bfloat16"):
        raise KeyError
    assert tf.keras.mixed_precision.global_policy().name == "float32"
