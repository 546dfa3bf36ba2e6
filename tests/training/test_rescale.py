"""Rescaling keeps the function and the zeros."""

import numpy as np
import pytest
from models import TINY, random_images, random_weights, tiny_architecture

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.calibration import activation_groups
from sqz_hw.model.network import float_network, set_weights
from sqz_hw.training.decide import most_activation_bits
from sqz_hw.training.rescale import rescaled
from sqz_hw.training.settings import TrainSettings

PLAIN = tiny_architecture(bypass="none")


def uneven(arch):
    """Channels that differ in size, a third of the weights zero."""
    weights, rng = random_weights(arch, 4), np.random.default_rng(4)
    for spec in arch.convolutions:
        spread = np.exp(rng.normal(0, 0.8, spec.out_shape[2])).astype(np.float32)
        kernel = weights[f"{spec.name}/kernel"]
        weights[f"{spec.name}/kernel"] = kernel * spread * (rng.random(kernel.shape) > 1 / 3)
        weights[f"{spec.name}/bias"] = weights[f"{spec.name}/bias"] * spread
    return {key: value.astype(np.float32) for key, value in weights.items()}


def scores(network, weights, images):
    set_weights(network, weights)
    return network(to_float(images)).numpy()


@pytest.mark.parametrize("arch", [PLAIN, TINY], ids=["plain", "bypass"])
def test_function_and_zeros_stay(arch):
    weights, images = uneven(arch), random_images(arch, 12)
    widths = most_activation_bits(arch, TrainSettings(activation_bits=5, expand_bits=4))
    after = rescaled(arch, weights, images, widths, 0.5, 1)
    network = float_network(arch, batch_norm=False)
    assert np.allclose(scores(network, weights, images), scores(network, after, images), rtol=1e-3, atol=1e-4)
    for key in weights:
        assert np.array_equal(weights[key] != 0, after[key] != 0), key
    assert any(not np.allclose(weights[key], after[key]) for key in weights)


def test_what_fire_modules_put_out_may_be_narrower():
    widths = most_activation_bits(TINY, TrainSettings(activation_bits=6, expand_bits=4))
    assert {name for names in activation_groups(TINY) for name in names} == set(widths)
    for name, bits in widths.items():
        wide = "expand" in name or name.endswith(("relu_add", "relu_bypass1x1"))
        assert bits == (4 if wide else 6), name
    assert set(most_activation_bits(TINY, TrainSettings(activation_bits=7)).values()) == {7}
