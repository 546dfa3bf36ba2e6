import itertools
from dataclasses import replace

import pytest
from designs import Net, design_of_architecture, fire_design, with_depths, with_reuse_factors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_designs import folded_networks
from timed_simulation import output_times
from token_simulation import simulate as tokens

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import estimate_cycles
from sqz_hw.estimate.dataflow import simulate
from sqz_hw.estimate.fifo import MIN_DEPTH, safe_depths
from sqz_hw.estimate.fifo_search import fifo_bits, smallest_depths
from sqz_hw.estimate.reuse import choose_reuse_factors
from sqz_hw.estimate.token_flow import HELD_WORDS
from sqz_hw.model.architecture import Architecture, small_stem

VITIS = 5
BYPASSES = ("none", "simple", "complex")
quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def balanced(bypass: str = "none", budget: int = 150) -> Design:
    """A small SqueezeNet whose layers are nearly all as slow as the slowest."""
    arch = small_stem(
        Architecture(fire_modules=4, pools_after=(1, 3), width=0.125, bypass=bypass), input_size=16
    )
    design = design_of_architecture(arch)
    return with_reuse_factors(design, dict(choose_reuse_factors(design, budget).reuse_factors))


def pooled() -> Design:
    """A pool between a fast convolution and a slow one that has no cycle to spare."""
    net = Net(16, 16)
    x = net.pool(net.conv(net.input, 4, rf=1, name="fast"), (0, 1, 0, 1), name="pool")
    net.conv(x, 4, rf=19, name="slow")
    return net.design()


def all_held(design: Design) -> dict[str, int]:
    return {layer.name: HELD_WORDS[layer.op] for layer in design.layers}


def images_a_while(design: Design, depths: dict[str, int], held: dict[str, int] | None = None) -> int:
    """The interval after many images, when whatever fills up slowly has filled up."""
    return simulate(design, depths=depths, images=40, held=held).interval


@pytest.mark.parametrize("bypass", BYPASSES)
def test_the_interval_of_a_network_is_that_without_bound(bypass):
    design = balanced(bypass)
    free, choice = simulate(design, unbounded=True), smallest_depths(design)
    assert choice.simulation.interval == free.interval == estimate_cycles(design).interval
    assert images_a_while(design, choice.depths) == free.interval
    assert free.latency <= choice.simulation.latency <= 1.01 * free.latency
    assert simulate(with_depths(design, choice.depths)) == choice.simulation
    assert list(choice.depths) == [stream.name for stream in design.streams]
    assert choice.bits < 0.2 * fifo_bits(design, {s.name: s.words for s in design.streams})


@pytest.mark.parametrize("bypass", BYPASSES)
def test_the_slow_simulation_agrees(bypass):
    design = balanced(bypass, 60)
    choice = smallest_depths(design)
    ends = output_times(design, choice.depths, 4, VITIS)[design.output.words - 1 :: design.output.words]
    assert (ends[0], ends[3] - ends[2]) == (choice.simulation.latency, choice.simulation.interval)


@pytest.mark.parametrize("bypass", BYPASSES)
def test_pipelines_that_keep_words_cost_nothing_either(bypass):
    design = balanced(bypass)
    held = all_held(design)
    free = simulate(design, unbounded=True, held=held)
    depths = smallest_depths(design).depths
    assert images_a_while(design, depths, held) == free.interval
    flowing = smallest_depths(design, stalling=False)
    assert flowing.bits <= fifo_bits(design, depths)
    assert images_a_while(design, flowing.depths) == flowing.simulation.interval


def test_where_pipelines_keep_words_less_is_not_enough():
    """A planted fault: depths for pipelines that keep nothing, in hardware whose pipelines do."""
    design = balanced("simple")
    held = all_held(design)
    flowing = smallest_depths(design, stalling=False).depths
    assert images_a_while(design, flowing, held) > simulate(design, unbounded=True, held=held).interval


@pytest.mark.parametrize("stalling", [False, True])
def test_no_depth_is_a_word_too_large(stalling):
    """One word less in any FIFO stalls, makes the first image late, or leaves the proof against deadlock."""
    checked = 0
    for design in (pooled(), balanced("simple"), balanced("complex", 100)):
        proven = safe_depths(design, margin=0)
        choice = smallest_depths(design, stalling=stalling)
        ways = [None, all_held(design)] if stalling else [None]
        free = [simulate(design, unbounded=True, held=held) for held in ways]
        above = [name for name, depth in choice.depths.items() if depth > proven[name]]
        checked += len(above)
        for name in above:
            depths = {**choice.depths, name: choice.depths[name] - 1}
            less = [simulate(design, depths=depths, images=40, held=held) for held in ways]
            assert any(
                a.interval > b.interval or a.latency > int(1.01 * b.latency)
                for a, b in zip(less, free, strict=True)
            ), name
    assert checked >= 2


