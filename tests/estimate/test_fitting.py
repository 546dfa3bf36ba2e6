import math
from itertools import product

import pytest
from designs import Net, fire_design, with_reuse_factors, with_weight_bits
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sqz_hw.decisions import Decisions, with_decisions
from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import estimate_cycles
from sqz_hw.estimate.fifo import safe_depths
from sqz_hw.estimate.fitting import (
    LIKELY,
    NEVER,
    POSSIBLE,
    SURE,
    Candidate,
    candidate,
    fit,
    fit_of,
    shortages,
    target_interval,
)
from sqz_hw.estimate.placement import choose_fifo_storage
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.resources import RESOURCES, ResourceEstimate, estimate_resources
from sqz_hw.estimate.reuse import legal_reuse_factors

PLENTY = dict.fromkeys(RESOURCES, 10**9)
slow = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def chain(pixels: int, channels: int, layers: list[tuple[int, int]]) -> Design:
    """Convolutions of (filters, kernel) one behind the other."""
    net = Net(pixels, pixels + 1, channels)
    x = net.input
    for filters, kernel in layers:
        x = net.conv(x, filters, kernel if min(x.shape[:2]) >= kernel else 1)
    return net.design()


@st.composite
def chains(draw: st.DrawFn) -> Design:
    """Two or three convolutions with at most 120 foldings between them."""
    layers = draw(
        st.lists(
            st.tuples(st.sampled_from([1, 2, 3, 4, 8, 16]), st.sampled_from([1, 1, 3])),
            min_size=2,
            max_size=3,
        )
    )
    design = chain(draw(st.integers(1, 4)), draw(st.sampled_from([1, 2, 8])), layers)
    assume(math.prod(len(legal_reuse_factors(c.n_in, c.n_out)) for _, c in design.convolutions) <= 120)
    return with_weight_bits(
        design, {la.name: draw(st.sampled_from([2, 6, 12])) for la, _ in design.convolutions}
    )


def every_folding(design: Design) -> list[tuple[int, dict[str, int]]]:
    """(interval, reuse factors) of every combination of legal factors."""
    convs = design.convolutions
    found = []
    for factors in product(*(legal_reuse_factors(conv.n_in, conv.n_out) for _, conv in convs)):
        named = {layer.name: rf for (layer, _), rf in zip(convs, factors, strict=True)}
        found.append((estimate_cycles(with_reuse_factors(design, named)).interval, named))
    return found


def tight_budget(draw: st.DrawFn, design: Design) -> dict[str, int]:
    """Each resource as short as a bound of some folding has it."""
    foldings = every_folding(design)
    budget = {}
    for name in RESOURCES:
        _, factors = draw(st.sampled_from(foldings))
        amount = estimate_resources(with_reuse_factors(design, factors)).totals[name]
        budget[name] = getattr(amount, draw(st.sampled_from(["low", "expected", "high"])))
    return budget


def tried(design: Design, budget: dict[str, int], factors: dict[str, int], interval: int) -> Candidate:
    return candidate(design, factors, safe_depths(design), interval, budget)


def falls(design: Design, name: str) -> bool:
    """Whether folding this layer deeper never costs LUTs, FFs or DSP slices."""
    conv = design.layer(name).conv
    for place in ("lut", "dsp"):
        totals = [
            estimate_resources(
                with_decisions(design, Decisions({name: rf}, multipliers={name: place}))
            ).totals
            for rf in legal_reuse_factors(conv.n_in, conv.n_out)
        ]
        for resource in ("LUT", "FF", "DSP"):
            amounts = [found[resource].expected for found in totals]
            if amounts != sorted(amounts, reverse=True):
                return False
    return True


@slow
@given(design=chains(), data=st.data())
def test_no_folding_is_surer_or_as_sure_and_faster(design, data):
    """Every combination of legal factors, not only those where each layer is folded the most.

    That is so where resources fall with folding: block RAM does not, so there is enough of it.
    """
    assume(all(falls(design, layer.name) for layer, _ in design.convolutions))
    budget = {**tight_budget(data.draw, design), "BRAM18": 10**9}
    chosen = fit(design, budget).chosen
    every = [tried(design, budget, factors, interval) for interval, factors in every_folding(design)]
    best = min((found.fit, found.interval) for found in every)
    if best[0] >= POSSIBLE:
        assert chosen.fit == best[0]
    else:
        assert (chosen.fit, chosen.interval) == best


