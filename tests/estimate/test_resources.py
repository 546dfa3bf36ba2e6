import json
import math
from dataclasses import replace

import numpy as np
import pytest
from designs import Net, fire_design, with_depths, with_reuse_factors, with_weight_bits
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.decisions import Decisions, with_decisions
from sqz_hw.design import Design, Multiplier
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.memory import MemoryKind, memory_map
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.resources import RESOURCES, estimate_resources, verdict
from sqz_hw.estimate.reuse import legal_reuse_factors
from sqz_hw.estimate.synthesis.calibration import FILE
from sqz_hw.fixed_point import FixedPoint

TIMING = "timing is not established: the clock of 100 MHz is assumed"
WITHIN = "every resource is within the part's budget, by its upper bound"
BUDGET = {"LUT": 53200, "FF": 106400, "DSP": 220, "BRAM18": 280}
FULL = {"LUT": Range(1, 2, 3), "FF": Range(1, 2, 3), "DSP": Range(0, 10, 220), "BRAM18": Range(5, 6, 280)}
CALIBRATION = json.loads(FILE.read_text())
PREDICTS = ("csynth", "vivado")


def placed(design: Design, multiplier: Multiplier, storage: str = "srl") -> Design:
    """All products and all FIFOs in one place."""
    return with_decisions(
        design,
        Decisions(
            multipliers={layer.name: multiplier for layer, _ in design.convolutions},
            fifo_storage={stream.name: storage for stream in design.streams},
        ),
    )


def one_conv(weight_bits: int, activation_bits: int, rf: int, part: str = "xc7z020") -> Design:
    """One 3x3 convolution of 4 channels to 8: 288 products."""
    net = Net(6, 6, 4)
    net.conv(net.input, 8, 3, rf=rf, name="conv")
    design = with_weight_bits(net.design(), {"conv": weight_bits})
    pixel = FixedPoint(activation_bits, 0, False)
    streams = tuple(replace(s, type=pixel) if s.source is None else s for s in design.streams)
    return replace(design, streams=streams, part=part)


@st.composite
def folded(draw: st.DrawFn) -> Design:
    design = fire_design(draw(st.sampled_from([4, 12])), draw(st.sampled_from(["none", "simple", "complex"])))
    factors = {
        layer.name: draw(st.sampled_from(legal_reuse_factors(conv.n_in, conv.n_out)))
        for layer, conv in design.convolutions
    }
    design = with_depths(design, {s.name: draw(st.sampled_from([2, 20, 300])) for s in design.streams})
    design = with_reuse_factors(design, factors)
    backend = draw(st.sampled_from(["Vitis", "Vivado"]))
    return replace(design, backend=backend, part=draw(st.sampled_from(["xc7z020", "xczu9eg"])))


