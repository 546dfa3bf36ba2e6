import json

import pytest
from designs import fire_design
from hypothesis import given
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.decisions import Decisions, decide, decisions_from_dict, decisions_to_dict
from sqz_hw.estimate.fifo import safe_depths
from sqz_hw.estimate.reuse import choose_reuse_factors

names = st.dictionaries(st.text(min_size=1), st.integers(1, 10**6))


@given(reuse_factors=names, fifo_depths=names)
def test_round_trip(reuse_factors, fifo_depths):
    decisions = Decisions(reuse_factors, fifo_depths)
    assert decisions_from_dict(json.loads(json.dumps(decisions_to_dict(decisions)))) == decisions


def test_both_decisions_at_once():
    design = fire_design(12)
    decisions = decide(design, 40, fifo_margin=3)
    assert decisions.reuse_factors == dict(choose_reuse_factors(design, 40).reuse_factors)
    assert decisions.fifo_depths == safe_depths(design, margin=3)
    assert set(decisions.fifo_depths) == {s.name for s in design.streams}
    assert decide(design, 40, target_interval=10**6).reuse_factors != decisions.reuse_factors


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({}, "decisions must have reuse_factors and fifo_depths, not nothing; choose them again"),
        ([], r"decisions must have reuse_factors and fifo_depths, not \[\]; choose them again"),
        ({"reuse_factors": {}, "more": {}}, "not more, reuse_factors; choose"),
        (
            {"reuse_factors": [1], "fifo_depths": {}},
            r"reuse_factors must map names to whole numbers, not be \[1\]",
        ),
        (
            {"reuse_factors": {"a": 0}, "fifo_depths": {}},
            "reuse_factors of a must be a whole number of at least 1, not 0",
        ),
        (
            {"reuse_factors": {}, "fifo_depths": {"b": True}},
            "fifo_depths of b must be a whole number .* not True",
        ),
        (
            {"reuse_factors": {}, "fifo_depths": {"b": 2.0}},
            "fifo_depths of b must be a whole number .* not 2.0",
        ),
    ],
)
def test_what_is_no_decision_is_refused(plain, message):
    with pytest.raises(BadInputError, match=message):
        decisions_from_dict(plain)