@slow
@given(design=chains(), data=st.data())
def test_no_interval_is_surer_or_as_sure_and_faster_where_block_ram_is_short(design, data):
    """Of all foldings of an interval, the one whose layers are folded the most."""
    budget = tight_budget(data.draw, design)
    chosen = fit(design, budget).chosen
    deepest: dict[int, dict[str, int]] = {}
    foldings = every_folding(design)
    for interval in {interval for interval, _ in foldings}:
        fast = [factors for other, factors in foldings if other <= interval]
        deepest[interval] = {name: max(factors[name] for factors in fast) for name in fast[0]}
    every = [tried(design, budget, factors, interval) for interval, factors in deepest.items()]
    best = min(found.fit for found in every)
    intervals = [found.interval for found in every if found.fit == best]
    assert (chosen.fit, chosen.interval) == (best, max(intervals) if best >= POSSIBLE else min(intervals))


def test_deep_folding_needs_block_ram_that_shallow_folding_does_not():
    """Weights of more than 64 words a ROM are in block RAM, so a slower folding may not fit where a faster does."""
    design = chain(4, 64, [(64, 1), (64, 1)])
    fitting = fit(design, {**PLENTY, "BRAM18": 0})
    slowest = max(every_folding(design), key=lambda found: found[0])
    assert tried(design, {**PLENTY, "BRAM18": 0}, slowest[1], slowest[0]).fit == NEVER
    assert fitting.chosen.fit == SURE
    assert max(fitting.chosen.decisions.reuse_factors.values()) == 1
    few = fit(design, {**PLENTY, "BRAM18": 0, "DSP": 0, "LUT": 60_000}).chosen
    assert few.fit < NEVER
    assert 1 < max(few.decisions.reuse_factors.values()) <= 64


@slow
@given(design=chains(), share=st.floats(0.2, 30))
def test_a_target_is_reached_with_the_fewest_multipliers(design, share):
    foldings = every_folding(design)
    fastest = min(interval for interval, _ in foldings)
    wanted = max(1, int(fastest * share))
    fitting = fit(design, PLENTY, target_fps=design.clock_mhz * 1e6 / wanted)
    assert wanted - 1 <= fitting.target_interval <= wanted
    fast_enough = [
        sum(conv.multipliers for _, conv in with_reuse_factors(design, factors).convolutions)
        for interval, factors in foldings
        if interval <= fitting.target_interval
    ]
    assert fitting.reaches_target == bool(fast_enough)
    if fast_enough:
        multipliers = sum(conv.multipliers for _, conv in fitting.chosen.design.convolutions)
        assert multipliers == min(fast_enough)
        assert fitting.chosen.interval <= wanted
    else:
        assert fitting.chosen.interval == fastest


@slow
@given(design=chains(), data=st.data())
def test_the_choice_is_legal_and_what_it_says(design, data):
    budget = tight_budget(data.draw, design)
    fitting = fit(design, budget)
    chosen = fitting.chosen
    assert (fitting.target_interval, fitting.reaches_target) == (None, True)
    for layer, conv in chosen.design.convolutions:
        assert chosen.decisions.reuse_factors[layer.name] == conv.reuse_factor
        assert conv.reuse_factor in legal_reuse_factors(conv.n_in, conv.n_out)
        assert conv.multiplier == chosen.decisions.multipliers[layer.name] != "auto"
    assert chosen.interval == estimate_cycles(chosen.design).interval
    assert chosen.resources == estimate_resources(chosen.design)
    assert chosen.fit == fit_of(chosen.resources, budget)
    assert fit(design, budget) == fitting


def test_reuse_factors_that_a_design_has_do_not_matter():
    design = fire_design(8, "complex")
    budget = {**PLENTY, "DSP": 60}
    folded = with_reuse_factors(design, {layer.name: conv.n_in for layer, conv in design.convolutions})
    assert fit(folded, budget).chosen.decisions == fit(design, budget).chosen.decisions


