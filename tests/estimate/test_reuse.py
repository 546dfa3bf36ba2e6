from dataclasses import replace
from itertools import product
from math import prod
from time import perf_counter

import pytest
from designs import Net, design_of_architecture, fire_design, with_reuse_factors
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import PIPELINE_CYCLES, conv_cycles, estimate_cycles
from sqz_hw.estimate.reuse import (
    ConvShape,
    FoldingSpace,
    balance,
    choose_reuse_factors,
    conv_shapes,
    legal_reuse_factors,
)
from sqz_hw.model.architecture import V1_1


@pytest.fixture(scope="module")
def hls4ml_backend():
    backends = pytest.importorskip("hls4ml.backends")
    return backends.get_backend("Vitis")


@settings(max_examples=80, deadline=None)
@given(kernel=st.sampled_from([1, 3, 5, 7]), channels=st.integers(1, 20), n_out=st.integers(1, 24))
def test_legal_is_what_hls4ml_takes_and_has_a_kernel_for(hls4ml_backend, kernel, channels, n_out):
    n_in = kernel * kernel * channels
    valid = hls4ml_backend.get_valid_reuse_factors(n_in, n_out)
    assert legal_reuse_factors(n_in, n_out) == tuple(rf for rf in valid if rf <= n_in or rf % n_in == 0)


@pytest.mark.parametrize(("n_in", "n_out"), [(27, 64), (147, 96), (64, 16), (144, 64), (512, 100)])
def test_legal_for_layers_of_squeezenet(hls4ml_backend, n_in, n_out):
    assert legal_reuse_factors(n_in, n_out) == tuple(hls4ml_backend.get_valid_reuse_factors(n_in, n_out))


def test_legal_by_hand():
    assert legal_reuse_factors(6, 4) == (1, 2, 3, 6, 12, 24)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_an_empty_convolution_is_refused(shape):
    with pytest.raises(BadInputError, match=f"n_in and n_out of at least 1, not {shape[0]} and {shape[1]}"):
        legal_reuse_factors(*shape)


def every_folding(convs, overhead, floor):
    """(interval, multipliers) of every combination of legal factors."""
    options = [legal_reuse_factors(c.n_in, c.n_out) for c in convs]
    for factors in product(*options):
        cycles = [
            conv_cycles(c.input_pixels, c.output_pixels, rf, overhead) + PIPELINE_CYCLES
            for c, rf in zip(convs, factors, strict=True)
        ]
        yield (
            max(floor, *cycles),
            sum(-(-c.n_in * c.n_out // rf) for c, rf in zip(convs, factors, strict=True)),
        )


@st.composite
def shapes(draw, index=0):
    pixels = draw(st.integers(1, 60))
    sizes = st.sampled_from([1, 2, 3, 4, 6, 9, 12])
    return ConvShape(f"conv{index}", draw(sizes), draw(sizes), pixels + draw(st.integers(0, 20)), pixels)


@settings(max_examples=60, deadline=None)
@given(
    convs=st.lists(shapes(), min_size=1, max_size=3), budget=st.integers(0, 200), floor=st.integers(0, 900)
)
def test_no_combination_is_better(convs, budget, floor):
    folding = balance(convs, budget, 5, floor)
    fitting = [pair for pair in every_folding(convs, 5, floor) if pair[1] <= budget]
    assert folding.within_budget == bool(fitting)
    if fitting:
        assert (max(folding.interval, floor), folding.multipliers) == min(fitting)
    else:
        assert [rf for _, rf in folding.reuse_factors] == [c.n_in * c.n_out for c in convs]


def test_v1_1_at_224_is_balanced_quickly():
    design = design_of_architecture(V1_1)
    before = perf_counter()
    folding = choose_reuse_factors(design, 220)
    assert perf_counter() - before < 2.0
    assert folding.within_budget
    assert folding.multipliers <= 220
    assert len(folding.reuse_factors) == 26
    assert choose_reuse_factors(design, 220) == folding
    assert choose_reuse_factors(design, 2000).interval < folding.interval
    for shape, (name, rf) in zip(conv_shapes(design), folding.reuse_factors, strict=True):
        assert shape.name == name
        assert rf in legal_reuse_factors(shape.n_in, shape.n_out)


def test_a_target_saves_multipliers():
    design = design_of_architecture(V1_1)
    fast, slow = (
        choose_reuse_factors(design, 220),
        choose_reuse_factors(design, 220, target_interval=10_000_000),
    )
    assert slow.multipliers < fast.multipliers
    assert fast.interval < slow.interval <= 10_000_000


@pytest.mark.parametrize("bypass", ["none", "complex"])
@pytest.mark.parametrize("budget", [1, 20, 300])
def test_the_interval_is_the_one_that_the_folded_design_has(bypass, budget):
    design = fire_design(8, bypass)
    folding = choose_reuse_factors(design, budget)
    folded = with_reuse_factors(design, dict(folding.reuse_factors))
    assert folding.interval == estimate_cycles(folded).interval


@settings(max_examples=60, deadline=None)
@given(
    convs=st.lists(shapes(), min_size=1, max_size=3, unique_by=lambda c: c.n_in * c.n_out),
    overheads=st.lists(st.integers(0, 20), min_size=3, max_size=3),
    floor=st.integers(0, 900),
)
def test_the_space_has_every_interval_with_its_fewest_multipliers(convs, overheads, floor):
    convs = [replace(conv, name=f"conv{i}") for i, conv in enumerate(convs)]
    by_name = {conv.name: c for conv, c in zip(convs, overheads, strict=False)}
    fewest: dict[int, int] = {}
    for factors in product(*(legal_reuse_factors(c.n_in, c.n_out) for c in convs)):
        each = [
            conv_cycles(c.input_pixels, c.output_pixels, rf, by_name[c.name]) + PIPELINE_CYCLES
            for c, rf in zip(convs, factors, strict=True)
        ]
        multipliers = sum(-(-c.n_in * c.n_out // rf) for c, rf in zip(convs, factors, strict=True))
        interval = max(floor, *each)
        fewest[interval] = min(multipliers, fewest.get(interval, multipliers))
    space = FoldingSpace(convs, by_name, floor)
    assert list(space.intervals) == sorted(fewest)
    found = [space.at(interval) for interval in space.intervals]
    assert [folding.multipliers for folding in found] == [fewest[interval] for interval in space.intervals]
    assert all(max(floor, f.interval) == interval for f, interval in zip(found, space.intervals, strict=True))


def test_no_multipliers_are_spent_below_the_slowest_other_layer():
    net = Net(30, 30)
    net.conv(net.pool(net.pool(net.input, name="pool1")), 16, name="conv1")
    design = net.design()
    folding = choose_reuse_factors(design, 100)
    assert folding.interval == dict(estimate_cycles(design).layers)["pool1"] == 900 + 4
    assert folding.reuse_factors == (("conv1", 16),)
    assert folding.multipliers == 2


def test_a_budget_that_nothing_fits_gives_the_largest_factors():
    design = fire_design()
    folding = choose_reuse_factors(design, 1)
    assert not folding.within_budget
    assert folding.multipliers == len(design.convolutions)
    assert all(
        rf == prod(c.weights.shape)
        for (_, rf), (_, c) in zip(folding.reuse_factors, design.convolutions, strict=True)
    )


def test_a_negative_budget_is_refused():
    with pytest.raises(
        BadInputError, match="a DSP budget must be 0 or more, not -1; give the part's number of DSPs"
    ):
        choose_reuse_factors(fire_design(), -1)
