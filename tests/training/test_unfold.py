"""A folded network made trainable computes what it did."""

import numpy as np
import pytest
from models import TINY, TINY_ODD, random_images, random_weights

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.network import float_network, fold_batch_norm, set_weights
from sqz_hw.training.unfold import unfold


@pytest.fixture(scope="module", params=[TINY, TINY_ODD], ids=lambda a: a.name)
def networks(request):
    arch = request.param
    weights = random_weights(arch, 3)
    weights["conv1/kernel"][..., 0] = 0.0  # a dead channel: no variance
    folded = float_network(arch, batch_norm=False)
    set_weights(folded, weights)
    trainable = float_network(arch)
    images = random_images(arch, 150)  # two batches
    unfold(trainable, arch, weights, images)
    return arch, weights, folded, trainable, images


def test_scores_are_the_same_on_other_images(networks):
    arch, _, folded, trainable, _ = networks
    others = to_float(random_images(arch, 30, seed=9))
    wanted = folded(others, training=False).numpy()
    np.testing.assert_allclose(trainable(others, training=False).numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_folding_again_gives_the_weights_back(networks):
    arch, weights, _, trainable, _ = networks
    for key, values in fold_batch_norm(trainable, arch).items():
        np.testing.assert_allclose(values, weights[key], rtol=1e-4, atol=2e-6, err_msg=key)


def test_statistics_are_those_of_the_images(networks):
    """In training mode, where a batch has its own, the same images give nearly the same scores."""
    _, _, folded, trainable, images = networks
    x = to_float(images)
    wanted = folded(x, training=False).numpy()
    given = trainable(x, training=True).numpy()
    assert np.abs(given - wanted).max() < 0.02 * np.abs(wanted).max()


def test_kernels_have_filters_of_norm_one(networks):
    arch, _, _, trainable, _ = networks
    for spec in arch.convolutions:
        (kernel,) = trainable.get_layer(spec.safe_name).get_weights()
        assert np.sqrt(np.square(kernel).sum() / spec.out_shape[2]) == pytest.approx(1.0, rel=1e-4)
