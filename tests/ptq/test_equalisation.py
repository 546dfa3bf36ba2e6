"""Equalisation changes types, not the function."""

import numpy as np
import pytest
from models import TINY, TINY_ODD, random_images, random_weights, tiny_architecture

from sqz_hw.model.architecture import V1_0, V1_1
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.inference import network_scores
from sqz_hw.model.layers import Kind
from sqz_hw.model.network import float_network, set_weights
from sqz_hw.ptq.activations import sampled
from sqz_hw.ptq.equalisation import MOST, equalised, fitted, scalable, times
from sqz_hw.ptq.forward import convolve, rectify, run, without_weights

PLAIN = tiny_architecture(bypass="none")


def samples_of(arch, weights, images):
    samples = {}

    def relu(spec, x):
        out = rectify(x)
        samples[spec.name] = sampled(out, 1)
        return out

    run(
        arch,
        to_float(images),
        lambda s, x: convolve(s, x, weights[f"{s.name}/kernel"], weights[f"{s.name}/bias"]),
        relu,
        without_weights,
    )
    return samples


def uneven(arch, seed=5):
    """Weights whose channels differ a lot in size, as a trained network's do."""
    weights = random_weights(arch, seed)
    rng = np.random.default_rng(seed)
    for spec in arch.convolutions:
        spread = np.exp(rng.normal(0, 0.8, spec.out_shape[2])).astype(np.float32)
        weights[f"{spec.name}/kernel"] *= spread
        weights[f"{spec.name}/bias"] *= spread
    return weights


def scores(arch, weights, images):
    network = float_network(arch, batch_norm=False)
    set_weights(network, weights)
    return network_scores(network, images)


@pytest.mark.parametrize("arch", [PLAIN, TINY, TINY_ODD], ids=["plain", "bypass", "odd"])
def test_the_function_stays_and_the_samples_follow(arch):
    weights, images = uneven(arch), random_images(arch, 6)
    samples = samples_of(arch, weights, images)
    step, factors = equalised(arch, weights, samples, 0.5)
    middle = times(samples, factors)
    after, scale = fitted(arch, step, middle, 8)
    assert any(not np.array_equal(after[key], weights[key]) for key in weights)
    np.testing.assert_allclose(
        scores(arch, after, images), scores(arch, weights, images), rtol=1e-3, atol=1e-4
    )
    for name, values in samples_of(arch, after, images).items():
        np.testing.assert_allclose(times(middle, scale)[name], values, rtol=1e-3, atol=1e-3)


def test_only_what_convolutions_alone_read_is_scaled():
    relus = {s.name for s in V1_0.layers if s.kind is Kind.RELU}
    assert set(scalable(V1_0)) == set(scalable(V1_1)) == relus - {"relu_conv10"}
    readers = scalable(V1_0)["fire2/relu_expand3x3"]
    assert [(spec.name, first) for spec, first in readers] == [("fire3/squeeze1x1", 64)]
    assert [s.name for s, _ in scalable(V1_0)["fire4/relu_expand1x1"]] == ["fire5/squeeze1x1"]
    assert [s.name for s, _ in scalable(V1_0)["fire5/relu_squeeze1x1"]] == [
        "fire5/expand1x1",
        "fire5/expand3x3",
    ]
    bypassed = {s.inputs[1].replace("concat", "relu_expand1x1") for s in TINY.layers if s.kind is Kind.ADD}
    assert bypassed
    assert not bypassed & set(scalable(TINY))


def test_channels_become_more_alike_within_the_limit():
    weights, images = uneven(PLAIN), random_images(PLAIN, 6)
    samples = samples_of(PLAIN, weights, images)
    _, factors = equalised(PLAIN, weights, samples, 1.0)
    for name, factor in factors.items():
        assert (factor >= 1 / MOST).all()
        assert (factor <= MOST).all()
        before = np.quantile(samples[name], 0.999, axis=0)
        alive = before > 0
        assert np.log(before[alive] * factor[alive]).std() <= np.log(before[alive]).std() + 1e-6
    assert any(factor.std() > 0.1 for factor in factors.values())


def test_a_dead_channel_keeps_its_weights():
    weights, images = uneven(PLAIN), random_images(PLAIN, 4)
    weights["conv1/bias"][2] = -1e3
    samples = samples_of(PLAIN, weights, images)
    assert not samples["relu_conv1"][:, 2].any()
    _, factors = equalised(PLAIN, weights, samples, 0.5)
    assert factors["relu_conv1"][2] == 1


def test_zeros_stay_zeros():
    weights, images = random_weights(PLAIN, 2, density=0.4), random_images(PLAIN, 4)
    after, _ = equalised(PLAIN, weights, samples_of(PLAIN, weights, images), 0.5)
    for key, values in weights.items():
        np.testing.assert_array_equal(after[key] == 0, values == 0)


def test_the_best_range_ends_at_a_power_of_two():
    """A tensor whose best 8-bit range ends at 3: scaled by 2**n / 3, both expand layers alike."""
    weights, images = random_weights(PLAIN), random_images(PLAIN, 4)
    samples = samples_of(PLAIN, weights, images)
    even = np.linspace(0, 3, 4096, dtype=np.float32)[:, None]
    samples["relu_conv1"] = np.repeat(even, samples["relu_conv1"].shape[1], axis=1)
    _, factors = fitted(PLAIN, weights, samples, 8)
    ends = np.log2(3 * factors["relu_conv1"])
    np.testing.assert_allclose(ends, np.rint(ends[0]), atol=1e-6)
    for fire in ("fire2", "fire3"):
        np.testing.assert_array_equal(
            factors[f"{fire}/relu_expand1x1"][0], factors[f"{fire}/relu_expand3x3"][0]
        )
