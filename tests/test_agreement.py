"""Agreement of a quantised network with the float one."""

import numpy as np
import pytest
from models import TINY, random_float_model, random_images, random_model

from sqz_hw.agreement import agreement
from sqz_hw.errors import ModelFileError
from sqz_hw.hls.convert import qkeras_network
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.network import float_network, set_weights


def classes(network, images):
    return network(to_float(images)).numpy().argmax(axis=1)


def test_percentages_are_of_the_two_networks():
    reference, made = random_float_model(TINY, 2), random_model(TINY, 2, 3, 3)
    images = random_images(TINY, 40)
    plain = float_network(TINY, batch_norm=False)
    set_weights(plain, reference.weights)
    before, after = classes(plain, images), classes(qkeras_network(made), images)
    labels = np.arange(40) % 4
    found = agreement(reference, made, Dataset(images, labels, "made"), calibration=True)
    assert found.same_top1 == pytest.approx(100 * (before == after).mean())
    assert found.float_top1 == pytest.approx(100 * (before == labels).mean())
    assert found.quantised_top1 == pytest.approx(100 * (after == labels).mean())
    assert found.to_dict() == {
        "images": 40, "source": "made", "calibration": True, "same_top1": found.same_top1,
        "float_top1": found.float_top1, "float_top5": None,
        "quantised_top1": found.quantised_top1, "quantised_top5": None,
    }  # fmt: skip


def test_without_labels_and_with_five_classes():
    images = random_images(TINY, 8)
    found = agreement(
        random_float_model(TINY), random_model(TINY), Dataset(images, None, "made"), calibration=False
    )
    assert (found.float_top1, found.quantised_top5) == (None, None)
    assert 0 <= found.same_top1 <= 100


def test_two_float_models():
    model = random_float_model(TINY)
    with pytest.raises(
        ModelFileError, match=r"^model tiny is float and agrees with itself; quantise it first$"
    ):
        agreement(model, model, Dataset(random_images(TINY, 2), None, "made"), calibration=False)
