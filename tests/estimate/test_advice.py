"""What helps, by other means: the part table read again, foldings of the changed design fitted here."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from designs import fire_design, with_weight_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import sqz_hw.estimate.parts as parts_module
from sqz_hw.estimate.advice import FEWER_BITS, PRUNING, WIDTHS, advise
from sqz_hw.estimate.fitting import LIKELY, SURE, fit, fit_of, shortages
from sqz_hw.estimate.parts import Part, all_parts, resolve
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.resources import RESOURCES, estimate_resources
from sqz_hw.estimate.scaling import with_bits, with_width

TABLE = parts_module.tomllib.loads(Path(parts_module.__file__).with_name("parts.toml").read_text())["parts"]
DESIGN = fire_design(8, "complex")


def part(**changes: int) -> Part:
    return replace(resolve("xc7a35t"), **changes)


def amounts(row: dict[str, int]) -> dict[str, int]:
    return {"LUT": row["LUT"], "FF": row["FF"], "DSP": row["DSP"], "BRAM18": 2 * row["BRAM36"]}


def advised(on: Part, target_fps: float | None = None):
    fitting = fit(DESIGN, on.budget, target_fps=target_fps)
    return fitting, advise(DESIGN, on, fitting, target_fps)


tight = st.builds(
    part, lut=st.sampled_from([100, 1_500, 3_000, 6_000, 12_000, 30_000]),
    ff=st.sampled_from([50, 1_000, 40_000]), dsp=st.sampled_from([0, 20, 400]), bram36=st.sampled_from([0, 50]),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(tight, st.sampled_from([None, 1e8 / 300, 1e8 / 3000]))
def test_shortages_are_named_with_their_amounts(on, target_fps):
    fitting, advice = advised(on, target_fps)
    totals = fitting.chosen.resources.totals
    lines = {}
    for line in advice.short:
        name, expected, low, high, has, missing = re.fullmatch(
            r"(\w+): ([\d,]+) expected \(([\d,]+) to ([\d,]+)\), the part has ([\d,]+): short by ([\d,]+)",
            line,
        ).groups()
        numbers = [int(text.replace(",", "")) for text in (low, expected, high, has, missing)]
        assert numbers[:3] == list(vars(totals[name]).values())
        assert numbers[3] == on.budget[name]
        assert numbers[4] == numbers[1] - numbers[3] > 0
        lines[name] = line
    assert lines.keys() == {name for name in RESOURCES if totals[name].expected > on.budget[name]}


@settings(max_examples=25, deadline=None)
@given(tight)
def test_larger_parts_are_the_smallest_of_the_table_that_hold_it(on):
    fitting, advice = advised(on)
    totals = fitting.chosen.resources.totals

    def smallest(bound: str) -> str | None:
        holding = [
            (row["LUT"], name)
            for name, row in TABLE.items()
            if row["LUT"] > on.lut and all(getattr(totals[r], bound) <= amounts(row)[r] for r in RESOURCES)
        ]
        return min(holding)[1] if holding else None

    sure, likely = smallest("high"), smallest("expected")
    line = next((text for text in advice.helps if text.startswith("a larger part")), None)
    if likely is None:
        assert line is None
    elif sure == likely:
        assert line == f"a larger part: as it is, it fits {sure} (even at its upper bounds)"
    elif sure is None:
        assert line == f"a larger part: as it is, it fits {likely} (by the expected amounts)"
    else:
        assert line == (
            f"a larger part: as it is, it fits {likely} (by the expected amounts) "
            f"or {sure} (even at its upper bounds)"
        )


@settings(max_examples=15, deadline=None)
@given(tight, st.sampled_from([None, 1e8 / 300, 1e8 / 3000]))
def test_bits_and_width_are_what_the_estimate_says_of_them(on, target_fps):
    fitting, advice = advised(on, target_fps)
    by_topic = {text.partition(":")[0]: text.partition(": ")[2] for text in advice.helps}
    narrow = estimate_resources(with_bits(fitting.chosen.design, FEWER_BITS, FEWER_BITS))
    short = " and ".join(shortages(narrow, on.budget))
    outcome = {SURE: "fits, even at its upper bounds", LIKELY: "is expected to fit"}.get(
        fit_of(narrow, on.budget), f"is still short of {short}"
    )
    assert by_topic["fewer bits"] == f"with 4-bit weights and activations it {outcome}"
    assert ("short" in outcome) == bool(short)
    fits = {}
    for width in WIDTHS:
        found = fit(with_width(DESIGN, width), on.budget, target_fps=target_fps)
        if found.reaches_target and found.chosen.fit in (SURE, LIKELY):
            fits[width] = (
                "fits, even at its upper bounds" if found.chosen.fit == SURE else "is expected to fit"
            )
    if fits:
        widest = max(fits)
        assert by_topic["less width"] == f"with {widest:g} of the channels it {fits[widest]}"
    else:
        assert by_topic["less width"] == "not even 0.125 of the channels would be expected to fit"


@settings(max_examples=15, deadline=None)
@given(tight)
def test_pruning_is_always_said_not_to_help(on):
    _, advice = advised(on)
    assert advice.helps[-1] == PRUNING == "pruning does not help: these kernels ignore zeros"
    assert [text.partition(":")[0] for text in advice.helps[-3:-1]] == ["fewer bits", "less width"]


def test_a_design_that_fits_is_short_of_nothing():
    fitting, advice = advised(resolve("xczu9eg"))
    assert fitting.chosen.fit == SURE
    assert advice.short == ()


@pytest.mark.parametrize(
    ("expected", "high", "said"),
    [
        (120_000, 130_000, "xc7a200t (even at its upper bounds)"),
        (120_000, 140_000, "xc7a200t (by the expected amounts) or {sure} (even at its upper bounds)"),
        (120_000, 10**9, "xc7a200t (by the expected amounts)"),
        (10**9, 10**9, None),
    ],
)
def test_larger_parts_by_hand(expected, high, said):
    """134,600 LUTs are those of an xc7a200t (DS180)."""
    on = part()
    fitting = fit(DESIGN, on.budget)
    totals = {**fitting.chosen.resources.totals, "LUT": Range(1, expected, high)}
    resources = replace(fitting.chosen.resources, totals=totals)
    advice = advise(DESIGN, on, replace(fitting, chosen=replace(fitting.chosen, resources=resources)))
    sure = min((row["LUT"], name) for name, row in TABLE.items() if row["LUT"] >= min(high, 1_000_000))[1]
    lines = [text for text in advice.helps if text.startswith("a larger part")]
    assert lines == ([] if said is None else ["a larger part: as it is, it fits " + said.format(sure=sure)])


def test_no_part_is_larger_than_the_largest():
    largest = max(all_parts(), key=lambda p: p.lut)
    wide = with_weight_bits(DESIGN, {layer.name: 18 for layer, _ in DESIGN.convolutions})
    advice = advise(wide, largest, fit(wide, largest.budget))
    assert not any(text.startswith("a larger part") for text in advice.helps)


@pytest.mark.parametrize("lut", [100, 3_000])
def test_the_same_twice(lut):
    assert advised(part(lut=lut)) == advised(part(lut=lut))
