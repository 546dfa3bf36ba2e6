from dataclasses import replace

import pytest
from designs import Net, fire_design, with_depths, with_reuse_factors, with_weight_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.decisions import Decisions, with_decisions
from sqz_hw.design import Design
from sqz_hw.estimate.memory import MemoryKind, memory_map
from sqz_hw.estimate.placement import choose_fifo_storage, choose_multipliers, srl_luts
from sqz_hw.estimate.resources import estimate_resources
from sqz_hw.estimate.reuse import legal_reuse_factors
from sqz_hw.fixed_point import FixedPoint

BUDGET = {"LUT": 53_200, "FF": 106_400, "DSP": 220, "BRAM18": 280}


def row(*layers: tuple[str, int, int]) -> Design:
    """Convolutions of (name, weight bits, DSP slices that they take) beside 6-bit activations, one input each."""
    net = Net(1, 1, 1)
    x = net.input
    for name, _, multipliers in layers:
        x = net.conv(net.conv(x, 1, name=f"to_{name}"), multipliers, name=name)
    design = with_weight_bits(net.design(), {name: bits for name, bits, _ in layers})
    # What leads to them is the widest of all, and takes one DSP slice each.
    design = with_weight_bits(design, {f"to_{name}": 18 for name, _, _ in layers})
    return with_reuse_factors(
        design, {la.name: conv.n_in if la.name.startswith("to_") else 1 for la, conv in design.convolutions}
    )


def in_luts(design: Design, dsps: int) -> set[str]:
    return {name for name, placed in choose_multipliers(design, dsps).items() if placed == "lut"}


def test_the_narrowest_products_leave_the_dsp_slices_first():
    design = row(("wide", 12, 10), ("narrow", 4, 10), ("middle", 8, 10))
    everything = 30 + 3
    assert in_luts(design, everything) == set()
    assert in_luts(design, everything - 1) == {"narrow"}
    assert in_luts(design, everything - 10) == {"narrow"}
    assert in_luts(design, everything - 11) == {"narrow", "middle"}
    assert in_luts(design, everything - 21) == {"narrow", "middle", "wide"}
    assert in_luts(design, 0) == {layer.name for layer, _ in design.convolutions}


def test_what_a_large_layer_leaves_over_is_used():
    """Forty of the wide ones do not fit, so the narrow one need not have moved."""
    design = row(("narrow", 4, 10), ("large", 12, 40))
    assert in_luts(design, 2 + 40) == {"narrow"}
    assert in_luts(design, 2 + 39) == {"large"}
    assert in_luts(design, 2 + 9) == {"narrow", "large"}


def test_a_product_of_several_slices_is_judged_by_bits_a_slice():
    """26 x 6 bits take two slices of 25 x 18: 78 bits each, fewer than 14 x 6."""
    design = row(("two", 26, 10), ("one", 14, 10))
    assert in_luts(design, 2 + 29) == {"two"}
    assert in_luts(replace(design, part="xczu9eg"), 2 + 19) == {"one"}, "27 bits fit one DSP48E2"


def test_layers_of_equal_products_move_by_name():
    design = row(("b", 6, 4), ("a", 6, 4))
    assert in_luts(design, 2 + 4) == {"a"}


@st.composite
def folded(draw: st.DrawFn) -> Design:
    design = fire_design(6, "complex")
    factors, bits = {}, {}
    for layer, conv in design.convolutions:
        factors[layer.name] = draw(st.sampled_from(legal_reuse_factors(conv.n_in, conv.n_out)))
        bits[layer.name] = draw(st.sampled_from([2, 6, 18, 19, 26, 32]))
    part = draw(st.sampled_from(["xc7z020", "xczu9eg"]))
    return replace(with_weight_bits(with_reuse_factors(design, factors), bits), part=part)


