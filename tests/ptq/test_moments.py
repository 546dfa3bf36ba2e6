"""Moments against the output of the layer itself."""

import numpy as np
import pytest
from models import TINY_ODD

from sqz_hw.model.layers import Kind
from sqz_hw.ptq.forward import columns, convolve
from sqz_hw.ptq.moments import moments

CONVOLUTIONS = [s for s in TINY_ODD.layers if s.kind is Kind.CONV]


def maps(spec, seed):
    rng = np.random.default_rng(seed)
    x = np.abs(rng.normal(1.0, 1.0, (3, *spec.in_shape))).astype(np.float32)
    return x, (x + rng.normal(0, 0.2, x.shape)).astype(np.float32)


@pytest.mark.parametrize("spec", CONVOLUTIONS, ids=lambda s: s.safe_name)
def test_the_hessian_tells_what_a_changed_kernel_does(spec):
    """The variance of the outputs' change, measured on the layer and predicted by the covariance."""
    reference, quantised = maps(spec, 1)
    seen = moments(spec, quantised, reference)
    change = np.random.default_rng(2).normal(
        size=(spec.kernel, spec.kernel, *(spec.in_shape[2], spec.out_shape[2]))
    )
    out = convolve(spec, quantised, change.astype(np.float32), np.zeros(spec.out_shape[2], np.float32))
    flat = change.reshape(-1, spec.out_shape[2])
    predicted = np.einsum("io,ij,jo->o", flat, seen.covariance, flat)
    np.testing.assert_allclose(predicted, out.var(axis=(0, 1, 2)), rtol=1e-3)
    np.testing.assert_allclose(seen.mean @ flat, out.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)


def test_cross_covariance_is_of_quantised_with_float():
    spec = CONVOLUTIONS[1]
    reference, quantised = maps(spec, 3)
    seen = moments(spec, quantised, reference)
    q = np.concatenate([rows for _, rows in columns(spec, quantised)]).astype(np.float64)
    f = np.concatenate([rows for _, rows in columns(spec, reference)]).astype(np.float64)
    n_in = q.shape[1]
    np.testing.assert_allclose(seen.cross, np.cov(q.T, f.T, bias=True)[:n_in, n_in:], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(seen.float_mean, f.mean(axis=0), rtol=1e-4)


def test_the_same_input_twice():
    spec = CONVOLUTIONS[0]
    x, _ = maps(spec, 4)
    once, twice = moments(spec, x, x), moments(spec, x, x.copy())
    np.testing.assert_allclose(once.cross, twice.cross, atol=1e-4)
    np.testing.assert_allclose(once.cross, once.covariance, atol=1e-6)


def test_a_small_variance_beside_a_large_mean():
    """Values near 3000 that vary by 0.1: squares in float32 would leave nothing of that."""
    spec = next(s for s in CONVOLUTIONS if s.kernel == 1)
    noise = np.random.default_rng(5).normal(0, 0.1, (6, *spec.in_shape))
    x = (3000 + noise).astype(np.float32)
    seen = moments(spec, x, x.copy())
    flat = x.astype(np.float64).reshape(-1, spec.in_shape[2])
    np.testing.assert_allclose(seen.covariance, np.cov(flat.T, bias=True), atol=1e-5)
    np.testing.assert_allclose(seen.cross, np.cov(flat.T, bias=True), atol=1e-5)
    assert np.linalg.eigvalsh(seen.covariance).min() > 0
    np.testing.assert_array_equal(seen.covariance, seen.covariance.T)