decided = st.tuples(
    folded(), st.sampled_from(["auto", "dsp", "lut"]), st.sampled_from(["auto", "srl", "bram"])
)


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "part", "slices"),
    [
        (2, 2, "xc7z020", 1),
        (6, 6, "xc7z020", 1),
        (18, 25, "xc7z020", 1),
        (25, 18, "xc7z020", 1),
        (26, 6, "xc7z020", 2),  # 26 bits are two pieces of 25 and 18
        (26, 6, "xczu9eg", 1),  # a DSP48E2 takes 27
        (28, 6, "xczu9eg", 2),
        (19, 19, "xc7z020", 2),
        (32, 32, "xc7z020", 4),
    ],
)
@pytest.mark.parametrize("rf", [2, 12, 36, 288])
def test_dsps_of_products_placed_there_by_construction(weight_bits, activation_bits, part, slices, rf):
    design = placed(one_conv(weight_bits, activation_bits, rf, part), "dsp")
    for predicts in PREDICTS:
        found = estimate_resources(design, predicts=predicts).totals["DSP"]
        assert found == Range.exactly(-(-288 // rf) * slices)


def test_weights_that_are_constants_may_need_no_multiplier():
    """With a reuse factor of 1 there is no ROM: products with 0 or a power of two are wires."""
    assert estimate_resources(placed(one_conv(6, 6, 1), "dsp")).totals["DSP"] == Range(0, 288, 288)


@settings(max_examples=30, deadline=None)
@given(folded(), st.sampled_from(PREDICTS))
def test_products_in_luts_take_no_dsps_and_more_luts(design, predicts):
    in_luts, in_dsps = (
        estimate_resources(placed(design, m), predicts=predicts).totals for m in ("lut", "dsp")
    )
    assert in_luts["DSP"] == Range.exactly(0)
    assert in_luts["LUT"].expected > in_dsps["LUT"].expected
    assert in_luts["FF"] == in_dsps["FF"]
    assert in_luts["BRAM18"] == in_dsps["BRAM18"]
    assert in_dsps["DSP"].high == sum(conv.multipliers for _, conv in design.convolutions)


@settings(max_examples=40, deadline=None)
@given(decided, st.sampled_from(PREDICTS))
def test_parts_add_up_to_layers_and_layers_to_the_design(decisions, predicts):
    design = placed(*decisions)
    estimate = estimate_resources(design, predicts=predicts)
    assert estimate.predicts == predicts
    assert [layer.name for layer in estimate.layers] == [layer.name for layer in design.layers]
    assert tuple(estimate.totals) == RESOURCES
    for layer in estimate.layers:
        for name in RESOURCES:
            parts = [amounts[name] for amounts in layer.parts.values() if amounts.get(name) is not None]
            assert layer.totals[name] == sum(parts, Range.exactly(0)), f"{name} of {layer.name}"
    for name in RESOURCES:
        summed = sum(layer.totals[name].expected for layer in estimate.layers)
        rounding = 2 * len(estimate.layers) if predicts == "vivado" and name in ("LUT", "FF") else 0
        assert abs(estimate.totals[name].expected - summed) <= rounding
        assert 0 <= estimate.totals[name].low <= summed + rounding
    assert estimate == estimate_resources(design, memory_map(design), predicts)


@settings(max_examples=30, deadline=None)
@given(decided)
def test_vivado_is_csynth_by_the_median_ratio_and_the_memory_map(decisions):
    design = placed(*decisions)
    layers = estimate_resources(design, predicts="csynth").layers
    csynth, vivado = (estimate_resources(design, predicts=p).totals for p in PREDICTS)
    for name in ("LUT", "FF"):
        ratio = CALIBRATION["post_synthesis"]["resource"][name]
        assert vivado[name].expected == round(csynth[name].expected / ratio["median"])
        error = CALIBRATION["totals"][name]
        assert csynth[name].low == math.floor(csynth[name].expected * error["low"])
        one_errs = max(
            layer.totals[name].high + sum(other.totals[name].low for other in layers if other is not layer)
            for layer in layers
        )
        assert csynth[name].high == max(math.ceil(csynth[name].expected * error["high"]), one_errs)
    assert vivado["DSP"] == csynth["DSP"]
    assert vivado["BRAM18"] == memory_map(design).bram18
    assert estimate_resources(design).predicts == "vivado"


@settings(max_examples=30, deadline=None)
@given(decided)
def test_no_layer_may_need_more_than_the_whole(decisions):
    """One layer may err by the most, whatever designs of many layers do."""
    design = placed(*decisions)
    for predicts in PREDICTS:
        found = estimate_resources(design, predicts=predicts)
        for name in ("LUT", "FF"):
            certain = sum(layer.totals[name].low for layer in found.layers)
            widest = max(layer.totals[name].high - layer.totals[name].low for layer in found.layers)
            assert found.totals[name].high >= certain + widest


def test_a_layer_has_its_weights_and_line_buffer():
    net = Net(20, 20, 16)
    net.conv(net.relu(net.input, "relu"), 64, 3, rf=144, name="conv1")
    relu, layer = estimate_resources(placed(net.design(), "dsp")).layers
    assert relu.totals["BRAM18"] == relu.totals["DSP"] == Range(0, 0, 0)
    assert layer.parts["weights"]["BRAM18"] == Range(3, 11, 11)
    assert layer.parts["line_buffer"]["BRAM18"] == Range(0, 0, 6)
    assert layer.totals["BRAM18"] == Range(3, 11, 11 + 6)
    assert layer.parts["logic"]["DSP"] == layer.totals["DSP"] == Range.exactly(64)


def test_a_fifo_counts_with_the_layer_that_writes_it():
    design = with_depths(fire_design(12), {s.name: 512 for s in fire_design(12).streams})
    shift, block = (estimate_resources(placed(design, "dsp", s)) for s in ("srl", "bram"))
    blocks = {
        m.name: m.bram18
        for m in memory_map(placed(design, "dsp", "bram")).memories
        if m.kind is MemoryKind.FIFO
    }
    for layer, in_shift, in_block in zip(design.layers, shift.layers, block.layers, strict=True):
        written = [blocks[name] for name in layer.outputs if name in blocks]
        assert in_block.parts.get("fifo", {}).get("BRAM18", Range.exactly(0)) == sum(
            written, Range.exactly(0)
        )
        assert "BRAM18" not in in_shift.parts["fifo"] or in_shift.parts["fifo"]["BRAM18"] == Range.exactly(0)
        inner = [design.stream(name) for name in layer.outputs if design.stream(name).sink is not None]
        assert (in_shift.parts["fifo"]["LUT"].expected > 0) == bool(inner)
    assert block.totals["BRAM18"].expected > shift.totals["BRAM18"].expected
    assert shift.totals["LUT"].expected > block.totals["LUT"].expected


def grows(less: Design, more: Design, names: tuple[str, ...] = ("LUT", "FF", "DSP")) -> None:
    for predicts in PREDICTS:
        few, many = (estimate_resources(design, predicts=predicts).totals for design in (less, more))
        for name in names:
            assert few[name].expected <= many[name].expected, f"{predicts} {name}"


@settings(max_examples=30, deadline=None)
@given(folded(), st.sampled_from(["dsp", "lut"]), st.integers(2, 15), st.integers(1, 6))
def test_more_weight_bits_take_no_less(design, multiplier, bits, more):
    names = [layer.name for layer, _ in design.convolutions]
    narrow, wide = (with_weight_bits(design, dict.fromkeys(names, b)) for b in (bits, bits + more))
    grows(placed(narrow, multiplier), placed(wide, multiplier))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.sampled_from(["dsp", "lut"]), st.sampled_from([1, 3]))
def test_more_channels_take_no_less(channels, times, multiplier, kernel):
    def network(filters: int) -> Design:
        net = Net(6, 6, 3)
        net.conv(net.relu(net.conv(net.input, filters, kernel, rf=3)), 2 * filters, rf=1)
        return placed(net.design(), multiplier)

    grows(network(channels), network(channels * times))


@settings(max_examples=30, deadline=None)
@given(folded(), st.sampled_from(["dsp", "lut"]), st.data())
def test_more_multipliers_take_no_less(design, multiplier, data):
    layer, conv = data.draw(st.sampled_from(design.convolutions))
    factors = legal_reuse_factors(conv.n_in, conv.n_out)
    few, many = sorted((data.draw(st.sampled_from(factors)) for _ in range(2)), reverse=True)
    less, more = (with_decisions(design, Decisions({layer.name: rf})) for rf in (few, many))
    grows(placed(less, multiplier), placed(more, multiplier))


def test_a_design_of_zeros_needs_no_multiplier():
    design = one_conv(6, 6, 12)
    (layer,) = design.layers
    zeros = replace(
        layer, conv=replace(layer.conv, weights=np.zeros_like(layer.conv.weights), multiplier="dsp")
    )
    assert estimate_resources(replace(design, layers=(zeros,))).totals["DSP"] == Range.exactly(0)


def test_a_backend_without_a_tool_is_refused():
    with pytest.raises(
        BadInputError, match="csynth is predicted for the backends Vitis and Vivado, not for 'Quartus'"
    ):
        estimate_resources(replace(fire_design(), backend="Quartus"))


def test_all_within_is_yes_and_still_speaks_of_timing():
    assert verdict(FULL, BUDGET, 100.0).fits == "yes"
    assert verdict(FULL, BUDGET, 100.0).reasons == (WITHIN, TIMING)


def test_a_low_bound_above_the_budget_is_no():
    found = verdict({**FULL, "LUT": None, "DSP": Range(221, 300, 400)}, BUDGET, 142.86)
    assert found.fits == "no"
    assert found.reasons == (
        "DSP: at least 221 needed, the part has 220",
        "LUT is not estimated yet",
        "timing is not established: the clock of 142.86 MHz is assumed",
    )


def test_a_high_bound_above_the_budget_is_unsure():
    found = verdict({**FULL, "LUT": Range(1_000, 53_200, 60_000)}, BUDGET, 100.0)
    assert found.fits == "unsure"
    assert found.reasons == (
        "LUT: 1,000 to 60,000 needed, 53,200 expected, the part has 53,200",
        TIMING,
    )


def test_what_is_over_comes_before_what_may_be():
    found = verdict({**FULL, "LUT": Range(1, 1, 10**6), "FF": Range(10**6, 10**6, 10**6)}, BUDGET, 100.0)
    assert found.fits == "no"
    assert [reason.partition(":")[0] for reason in found.reasons[:2]] == ["FF", "LUT"]


def test_nothing_estimated_is_unsure():
    found = verdict({}, BUDGET, 100.0)
    assert found.fits == "unsure"
    assert found.reasons[0] == "LUT and FF and DSP and BRAM18 are not estimated yet"


def test_a_resource_without_a_budget_is_refused():
    with pytest.raises(
        BadInputError, match="must name LUT, FF, DSP, BRAM18, and BRAM18 is missing; add its amount"
    ):
        verdict(FULL, {"LUT": 1, "FF": 1, "DSP": 1}, 100.0)


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3).map(sorted), min_size=4, max_size=4),
    st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
def test_the_verdict_by_definition(ranges, limits):
    totals = {name: Range(*three) for name, three in zip(RESOURCES, ranges, strict=True)}
    found = verdict(totals, dict(zip(RESOURCES, limits, strict=True)), 100.0)
    if any(low > limit for (low, _, _), limit in zip(ranges, limits, strict=True)):
        assert found.fits == "no"
    elif all(high <= limit for (_, _, high), limit in zip(ranges, limits, strict=True)):
        assert found.fits == "yes"
    else:
        assert found.fits == "unsure"
    assert found.reasons[-1] == TIMING
    assert len(found.reasons) >= 2
