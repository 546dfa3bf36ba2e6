"""The NumPy network against Keras's float network and against QKeras's rounding."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, TINY_ODD, random_images, random_weights

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.layers import Kind
from sqz_hw.model.network import float_network, set_weights
from sqz_hw.model.quantizers import activation_quantizer
from sqz_hw.ptq import forward
from sqz_hw.ptq.forward import columns, convolve, rectify, run, without_weights


def outputs(arch, weights, images):
    """Every layer's output by name."""
    seen = {}

    def kept(spec, out):
        seen[spec.name] = out.copy()
        return out

    run(
        arch,
        to_float(images),
        lambda s, x: kept(s, convolve(s, x, weights[f"{s.name}/kernel"], weights[f"{s.name}/bias"])),
        lambda s, x: kept(s, rectify(x)),
        lambda s, xs: kept(s, without_weights(s, xs)),
    )
    return seen


@pytest.mark.parametrize("arch", [TINY, TINY_ODD], ids=lambda a: a.name)
@pytest.mark.parametrize("block", [1, 1 << 25], ids=["image by image", "all at once"])
def test_every_layer_is_what_keras_computes(arch, block, monkeypatch):
    monkeypatch.setattr(forward, "BLOCK_BYTES", block)
    weights, images = random_weights(arch, 3), random_images(arch, 5)
    network = float_network(arch, batch_norm=False)
    set_weights(network, weights)
    names = [s.name for s in arch.layers[1:]]
    probe = tf.keras.Model(network.input, [network.get_layer(n.replace("/", "_")).output for n in names])
    ours = outputs(arch, weights, images)
    for name, theirs in zip(names, probe(to_float(images)), strict=True):
        np.testing.assert_allclose(
            ours[name].reshape(theirs.shape), theirs.numpy(), rtol=1e-4, atol=1e-5, err_msg=name
        )


def test_columns_are_in_the_kernels_order():
    spec = next(s for s in TINY_ODD.layers if s.kind is Kind.CONV and s.kernel == 3 and any(s.padding))
    x = np.random.default_rng(0).normal(size=(2, *spec.in_shape)).astype(np.float32)
    (_, rows), *rest = columns(spec, x)
    assert not rest
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    row, column = 2, 1
    at = (1 * spec.out_shape[0] + row) * spec.out_shape[1] + column
    np.testing.assert_array_equal(rows[at], padded[1, row : row + 3, column : column + 3].ravel())


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 10), st.integers(-4, 8), st.integers(0, 2**31))
def test_a_relu_rounds_as_qkeras_does(width, integer, seed):
    to = FixedPoint(width, integer, False)
    halves = np.random.default_rng(seed).integers(-8, 2 ** (width + 2), 200) / 2  # ties, clipping, negatives
    x = (halves * to.lsb).astype(np.float32)
    np.testing.assert_array_equal(rectify(x.copy(), to), activation_quantizer(to)(x).numpy())
