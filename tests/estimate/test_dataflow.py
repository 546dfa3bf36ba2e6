from dataclasses import replace

import numpy as np
import pytest
from clocked_simulation import leaving_times
from designs import Net, design_of_architecture, fire_design, with_depths, with_reuse_factors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_designs import folded_networks
from timed_simulation import clocked

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate import cycles, dataflow_engine
from sqz_hw.estimate.cycles import estimate_cycles, layer_cycles
from sqz_hw.estimate.dataflow import Simulation, engine_for, simulate
from sqz_hw.estimate.fifo import safe_depths
from sqz_hw.estimate.token_flow import HELD_WORDS
from sqz_hw.model.architecture import Architecture, small_stem

VITIS = 5
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def chain(*factors: int, side: int = 6) -> Design:
    """1x1 convolutions one after the other."""
    net = Net(side, side)
    x = net.input
    for i, rf in enumerate(factors):
        x = net.conv(x, 4, rf=rf, name="abcdefgh"[i])
    return net.design()


def same_depth(design: Design, depth: int) -> dict[str, int]:
    return {stream.name: depth for stream in design.streams}


def network(bypass: str = "none") -> Design:
    arch = small_stem(
        Architecture(fire_modules=4, pools_after=(1, 3), width=0.0625, bypass=bypass), input_size=14
    )
    design = design_of_architecture(arch)
    return with_reuse_factors(
        design, {layer.name: 1 + 7 * i % 23 for i, (layer, _) in enumerate(design.convolutions)}
    )


def test_a_chain_by_hand():
    """The first pixel is there at cycle 1; then 36 steps of 8 + 5, and 3 + 5 for the last one, 4 each to arrive."""
    timing = simulate(chain(8, 3))
    assert timing.latency == 1 + 36 * 13 + 4 + 8 + 4
    assert timing.interval == 36 * 13 + 4
    assert timing.bottleneck == "a"
    assert timing.fps(100.0) == 100e6 / (36 * 13 + 4)
    first, second = timing.layers
    assert (first.name, first.first, first.last, first.busy) == ("a", 1, 1 + 36 * 13 + 4, 36 * 13 + 4)
    assert (first.starved, first.blocked) == (0, 0)
    assert (second.first, second.last, second.busy) == (1 + 13 + 4, timing.latency, 36 * 8 + 4)
    assert (second.starved, second.blocked) == (36 * 13 - 36 * 8, 0)


def test_a_slow_end_stops_a_chain_from_the_back():
    """A FIFO of one word hands it on only every other step of its reader; with two it never matters."""
    design = chain(3, 8)
    for depth in (1, 2, 9):
        timing = simulate(design, depths=same_depth(design, depth), images=5)
        assert timing.interval == 36 * 13 + 4
        first, second = timing.layers
        assert first.blocked == 36 * (13 - 8)
        assert second.starved == 0
        (stalled,) = [stream for stream in timing.streams if stream.name == "a_out"]
        assert (stalled.depth, stalled.high_water, stalled.stalls) == (depth, depth, first.blocked)


def test_a_word_a_cycle_needs_two_words_of_depth():
    net = Net(6, 6)
    net.relu(net.relu(net.input))
    design = net.design()
    assert simulate(design, depths=same_depth(design, 2)).interval == 36 + 4
    assert simulate(design, depths=same_depth(design, 1)).interval == 1 + 35 * 2 + 4


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
def test_without_bound_it_is_the_estimate(bypass):
    design = network(bypass)
    estimate, timing = estimate_cycles(design), simulate(design, unbounded=True)
    assert (timing.latency, timing.interval, timing.bottleneck) == (
        estimate.latency, estimate.interval, estimate.bottleneck,
    )  # fmt: skip
    assert [(t.name, t.busy) for t in timing.layers] == list(estimate.layers)
    assert all(stream.stalls == 0 and stream.depth == 0 for stream in timing.streams)


@quick
@given(design=folded_networks(), data=st.data())
def test_it_is_the_slow_simulation_to_the_cycle(design, data):
    """Depths from what deadlocks to what never fills."""
    safe = safe_depths(design)
    depths = {name: max(1, depth + data.draw(st.integers(-2, 3))) for name, depth in safe.items()}
    seen = clocked(design, depths, 3, VITIS)
    timing = simulate(design, depths=depths)
    if seen.stuck:
        assert timing.deadlock
        assert set(timing.deadlock) <= set(seen.stuck)
        return
    assert not timing.deadlock
    ends = seen.arrived[design.output.name][design.output.words - 1 :: design.output.words]
    assert (timing.latency, timing.interval) == (ends[0], ends[-1] - ends[-2])
    begun = {design.input.name: 0}
    for layer, t in zip(design.layers, timing.layers, strict=True):
        padding_or_data = seen.read[layer.inputs[0]][0]
        assert t.first == max(padding_or_data, *(begun[name] for name in layer.inputs))
        begun.update(dict.fromkeys(layer.outputs, t.first))
        assert t.last == seen.arrived[layer.outputs[0]][design.stream(layer.outputs[0]).words - 1]
        assert t.busy == layer_cycles(layer, VITIS)
        *_, before, last = seen.ended[layer.name]
        assert t.busy + t.starved + t.blocked == last - before
    for stream, t in zip(design.streams, timing.streams, strict=True):
        freed = [cycle + 1 for cycle in seen.read[stream.name]]
        most = max(
            n + 1 - sum(cycle < arrived for cycle in freed[:n])
            for n, arrived in enumerate(seen.arrived[stream.name])
        )
        assert t.high_water == most <= depths[stream.name]


