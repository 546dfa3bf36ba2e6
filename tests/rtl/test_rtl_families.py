"""Families of parts."""

from __future__ import annotations

import pytest

from sqz_hw.estimate.parts import resolve
from sqz_hw.rtl.families import FAMILIES, family_of


@pytest.mark.parametrize(
    ("part", "family"), [("xc7z020", "xc7"), ("xc7a200t", "xc7"), ("xck26", "xcup"), ("xczu9eg", "xcup")]
)
def test_a_part_has_yosys_family(part: str, family: str) -> None:
    assert family_of(resolve(part)) == family
    assert family in FAMILIES
