"""Choice of fixed-point types, against a search over all of them."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import random_model

from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.quantisation import (
    INPUT_TYPE,
    Quantisation,
    best_activation_type,
    best_weight_type,
    bias_type,
    quantise,
)


def nearest(values: np.ndarray, to: FixedPoint) -> np.ndarray:
    """The nearest value of the type, found by looking at all of them; the even code of two."""
    codes = np.arange(to.min_code, to.max_code + 1)
    codes = codes[np.argsort(codes % 2, kind="stable")]  # argmin takes the first of equals
    grid = codes * to.lsb
    return grid[np.abs(values.reshape(-1, 1) - grid).argmin(axis=1)].reshape(values.shape)


@pytest.mark.parametrize(
    "to", [FixedPoint(4, 1, True), FixedPoint(5, -2, False), FixedPoint(3, 6, True)], ids=str
)
def test_quantise_takes_the_nearest_value_and_of_two_the_even(to):
    rng = np.random.default_rng(1)
    spread = to.lsb * 2**to.width
    ties = (np.arange(-40, 41) + 0.5) * to.lsb
    values = np.concatenate([rng.uniform(-spread, spread, 500), ties]).reshape(7, 83)
    np.testing.assert_array_equal(quantise(values, to), nearest(values, to))


def squared_error(values, to):
    return float(np.square(nearest(values, to) - values).sum())


DRAWS = {
    "normal": lambda rng: rng.normal(0, 0.05, 400),
    "wide normal": lambda rng: rng.normal(0, 37.0, 400),
    "uniform": lambda rng: rng.uniform(-3, 3, 400),
    "laplace": lambda rng: rng.laplace(0, 0.01, 400),
    "powers of two": lambda rng: rng.choice([-0.5, 0.25, 1.0], 400),
    "mostly zero": lambda rng: rng.normal(0, 1, 400) * (rng.random(400) < 0.1),
}


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("bits", [2, 4, 6, 8])
def test_no_other_type_of_that_width_has_less_error(draw, bits):
    values = DRAWS[draw](np.random.default_rng(bits))
    for best, signed in ((best_weight_type, True), (best_activation_type, False)):
        given_values = values if signed else np.maximum(values, 0)
        chosen = best(given_values, bits)
        assert (chosen.width, chosen.signed) == (bits, signed)
        errors = [squared_error(given_values, FixedPoint(bits, i, signed)) for i in range(-16, 17)]
        assert squared_error(given_values, chosen) == min(errors)


def test_values_on_a_grid_are_kept_exactly():
    codes = np.arange(-32, 32)
    for shift in (-9, 0, 5):
        chosen = best_weight_type(codes * 2.0**shift, 6)
        np.testing.assert_array_equal(chosen.to_codes(codes * 2.0**shift), codes)


@pytest.mark.parametrize(
    "values", [np.zeros(5), np.zeros(0), np.full(3, 1e-30)], ids=["zeros", "none", "tiny"]
)
def test_tensors_that_are_as_good_as_zero_have_a_legal_type(values):
    for to in (best_weight_type(values, 6), best_activation_type(values, 6), bias_type(values, 12)):
        assert -32 <= to.integer <= 32
        assert not quantise(values, to).any()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-1000, 1000).filter(lambda v: abs(v) > 1e-6), min_size=1, max_size=20),
    st.integers(2, 16),
)
def test_bias_types_hold_every_bias_within_a_bit_and_waste_none(values, bits):
    values = np.array(values)
    to = bias_type(values, bits)
    assert (to.width, to.signed) == (bits, True)
    assert np.abs(quantise(values, to) - values).max() <= to.lsb
    half = FixedPoint(bits, to.integer - 1, True)
    assert np.abs(values).max() >= half.max_code * half.lsb


@pytest.mark.parametrize("bits", [1, 17])
@pytest.mark.parametrize("choose", [best_weight_type, best_activation_type, bias_type])
def test_illegal_widths_are_refused(choose, bits):
    with pytest.raises(BadInputError, match=rf"^a width must be between 2 and 16 bits, not {bits}$"):
        choose(np.ones(3), bits)


def test_the_input_type_is_a_pixel_over_256():
    pixels = np.arange(256)
    np.testing.assert_array_equal(INPUT_TYPE.to_codes(pixels / 256), pixels)


def quantisation() -> Quantisation:
    signed, unsigned = FixedPoint(6, -1, True), FixedPoint(4, 2, False)
    return Quantisation({"conv1": signed}, {"conv1": FixedPoint(12, 1, True)}, {"relu_conv1": unsigned})


def test_types_by_key():
    types = random_model(seed=2).quantisation
    assert types.of("fire2/expand3x3/kernel") == types.weights["fire2/expand3x3"]
    assert types.of("fire2/expand3x3/bias") == types.biases["fire2/expand3x3"]
    assert types.of("conv1/kernel") != types.of("conv1/bias")


def test_json_round_trip():
    types = quantisation()
    assert Quantisation.from_dict(json.loads(json.dumps(types.to_dict()))) == types


@pytest.mark.parametrize("field", ["weights", "biases", "activations", "input"])
@pytest.mark.parametrize("value", [None, [], 3, {"conv1": 3}, {"conv1": {"width": 6}}], ids=str)
def test_damaged_fields_are_refused(field, value):
    plain = quantisation().to_dict()
    with pytest.raises(BadInputError):
        Quantisation.from_dict({**plain, field: value})
    del plain[field]
    with pytest.raises(
        BadInputError,
        match=re.escape(
            f"quantisation must hold weights, biases, activations and input, each a type: '{field}'"
        ),
    ):
        Quantisation.from_dict(plain)


@pytest.mark.parametrize("plain", [None, [], "types"])
def test_what_is_no_quantisation_is_refused(plain):
    with pytest.raises(BadInputError, match="quantisation must hold"):
        Quantisation.from_dict(plain)
