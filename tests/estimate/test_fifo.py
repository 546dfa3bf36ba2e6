import pytest
from designs import Net, design_of_architecture, fire_design
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_designs import networks
from token_simulation import WRITE, simulate

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.fifo import MIN_DEPTH, safe_depths
from sqz_hw.estimate.token_flow import HELD_WORDS
from sqz_hw.model.architecture import Architecture, small_stem

STAGES = [(bypass, pooled) for bypass in ("none", "simple", "complex") for pooled in (False, True)]


def most_held(design: Design) -> dict[str, int]:
    return {layer.name: HELD_WORDS[layer.op] for layer in design.layers}


def smallest_that_runs(design: Design, stream: str, held: dict[str, int]) -> int:
    """The least depth of one stream, the others as chosen, with which the design does not deadlock."""
    depths = safe_depths(design)
    low, high = 1, depths[stream]
    while low < high:
        middle = (low + high) // 2
        if simulate(design, {**depths, stream: middle}, held=held).finished:
            high = middle
        else:
            low = middle + 1
    return low


def skew_streams(design: Design) -> list[str]:
    return [name for name, depth in safe_depths(design).items() if depth > MIN_DEPTH]


def test_a_chain_needs_nothing():
    net = Net(9, 9)
    net.sum(net.relu(net.conv(net.pool(net.conv_relu(net.input, 4, 3, 2, 1), (0, 1, 0, 1)), 4, 3, 1, 1)))
    design = net.design()
    depths = safe_depths(design)
    assert set(depths.values()) == {MIN_DEPTH}
    assert simulate(design, dict.fromkeys(depths, 1)).finished


@pytest.mark.parametrize(("bypass", "pooled"), STAGES)
@pytest.mark.parametrize("seed", range(3))
def test_fire_modules_run(bypass, pooled, seed):
    design = fire_design(9, bypass, pooled, modules=2)
    for held in ({}, most_held(design)):
        outcome = simulate(design, safe_depths(design), seed=seed, held=held)
        assert outcome.finished, outcome.blocked


@pytest.mark.parametrize(("bypass", "pooled"), STAGES)
def test_without_any_skew_they_deadlock(bypass, pooled):
    design = fire_design(20, bypass, pooled, modules=2)
    assert not simulate(design, dict.fromkeys(safe_depths(design), MIN_DEPTH)).finished


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
def test_every_skew_fifo_is_needed_and_close_to_the_least(bypass):
    """One word less than the least deadlocks at the clone that fills the FIFO; ours is little more."""
    design = fire_design(12, bypass)
    streams = skew_streams(design)
    assert len(streams) == (1 if bypass == "none" else 2)
    for stream in streams:
        held = most_held(design)
        least = smallest_that_runs(design, stream, held)
        depths = safe_depths(design)
        cut = simulate(design, {**depths, stream: least - 1}, held=held)
        assert not cut.finished
        assert (design.stream(stream).source, WRITE, stream) in cut.blocked
        assert least <= depths[stream] <= least + 16


def test_the_depth_of_a_fire_module_by_hand():
    """A row and a word of zero_pad and conv3x3, one under way, what pipelines hold (4 + 1 + 4), margin 2."""
    design = fire_design(12)
    (stream,) = skew_streams(design)
    assert safe_depths(design)[stream] == (12 + 1) + 1 + (4 + 1 + 4) + 2
    assert safe_depths(design, margin=7)[stream] == (12 + 1) + 1 + (4 + 1 + 4) + 7


def test_capacity_lies_before_the_expand_where_words_are_narrow():
    design = fire_design(12)
    (name,) = skew_streams(design)
    stream = design.stream(name)
    assert stream.sink is not None
    assert design.layer(stream.sink).kernel == 1
    assert stream.width_bits == 2 * 6
    assert min(design.stream(name).width_bits for name in design.layers[-1].inputs) == 4 * 6


def test_capacity_lies_after_a_bypass_convolution_that_narrows():
    net = Net(8, 8, 16)
    net.add(net.conv_relu(net.input, 8), net.fire(net.input))
    design = net.design()
    wide = [name for name in skew_streams(design) if name.startswith("image")]
    assert not wide


def test_never_more_than_the_map_and_never_less_than_two():
    design = fire_design(3)
    depths = safe_depths(design, margin=1000)
    for stream in design.streams:
        assert MIN_DEPTH <= depths[stream.name] <= max(MIN_DEPTH, stream.words)
    assert max(depths.values()) == 9
    assert list(depths) == [stream.name for stream in design.streams]


def test_a_late_branch_holds_nothing_even_when_it_is_the_first_input():
    net = Net(10, 10)
    x = net.relu(net.input)
    net.concat(net.conv(x, 2, 3, 1, 1), net.relu(x))
    design = net.design()
    depths = safe_depths(design)
    late, early = design.layers[-1].inputs
    assert depths[late] == MIN_DEPTH
    assert max(depths[early], depths[design.layer("relu3").inputs[0]]) > MIN_DEPTH
    assert simulate(design, depths, held=most_held(design)).finished


def test_far_below_whole_maps():
    design = design_of_architecture(
        Architecture(name="v1.1", conv1_filters=64, conv1_kernel=3, pools_after=(1, 3, 5))
    )
    depths = safe_depths(design)
    chosen = sum(depths[s.name] * s.width_bits for s in design.streams)
    assert chosen < 0.005 * sum(s.words * s.width_bits for s in design.streams)


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
def test_a_whole_network_runs(bypass):
    arch = small_stem(
        Architecture(fire_modules=4, pools_after=(1, 3), width=0.0625, bypass=bypass), input_size=14
    )
    design = design_of_architecture(arch)
    for held in ({}, most_held(design)):
        assert simulate(design, safe_depths(design), held=held).finished


def test_a_negative_margin_is_refused():
    with pytest.raises(
        BadInputError, match="the FIFO margin must be 0 words or more, not -1; give a larger one"
    ):
        safe_depths(fire_design(), margin=-1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(design=networks(), seed=st.integers(0, 10**6), data=st.data())
def test_no_network_deadlocks(design, seed, data):
    held = {la.name: data.draw(st.integers(0, HELD_WORDS[la.op])) for la in design.layers}
    for margin in (0, 2):
        depths = safe_depths(design, margin)
        outcome = simulate(design, depths, seed=seed, held=held)
        assert outcome.finished, (outcome.blocked, depths)
