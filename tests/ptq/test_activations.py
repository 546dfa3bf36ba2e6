"""Activation types: the least squared error among all binary points."""

import numpy as np
import pytest
from models import TINY

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.layers import Kind
from sqz_hw.model.quantisation import quantise
from sqz_hw.ptq import activations
from sqz_hw.ptq.activations import activation_types, sampled


def test_samples_are_whole_pixels_drawn_by_the_seed(monkeypatch):
    monkeypatch.setattr(activations, "SAMPLES_A_LAYER", 3 * 4096 + 2)
    x = np.arange(2 * 64 * 64 * 3, dtype=np.float32).reshape(2, 64, 64, 3)
    some = sampled(x, 1)
    assert some.shape == (4096, 3)
    assert (np.diff(some, axis=1) == 1).all()
    assert (some[:, 0] % 3 == 0).all()
    assert len(np.unique(some[:, 0])) == 4096
    np.testing.assert_array_equal(some, sampled(x, 1))
    assert not np.array_equal(some, sampled(x, 2))
    np.testing.assert_array_equal(sampled(x[:, :8, :8], 1), x[:, :8, :8].reshape(-1, 3))


def test_each_type_has_the_least_error_and_expand_layers_share_theirs():
    rng = np.random.default_rng(1)
    samples = {
        s.name: np.abs(rng.normal(0, rng.uniform(0.01, 30), (500, s.out_shape[2]))).astype(np.float32)
        for s in TINY.layers
        if s.kind is Kind.RELU
    }
    types = activation_types(TINY, samples, 6, 9)
    assert types.keys() == samples.keys()
    for name, chosen in types.items():
        assert (chosen.width, chosen.signed) == (9 if name == "relu_conv4" else 6, False)
        values = samples[name].ravel()
        if "expand" in name:
            fire = name.split("/")[0]
            pair = [f"{fire}/relu_expand1x1", f"{fire}/relu_expand3x3"]
            assert types[pair[0]] == types[pair[1]]
            values = np.concatenate([samples[n].ravel() for n in pair])
        errors = {
            i: float(np.square(quantise(values, FixedPoint(chosen.width, i, False)) - values).sum())
            for i in range(-12, 12)
        }
        assert errors[chosen.integer] == pytest.approx(min(errors.values()))
