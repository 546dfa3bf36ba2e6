"""Pruning reaches its sparsity, in the Fire modules only, by magnitude; masks hold."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from models import TINY, random_images, random_model, random_weights

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.network import float_network, quantised_network, set_weights
from sqz_hw.training.pruning import MaskedModel, prune_fire_modules, pruning_callback, strip

BATCH = 4
ONE_FIRE = replace(TINY, fire_modules=1)


def images(steps):
    count = steps * BATCH
    return to_float(random_images(ONE_FIRE, count)), np.arange(count) % ONE_FIRE.classes


def compiled(network, rate):
    network.compile(
        tf.keras.optimizers.SGD(rate, momentum=0.9),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return network


def pruned(sparsity, steps, rate=0.0):
    """Kernels before and after a stage of so many steps."""
    tf.keras.utils.set_random_seed(1)
    network = float_network(ONE_FIRE)
    before = {s.name: network.get_layer(s.safe_name).get_weights()[0] for s in ONE_FIRE.convolutions}
    wrapped = compiled(prune_fire_modules(network, ONE_FIRE, sparsity, steps), rate)
    x, y = images(steps)
    wrapped.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[pruning_callback()])
    plain = strip(wrapped)
    return before, {s.name: plain.get_layer(s.safe_name).get_weights()[0] for s in ONE_FIRE.convolutions}


@pytest.mark.parametrize(("sparsity", "steps"), [(0.55, 30), (0.8, 7), (0.6, 1)])
def test_the_sparsity_is_reached_in_fire_modules_by_magnitude(sparsity, steps):
    """However short the stage; with a rate of zero, the smallest weights are those that were so before."""
    before, after = pruned(sparsity, steps)
    for spec in ONE_FIRE.convolutions:
        old, new = before[spec.name], after[spec.name]
        if spec.fire:
            zeros = int(np.round(sparsity * new.size))
            assert abs(np.count_nonzero(new == 0) - zeros) <= 1, spec.name
            kept = new != 0
            np.testing.assert_array_equal(new[kept], old[kept])
            assert np.abs(old[kept]).min() >= np.abs(old[~kept]).max(initial=0.0)
        else:
            np.testing.assert_array_equal(new, old)


def test_weights_go_on_learning_while_they_are_pruned():
    before, after = pruned(0.5, 10, rate=0.05)
    for spec in ONE_FIRE.convolutions:
        kept = after[spec.name] != 0
        assert (after[spec.name][kept] != before[spec.name][kept]).mean() > 0.5
        if spec.fire:
            assert np.count_nonzero(~kept) == pytest.approx(0.5 * kept.size, abs=1)


@pytest.mark.parametrize("steps", [2292, 1000, 100, 41, 20, 5, 2])
def test_the_last_update_falls_on_the_end_of_the_ramp(steps):
    """tfmot updates masks every so many steps; an end in between would leave the sparsity below its goal."""
    network = prune_fire_modules(float_network(ONE_FIRE), ONE_FIRE, 0.7, steps)
    schedule = network.get_layer("prune_low_magnitude_fire2_squeeze1x1").pruning_schedule
    updates = [step for step in range(steps) if bool(schedule(tf.constant(step))[0])]
    reached = float(schedule(tf.constant(updates[-1]))[1])
    assert reached == pytest.approx(0.7)
    assert updates[-1] <= 0.6 * steps
    assert len(updates) >= min(20, int(0.6 * steps))


PREFIX = "prune_low_magnitude_"


def test_only_fire_modules_are_wrapped():
    network = prune_fire_modules(float_network(ONE_FIRE), ONE_FIRE, 0.5, 100)
    wrapped = {x.name.removeprefix(PREFIX) for x in network.layers if x.name.startswith(PREFIX)}
    assert wrapped == {s.safe_name for s in ONE_FIRE.convolutions if s.fire}


def test_masks_hold_through_training():
    model = random_model(ONE_FIRE, density=0.4)
    plain = quantised_network(ONE_FIRE, model.quantisation)
    network = MaskedModel(plain.input, plain.output)
    weights = random_weights(ONE_FIRE, density=0.4)
    weights["conv1/kernel"][0, 0] = 0.0  # not in a Fire module: free to change
    set_weights(network, weights)
    network.keep_zeros(ONE_FIRE, weights)
    x, y = images(5)
    compiled(network, 0.1).fit(x, y, batch_size=BATCH, verbose=0)
    for spec in ONE_FIRE.convolutions:
        kernel = network.get_layer(spec.safe_name).get_weights()[0]
        old = weights[f"{spec.name}/kernel"]
        if spec.fire:
            assert (old == 0).any()
            assert not kernel[old == 0].any()
        assert (kernel[old != 0] != old[old != 0]).any()
    assert network.get_layer("conv1").get_weights()[0][0, 0].any()
