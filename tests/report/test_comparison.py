"""Estimates beside measurements."""

import copy

import pytest

from sqz_hw.report.comparison import deviations, layer_deviations


@pytest.fixture
def rich(variants):
    return copy.deepcopy(variants["rich"].to_dict())


def test_each_tool_is_held_against_what_predicts_it(rich):
    found = {(row.tool, row.what): row for row in deviations(rich)}
    csynth = found["csynth, Vitis HLS 2023.2", "LUT"]
    assert (csynth.estimated["expected"], csynth.measured, csynth.percent) == (66_000, 60_000, 10.0)
    assert csynth.inside is True
    vivado = found["vivado, Vivado 2023.2", "LUT"]
    assert (vivado.estimated["expected"], vivado.measured, vivado.percent) == (30_000, 24_000, 25.0)
    assert (found["vivado, Vivado 2023.2", "DSP"].percent, found["vivado, Vivado 2023.2", "DSP"].inside) == (
        None,
        True,
    )


def test_cycles_have_no_interval(rich):
    interval = rich["latency"][0]["interval_cycles"]
    row = next(row for row in deviations(rich) if row.what == "interval, cycles")
    assert (row.measured, row.tool, row.inside) == (interval + 100, "cosim", None)
    assert row.percent == round(-100 * 100 / (interval + 100), 1)


def test_a_value_outside_is_said_to_be(rich):
    rich["resources"][3]["totals"]["LUT"] = dict.fromkeys(("low", "expected", "high"), 60_001)
    row = next(r for r in deviations(rich) if r.tool.startswith("vivado") and r.what == "LUT")
    assert row.inside is False


def test_yosys_is_held_against_the_estimate_of_vivado(rich):
    rich["resources"][3]["kind"] = "yosys"
    row = next(r for r in deviations(rich) if r.tool.startswith("yosys") and r.what == "LUT")
    assert row.estimated["expected"] == 30_000


def test_nothing_measured_or_nothing_estimated(variants, rich):
    assert deviations(variants["bare"].to_dict()) == []
    rich["resources"], rich["latency"] = rich["resources"][2:], rich["latency"][1:]
    assert deviations(rich) == []


def test_layers_side_by_side(rich):
    rich["latency"][1]["kind"] = "csynth"
    cycles = {row["name"]: row["cycles"] for row in rich["latency"][0]["layers"]}
    rich["latency"][1]["layers"] = [{"name": "conv1", "cycles": 100}, {"name": "elsewhere", "cycles": 5}]
    found = [
        (row.layer, row.what, row.estimated["expected"], row.measured, row.percent)
        for row in layer_deviations(rich)
    ]
    assert found == [
        ("conv1", "LUT", 328, 400, -18.0),
        ("conv1", "cycles", cycles["conv1"], 100, float(cycles["conv1"] - 100)),
    ]
