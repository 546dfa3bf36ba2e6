"""Codebooks against brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.ptq.codebook import clustered, first_codebook, refitted
from sqz_hw.ptq.error_feedback import damped, nearest, squared_error

SEEDS = st.integers(0, 2**31)
GRID = FixedPoint(8, 1, True)


def within(values, weight):
    centre = np.average(values, weights=weight)
    return float(np.sum(weight * np.square(values - centre)))


@settings(deadline=None, max_examples=60)
@given(SEEDS, st.integers(1, 7), st.integers(1, 5))
def test_clusters_are_the_best_of_all_partitions(seed, size, count):
    rng = np.random.default_rng(seed)
    values, weight = np.sort(rng.normal(size=size)), rng.uniform(0.1, 2, size)
    shuffled = rng.permutation(size)
    centres = clustered(values[shuffled], weight[shuffled], count)
    assert len(centres) == min(count, size)
    found = float(np.sum(weight * np.min(np.square(values[:, None] - centres), axis=1)))
    best = min(
        sum(within(values[a:b], weight[a:b]) for a, b in itertools.pairwise((0, *cuts, size)))
        for cuts in itertools.combinations(range(1, size), min(count, size) - 1)
    )
    assert found <= best + 1e-9


def problem(seed, n_in=6, n_out=8, density=1.0):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(50, n_in)) @ rng.normal(size=(n_in, n_in))
    kept = rng.random((n_in, n_out)) < density
    return rng.normal(0, 0.3, (n_in, n_out)) * kept, damped(mixed.T @ mixed / 50, 0.01), kept


@pytest.mark.parametrize("density", [1.0, 0.4])
@pytest.mark.parametrize("count", [2, 5, 16])
def test_first_codebook_lies_on_the_grid_and_has_a_zero_for_zeros(density, count):
    target, hessian, kept = problem(1, density=density)
    levels = first_codebook(target, hessian, kept, GRID, count)
    assert len(levels) <= count
    assert (np.diff(levels) > 0).all()
    codes = levels / GRID.lsb
    assert (codes == np.rint(codes)).all()
    assert codes.min() >= GRID.min_code
    assert codes.max() <= GRID.max_code
    if density < 1:
        assert 0 in levels


def test_a_kernel_of_zeros():
    levels = first_codebook(np.zeros((3, 2)), np.eye(3), np.zeros((3, 2), bool), GRID, 4)
    np.testing.assert_array_equal(levels, [0])
    weights, again = refitted(np.zeros((3, 2)), np.zeros((3, 2)), np.eye(3), levels, GRID)
    assert not weights.any()
    np.testing.assert_array_equal(again, [0])


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.sampled_from([1.0, 0.5]))
def test_a_new_fit_is_better_than_any_single_change_of_a_value(seed, density):
    target, hessian, kept = problem(seed, density=density)
    levels = first_codebook(target, hessian, kept, GRID, 5)
    weights = np.where(kept, nearest(target, levels), 0)
    fitted, after = refitted(weights, target, hessian, levels, GRID)
    assert not fitted[~kept].any()
    assert np.isin(fitted, after).all()
    assert len(after) <= 5
    least = squared_error(fitted, target, hessian)
    assert least <= squared_error(weights, target, hessian) + 1e-9
    for level in levels[levels != 0]:
        shared = weights == level
        for step in (-GRID.lsb, GRID.lsb):
            moved = fitted + shared * step
            if (
                GRID.min_code
                <= (moved[shared] / GRID.lsb).min(initial=0)
                <= (moved[shared] / GRID.lsb).max(initial=0)
                <= GRID.max_code
            ):
                assert squared_error(moved, target, hessian) >= least - 1e-9


def test_outputs_that_count_more_pull_the_values():
    """Two outputs want different values; the shared one goes to the heavier."""
    target, hessian = np.array([[0.25, 0.5]]), np.eye(1)
    weights = np.array([[0.25, 0.25]])
    fitted, _ = refitted(weights, target, hessian, np.array([0.25]), GRID, np.array([1.0, 1e6]))
    np.testing.assert_array_equal(fitted, [[0.5, 0.5]])