@quick
@given(design=folded_networks(), data=st.data())
def test_it_is_hardware_that_counts_cycles(design, data):
    """Without pipelines between layers the times are those of registers and counters."""
    safe = safe_depths(design)
    depths = {name: max(1, depth + data.draw(st.integers(-2, 3))) for name, depth in safe.items()}
    left = leaving_times(design, depths, 2, VITIS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cycles, "PIPELINE_CYCLES", 0)
        patch.setattr(dataflow_engine, "PIPELINE_CYCLES", 0)
        timing = simulate(design, depths=depths, images=2)
    assert bool(timing.deadlock) == (left is None)
    if left is not None:
        ends = left[design.output.words - 1 :: design.output.words]
        assert (timing.latency, timing.interval) == (ends[0], ends[1] - ends[0])


@quick
@given(design=folded_networks())
def test_a_fifo_as_deep_as_it_ever_fills_never_stalls(design):
    """And one word less delays a word."""
    engine = engine_for(design, None)
    free = engine.run(np.zeros(len(design.streams), np.int64), 3)
    enough = engine.run(free.high_water, 3)
    for mine, others in ((enough.arrived, free.arrived), (enough.read, free.read)):
        assert all(np.array_equal(a, b) for a, b in zip(mine, others, strict=True))
    for i in np.flatnonzero(free.high_water > 1)[:4]:
        depths = free.high_water.copy()
        depths[i] -= 1
        less = engine.run(depths, 3)
        assert less.images < 3 or np.any(less.arrived[i] > free.arrived[i])


def test_a_deadlock_is_named():
    """The clone cannot write to the full branch; the concatenation waits for the other one."""
    design = fire_design(12)
    timing = simulate(design, depths=same_depth(design, 2))
    assert (timing.latency, timing.interval, timing.bottleneck, timing.layers) == (0, 0, "", ())
    assert timing.fps(100.0) == 0.0
    around = set(timing.deadlock)
    (clone,) = [layer.name for layer in design.layers if layer.op.value == "clone"]
    (concat,) = [layer.name for layer in design.layers if layer.op.value == "concat"]
    (pad,) = [layer.name for layer in design.layers if layer.op.value == "zero_pad"][1:]
    assert {clone, concat, pad} <= around
    for waiting, other in zip(timing.deadlock, timing.deadlock[1:] + timing.deadlock[:1], strict=True):
        a, b = design.layer(waiting), design.layer(other)
        assert set(a.inputs + a.outputs) & set(b.inputs + b.outputs)


def test_a_pool_stops_what_safe_depths_let_through():
    """A planted fault: depths that cannot deadlock, and are far from enough."""
    net = Net(16, 16)
    x = net.pool(net.conv(net.input, 4, rf=1, name="fast"), (0, 1, 0, 1))
    net.conv(x, 4, rf=19, name="slow")
    design = net.design()
    free = simulate(design, unbounded=True)
    safe = simulate(design, depths=safe_depths(design), images=6)
    assert free.interval == 64 * 24 + 4
    assert safe.interval > 1.1 * free.interval
    assert not safe.deadlock


def test_pipelines_that_keep_words_give_them_up_with_the_image():
    """Four words wait in the ReLU for the next four pixels of a slow convolution, not for the next image."""
    net = Net(6, 6)
    net.conv(net.relu(net.conv(net.input, 4, rf=8, name="a"), "relu"), 4, rf=1, name="b")
    design = net.design()
    free, held = simulate(design), simulate(design, held={"relu": 4})
    assert held.interval == free.interval
    assert held.layers[2].first == free.layers[2].first + 4 * 13
    assert free.latency < held.latency <= free.latency + 4 * 6


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
def test_safe_depths_run_whatever_pipelines_keep(bypass):
    design = network(bypass)
    held = {layer.name: HELD_WORDS[layer.op] for layer in design.layers}
    assert not simulate(design, depths=safe_depths(design, 0), held=held).deadlock


def test_the_design_s_own_depths_are_the_default_and_some_may_be_changed():
    design = fire_design(12)
    small = with_depths(design, same_depth(design, 2))
    assert simulate(small).deadlock
    assert simulate(small, depths=safe_depths(design)) == simulate(design, depths=safe_depths(design))
    skew = {name: depth for name, depth in safe_depths(design).items() if depth > 2}
    assert not simulate(small, depths=skew).deadlock


def test_another_tool_has_other_cycles():
    design = chain(8)
    assert simulate(design, tool="Vivado HLS 2019.2").interval == 36 * 19 + 4
    assert simulate(replace(design, backend="Vivado")) == simulate(design, tool="Vivado HLS 2019.2")


def test_the_same_twice():
    design = network()
    assert simulate(design) == simulate(design)
    assert isinstance(simulate(design), Simulation)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": 1}, "a simulation must have 2 images or more, not 1; give a larger number"),
        ({"depths": {}, "unbounded": True}, "either FIFO depths or unbounded FIFOs, not both; leave one out"),
        ({"depths": {"nowhere": 3}}, "nowhere is no stream of design test; name one that it has"),
        ({"depths": {"a_out": 0}}, "the FIFO a_out must hold 1 word or more, not 0; give it a depth"),
        ({"held": {"z": 1}}, "words held must be 0 or more for layers of test, not 1 for z; leave it out"),
        ({"held": {"a": -1}}, "words held must be 0 or more for layers of test, not -1 for a; leave it"),
        ({"tool": "Quartus"}, "not for 'Quartus'; name"),
    ],
)
def test_what_cannot_be_simulated_is_refused(options, message):
    with pytest.raises(BadInputError, match=message):
        simulate(chain(2, 3), **options)


def test_a_design_without_layers_is_refused():
    with pytest.raises(BadInputError, match="must have at least one layer, and has none; build it again"):
        simulate(Net(4, 4).design())
