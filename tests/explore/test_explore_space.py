"""The space: what a file says, what a point means, and what is refused."""

import json

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError
from sqz_hw.explore.space import DEFAULT, FIELDS, Choices, Placement, Space, Span, space_of

WHOLE = Space(DEFAULT, {})


def test_the_default_space_has_the_papers_metaparameters():
    metaparameters = {"base_e", "incr_e", "freq", "pct3x3", "squeeze_ratio"}
    rest = {"width", "pools_after", "bypass", "weight_bits", "activation_bits", "density", "target_fps"}
    assert set(DEFAULT) == metaparameters | rest
    assert set(DEFAULT) < set(FIELDS)


def test_a_space_survives_its_plain_form():
    space = space_of(None, (), {"width": 0.5, "bypass": "simple"}, hardware=True)
    assert Space.from_plain(json.loads(json.dumps(space.plain()))) == space
    assert space.fixed == {"width": 0.5, "bypass": "simple"}
    assert "width" not in space.dimensions


@given(st.integers(0, 2**31))
def test_points_are_in_the_space_and_back(seed):
    """What the sampler draws means values of the dimensions, and these mean the same point."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    params = study.ask(fixed_distributions=WHOLE.distributions()).params
    values = WHOLE.values(params)
    assert set(values) == set(DEFAULT)
    assert values["base_e"] in range(32, 257, 32)
    assert values["bypass"] in ("none", "simple", "complex")
    assert values["pools_after"] == sorted(set(values["pools_after"]))
    assert 1 <= len(values["pools_after"]) <= 3
    assert values["density"] == round(values["density"], 2)
    point = WHOLE.params(values)
    assert point is not None
    assert WHOLE.values(point) == values


def test_numbers_on_a_grid_are_plain_ones():
    span = Span(0.2, 1.0, 0.05)
    assert span.value("density", {"density": 0.30000000000000004}) == 0.3
    assert span.params("density", 0.3) == {"density": 0.3}
    assert span.params("density", 0.31) is None
    assert span.params("density", True) is None
    assert Span(1, 4).value("freq", {"freq": 3}) == 3
    assert Span(1, 4).params("freq", 2.5) is None


def test_choices_are_any_json():
    choices = Choices(([1, 4, 8], [1, 3, 5], None, True, "simple"))
    for value in choices.values:
        (point,) = [choices.params("x", value)]
        assert choices.value("x", point) == value
    assert choices.params("x", [2]) is None


def test_pools_that_agree_are_one():
    placement = Placement(3, 1, 9)
    assert placement.value("pools_after", {"pools_after_1": 4, "pools_after_2": 1, "pools_after_3": 4}) == [
        1,
        4,
    ]
    assert placement.params("pools_after", (1, 4)) == {
        "pools_after_1": 1,
        "pools_after_2": 4,
        "pools_after_3": 4,
    }
    assert placement.params("pools_after", (1, 2, 3, 4)) is None
    assert placement.params("pools_after", (10,)) is None


def test_only_what_is_to_be_searched():
    space = space_of(None, ("pools_after",), {"density": 0.33}, hardware=False)
    assert list(space.dimensions) == ["pools_after"]
    assert space.fixed == {"density": 0.33}


def test_a_file_is_the_whole_space():
    file = {
        "pools_after": {"choices": [[1, 3, 5], [1, 4, 8]]},
        "conv1_filters": 64,
        "weight_bits": {"low": 4, "high": 6},
    }
    space = space_of(file, (), {}, hardware=False)
    assert set(space.dimensions) == {"pools_after", "weight_bits"}
    assert space.fixed == {"conv1_filters": 64}


def test_a_rate_is_searched_only_for_a_part():
    assert "target_fps" in space_of(None, (), {}, hardware=True).dimensions
    assert "target_fps" not in space_of(None, (), {}, hardware=False).dimensions
    with pytest.raises(
        BadInputError, match=r"^target_fps needs a part to be estimated for, and none is named"
    ):
        space_of({"target_fps": {"low": 1, "high": 9}}, (), {}, hardware=False)


@pytest.mark.parametrize(
    "given_",
    [
        {"low": True, "high": 3}, {"low": 1, "high": "3"}, {"low": 1, "high": 3, "step": 0}, {"low": 0, "high": 3, "log": True},
        {"low": 1, "high": 3, "step": 5}, {"low": None, "high": 3}, {"choices": [1, 1]}, {"choices": 3}, {"values": [1]}, {},
        {"pools": 2, "low": 1, "high": 3}, {"low": 1, "high": float("inf")}, {"low": 1, "high": 3, "log": 1},
    ],
)  # fmt: skip
def test_dimensions_that_are_none(given_):
    with pytest.raises(BadInputError, match=r"^freq"):
        Space.from_plain({"freq": given_})


@pytest.mark.parametrize(
    "given_",
    [
        {"pools": True, "low": 1, "high": 3},
        {"pools": 2, "low": 4, "high": 3},
        {"pools": 2, "low": 0, "high": 3},
    ],
)
def test_placements_that_are_none(given_):
    with pytest.raises(
        BadInputError, match=r"^pools_after: pools must be 1 to 8, and 1 <= low <= high layer numbers"
    ):
        Space.from_plain({"pools_after": given_})
