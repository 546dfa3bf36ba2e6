"""Bias correction keeps the mean, and biases take no bit that they do not need."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY

from sqz_hw.model.layers import Kind
from sqz_hw.ptq.bias import corrected, on_grid
from sqz_hw.ptq.forward import convolve, matrix
from sqz_hw.ptq.moments import moments


def test_the_mean_of_each_output_is_the_float_networks():
    rng = np.random.default_rng(3)
    spec = next(s for s in TINY.layers if s.kind is Kind.CONV and s.kernel == 3 and s.fire)
    reference = np.abs(rng.normal(size=(4, *spec.in_shape))).astype(np.float32)
    quantised = np.rint(reference * 4) / 4
    kernel = rng.normal(size=(3, 3, spec.in_shape[2], spec.out_shape[2])).astype(np.float32)
    rounded = np.floor(kernel * 4) / 4  # a shift of the mean
    bias = rng.normal(size=spec.out_shape[2]).astype(np.float32)
    seen = moments(spec, quantised, reference)
    new = corrected(bias, matrix(kernel), matrix(rounded).astype(np.float64), seen)
    wanted = convolve(spec, reference, kernel, bias).mean(axis=(0, 1, 2))
    before = convolve(spec, quantised, rounded, bias).mean(axis=(0, 1, 2))
    after = convolve(spec, quantised, rounded, new.astype(np.float32)).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(after, wanted, atol=1e-3)
    assert np.abs(before - wanted).max() > 0.1


@settings(deadline=None)
@given(st.integers(2, 20), st.integers(-6, 20), st.floats(-30, 12), st.integers(0, 2**31))
def test_the_narrowest_type_that_holds_them(bits, finest, size, seed):
    bias = np.random.default_rng(seed).normal(0, 2.0**size, 9)
    rounded, to = on_grid(bias, bits, finest)
    assert to.signed
    assert 2 <= to.width <= bits
    assert to.fraction <= finest
    codes = to.to_codes(rounded)  # raises off the grid
    if to.width > 2:
        assert np.abs(codes).max() >= 2 ** (to.width - 2)  # one bit less would not do
    assert np.abs(rounded - bias).max() <= to.lsb * (1 if to.width == bits else 0.5) + 1e-12
    if to.fraction < finest:  # no finer grid has room
        assert np.abs(bias).max() >= 2.0 ** (bits - 2 - to.fraction) or to.width < bits


@pytest.mark.parametrize("finest", [0, 7])
def test_no_bias_at_all(finest):
    rounded, to = on_grid(np.zeros(3), 16, finest)
    assert not rounded.any()
    assert (to.width, to.fraction) == (2, finest)
