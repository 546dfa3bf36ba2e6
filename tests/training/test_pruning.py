"""Pruning reaches each layer's density by magnitude, gradually; masks hold."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from models import TINY, random_images, random_weights

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.network import float_network
from sqz_hw.training.batches import Batches
from sqz_hw.training.choices import prunable
from sqz_hw.training.losses import make_loss
from sqz_hw.training.pruning import GradualPruning, Masks, largest, schedule
from sqz_hw.training.settings import TrainSettings
from sqz_hw.training.trainer import Trainer
from sqz_hw.training.workers import alone

BATCH = 4
ONE_FIRE = replace(TINY, fire_modules=1)
FIRE = tuple(prunable(ONE_FIRE, conv10=False))


def pruned(densities, steps, rate=1e-12):
    """Kernels before and after a stage of so many steps."""
    tf.keras.utils.set_random_seed(1)
    network = float_network(ONE_FIRE)
    before = {s.name: network.get_layer(s.safe_name).get_weights()[0] for s in ONE_FIRE.convolutions}
    masks = Masks(network, ONE_FIRE, densities)
    trainer = Trainer(
        network, TrainSettings(batch_size=BATCH, weight_decay=0), rate=rate, steps=steps, epochs=1,
        loss=make_loss(TrainSettings(), ONE_FIRE.classes), workers=alone(), masks=masks,
        pruning=GradualPruning(masks, densities, steps),
    )  # fmt: skip
    count = steps * BATCH
    labels = np.arange(count) % ONE_FIRE.classes
    trainer.epoch(Batches(random_images(ONE_FIRE, count), labels, BATCH, 1, 0), lambda *a: None)
    return before, {s.name: network.get_layer(s.safe_name).get_weights()[0] for s in ONE_FIRE.convolutions}


@pytest.mark.parametrize(("density", "steps"), [(0.45, 30), (0.2, 7), (0.4, 1)])
def test_the_density_is_reached_by_magnitude(density, steps):
    """However short the stage; with a rate of almost zero, the smallest weights are those that were so before."""
    densities = {name: density + 0.1 * i for i, name in enumerate(FIRE)}
    before, after = pruned(densities, steps)
    for spec in ONE_FIRE.convolutions:
        old, new = before[spec.name], after[spec.name]
        if spec.fire:
            kept = round(densities[spec.name] * old.size)
            assert np.count_nonzero(new) == kept
            assert np.abs(old[new != 0]).min() >= np.abs(old[new == 0]).max()
        else:
            assert new.all()


def test_what_is_pruned_stays_so_and_the_rest_learns():
    densities = dict.fromkeys(FIRE, 0.5)
    before, after = pruned(densities, 40, rate=0.05)
    for name in FIRE:
        assert np.count_nonzero(after[name]) == round(0.5 * after[name].size)
        kept = after[name] != 0
        assert (after[name][kept] != before[name][kept]).all()


@pytest.mark.parametrize("steps", [1, 2, 7, 33, 100, 384, 2292])
def test_the_last_update_falls_on_the_end_of_the_ramp(steps):
    """tfmot updates masks every so many steps; an end in between would leave the sparsity below its goal."""
    ramp = schedule(0.7, steps)
    updates = [step for step in range(steps) if bool(ramp(tf.constant(step))[0])]
    reached = float(ramp(tf.constant(updates[-1]))[1])
    assert reached == pytest.approx(0.7)
    assert updates[-1] <= 0.6 * steps
    assert len(updates) >= min(20, int(0.6 * steps))


def test_the_ramp_is_cubic():
    """Zhu and Gupta 2017, equation 1: s(t) = s_f - s_f (1 - t/n)^3 for a start at zero."""
    steps = 1000
    ramp = schedule(0.8, steps)
    for step in (0, 100, 300, 600):
        sparsity = float(ramp(tf.constant(step))[1])
        assert sparsity == pytest.approx(0.8 - 0.8 * (1 - step / 600) ** 3, abs=1e-6)


def test_the_largest_of_equals_are_the_first():
    np.testing.assert_array_equal(
        largest(np.array([[1.0, -1.0], [1.0, 2.0]], np.float32), 2), [[1, 0], [0, 1]]
    )
    assert not largest(np.ones((2, 2), np.float32), 0).any()


def test_zeros_are_kept_where_they_are():
    network = float_network(ONE_FIRE, batch_norm=False)
    weights = random_weights(ONE_FIRE, density=0.4)
    for spec in ONE_FIRE.convolutions:
        network.get_layer(spec.safe_name).set_weights(
            [weights[f"{spec.name}/kernel"], weights[f"{spec.name}/bias"]]
        )
    masks = Masks(network, ONE_FIRE, FIRE)
    masks.keep_zeros()
    loss = make_loss(TrainSettings(), ONE_FIRE.classes)
    trainer = Trainer(
        network,
        TrainSettings(batch_size=BATCH),
        rate=0.1,
        steps=5,
        epochs=1,
        loss=loss,
        workers=alone(),
        masks=masks,
    )
    images = random_images(ONE_FIRE, 20)
    trainer.epoch(Batches(images, np.arange(20) % ONE_FIRE.classes, BATCH, 1, 0), lambda *a: None)
    for name in FIRE:
        kernel = network.get_layer(name.replace("/", "_")).get_weights()[0]
        old = weights[f"{name}/kernel"]
        assert not kernel[old == 0].any()
        assert (kernel[old != 0] != old[old != 0]).any()
    assert np.isfinite(network(to_float(images), training=False)).all()
