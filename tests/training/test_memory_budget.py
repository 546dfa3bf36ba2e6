"""Memory budgets as people write them."""

import re

import pytest

from sqz_hw.errors import BadInputError, UnknownPartError
from sqz_hw.training.budget import budget_bits


@pytest.mark.parametrize(
    ("text", "part", "bits"),
    [
        ("60%", "xc7z020", 3_096_576),  # 140 BRAM36 of 36,864 bits
        ("100 %", "pynq-z2", 5_160_960),
        ("2.6Mbit", None, 2_600_000),
        ("2.6 mbits", "xc7z020", 2_600_000),
        ("900kbit", None, 900_000),
        ("12345", None, 12_345),
        ("0.0000001 Mbit", None, None),
    ],
)
def test_budgets(text, part, bits):
    if bits is None:
        with pytest.raises(BadInputError, match="must be at least a bit"):
            budget_bits(text, part)
    else:
        assert budget_bits(text, part) == bits


@pytest.mark.parametrize(
    ("text", "part", "message"),
    [
        ("60%", None, "--memory-budget 60% is a share of a part's memory; give --part"),
        ("120%", "xc7z020", "--memory-budget must be at most 100%, not 120%"),
        ("-5", None, "--memory-budget must look like 60% or 2.6Mbit, not '-5'"),
        ("2.6MB", None, "--memory-budget must look like 60% or 2.6Mbit, not '2.6MB'"),
        ("", None, "--memory-budget must look like 60% or 2.6Mbit, not ''"),
        ("nan", None, "--memory-budget must look like 60% or 2.6Mbit, not 'nan'"),
    ],
)
def test_refusals(text, part, message):
    with pytest.raises(BadInputError, match=f"^{re.escape(message)}$"):
        budget_bits(text, part)


def test_a_part_that_is_not_there():
    with pytest.raises(UnknownPartError):
        budget_bits("2Mbit", "xc9z999")
