"""Tuned ranges: closer scores, and the search takes the best of its path."""

import numpy as np
import pytest
from models import TINY, TINY_ODD, random_float_model, random_images, tiny_architecture

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.hls.convert import qkeras_network
from sqz_hw.model.inference import network_scores
from sqz_hw.model.layers import Kind
from sqz_hw.model.modelfile import Model
from sqz_hw.model.network import float_network, set_weights
from sqz_hw.model.quantisation import Quantisation, quantise
from sqz_hw.ptq import ranges
from sqz_hw.ptq.equalisation import scalable, scaled
from sqz_hw.ptq.ranges import tuned

PLAIN = tiny_architecture(bypass="none")


def silent(done, total):
    pass


def types_of(arch, chosen):
    """16 bits with room for everything, but for the tensors in question."""
    wide = {s.name: FixedPoint(16, 6, False) for s in arch.layers if s.kind is Kind.RELU}
    return {**wide, **chosen}


def divergence(arch, weights, types, images):
    """Of the QKeras network with these types and 16-bit weights from the float one."""
    wide = FixedPoint(16, 3, True)
    quantisation = Quantisation(
        {s.name: wide for s in arch.convolutions}, {s.name: wide for s in arch.convolutions}, types
    )
    on_grid = {key: quantise(value, wide).astype(np.float32) for key, value in weights.items()}
    rounded = network_scores(qkeras_network(Model("m", arch, on_grid, quantisation)), images)
    plain = float_network(arch, batch_norm=False)
    set_weights(plain, weights)
    logs = []
    for scores in (network_scores(plain, images), rounded):
        shifted = scores - scores.max(axis=1, keepdims=True)
        logs.append(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
    return float((np.exp(logs[0]) * (logs[0] - logs[1])).sum(axis=1).mean())


@pytest.mark.parametrize("integer", [-1, 0, 1, 2, 3])
def test_a_range_that_does_not_suit_is_mended(integer):
    """One tensor of 4 bits: the factor found, and what QKeras computes with and without it."""
    model, images = random_float_model(PLAIN, 4), random_images(PLAIN, 24)
    types = types_of(PLAIN, {"relu_conv1": FixedPoint(4, integer, False)})
    factors = tuned(PLAIN, model.weights, types, images, silent)
    factor = factors["relu_conv1"][0]
    assert (factors["relu_conv1"] == factor).all()
    assert round(np.log2(factor) / ranges.STEP, 6) in range(-ranges.MOST_STEPS, ranges.MOST_STEPS + 1)
    only = {"relu_conv1": factors["relu_conv1"]}
    after = divergence(PLAIN, scaled(PLAIN, model.weights, only), types, images)
    before = divergence(PLAIN, model.weights, types, images)
    assert after == before if factor == 1 else after < before
    for step in (-ranges.STEP, ranges.STEP):  # a step further is no better
        if abs(np.log2(factor)) < (ranges.MOST_STEPS - 0.5) * ranges.STEP:
            other = {"relu_conv1": factors["relu_conv1"] * 2.0**step}
            assert divergence(PLAIN, scaled(PLAIN, model.weights, other), types, images) > 0.98 * after


@pytest.mark.parametrize("arch", [PLAIN, TINY, TINY_ODD], ids=["plain", "bypass", "odd"])
def test_only_what_can_be_scaled_and_expand_layers_alike(arch):
    model, images = random_float_model(arch, 2), random_images(arch, 6)
    types = types_of(arch, {name: FixedPoint(4, 1, False) for name in scalable(arch)})
    told = []
    factors = tuned(arch, model.weights, types, images, lambda *step: told.append(step))
    assert set(factors) <= set(scalable(arch))
    assert told[-1] == (len(told) - 1, len(told) - 1)
    for fire in {name.split("/")[0] for name in factors if "expand" in name}:
        pair = [factors[f"{fire}/relu_expand{k}"] for k in ("1x1", "3x3")]
        assert len(np.unique(np.concatenate(pair))) == 1


@pytest.mark.parametrize(
    ("harms", "best"),
    [
        ({0: 5, 1: 4, 2: 3, 3: 2}, 3),
        ({0: 5, 1: 4, 2: 4.5}, 1),
        ({0: 5, 1: 6, -1: 4, -2: 3, -3: 9}, -2),
        ({0: 5, 1: 5, -1: 5}, 0),
    ],
)
def test_the_walk(harms, best):
    assert ranges._walk(lambda octaves: harms[octaves / ranges.STEP]) == best * ranges.STEP


def test_only_some_images_are_used_evenly(monkeypatch):
    seen = []

    class Network:
        def __init__(self, arch, weights, images):
            self.tensors = {name: np.zeros((1, 1, 1, 4)) for name in scalable(arch)}
            seen.append(images[:, 0, 0, 0])

        def harm(self, *args):
            return 0.0

    monkeypatch.setattr(ranges, "_Network", Network)
    images = np.zeros((128, 16, 16, 3), np.uint8) + np.arange(128, dtype=np.uint8)[:, None, None, None]
    tuned(PLAIN, {}, {}, images, silent)
    tuned(PLAIN, {}, {}, images[:5], silent)
    np.testing.assert_array_equal(seen[0], np.arange(48) * 2)
    np.testing.assert_array_equal(seen[1], np.arange(5))