@pytest.mark.parametrize("rf", [19, 25])
def test_no_choice_of_depths_is_smaller(rf):
    """Every choice up to 8 words, by the slow rule: fewer bits cost cycles."""
    net = Net(16, 16)
    x = net.pool(net.conv(net.input, 4, rf=1), (0, 1, 0, 1))
    net.conv(x, 4, rf=rf)
    design = net.design()
    slowest = 64 * (rf + VITIS) + 4
    choice = smallest_depths(design, stalling=False, latency_tolerance=1.0)
    assert choice.simulation.interval == slowest
    inner = [s.name for s in design.streams if s.source and s.sink]
    keep = [
        fifo_bits(design, depths)
        for words in itertools.product(range(MIN_DEPTH, 9), repeat=len(inner))
        for depths in [dict.fromkeys(choice.depths, MIN_DEPTH) | dict(zip(inner, words, strict=True))]
        if fifo_bits(design, depths) <= choice.bits
        and simulate(design, depths=depths, images=12).interval == slowest
    ]
    assert min(keep) == choice.bits


@quick
@given(design=folded_networks(), seed=st.integers(0, 10**6), data=st.data())
def test_no_network_is_slowed_or_deadlocks(design, seed, data):
    choice = smallest_depths(design)
    slowest = estimate_cycles(design).interval
    free = simulate(design, unbounded=True, images=40)
    many = simulate(design, depths=choice.depths, images=40)
    assert free.interval == slowest or free.latency > slowest  # a branch of long latency hides it at first
    assert many.interval <= slowest
    assert many.latency <= int(1.01 * free.latency)
    proven = safe_depths(design, margin=0)
    assert all(depth >= proven[name] for name, depth in choice.depths.items())
    held = {la.name: data.draw(st.integers(0, HELD_WORDS[la.op])) for la in design.layers}
    outcome = tokens(design, choice.depths, seed=seed, held=held)
    assert outcome.finished, (outcome.blocked, choice.depths)
    assert not simulate(design, depths=choice.depths, held=held).deadlock


@pytest.mark.parametrize("bypass", BYPASSES)
@pytest.mark.parametrize("seed", range(2))
def test_a_whole_network_runs_in_any_order(bypass, seed):
    design = balanced(bypass)
    depths = smallest_depths(design).depths
    for held in ({}, all_held(design)):
        assert tokens(design, depths, seed=seed, held=held).finished


def test_a_margin_is_added_where_more_than_the_least_is_needed():
    design = fire_design(12)
    bare, more = smallest_depths(design).depths, smallest_depths(design, margin=3).depths
    for stream in design.streams:
        depth = bare[stream.name]
        assert more[stream.name] == (depth if depth == MIN_DEPTH else min(depth + 3, stream.words))
    whole = smallest_depths(design, margin=10**6).depths
    assert max(whole.values()) == 144


def test_more_latency_may_be_traded_for_fewer_bits():
    design = balanced()
    exact, loose = (smallest_depths(design, latency_tolerance=share) for share in (0.0, 0.5))
    assert exact.simulation.latency == simulate(design, unbounded=True).latency
    assert loose.simulation.interval == exact.simulation.interval
    assert loose.bits <= exact.bits


def test_ports_are_no_memories_and_the_designs_own_depths_do_not_matter():
    design = balanced()
    choice = smallest_depths(design)
    ports = {design.input.name, design.output.name}
    assert all(choice.depths[name] == MIN_DEPTH for name in ports)
    inner = [s for s in design.streams if s.name not in ports]
    assert choice.bits == sum(choice.depths[s.name] * s.width_bits for s in inner)
    assert smallest_depths(with_depths(design, {s.name: 1 for s in design.streams})) == choice


def test_another_tool_may_need_other_depths():
    design = balanced()
    vivado = smallest_depths(design, tool="Vivado HLS 2019.2")
    assert vivado.simulation.interval == estimate_cycles(replace(design, backend="Vivado")).interval
    assert smallest_depths(replace(design, backend="Vivado")) == vivado


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": -1}, "the FIFO margin must be 0 words or more, not -1; give a larger one"),
        (
            {"latency_tolerance": -0.1},
            "the latency tolerance must be 0 or more, not -0.1; give a larger share",
        ),
        ({"tool": "Quartus"}, "not for 'Quartus'; name"),
    ],
)
def test_what_cannot_be_searched_is_refused(options, message):
    with pytest.raises(BadInputError, match=message):
        smallest_depths(fire_design(), **options)
