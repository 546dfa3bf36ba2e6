import pytest

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.ranges import ZERO, Range


def test_ranges_add_up():
    assert Range(1, 2, 3) + Range(0, 5, 9) + ZERO == Range(1, 7, 12)


def test_plain_values():
    assert Range(1, 2, 3).to_dict() == {"low": 1, "expected": 2, "high": 3}


@pytest.mark.parametrize("wrong", [(2, 1, 3), (0, 3, 2), (-1, 0, 0)])
def test_bounds_out_of_order_are_refused(wrong):
    with pytest.raises(BadInputError, match="0 <= low <= expected <= high, not"):
        Range(*wrong)
