"""Fixed-point types: codes and values, their text, and refusals."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import ROUNDINGS, SATURATIONS, FixedPoint

TYPES = st.builds(
    FixedPoint,
    st.integers(1, 24),
    st.integers(-20, 30),
    st.booleans(),
    st.sampled_from(ROUNDINGS),
    st.sampled_from(SATURATIONS),
)


@pytest.mark.parametrize(
    ("text", "low", "high", "step"),
    [
        ("ap_fixed<8,3>", -4.0, 4.0 - 1 / 32, 1 / 32),
        ("ap_ufixed<8,0>", 0.0, 255 / 256, 1 / 256),
        ("ap_int<4>", -8.0, 7.0, 1.0),
        ("ap_uint<1>", 0.0, 1.0, 1.0),
        ("ap_fixed<4,-2>", -(2.0**-3), 2.0**-3 - 2.0**-6, 2.0**-6),
        ("ap_ufixed<2,5>", 0.0, 24.0, 8.0),
    ],
)
def test_range_and_step(text, low, high, step):
    """By UG1399: ap_fixed<W,I> reaches from -2**(I-1) to 2**(I-1) - 2**(I-W)."""
    to = FixedPoint.parse(text)
    assert (to.min_code * to.lsb, to.max_code * to.lsb, to.lsb) == (low, high, step)


@given(TYPES, st.data())
def test_codes_and_values_are_inverse_and_exact(to, data):
    code = data.draw(st.integers(to.min_code, to.max_code))
    value = to.to_values(np.array([code]))
    assert Fraction(float(value[0])) == Fraction(code) * Fraction(2) ** (to.integer - to.width)
    assert to.to_codes(value).tolist() == [code]


@given(TYPES)
def test_one_beyond_either_end_and_half_a_step_are_refused(to):
    for code in (to.min_code - 1, to.max_code + 1, to.min_code + 0.5):
        with pytest.raises(BadInputError, match="1 of 2 values are not on the grid of"):
            to.to_codes([0.0, code * to.lsb])


def test_the_first_wrong_value_is_named():
    with pytest.raises(
        BadInputError, match=r"^2 of 3 values are not on the grid of ap_ufixed<8,0>, first 0\.3$"
    ):
        FixedPoint(8, 0, False).to_codes([0.5, 0.3, -1.0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_off_the_grid(value):
    with pytest.raises(BadInputError, match="1 of 1 values"):
        FixedPoint(8, 0, False).to_codes(value)


def test_codes_that_int64_cannot_hold_are_refused():
    with pytest.raises(BadInputError, match="not on the grid"):
        FixedPoint(100, 100, True).to_codes([2.0**63])
    assert FixedPoint(100, 100, True).to_codes([2.0**62]).tolist() == [2**62]


def test_shapes_are_kept():
    to = FixedPoint(4, 4, True)
    assert to.to_codes(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert to.to_codes(-8.0).shape == ()


@given(TYPES)
def test_text_round_trip(to):
    assert FixedPoint.parse(str(to)) == to


@given(TYPES)
def test_dict_round_trip(to):
    assert FixedPoint.from_dict(to.to_dict()) == to


def test_text_is_as_hls4ml_writes_it():
    assert str(FixedPoint(16, 6, True)) == "ap_fixed<16,6>"
    assert str(FixedPoint(8, 0, False, "RND", "SAT")) == "ap_ufixed<8,0,AP_RND,AP_SAT>"
    assert FixedPoint.parse(" ap_ufixed< 8 , -1 , RND_CONV, AP_SAT_SYM, 0 > ") == FixedPoint(
        8, -1, False, "RND_CONV", "SAT_SYM"
    )


@pytest.mark.parametrize(
    "text",
    ["", "fixed<8,3>", "ap_fixed<8>", "ap_int<8,3>", "ap_int<8,RND>", "ap_fixed<8,3", "ap_fixed<-8,3>",
     "ap_fixed<8,3>;", "ap_fixed<99999999999,3>", "ap_fixed<8.0,3>"],
)  # fmt: skip
def test_other_text_is_refused(text):
    with pytest.raises(BadInputError) as caught:
        FixedPoint.parse(text)
    assert (
        str(caught.value) == f"a fixed-point type must look like ap_fixed<16,6> or ap_uint<8>, not {text!r}"
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0, 0, True), "a fixed-point width must be between 1 and 256 bits, not 0"),
        ((257, 0, True), "a fixed-point width must be between 1 and 256 bits, not 257"),
        ((8.0, 0, True), "a fixed-point width must be a whole number, not 8.0"),
        ((True, 0, True), "a fixed-point width must be a whole number, not True"),
        ((8, "3", True), "a fixed-point integer must be a whole number, not '3'"),
        ((8, 513, True), "a fixed-point type must have between -512 and 512 integer bits, not 513"),
        ((8, 3, "yes"), "a fixed-point type must have signed true or false, not 'yes'"),
        (
            (8, 3, True, "ROUND"),
            "a rounding mode must be one of TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF, RND_CONV, "
            "not 'ROUND'",
        ),
        (
            (8, 3, True, "RND", "CLIP"),
            "a saturation mode must be one of WRAP, SAT, SAT_ZERO, SAT_SYM, not 'CLIP'",
        ),
    ],
)
def test_impossible_types_are_refused(values, text):
    with pytest.raises(BadInputError, match="^" + re.escape(text) + "$"):
        FixedPoint(*values)


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"width": 8, "integer": 3},
        {"width": 8, "integer": 3, "signed": True, "bits": 8},
        [],
        None,
        "ap_int<8>",
    ],
)
def test_other_fields_are_refused(plain):
    with pytest.raises(BadInputError, match=r"^a fixed-point type must have width, integer and signed, not "):
        FixedPoint.from_dict(plain)


def test_extreme_types_still_have_finite_values():
    for integer in (-512, 512):
        to = FixedPoint(256, integer, True)
        assert 0 < to.lsb < float("inf")
        assert np.isfinite(to.to_values(np.array([1])))
