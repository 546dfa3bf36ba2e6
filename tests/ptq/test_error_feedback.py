"""Rounding against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.ptq import error_feedback
from sqz_hw.ptq.error_feedback import damped, descend, feedback, nearest, squared_error

SEEDS = st.integers(0, 2**31)


def problem(seed, n_in=6, n_out=4, density=1.0):
    """Correlated inputs, targets of the levels' size, a mask."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(40, n_in)) @ rng.normal(size=(n_in, n_in))
    hessian = damped(mixed.T @ mixed / 40, 0.01)
    kept = rng.random((n_in, n_out)) < density
    return rng.normal(0, 1, (n_in, n_out)) * kept, hessian, kept


LEVELS = np.array([-1.5, -0.75, -0.25, 0.5, 1.0])


@settings(deadline=None)
@given(SEEDS, st.integers(1, 9))
def test_nearest(seed, count):
    rng = np.random.default_rng(seed)
    levels = np.unique(rng.normal(size=count))
    values = rng.normal(size=(7, 3)) * 2
    distance = np.abs(values[..., None] - levels)
    np.testing.assert_allclose(np.abs(nearest(values, levels) - values), distance.min(axis=-1))


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.sampled_from([1.0, 0.5]), st.sampled_from([2, 64]))
def test_descent_ends_where_no_single_weight_can_do_better(seed, density, block):
    target, hessian, kept = problem(seed, density=density)
    before, error_feedback.BLOCK = error_feedback.BLOCK, block
    try:
        start = feedback(target, hessian, LEVELS, kept)
        found = descend(start, target, hessian, LEVELS, kept, 100)
    finally:
        error_feedback.BLOCK = before
    assert not found[~kept].any()
    assert np.isin(found[kept], LEVELS).all()
    least = squared_error(found, target, hessian)
    assert least <= squared_error(start, target, hessian) + 1e-9
    for i, o in zip(*np.nonzero(kept), strict=True):
        for level in LEVELS:
            other = found.copy()
            other[i, o] = level
            assert squared_error(other, target, hessian) >= least - 1e-9


def test_feedback_and_descent_come_close_to_the_optimum():
    """On 200 problems small enough to try all roundings; nearest rounding as the yardstick."""
    totals = np.zeros(4)
    for seed in range(200):
        target, hessian, kept = problem(seed, n_in=5, n_out=1)
        plain = nearest(target, LEVELS)
        fed = feedback(target, hessian, LEVELS, kept)
        best = min(
            squared_error(np.array(choice)[:, None], target, hessian)
            for choice in itertools.product(LEVELS, repeat=5)
        )
        descended = descend(fed, target, hessian, LEVELS, kept, 100)
        totals += [best, *(squared_error(w, target, hessian) for w in (descended, fed, plain))]
    optimum, descended, fed, plain = totals
    assert optimum <= descended <= fed <= plain
    assert descended < optimum + (plain - optimum) / 3


@given(SEEDS)
@settings(deadline=None, max_examples=20)
def test_without_correlation_it_is_plain_rounding(seed):
    target, _, kept = problem(seed, density=0.7)
    hessian = np.diag(np.random.default_rng(seed).uniform(0.5, 2, len(target)))
    plain = np.where(kept, nearest(target, LEVELS), 0)
    np.testing.assert_array_equal(feedback(target, hessian, LEVELS, kept), plain)
    np.testing.assert_array_equal(descend(plain, target, hessian, LEVELS, kept, 5), plain)


@pytest.mark.parametrize("block", [1, 3, 64])
def test_the_block_size_changes_nothing(block, monkeypatch):
    target, hessian, kept = problem(7, n_in=11, density=0.8)
    whole = feedback(target, hessian, LEVELS, kept)
    monkeypatch.setattr(error_feedback, "BLOCK", block)
    np.testing.assert_array_equal(feedback(target, hessian, LEVELS, kept), whole)


def test_inputs_that_never_vary_can_still_be_rounded():
    hessian = damped(np.zeros((3, 3)), 0.01)
    target = np.array([[0.6], [-0.3], [2.0]])
    np.testing.assert_array_equal(
        feedback(target, hessian, LEVELS, np.ones((3, 1), bool)), [[0.5], [-0.25], [1.0]]
    )
