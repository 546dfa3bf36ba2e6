"""Choices within bounds: never beyond them, and no worse than all that could be tried."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, random_model, random_weights

from sqz_hw.errors import BadInputError
from sqz_hw.model.storage import storage
from sqz_hw.training.choices import (
    Prunable,
    choose_activation_bits,
    choose_densities,
    choose_weight_bits,
    prunable,
    stored_bits,
    unpruned_macs,
)

LAYERS = {"a": Prunable(100, 64), "b": Prunable(1000, 16), "c": Prunable(400, 4)}
POINTS = (0.75, 0.5, 0.25)


def test_what_is_prunable():
    layers = prunable(TINY, conv10=False)
    assert set(layers) == {s.name for s in TINY.convolutions if s.fire}
    with_last = prunable(TINY, conv10=True)
    assert set(with_last) - set(layers) == {TINY.convolutions[-1].name}
    dense = unpruned_macs(TINY, layers)
    assert dense + sum(v.weights * v.pixels for v in layers.values()) == TINY.macs


losses = st.lists(st.floats(-0.1, 3.0), min_size=9, max_size=9)


@settings(deadline=None)
@given(losses, st.floats(0.25, 1.0), st.one_of(st.none(), st.integers(6_000, 24_000)))
def test_densities_keep_the_bounds_and_beat_every_grid_point(values, density, max_macs):
    rows = {
        n: dict(zip(map(str, POINTS), values[3 * i : 3 * i + 3], strict=True)) for i, n in enumerate(LAYERS)
    }
    chosen = choose_densities(rows, LAYERS, density, max_macs)
    kept = {n: d * LAYERS[n].weights for n, d in chosen.items()}
    assert all(abs(k - round(k)) < 1e-9 for k in kept.values())
    assert sum(kept.values()) <= density * 1500 + 1e-6
    if max_macs is not None:
        assert sum(k * LAYERS[n].pixels for n, k in kept.items()) <= max_macs + 1e-6

    def loss(name, at):
        """Between points as the line between them; a sparser layer never counts as better."""
        points = np.maximum.accumulate([0.0, *(rows[name][str(p)] for p in POINTS)])
        return float(np.interp(at, (1.0, *POINTS)[::-1], points[::-1]))

    found = sum(loss(n, d) for n, d in chosen.items())
    for grid in itertools.product((1.0, *POINTS), repeat=3):
        counts = {n: at * LAYERS[n].weights for n, at in zip(LAYERS, grid, strict=True)}
        macs = sum(c * LAYERS[n].pixels for n, c in counts.items())
        if sum(counts.values()) <= density * 1500 and (max_macs is None or macs <= max_macs):
            ours = hull_loss(rows, chosen)
            theirs = sum(loss(n, at) for n, at in zip(LAYERS, grid, strict=True))
            assert ours <= theirs + 0.2  # a weight or two lost to whole numbers
    assert found >= -1e-9


def hull_loss(rows, chosen):
    """The lower convex hull of a layer's points, at its density."""
    total = 0.0
    for name, at in chosen.items():
        xs = np.array((1.0, *POINTS))
        ys = np.maximum.accumulate([0.0, *(rows[name][str(p)] for p in POINTS)])
        lines = [
            ys[i] + (ys[j] - ys[i]) * (at - xs[i]) / (xs[j] - xs[i])
            for i, j in itertools.combinations(range(4), 2)
            if xs[j] - 1e-9 <= at <= xs[i] + 1e-9
        ]
        total += min(lines) if lines else ys[-1]
    return total


def test_a_sensitive_layer_is_left_and_the_others_pay():
    rows = {"a": {"0.5": 5.0, "0.25": 9.0}, "b": {"0.5": 0.01, "0.25": 0.5}, "c": {"0.5": 0.01, "0.25": 0.02}}
    chosen = choose_densities(rows, LAYERS, 750 / 1500, None)
    assert chosen["a"] == 1.0
    assert chosen["b"] == 0.5  # 2e-5 a weight, before c's 5e-5
    assert chosen["c"] == 0.375  # and then 1e-4, before b's 2e-3


