"""Sensitivity tables against networks built for each entry."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from models import TINY, random_images, random_weights

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.calibration import activation_groups
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.layers import Kind
from sqz_hw.model.network import float_network, set_weights
from sqz_hw.model.quantisation import best_weight_type, quantise
from sqz_hw.training.choices import prunable
from sqz_hw.training.decide import most_activation_bits
from sqz_hw.training.sensitivity import (
    DENSITIES,
    Probe,
    activation_bits_table,
    density_table,
    smoothed,
    weight_bits_table,
    widths,
)
from sqz_hw.training.settings import TrainSettings

WEIGHTS = random_weights(TINY, 2)
IMAGES = random_images(TINY, 30)
DATA = Dataset(IMAGES, np.arange(30) % 4, "made")


def loss(weights):
    network = float_network(TINY, batch_norm=False)
    set_weights(network, weights)
    scores = network(to_float(IMAGES)).numpy().astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    chosen = scores[np.arange(30), DATA.y] - np.log(np.exp(scores).sum(axis=1))
    return -chosen.mean()


@pytest.fixture(scope="module")
def probe():
    return Probe(TINY, WEIGHTS, DATA)


def test_the_base_is_the_networks_loss(probe):
    assert probe.base == pytest.approx(loss(WEIGHTS), rel=1e-5)


def test_densities(probe):
    layers = prunable(TINY, conv10=True)
    table = density_table(probe, WEIGHTS, layers)
    assert set(table) == set(layers)
    for name, row in table.items():
        assert list(row) == [f"{d:g}" for d in DENSITIES]
        kernel = WEIGHTS[f"{name}/kernel"]
        for density in (0.5, 0.08):
            smallest = np.sort(np.abs(kernel).ravel())[kernel.size - round(density * kernel.size)]
            cut = np.where(np.abs(kernel) >= smallest, kernel, 0)
            assert np.count_nonzero(cut) == round(density * kernel.size)
            wanted = loss({**WEIGHTS, f"{name}/kernel": cut}) - loss(WEIGHTS)
            assert row[f"{density:g}"] == pytest.approx(wanted, abs=1e-5), name


def test_weight_bits(probe):
    table = weight_bits_table(probe, TINY, WEIGHTS, 5)
    assert set(table) == {s.name for s in TINY.convolutions}
    for name, row in table.items():
        assert list(row) == ["3", "4", "5"]
        kernel = WEIGHTS[f"{name}/kernel"]
        rounded = quantise(kernel, best_weight_type(kernel, 3)).astype(np.float32)
        wanted = loss({**WEIGHTS, f"{name}/kernel": rounded}) - loss(WEIGHTS)
        assert row["3"] == pytest.approx(wanted, abs=1e-5), name


def test_activation_bits(probe):
    """Of the first ReLU against a network cut in two there; those that share a type have one row."""
    most = most_activation_bits(TINY, TrainSettings(activation_bits=6))
    table = activation_bits_table(probe, TINY, WEIGHTS, IMAGES, most)
    relus = [s.name for s in TINY.layers if s.kind is Kind.RELU]
    assert set(table) == set(relus[:-1])
    assert all(list(row) == ["3", "4", "5", "6"] for row in table.values())
    for names in activation_groups(TINY)[:-1]:
        assert all(table[name] == table[names[0]] for name in names)
    network = float_network(TINY, batch_norm=False)
    set_weights(network, WEIGHTS)
    first = network.get_layer("relu_conv1").output
    tail = tf.keras.Model(first, network.output)
    values = tf.keras.Model(network.input, first)(to_float(IMAGES)).numpy()
    losses = []
    for integer in range(-4, 6):
        lsb = 2.0 ** (integer - 3)
        on_grid = np.clip(np.rint(values / lsb), 0, 7) * lsb
        scores = tail(on_grid.astype(np.float32))
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(DATA.y, scores)
        losses.append((np.square(on_grid - values).sum(), float(tf.reduce_mean(each))))
    best = min(losses)[1]  # of the type with the least squared error
    assert table["relu_conv1"]["3"] == pytest.approx(best - loss(WEIGHTS), abs=1e-5)


def test_the_probe_is_as_before(probe):
    """Nothing that was tried is left in it."""
    kernel = WEIGHTS["conv1/kernel"]
    assert probe.with_kernel("conv1", kernel * 3) != 0.0
    assert probe.with_kernel("conv1", kernel) == 0.0


def test_widths():
    assert list(widths(6)) == [3, 4, 5, 6]
    assert list(widths(3)) == [3]
    assert list(widths(2)) == [2]


def test_smoothing_follows_the_power_of_the_noise():
    exact = {"a": {str(b): 0.8 * 4.0**-b for b in range(3, 7)}}
    for bits, value in smoothed(exact)["a"].items():
        assert value == pytest.approx(exact["a"][bits])
    noisy = {"a": {"3": 0.2, "4": -0.01, "5": 0.03, "6": -0.004}, "b": {"3": -0.1, "4": 0.0, "5": 0.001}}
    law = smoothed(noisy)
    assert law["a"]["3"] == pytest.approx(0.2, rel=0.1)  # what the narrowest width says counts
    for row in law.values():
        values = list(row.values())
        assert all(x / y == pytest.approx(4.0) for x, y in itertools.pairwise(values))
    assert law["b"]["3"] == pytest.approx(1e-4)  # and none is free