@settings(max_examples=40, deadline=None)
@given(folded(), st.integers(0, 2000))
def test_the_estimate_never_needs_more_dsp_slices_than_the_budget(design, budget):
    placed = choose_multipliers(design, budget)
    assert set(placed) == {layer.name for layer, _ in design.convolutions}
    used = estimate_resources(with_decisions(design, Decisions(multipliers=placed))).totals["DSP"].high
    assert used <= budget
    for name in (name for name, where in placed.items() if where == "lut"):
        more = with_decisions(design, Decisions(multipliers={**placed, name: "dsp"}))
        assert estimate_resources(more).totals["DSP"].high > budget, f"{name} could stay in DSP slices"


def fifo(width: int, depth: int) -> Design:
    """A design with one stream between two layers, of a width and a depth."""
    net = Net(64, 64, 1)
    net.relu(net.relu(net.input, "first"), "second")
    design = with_depths(net.design(), {"image": depth, "first_out": depth, "second_out": depth})
    streams = tuple(replace(s, shape=(64, 64, width), type=FixedPoint(1, 1, False)) for s in design.streams)
    return replace(design, streams=streams)


@pytest.mark.parametrize(
    ("width", "depth", "luts"), [(1, 1, 1), (1, 32, 1), (1, 33, 2), (64, 64, 128), (48, 100, 192)]
)
def test_a_lut_holds_32_words_of_a_bit(width, depth, luts):
    assert srl_luts(width, depth) == luts


@pytest.mark.parametrize(
    ("width", "depth", "budget", "price", "storage"),
    [
        # 64 bits x 512 words: 64 x 16 LUTs, or ceil(64 / 18) = 4 blocks.
        (64, 512, {"LUT": 53_200, "BRAM18": 280}, 1.0, "bram"),
        (64, 512, {"LUT": 53_200, "BRAM18": 200}, 1.0, "srl"),
        (64, 512, {"LUT": 1024, "BRAM18": 4}, 1.0, "srl"),
        (64, 512, {"LUT": 1023, "BRAM18": 4}, 1.0, "bram"),
        (64, 512, {"LUT": 53_200, "BRAM18": 280}, 4.0, "srl"),
        (64, 512, {"LUT": 53_200, "BRAM18": 200}, 0.25, "bram"),
        # Two words are never worth a block.
        (512, 2, {"LUT": 1, "BRAM18": 10**6}, 0.25, "srl"),
        (512, 3, {"LUT": 1, "BRAM18": 10**6}, 1.0, "bram"),
        # A part without any of one of them.
        (8, 64, {"LUT": 0, "BRAM18": 280}, 1.0, "bram"),
        (8, 64, {"LUT": 53_200, "BRAM18": 0}, 1.0, "srl"),
    ],
)
def test_the_smaller_share_of_a_budget_is_taken(width, depth, budget, price, storage):
    assert choose_fifo_storage(fifo(width, depth), budget, price) == {"first_out": storage}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2000), st.integers(1, 5000), st.integers(1, 10**6), st.integers(1, 4000))
def test_of_both_the_share_is_the_smaller(width, depth, luts, blocks):
    design = fifo(width, depth)
    shares = {}
    for storage in ("srl", "bram"):
        placed = with_decisions(design, Decisions(fifo_storage={"first_out": storage}))
        (memory,) = (m for m in memory_map(placed).memories if m.kind is MemoryKind.FIFO)
        amount = width * -(-depth // 32) / luts if storage == "srl" else memory.bram18.expected / blocks
        shares[storage] = amount
    (chosen,) = choose_fifo_storage(design, {"LUT": luts, "BRAM18": blocks}).values()
    assert depth <= 2 or shares[chosen] == min(shares.values())


def test_ports_are_not_placed():
    design = fire_design(8, "complex")
    inner = {s.name for s in design.streams} - {design.input.name, design.output.name}
    assert set(choose_fifo_storage(design, BUDGET)) == inner


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([0.01, 0.25, 1.0, 4.0, 100.0]), min_size=2, max_size=2).map(sorted))
def test_dearer_blocks_are_not_used_more(prices):
    cheap, dear = (choose_fifo_storage(fire_design(40), BUDGET, price) for price in prices)
    assert all(dear[name] == "srl" for name, storage in cheap.items() if storage == "srl")
