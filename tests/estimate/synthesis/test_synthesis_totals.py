import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis import totals
from sqz_hw.estimate.synthesis.calibration import FILE, content_of
from sqz_hw.estimate.synthesis.totals import RESOURCES, csynth_total, errors_of, total_error, vivado_total

CONTENT = json.loads(FILE.read_text())


def test_errors_by_hand():
    """Four designs of two repositories that needed half, 0.8, 1.25 and 4 times what was predicted."""
    assert errors_of({"a": [0.5, 1.25], "b": [4.0, 0.8]}) == {
        "low": 0.5,
        "high": 4.0,
        "designs": 4,
        "repositories": 2,
        # predicted / real - 1: 1, -0.2, -0.75, 0.25; the two in the middle are 0.25 and 0.75
        "median_abs_pct": 50.0,
    }


def test_an_odd_number_has_one_in_the_middle():
    assert errors_of({"a": [0.8], "b": [0.5], "c": [1.0]})["median_abs_pct"] == 25.0


@pytest.mark.parametrize(("ratios", "ends"), [([2.0, 3.0], (1.0, 3.0)), ([0.2, 0.9], (0.2, 1.0))])
def test_the_estimate_itself_is_always_within_the_ends(ratios, ends):
    found = errors_of({"a": ratios})
    assert (found["low"], found["high"]) == ends


def test_nothing_seen():
    assert errors_of({}) == errors_of({"a": []}) | {"repositories": 0}
    assert errors_of({}) == {
        "low": None,
        "high": None,
        "designs": 0,
        "repositories": 0,
        "median_abs_pct": None,
    }


@given(st.dictionaries(st.text(max_size=2), st.lists(st.floats(0.01, 100), max_size=4), max_size=4))
def test_the_ends_hold_every_ratio(ratios):
    seen = [value for values in ratios.values() for value in values]
    found = errors_of(ratios)
    assert found["designs"] == len(seen)
    if seen:
        assert found["low"] <= min(seen) + 5e-5
        assert found["high"] >= max(seen) - 5e-5
        assert found["low"] <= 1 <= found["high"]


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_shipped_errors_are_those_of_the_file(resource):
    error, plain = total_error(resource), CONTENT["totals"][resource]
    assert (error.low, error.high) == (plain["low"], plain["high"])
    assert (error.designs, error.repositories) == (plain["designs"], plain["repositories"])
    assert error.median_abs_pct == plain["median_abs_pct"]
    assert 0 < error.low <= 1 <= error.high


@given(st.sampled_from(RESOURCES), st.integers(0, 10**8))
def test_csynths_total_is_spread_by_the_errors(resource, expected):
    plain, found = CONTENT["totals"][resource], csynth_total(resource, expected)
    assert found.expected == expected
    assert found.low == math.floor(expected * plain["low"])
    assert found.high == math.ceil(expected * plain["high"])


def shipped(monkeypatch, low, high, least, median, most):
    """A calibration file with these errors and ratios."""
    content = {
        "totals": {
            name: {"low": low, "high": high, "designs": 1, "repositories": 1, "median_abs_pct": 1.0}
            for name in RESOURCES
        },
        "post_synthesis": {
            "resource": {name: {"low": least, "median": median, "high": most} for name in RESOURCES}
        },
    }
    monkeypatch.setattr(totals, "content_of", lambda file: content)
    total_error.cache_clear()
    monkeypatch.setattr(totals, "total_error", total_error.__wrapped__)


def test_independent_errors_add_as_squares_by_hand(monkeypatch):
    """Factors e**-3 and e**-4 make e**-5 below; e**5 and e**12 make e**13 above."""
    e = math.e
    shipped(monkeypatch, e**-3, e**5, 2 / e**12, 2.0, 2 * e**4)
    found = vivado_total("LUT", 2_000_000)
    assert found.expected == 1_000_000
    assert found.low == math.floor(1_000_000 * e**-5)
    assert found.high == pytest.approx(1_000_000 * e**13, rel=1e-9)


def test_without_an_error_of_its_own_the_ratio_is_all(monkeypatch):
    shipped(monkeypatch, 1.0, 1.0, 2.0, 4.0, 8.0)
    found = vivado_total("FF", 4_000)
    assert (found.low, found.expected, found.high) == pytest.approx((500, 1_000, 2_000), abs=1)


@given(st.sampled_from(RESOURCES), st.integers(0, 10**8))
def test_vivados_total_is_narrower_than_both_errors_at_their_worst_and_wider_than_each(resource, expected):
    found = vivado_total(resource, expected)
    error, ratio = CONTENT["totals"][resource], CONTENT["post_synthesis"]["resource"][resource]
    middle = expected / ratio["median"]
    assert found.expected == round(middle)
    assert expected * error["low"] / ratio["high"] <= found.low + 1
    assert found.low <= middle * min(error["low"], ratio["median"] / ratio["high"])
    assert found.high <= expected * error["high"] / ratio["low"] + 1
    assert found.high >= middle * max(error["high"], ratio["median"] / ratio["low"])


@pytest.mark.parametrize("resource", ["DSP", "BRAM18", ""])
def test_other_resources_have_no_such_bounds(resource):
    with pytest.raises(BadInputError) as caught:
        total_error(resource)
    assert str(caught.value) == f"totals have calibrated bounds for LUT and FF, not for {resource!r}"


@pytest.mark.parametrize(
    "section", [None, {}, {"LUT": {"low": None}}, {"LUT": {**CONTENT["totals"]["LUT"], "high": "much"}}]
)
def test_a_damaged_file_is_refused(monkeypatch, section):
    content = {name: value for name, value in content_of(FILE).items() if name != "totals"}
    if section is not None:
        content["totals"] = section
    monkeypatch.setattr(totals, "content_of", lambda file: content)
    with pytest.raises(BadInputError) as caught:
        total_error.__wrapped__("LUT")
    assert str(caught.value) == (
        "calibration.json must have the errors of whole designs, and has not; make it again with "
        "scripts/fit_estimator.py"
    )