def test_layers_without_weights_limit_the_speed():
    net = Net(30, 30)
    net.conv(net.pool(net.pool(net.input, name="pool1")), 4, name="conv1")
    chosen = fit(net.design(), PLENTY).chosen
    assert chosen.interval == dict(estimate_cycles(chosen.design).layers)["pool1"]
    assert chosen.decisions.reuse_factors["conv1"] > 1


def test_a_design_without_convolutions_has_nothing_to_fold():
    net = Net(4, 4)
    net.relu(net.input)
    chosen = fit(net.design(), PLENTY).chosen
    assert (chosen.decisions.reuse_factors, chosen.fit) == ({}, SURE)
    assert chosen.interval == estimate_cycles(net.design()).interval


def test_where_nothing_fits_the_smallest_is_chosen():
    design = fire_design()
    fitting = fit(design, dict.fromkeys(RESOURCES, 0))
    assert fitting.chosen.fit == NEVER
    assert all(conv.multipliers == 1 for _, conv in fitting.chosen.design.convolutions)


def test_where_none_is_expected_to_fit_the_smallest_that_may_is_chosen():
    design = fire_design()
    smallest = fit(design, {**PLENTY, "LUT": 0}).chosen
    budget = {**PLENTY, "LUT": smallest.resources.totals["LUT"].expected - 1}
    chosen = fit(design, budget).chosen
    assert (chosen.fit, chosen.interval) == (POSSIBLE, smallest.interval)


@slow
@given(design=chains(), data=st.data(), attempts=st.integers(2, 30))
def test_a_few_attempts_are_spread_over_all_intervals(design, data, attempts):
    budget = tight_budget(data.draw, design)
    every, few = fit(design, budget).chosen, fit(design, budget, attempts=attempts).chosen
    assert few.fit >= every.fit
    intervals = sorted({interval for interval, _ in every_folding(design)})
    if attempts >= len(intervals):
        assert few == every
    places = {round(i * (len(intervals) - 1) / (attempts - 1)) for i in range(attempts)}
    assert intervals.index(few.interval) in places or attempts >= len(intervals)


@pytest.mark.parametrize("attempts", [1, 0, -3])
def test_fewer_than_two_attempts_are_refused(attempts):
    with pytest.raises(BadInputError) as caught:
        fit(fire_design(), PLENTY, attempts=attempts)
    assert str(caught.value) == f"a fit needs 2 attempts or more, not {attempts}; give None for all"


def test_fifos_go_where_there_is_room_for_them():
    """By shares alone they would be shift registers, and too many; in block RAM they fit."""
    net = Net(30, 30, 8)
    net.relu(net.conv(net.relu(net.input), 8, name="conv"))
    design = net.design()
    depths = {stream.name: 512 for stream in design.streams}
    factors = {"conv": 4}
    room = candidate(design, factors, depths, 1, {**PLENTY, "BRAM18": 10**6, "LUT": 1})
    assert set(room.decisions.fifo_storage.values()) == {"bram"}
    just_enough = {name: room.resources.totals[name].high for name in ("LUT", "BRAM18")}
    budget = {**PLENTY, **just_enough}
    assert set(choose_fifo_storage(room.design, budget).values()) == {"srl"}
    placed = candidate(design, factors, depths, 1, budget)
    assert placed.fit == SURE
    assert set(placed.decisions.fifo_storage.values()) == {"bram"}


def test_depths_are_the_least_safe_ones_with_a_margin_unless_given():
    design = fire_design()
    assert fit(design, PLENTY, fifo_margin=5).chosen.decisions.fifo_depths == safe_depths(design, 5)
    given_depths = {stream.name: 7 for stream in design.streams}
    chosen = fit(design, PLENTY, depths=given_depths).chosen
    assert chosen.decisions.fifo_depths == given_depths
    assert {stream.depth for stream in chosen.design.streams} == {7}


