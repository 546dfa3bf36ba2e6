"""Calibration: the types with the least error on what the network really computes."""

import numpy as np
import pytest
import tensorflow as tf
from models import TINY, TINY_ODD, random_images, random_weights

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model import calibration
from sqz_hw.model.architecture import V1_1, Architecture
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.calibration import calibrate
from sqz_hw.model.layers import Kind
from sqz_hw.model.network import float_network, set_weights
from sqz_hw.model.quantisation import quantise

BITS = {"weight_bits": 5, "bias_bits": 11, "activation_bits": 6, "score_bits": 9}


def activations(arch: Architecture, weights, images) -> dict[str, np.ndarray]:
    network = float_network(arch, batch_norm=False)
    set_weights(network, weights)
    names = [s.name for s in arch.layers if s.kind is Kind.RELU]
    probe = tf.keras.Model(network.input, [network.get_layer(n.replace("/", "_")).output for n in names])
    return dict(zip(names, (out.numpy() for out in probe(to_float(images))), strict=True))


def error(values, to):
    return float(np.square(quantise(values, to) - values).sum())


@pytest.mark.parametrize("arch", [TINY, TINY_ODD], ids=lambda a: a.name)
def test_types_have_the_least_error_on_the_images(arch):
    weights, images = random_weights(arch, 3), random_images(arch, 70)  # two batches
    types = calibrate(arch, weights, images, **BITS)
    last = f"relu_conv{arch.fire_modules + 2}"
    seen = activations(arch, weights, images)
    assert types.activations.keys() == seen.keys()
    for name, values in seen.items():
        chosen = types.activations[name]
        assert (chosen.width, chosen.signed) == (9 if name == last else 6, False)
        if "expand" in name:
            fire = name.split("/")[0]
            values = np.concatenate([seen[f"{fire}/relu_expand{k}"].ravel() for k in ("1x1", "3x3")])
            assert (
                chosen
                == types.activations[f"{fire}/relu_expand1x1"]
                == types.activations[f"{fire}/relu_expand3x3"]
            )
        errors = [
            error(values.astype(np.float64), FixedPoint(chosen.width, i, False)) for i in range(-12, 12)
        ]
        assert error(values.astype(np.float64), chosen) == pytest.approx(min(errors)), name


def test_widths_and_signs():
    types = calibrate(TINY, random_weights(TINY), random_images(TINY, 4), **BITS)
    names = {s.name for s in TINY.convolutions}
    assert types.weights.keys() == types.biases.keys() == names
    assert {(t.width, t.signed) for t in types.weights.values()} == {(5, True)}
    assert {(t.width, t.signed) for t in types.biases.values()} == {(11, True)}
    assert types.input == FixedPoint(8, 0, False)


def test_every_channel_is_sampled(monkeypatch):
    """One loud channel, and a number of samples for which a plain stride would skip it."""
    weights = random_weights(TINY)
    weights["conv1/kernel"][:] = 0
    weights["conv1/bias"][:] = 0
    weights["conv1/bias"][5] = 100.0
    monkeypatch.setattr(calibration, "SAMPLES_A_LAYER", 16 * 16)  # of 16 x 16 x 8 values
    types = calibrate(TINY, weights, random_images(TINY, 1), **BITS)
    assert types.activations["relu_conv1"].integer == 7


def test_no_layer_of_the_real_network_is_sampled_at_one_channel_only(monkeypatch):
    """At 227 and with 64 images, v1.1 has layers of which every 64th value would be of one channel."""
    steps = {}

    class Map:
        def __init__(self, spec):
            self.spec, self.size = spec, 64 * int(np.prod(spec.out_shape))

        def numpy(self):
            return self

        def ravel(self):
            return self

        def __getitem__(self, where):
            steps[self.spec.name] = where.step
            return np.zeros(1)

    class Probe:
        def __init__(self, *args):
            self.maps = [Map(s) for s in V1_1.layers if s.kind is Kind.RELU]

        def __call__(self, images):
            return self.maps

    monkeypatch.setattr(calibration.tf.keras, "Model", Probe)
    monkeypatch.setattr(calibration, "float_network", lambda *a, **k: FakeNetwork())
    monkeypatch.setattr(calibration, "set_weights", lambda *a: None)
    calibration._activation_types(V1_1, {}, np.zeros((64, 1, 1, 3), np.uint8), 6, 8)
    for spec in V1_1.layers:
        if spec.kind is Kind.RELU:
            assert np.gcd(steps[spec.name], spec.out_shape[2]) == 1, spec.name
            assert steps[spec.name] <= 1.3 * 64 * np.prod(spec.out_shape) / calibration.SAMPLES_A_LAYER + 2


class FakeNetwork:
    input = None

    def get_layer(self, name):
        return self

    output = None


def test_the_same_arguments_give_the_same_types():
    weights, images = random_weights(TINY), random_images(TINY, 5)
    assert calibrate(TINY, weights, images, **BITS) == calibrate(TINY, weights, images, **BITS)
