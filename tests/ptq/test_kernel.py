"""One kernel: what the search promises, on layers of a small network."""

import numpy as np
import pytest

from sqz_hw.model.quantisation import best_weight_type, quantise
from sqz_hw.ptq.kernel import quantised_kernel
from sqz_hw.ptq.moments import Moments


def layer(seed=1, n_in=24, n_out=20, density=1.0, noise=0.0):
    """Correlated inputs of a float and a quantised network, and a kernel."""
    rng = np.random.default_rng(seed)
    reference = np.maximum(rng.normal(size=(400, 5)) @ rng.normal(size=(5, n_in)), 0)
    quantised = reference + rng.normal(0, noise, reference.shape) + noise
    kernel = rng.normal(0, 0.2, (n_in, n_out)) * (rng.random((n_in, n_out)) < density)
    q, f = quantised - quantised.mean(axis=0), reference - reference.mean(axis=0)
    seen = Moments(q.T @ q / 400, q.T @ f / 400, quantised.mean(axis=0), reference.mean(axis=0))
    return kernel, seen, q, f


def error(values, kernel, q, f):
    return float(np.square(q @ values - f @ kernel).mean())


@pytest.mark.parametrize("density", [1.0, 0.4])
@pytest.mark.parametrize("bits", [3, 4, 8])
def test_better_than_plain_rounding(bits, density):
    kernel, seen, q, f = layer(density=density, noise=0.005)
    made = quantised_kernel(kernel, seen, weight_bits=bits, code_bits=None, damping=0.01)
    assert made.codebook is None
    assert (made.type.width, made.type.signed) == (bits, True)
    made.type.to_codes(made.values)  # raises off the grid
    assert not made.values[kernel == 0].any()
    plain = quantise(kernel, best_weight_type(kernel, bits))
    found, yardstick = error(made.values, kernel, q, f), error(plain, kernel, q, f)
    assert found < 0.7 * yardstick


@pytest.mark.parametrize("density", [1.0, 0.4])
@pytest.mark.parametrize("code_bits", [1, 2, 4])
def test_a_codebook_has_no_more_values_than_asked(code_bits, density):
    kernel, seen, *_ = layer(density=density)
    made = quantised_kernel(kernel, seen, weight_bits=8, code_bits=code_bits, damping=0.01)
    codes = made.type.to_codes(made.values)
    assert made.codebook == tuple(np.unique(codes))
    assert len(made.codebook) <= 2**code_bits
    assert not made.values[kernel == 0].any()


def test_more_codes_are_better_and_all_of_them_as_good_as_none():
    kernel, seen, q, f = layer(n_in=16)
    errors = [
        error(quantised_kernel(kernel, seen, weight_bits=8, code_bits=b, damping=0.01).values, kernel, q, f)
        for b in (2, 3, 4, 5, 6)
    ]
    assert errors == sorted(errors, reverse=True)
    free = quantised_kernel(kernel, seen, weight_bits=8, code_bits=None, damping=0.01)
    full = quantised_kernel(kernel, seen, weight_bits=8, code_bits=8, damping=0.01)
    assert error(full.values, kernel, q, f) < 2 * error(free.values, kernel, q, f) < errors[-1]


def test_it_makes_up_for_inputs_that_are_off():
    """Inputs twice too large: the kernel comes out half as large."""
    kernel, seen, *_ = layer()
    double = Moments(4 * seen.covariance, 2 * seen.cross, 2 * seen.mean, seen.float_mean)
    made = quantised_kernel(kernel, double, weight_bits=8, code_bits=None, damping=1e-6)
    assert np.abs(made.values - kernel / 2).max() < 0.1 * np.abs(kernel).max()


def test_a_kernel_of_zeros():
    _, seen, *_ = layer()
    made = quantised_kernel(np.zeros((24, 20)), seen, weight_bits=8, code_bits=3, damping=0.01)
    assert not made.values.any()
    assert made.codebook == (0,)