def test_multiplications_are_bought_where_pixels_are_many():
    rows = {n: {"0.5": 0.1, "0.25": 0.3} for n in LAYERS}
    free = choose_densities(rows, LAYERS, 0.9, None)
    bound = choose_densities(rows, LAYERS, 0.9, 18_000)
    assert bound["a"] <= free["a"]
    assert sum(bound[n] * v.weights * v.pixels for n, v in LAYERS.items()) <= 18_000


@pytest.mark.parametrize(
    ("density", "max_macs", "message"),
    [
        (
            0.2,
            None,
            "weights that are not zero must be at most 300, and 375 are left at the least density, 0.25; raise "
            "--density, or choose a narrower network",
        ),
        (
            0.5,
            5_000,
            "multiplications in the pruned layers must be at most 5,000, and 6,000 are left at the least density, "
            "0.25; raise --max-nonzero-macs, or choose a narrower network",
        ),
    ],
)
def test_bounds_that_cannot_be_met(density, max_macs, message):
    rows = {n: {str(p): 0.1 for p in POINTS} for n in LAYERS}
    with pytest.raises(BadInputError, match=f"^{re.escape(message)}$"):
        choose_densities(rows, LAYERS, density, max_macs)


def test_bits_are_counted_as_storage_does():
    for density in (1.0, 0.4, 0.1):
        model = random_model(TINY, density=density)
        biases = 12 * sum(s.out_shape[2] for s in TINY.convolutions)
        counted = sum(stored_bits(model.codes(f"{s.name}/kernel"), 6) for s in TINY.convolutions)
        assert -(-(counted + biases) // 8) == storage(model).compressed_bytes


NAMES = [s.name for s in TINY.convolutions]


@settings(deadline=None)
@given(
    st.lists(st.floats(-0.01, 1.0), min_size=4 * len(NAMES), max_size=4 * len(NAMES)),
    st.floats(0, 1),
)
def test_widths_keep_the_budget_and_are_the_best(values, share):
    weights = random_weights(TINY, density=0.4)
    rows = {n: {str(b): values[4 * i + b - 3] for b in range(3, 7)} for i, n in enumerate(NAMES)}
    sizes = {n: {b: stored_bits(weights[f"{n}/kernel"], b) for b in range(3, 7)} for n in NAMES}
    biases = 10 * sum(s.out_shape[2] for s in TINY.convolutions)
    least = biases + sum(min(row.values()) for row in sizes.values())
    most = biases + sum(max(row.values()) for row in sizes.values())
    budget = int(least + share * (most - least))
    chosen, used = choose_weight_bits(rows, TINY, weights, 10, budget)
    assert used == biases + sum(sizes[n][b] for n, b in chosen.items()) <= budget
    best = {0: 0.0}  # bits so far -> least loss, over all choices
    for name in NAMES:
        after: dict[int, float] = {}
        for bits, loss in best.items():
            for b in range(3, 7):
                at = bits + sizes[name][b]
                if at + biases <= budget:
                    after[at] = min(after.get(at, np.inf), loss + rows[name][str(b)])
        best = after
    assert sum(rows[n][str(b)] for n, b in chosen.items()) == pytest.approx(min(best.values()), abs=1e-5)


def test_a_budget_that_cannot_be_met():
    weights = random_weights(TINY, density=0.4)
    rows = {n: {"3": 0.1, "4": 0.0} for n in NAMES}
    with pytest.raises(BadInputError) as caught:
        choose_weight_bits(rows, TINY, weights, 12, 1000)
    least = 12 * sum(s.out_shape[2] for s in TINY.convolutions) + sum(
        stored_bits(weights[f"{n}/kernel"], 3) for n in NAMES
    )
    assert str(caught.value) == (
        f"weights, indices and biases need at least {least:,} bits at 3 bits a weight, and --memory-budget allows "
        f"1,000: {least - 1000:,} short; lower --density or --bias-bits, or raise the budget"
    )


def test_activations_get_the_fewest_bits_within_the_tolerance():
    rows = {
        "a": {"3": 0.5, "4": 0.0121, "5": 0.012, "6": 0.0115},
        "b": {"3": 0.0, "4": 0.0, "5": 0.0, "6": 0.0},
        "c": {"3": 0.5, "4": 0.4, "5": 0.3, "6": 0.0},
    }
    assert choose_activation_bits(rows, 0.001) == {"a": 4, "b": 3, "c": 6}
    assert choose_activation_bits(rows, 0.0) == {"a": 6, "b": 3, "c": 6}
