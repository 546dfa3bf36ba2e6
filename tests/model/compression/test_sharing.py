"""Weight sharing, against exhaustive search and the plain meaning of k-means."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, random_float_model, random_model

from sqz_hw.errors import BadInputError
from sqz_hw.model.compression import sharing
from sqz_hw.model.compression.sharing import share_weights, shared


def error(values, groups):
    return sum(float(np.square(g - g.mean()).sum()) for g in np.split(values, groups))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-50, 50).filter(bool), min_size=4, max_size=9), st.integers(1, 3))
def test_no_clusters_are_better(numbers, most):
    kernel = np.array(numbers, np.float32)
    values = np.sort(kernel.astype(np.float64))
    got = shared(kernel, most)
    assert len(np.unique(got)) <= most
    places = range(1, len(values))
    best = min(error(values, cuts) for cuts in itertools.combinations(places, most - 1))
    assert np.square(got.astype(np.float64) - kernel).sum() <= best + 1e-3


@pytest.mark.parametrize("bits", [1, 3, 6, 8])
def test_many_weights(bits):
    """With bins and without a better step left: each weight goes to its nearest centroid, the mean of its weights."""
    kernel = np.random.default_rng(bits).normal(0, 0.1, (3, 3, 20, 30)).astype(np.float32)
    kernel[np.random.default_rng(1).random(kernel.shape) < 0.6] = 0
    got = shared(kernel, (1 << bits) - 1)
    centroids = np.unique(got[kernel != 0])
    assert len(centroids) <= (1 << bits) - 1
    assert ((got == 0) == (kernel == 0)).all()
    weights = kernel[kernel != 0].astype(np.float64)
    nearest = np.abs(weights[:, None] - centroids).min(axis=1)
    np.testing.assert_allclose(np.abs(weights - got[kernel != 0]), nearest, atol=1e-7)
    means = [weights[got[kernel != 0] == c].mean() for c in centroids]
    np.testing.assert_allclose(means, centroids, atol=2e-3 / (1 << bits) if bits > 1 else 1e-6)


def test_bins_cost_little(monkeypatch):
    kernel = np.random.default_rng(3).laplace(0, 0.1, 3000).astype(np.float32)
    with_bins = np.square(shared(kernel, 15) - kernel).sum()
    monkeypatch.setattr(sharing, "BINS", 5000)
    without = np.square(shared(kernel, 15) - kernel).sum()
    assert without * 0.999 <= with_bins <= without * 1.01


def test_what_is_shared_already_stays():
    kernel = np.random.default_rng(1).choice(np.array([0, 1, 2, 3], np.float32), (3, 3, 4, 4))
    assert shared(kernel, 3) is kernel
    model = share_weights(random_float_model(TINY, density=0.5), 4)
    again = share_weights(model, 4)
    assert all(np.array_equal(model.weights[k], again.weights[k]) for k in model.weights)


def test_a_model():
    given_model = random_float_model(TINY, density=0.5)
    model = share_weights(given_model, 2)
    for key, value in model.weights.items():
        if key.endswith("kernel"):
            assert len(np.unique(value)) <= 4
        else:
            np.testing.assert_array_equal(value, given_model.weights[key])
    assert model.density() == given_model.density()


@pytest.mark.parametrize("bits", [0, 9, -1])
def test_bits(bits):
    with pytest.raises(BadInputError, match=rf"^shared weights must have 1 to 8 bits, not {bits}$"):
        share_weights(random_float_model(TINY), bits)


def test_codes_are_shared_weights_already():
    with pytest.raises(
        BadInputError, match=r"^model tiny is quantised: its codes are its shared weights; leave --bits out$"
    ):
        share_weights(random_model(TINY), 4)
