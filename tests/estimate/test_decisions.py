import pytest
from designs import fire_design
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import estimate_cycles
from sqz_hw.estimate.dataflow import simulate
from sqz_hw.estimate.decisions import decide
from sqz_hw.estimate.fifo import safe_depths
from sqz_hw.estimate.fifo_search import smallest_depths
from sqz_hw.estimate.fitting import LIKELY, NEVER, SURE, candidate, fit, fit_of
from sqz_hw.estimate.resources import RESOURCES, estimate_resources

PLENTY = dict.fromkeys(RESOURCES, 10**9)
TIGHT = {"LUT": 3_000, "FF": 10**6, "DSP": 0, "BRAM18": 5}


def pooled(bypass: str = "simple") -> Design:
    return fire_design(12, bypass, pooled=True, modules=2)


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
def test_the_folding_that_fits_with_the_fifos_that_keep_its_interval(bypass):
    design = pooled(bypass)
    found = decide(design, PLENTY, fifo_margin=3)
    chosen = found.chosen
    assert chosen.decisions.reuse_factors == fit(design, PLENTY).chosen.decisions.reuse_factors
    assert chosen.decisions.fifo_depths == smallest_depths(chosen.design, 3).depths
    assert simulate(chosen.design).interval == estimate_cycles(chosen.design).interval == chosen.interval
    assert {s.name: s.depth for s in chosen.design.streams} == chosen.decisions.fifo_depths
    assert chosen.fit == SURE
    assert decide(design, PLENTY, fifo_margin=3) == found


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["none", "simple", "complex"]),
    st.sampled_from([1_000, 2_000, 3_000, 4_000, 6_000, 10**6]),
    st.sampled_from([0, 20, 200]),
    st.sampled_from([0, 2, 50]),
)
def test_as_sure_as_without_deeper_fifos(bypass, lut, dsp, bram18):
    design, budget = pooled(bypass), {"LUT": lut, "FF": 10**6, "DSP": dsp, "BRAM18": bram18}
    before, chosen = fit(design, budget).chosen, decide(design, budget).chosen
    assert chosen.fit == fit_of(estimate_resources(chosen.design), budget)
    assert chosen.fit <= before.fit
    assert chosen.interval >= before.interval or chosen.fit < before.fit
    assert all(depth >= safe_depths(design, 0)[name] for name, depth in chosen.decisions.fifo_depths.items())
    if chosen != before:
        assert simulate(chosen.design).interval == chosen.interval


def test_a_slower_folding_where_the_deeper_fifos_do_not_fit():
    design = pooled()
    before, chosen = fit(design, TIGHT).chosen, decide(design, TIGHT).chosen
    deeper = smallest_depths(before.design, 2).depths
    with_them = candidate(design, dict(before.decisions.reuse_factors), dict(deeper), before.interval, TIGHT)
    assert with_them.fit > before.fit == chosen.fit == LIKELY
    assert chosen.interval > before.interval
    assert simulate(chosen.design).interval == chosen.interval


def test_where_no_deeper_fifos_fit_those_without_deadlock_stay():
    """A target leaves no slower folding to take."""
    design = pooled()
    before = fit(design, TIGHT)
    fps = 1e8 / before.chosen.interval
    found = decide(design, TIGHT, target_fps=fps)
    assert found == fit(design, TIGHT, target_fps=fps)
    assert found.chosen.decisions.fifo_depths == safe_depths(design)
    assert found.reaches_target


def test_a_target_takes_fewer_multipliers():
    design = pooled()
    fast, modest = decide(design, PLENTY), decide(design, PLENTY, target_fps=20_000)
    few, many = (
        sum(conv.multipliers for _, conv in found.chosen.design.convolutions) for found in (modest, fast)
    )
    assert few < many
    assert fast.chosen.interval < modest.chosen.interval <= modest.target_interval == 5_000
    assert modest.reaches_target


def test_a_target_out_of_reach_and_a_part_that_is_too_small():
    design = pooled()
    assert not decide(design, PLENTY, target_fps=1e8).reaches_target
    nothing = decide(design, dict.fromkeys(RESOURCES, 0))
    assert nothing.chosen.fit == NEVER


def test_the_tool_counts():
    design = pooled()
    found = decide(design, PLENTY, tool="Vivado HLS 2019.2").chosen
    assert found.interval == estimate_cycles(found.design, "Vivado HLS 2019.2").interval
    assert found.interval > decide(design, PLENTY).chosen.interval


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_fps": 0}, r"a target must be above 0 and at most 1e\+08 images/s \(one a cycle\), not 0; "),
        ({"fifo_margin": -1}, "the FIFO margin must be 0 words or more, not -1; give a larger one"),
        ({"tool": "gcc"}, "cycles are known for Vitis HLS 2024.2 and Vivado HLS 2019.2, not for 'gcc'"),
    ],
)
def test_impossible_arguments_are_refused(options, message):
    with pytest.raises(BadInputError, match=message):
        decide(pooled(), PLENTY, **options)
