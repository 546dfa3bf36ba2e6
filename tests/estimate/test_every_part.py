"""Verdicts for every part: the better the part, the better the verdict; what is short is short."""

from dataclasses import replace

import pytest
from designs import fire_design

from sqz_hw.estimate.every_part import verdicts
from sqz_hw.estimate.fitting import fit, shortages
from sqz_hw.estimate.parts import all_parts, resolve


@pytest.fixture(scope="module")
def design():
    return fire_design(12)


def test_one_row_a_part_in_the_tables_order(design):
    assert [row.part for row in verdicts(design)] == [part.name for part in all_parts()]


def test_a_part_with_nothing_fits_nothing_and_says_what_is_short(design):
    empty = replace(resolve("xc7z020"), lut=10, ff=10, dsp=0, bram36=0)
    (row,) = verdicts(design, [empty])
    assert row.fits == "no"
    needed = {s.resource: (s.expected, s.budget) for s in row.short}
    assert {"LUT", "FF"} <= set(needed)
    assert all(expected > budget for expected, budget in needed.values())
    shares = [expected / max(1, budget) for expected, budget in needed.values()]
    assert shares == sorted(shares, reverse=True)


def test_twice_the_part_is_never_worse(design):
    order = {"no": 0, "unsure": 1, "yes": 2}
    for part in all_parts():
        double = replace(part, lut=2 * part.lut, ff=2 * part.ff, dsp=2 * part.dsp, bram36=2 * part.bram36)
        (one,), (two,) = verdicts(design, [part]), verdicts(design, [double])
        assert order[two.fits] >= order[one.fits]
        if one.fits == two.fits == "yes":
            assert two.interval <= one.interval


def test_a_row_is_what_the_fitting_finds(design):
    part = resolve("xc7z010")
    (row,) = verdicts(design, [part])
    found = fit(design, part.budget, attempts=16).chosen
    assert row.interval == found.interval
    assert [s.resource for s in row.short] == list(shortages(found.resources, part.budget))