def test_the_tool_counts():
    design = chain(6, 2, [(4, 3)])
    vitis, vivado = (fit(design, PLENTY, tool=tool).chosen for tool in (None, "Vivado HLS 2019.2"))
    assert vitis.interval == estimate_cycles(vitis.design).interval
    assert vivado.interval == estimate_cycles(vivado.design, "Vivado HLS 2019.2").interval > vitis.interval
    with pytest.raises(BadInputError, match="not for 'Vitis HLS 1999'; name one of them"):
        fit(design, PLENTY, tool="Vitis HLS 1999")


def test_a_target_that_no_folding_reaches_gives_the_fastest():
    design = fire_design()
    fitting = fit(design, PLENTY, target_fps=1e8)
    assert (fitting.target_interval, fitting.reaches_target) == (1, False)
    assert fitting.chosen.interval == fit(design, PLENTY).chosen.interval


def test_a_target_of_the_interval_itself_is_reached_and_of_a_cycle_less_is_not():
    design = fire_design()
    fastest = fit(design, PLENTY).chosen.interval
    assert fit(design, PLENTY, target_fps=1e8 / (fastest + 0.5)).reaches_target
    assert not fit(design, PLENTY, target_fps=1e8 / (fastest - 0.5)).reaches_target


@pytest.mark.parametrize("fps", [0, -1.0, math.nan, math.inf, 1.1e8])
def test_impossible_targets_are_refused(fps):
    with pytest.raises(BadInputError) as caught:
        fit(fire_design(), PLENTY, target_fps=fps)
    assert str(caught.value) == (
        f"a target must be above 0 and at most 1e+08 images/s (one a cycle), not {fps:g}; "
        "give a lower --target-fps"
    )


def test_an_image_may_take_whole_cycles():
    assert target_interval(30.0, 100.0) == 3_333_333
    assert target_interval(1e8, 100.0) == 1
    assert target_interval(0.5, 1.0) == 2_000_000


@pytest.mark.parametrize("name", RESOURCES)
def test_a_budget_without_a_resource_is_refused(name):
    design = fire_design()
    budget = {other: 10**6 for other in RESOURCES if other != name}
    message = f"a budget must name LUT, FF, DSP, BRAM18, and {name} is missing; add its amount"
    resources = estimate_resources(design)
    for refuses in (
        lambda: fit(design, budget),
        lambda: fit(design, budget, target_fps=1.0),
        lambda: fit_of(resources, budget),
        lambda: shortages(resources, budget),
        lambda: candidate(design, {}, {}, 1, budget),
    ):
        with pytest.raises(BadInputError) as caught:
            refuses()
        assert str(caught.value) == message


def test_a_negative_margin_is_refused():
    with pytest.raises(BadInputError, match="the FIFO margin must be 0 words or more, not -1"):
        fit(fire_design(), PLENTY, fifo_margin=-1)


amounts = st.lists(st.integers(0, 20), min_size=3, max_size=3).map(sorted).map(lambda three: Range(*three))


@given(st.tuples(*[amounts] * 4), st.tuples(*[st.integers(0, 20)] * 4))
def test_sureness_and_shortages_by_definition(ranges, limits):
    totals, budget = dict(zip(RESOURCES, ranges, strict=True)), dict(zip(RESOURCES, limits, strict=True))
    estimate = ResourceEstimate("vivado", totals, ())
    holds = {
        SURE: all(r.high <= limit for r, limit in zip(ranges, limits, strict=True)),
        LIKELY: all(r.expected <= limit for r, limit in zip(ranges, limits, strict=True)),
        POSSIBLE: all(r.low <= limit for r, limit in zip(ranges, limits, strict=True)),
        NEVER: True,
    }
    assert fit_of(estimate, budget) == min(level for level, true in holds.items() if true)
    short = shortages(estimate, budget)
    assert short == {n: (totals[n], budget[n]) for n in RESOURCES if totals[n].expected > budget[n]}
    shares = [amount.expected / max(1, limit) for amount, limit in short.values()]
    assert shares == sorted(shares, reverse=True)
    assert (fit_of(estimate, budget) <= LIKELY) == (not short)
