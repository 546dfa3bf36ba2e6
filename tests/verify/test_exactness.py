"""The proofs: their bounds are reached and never passed, and one step beyond them is refused."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.verify.exactness import cheapest_path, float64_layers, proofs, prove, qkeras_proofs

BIT = FixedPoint(1, 1, False)
"""Codes 0 and 1: the sums are those of the weights."""
WIDE = FixedPoint(64, 64, True)


def conv(weights, bias=0, *, weight=None, bias_type=None, accum=WIDE, reuse_factor=1):
    """A 1x1 convolution with one output channel."""
    codes = np.array(weights, np.int64).reshape(1, 1, -1, 1)
    return ConvParameters(
        codes,
        np.array([bias], np.int64),
        weight or FixedPoint(64, 64, True),
        bias_type or FixedPoint(64, 64, True),
        accum,
        reuse_factor,
    )


def layer(parameters, name="conv"):
    channels = parameters.weights.shape[2]
    return DesignLayer(
        name, Op.CONV, ("a",), ("b",), (1, 1, channels), (1, 1, 1), WIDE, 1, 1, conv=parameters
    )


def proof(parameters, pixel=BIT):
    return prove(layer(parameters), parameters, pixel)


@pytest.mark.parametrize(
    ("bits", "path", "next_path"), [(24, "float32", "float64"), (53, "float64", "int64")]
)
def test_a_path_ends_exactly_at_its_bits(bits, path, next_path):
    below = proof(conv([2**bits - 2, 1]))
    assert (below.bound, below.bits, below.path) == (2**bits - 1, bits, path)
    reached = proof(conv([2**bits - 1, 1]))
    assert (reached.bound, reached.bits, reached.path) == (2**bits, bits + 1, next_path)


def test_float32_really_rounds_beyond_its_bits():
    """Why 2**24 is where the proof ends: the next whole number is lost."""
    x = np.ones((1, 3), np.float32)
    weights = np.array([[2**24 - 1], [1], [1]], np.float32)
    assert (x @ weights).item() != 2**24 + 1
    assert (x[:, :2] @ weights[:2]).item() == 2**24


def test_beyond_63_bits_is_refused():
    assert cheapest_path("conv", 2**63 - 1) == "int64"
    text = "conv: its sums must be proven to fit in 63 bits, and can need 64; use narrower weights or activations"
    with pytest.raises(BadInputError, match=re.escape(text)):
        cheapest_path("conv", 2**63)
    with pytest.raises(BadInputError, match=r"^conv: .* to fit in 63 bits, and can need 64; "):
        proof(conv([2**61, 2**61 - 1]), FixedPoint(2, 2, False))
    with pytest.raises(BadInputError, match=r"^conv: .* to fit in 63 bits, and can need 65; "):
        proof(conv([-(2**63), 1]))


def test_an_accumulator_beyond_64_bits_is_refused():
    text = "conv: an accumulator's codes must fit in 64 bits, not ap_fixed<65,60>; use a narrower one"
    with pytest.raises(BadInputError, match=re.escape(text)):
        proof(conv([1], accum=FixedPoint(65, 60, True)))


def test_the_bias_counts_in_units_of_the_finest_last_bit():
    whole, fine = FixedPoint(64, 64, True), FixedPoint(64, 54, True)
    accum = FixedPoint(64, 54, True)
    made = proof(conv([3, -5], 1, bias_type=fine, accum=accum))
    assert (made.fraction, made.bound, made.low, made.high) == (10, 5 * 1024, 1 - 5 * 1024, 1 + 3 * 1024)
    made = proof(conv([3, -5], 1024, bias_type=fine, accum=accum))  # on the products' grid
    assert (made.fraction, made.bound, made.low, made.high) == (0, 5, -4, 4)
    made = proof(conv([3, -5], -2, bias_type=whole, accum=accum))
    assert (made.fraction, made.bound, made.low, made.high) == (0, 7, -7, 1)


def test_zeros_below_all_weights_do_not_count():
    made = proof(conv([2**30, -3 * 2**30]))
    assert (made.fraction, made.bound, made.path) == (-30, 3, "float32")
    coarse = FixedPoint(10, 40, True)  # its last bit is 2**30: no product is rounded
    assert not proof(conv([2**30, -3 * 2**30], accum=coarse)).rounds
    assert proof(conv([2**30, -3 * 2**29], accum=coarse)).rounds


def test_an_accumulator_that_is_wide_enough_does_nothing():
    wide = FixedPoint(4, 4, True)
    exact = proof(conv([3, 4, -8], accum=wide))
    assert (exact.wraps, exact.rounds, exact.saturates) == (False, False, False)
    assert proof(conv([3, 5, -8], accum=wide)).wraps
    assert proof(conv([3, 4, -8], -1, accum=wide)).wraps
    assert not proof(conv([3, 5, -7], -1, accum=wide)).wraps  # the last sum counts, not those before it


@pytest.mark.parametrize("mode", ["SAT", "SAT_ZERO", "SAT_SYM"])
def test_an_accumulator_saturates_only_if_it_can_get_there(mode):
    accum = FixedPoint(4, 4, True, "TRN", mode)
    lowest = -7 if mode == "SAT_SYM" else -8
    fits = proof(conv([3, 4, lowest], accum=accum))
    assert (fits.saturates, fits.stepwise, fits.path) == (False, False, "float32")
    for weights, bias in (
        ([3, 5, lowest], 0),
        ([3, 4, lowest - 1], 0),
        ([3, 5, lowest], -1),
        ([3, 4, lowest], -1),
    ):
        made = proof(conv(weights, bias, accum=accum))  # some order passes the limit on the way
        assert (made.saturates, made.stepwise, made.path, made.wraps) == (True, True, "int64", False)


def test_a_coarse_accumulator_rounds_product_by_product():
    accum = FixedPoint(16, 15, True, "RND")  # halves; the products are quarters
    made = proof(conv([1, 1, 1], weight=FixedPoint(8, 6, True), accum=accum))
    assert (made.rounds, made.stepwise, made.path) == (True, True, "int64")
    assert (made.fraction, made.low, made.high) == (1, 0, 3)  # each quarter becomes a half


def test_without_weights_only_the_bias_is_left():
    made = proof(conv([0, 0], -6, accum=FixedPoint(4, 4, True)))
    assert (made.bound, made.low, made.high, made.rounds, made.path) == (3, -3, -3, False, "float32")
    assert proof(conv([0, 0])).bound == 0


@st.composite
def cases(draw):
    count = draw(st.integers(1, 5))
    weights = draw(st.lists(st.integers(-8, 7), min_size=count, max_size=count))
    pixel = FixedPoint(draw(st.integers(1, 2)), draw(st.integers(-1, 2)), draw(st.booleans()))
    fraction = draw(st.integers(-2, 5))
    width = draw(st.integers(2, 12))
    rounding = draw(st.sampled_from(("TRN", "RND", "RND_CONV", "TRN_ZERO")))
    accum = FixedPoint(width, width - fraction, True, rounding, draw(st.sampled_from(("WRAP", "SAT"))))
    bias = draw(st.integers(-16, 15))
    bias_type = FixedPoint(5, draw(st.integers(1, 5)), True)
    return conv(weights, bias, weight=FixedPoint(4, 2, True), bias_type=bias_type, accum=accum), pixel


@settings(max_examples=150, deadline=None)
@given(cases())
def test_every_subset_of_every_input_stays_within_the_proof(case):
    """All inputs and all subsets of the terms, one by one: the bounds hold and are reached."""
    from scalar_truth import cast, value

    parameters, pixel = case
    made = proof(parameters, pixel)
    unit = 2**made.fraction if made.fraction >= 0 else 1 / 2**-made.fraction
    accum = parameters.accum_type
    roomy = FixedPoint(200, 200 - accum.fraction, True, accum.rounding)  # rounds, and never overflows
    start = cast(value(parameters.bias[0], parameters.bias_type), accum)
    weights = [value(w, parameters.weight_type) for w in parameters.weights.reshape(-1)]
    sums, partial = set(), {0}
    for pixels in itertools.product(range(pixel.min_code, pixel.max_code + 1), repeat=len(weights)):
        terms = [value(p, pixel) * w for p, w in zip(pixels, weights, strict=True)]
        if made.rounds:
            terms = [cast(term, roomy) for term in terms]
        sums.add(start + sum(terms))
        terms.append(start)
        partial |= {sum(t for t in terms if t < 0), sum(t for t in terms if t > 0)}
    assert (min(sums) * unit, max(sums) * unit) == (made.low, made.high)
    assert max(abs(p) for p in partial) * unit == made.bound
    low, high = value(accum.min_code, accum), value(accum.max_code, accum)
    assert made.wraps == (accum.saturation == "WRAP" and not (low <= min(sums) and max(sums) <= high))
    assert made.saturates == (
        accum.saturation == "SAT" and not (low <= min(partial) and max(partial) <= high)
    )


@pytest.fixture(scope="module")
def design(project):
    return Design.from_json((project.folder / "csim" / "design.json").read_text())


def test_every_layer_of_a_real_design_is_proven_for_float32(design):
    assert [p.layer for p in proofs(design)] == [x.name for x, _ in design.convolutions]
    assert all(p.path == "float32" and not p.stepwise and not p.wraps for p in proofs(design))
    summing = [x.name for x in design.layers if x.op in (Op.CONV, Op.ADD)]
    assert [p.layer for p in qkeras_proofs(design)] == summing
    assert all(p.path == "float32" for p in qkeras_proofs(design))
    assert float64_layers(design) == ()


def test_qkeras_is_judged_without_any_accumulator(design):
    """A bias with a far last bit costs float32 its proof, even where the accumulator drops it."""
    chosen, parameters = design.convolutions[1]
    old = parameters.bias_type
    fine = FixedPoint(old.width + 20, old.integer, True)
    changed = replace(parameters, bias=(parameters.bias << 20) + 1, bias_type=fine)
    layers = tuple(replace(x, conv=changed) if x.name == chosen.name else x for x in design.layers)
    other = replace(design, layers=layers)
    by_name = {p.layer: p for p in qkeras_proofs(other)}
    assert by_name[chosen.name].path == "float64"
    assert [p.layer for p in qkeras_proofs(other) if p.path != "float32"] == [chosen.name]
    assert float64_layers(other) == (chosen.name,)
    assert {p.layer: p.path for p in proofs(other)}[chosen.name] == "float32"
