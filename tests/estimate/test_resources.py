import numpy as np
import pytest
from designs import Net, fire_design

from sqz_hw.design import ConvParameters, Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.memory import memory_map
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.resources import dsp_range, dsps_per_product, estimate_resources, verdict
from sqz_hw.fixed_point import FixedPoint

TIMING = "timing is not established: the clock of 100 MHz is assumed"
BUDGET = {"LUT": 53200, "FF": 106400, "DSP": 220, "BRAM18": 280}
FULL = {"LUT": Range(1, 2, 3), "FF": Range(1, 2, 3), "DSP": Range(0, 10, 220), "BRAM18": Range(5, 6, 280)}


def conv(weight_bits: int, rf: int, weights: int = 3) -> ConvParameters:
    type_ = FixedPoint(weight_bits, 1, True)
    return ConvParameters(
        np.full((3, 3, 4, 8), weights, np.int64),
        np.zeros(8, np.int64),
        type_,
        type_,
        FixedPoint(30, 10, True),
        rf,
    )


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "rf", "expected"),
    [
        (6, 6, 36, Range(0, 8, 8)),
        (10, 10, 12, Range(0, 24, 24)),
        (6, 16, 36, Range(8, 8, 8)),
        (11, 6, 36, Range(8, 8, 8)),
        (4, 16, 36, Range(0, 8, 8)),
        (16, 16, 288, Range(1, 1, 1)),
        (32, 32, 36, Range(8, 32, 32)),
    ],
)
def test_dsps_by_operand_widths(weight_bits, activation_bits, rf, expected):
    assert dsp_range(conv(weight_bits, rf), activation_bits) == expected


def test_constant_weights_need_a_multiplier_only_where_they_are_no_power_of_two():
    assert dsp_range(conv(6, 1, 3), 16) == Range(0, 288, 288)
    assert dsp_range(conv(6, 1, 4), 16) == Range(0, 0, 288)
    assert dsp_range(conv(6, 1, 0), 16) == Range(0, 0, 288)
    assert dsp_range(conv(6, 1, -3), 16) == Range(0, 288, 288)


@pytest.mark.parametrize(
    ("a", "b", "expected"), [(18, 25, 1), (25, 18, 1), (18, 26, 2), (19, 19, 2), (32, 32, 4), (8, 8, 1)]
)
def test_wide_products_take_several_dsps(a, b, expected):
    assert dsps_per_product(a, b) == expected


def estimated() -> tuple[Design, dict[str, Range | None]]:
    design = fire_design(12)
    return design, dict(estimate_resources(design).totals)


def test_totals_are_the_layers_dsps_and_the_memory_maps_blocks():
    design, totals = estimated()
    estimate = estimate_resources(design)
    assert [layer.name for layer in estimate.layers] == [layer.name for layer in design.layers]
    high = sum(layer.totals["DSP"].high for layer in estimate.layers)
    assert totals["DSP"].high == high == sum(c.multipliers for _, c in design.convolutions)
    assert totals["BRAM18"] == memory_map(design).bram18
    assert totals["LUT"] is totals["FF"] is None
    assert estimate == estimate_resources(design, memory_map(design))


def test_a_layer_has_its_weights_and_line_buffer():
    net = Net(20, 20, 16)
    net.conv(net.relu(net.input, "relu"), 64, 3, rf=144, name="conv1")
    relu, layer = estimate_resources(net.design()).layers
    assert relu.totals["BRAM18"] == relu.totals["DSP"] == Range(0, 0, 0)
    assert layer.totals["BRAM18"] == Range(3, 11, 11 + 6)
    assert layer.totals["DSP"] == Range(0, 64, 64)


def test_a_first_estimate_is_never_sure():
    _, totals = estimated()
    found = verdict(totals, {**BUDGET, "DSP": 10**6, "BRAM18": 10**6}, 100.0)
    assert found.fits == "unsure"
    assert found.reasons == ("LUT and FF are not estimated yet", TIMING)


def test_all_within_is_yes_and_still_speaks_of_timing():
    assert verdict(FULL, BUDGET, 100.0).fits == "yes"
    assert verdict(FULL, BUDGET, 100.0).reasons == (TIMING,)


def test_a_low_bound_above_the_budget_is_no():
    found = verdict({**FULL, "LUT": None, "DSP": Range(221, 300, 400)}, BUDGET, 142.86)
    assert found.fits == "no"
    assert found.reasons == (
        "DSP: at least 221 needed, the part has 220",
        "LUT is not estimated yet",
        "timing is not established: the clock of 142.86 MHz is assumed",
    )


def test_a_high_bound_above_the_budget_is_unsure():
    found = verdict({**FULL, "BRAM18": Range(280, 280, 281)}, BUDGET, 100.0)
    assert found.fits == "unsure"
    assert found.reasons == ("BRAM18: 280 to 281 needed, the part has 280", TIMING)


def test_nothing_estimated_is_unsure():
    found = verdict({}, BUDGET, 100.0)
    assert found.fits == "unsure"
    assert found.reasons[0] == "LUT and FF and DSP and BRAM18 are not estimated yet"


def test_a_resource_without_a_budget_is_refused():
    with pytest.raises(
        BadInputError, match="must name LUT, FF, DSP, BRAM18, and BRAM18 is missing; add its amount"
    ):
        verdict(FULL, {"LUT": 1, "FF": 1, "DSP": 1}, 100.0)
