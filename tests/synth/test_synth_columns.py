"""From reports to the columns of the report: the whole way, and which module is which layer."""

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from synth_project import FIRMWARE, MODULES, NESTED, design, fake_tool, write_project, write_reports
from vendor_reports import cosim_rpt, csynth_xml, timing, utilization

from sqz_hw.errors import ToolError
from sqz_hw.estimate.ranges import Range
from sqz_hw.report.content import LatencyColumn, ResourceColumn
from sqz_hw.report.validate import schema
from sqz_hw.synth.columns import Measured, measured_columns
from sqz_hw.synth.layers import firmware_calls, layer_modules
from sqz_hw.synth.run import run_synthesis
from sqz_hw.synth.tools import find_tool

if TYPE_CHECKING:
    from conftest import Project


def _build(root: Path, *, cosim: bool = False, vivado: bool = False) -> Path:
    write_project(root)
    (root / "hls").rename(root / "synth")
    write_reports(root / "synth", cosim=cosim, vivado=vivado)
    return root


def test_nothing_synthesised_is_nothing_measured(tmp_path: Path) -> None:
    assert measured_columns(tmp_path, design()) == Measured()
    write_project(tmp_path)
    (tmp_path / "hls").rename(tmp_path / "synth")
    assert measured_columns(tmp_path, design()) == Measured()


def test_c_synthesis_alone(tmp_path: Path) -> None:
    measured = measured_columns(_build(tmp_path), design())
    (resources,) = measured.resources
    assert (resources.kind, resources.predicts, resources.tool) == ("csynth", None, "Vitis HLS 2024.1")
    assert resources.totals == {
        "LUT": Range(11875, 11875, 11875),
        "FF": Range(3097, 3097, 3097),
        "DSP": Range(370, 370, 370),
        "BRAM18": Range(3, 3, 3),
        "BRAM36": Range(2, 2, 2),
        "URAM": Range(0, 0, 0),
    }
    assert [row.name for row in resources.layers] == [layer.name for layer in design().layers]
    assert [row.totals["LUT"] for row in resources.layers] == [Range(n, n, n) for n in range(1, 6)]
    (latency,) = measured.latency
    assert (latency.kind, latency.clock_mhz, latency.clock_status) == ("csynth", 100.0, "assumed")
    assert (latency.latency_cycles, latency.interval_cycles) == (1000, 500)
    assert (latency.bottleneck, latency.fps) == ("add", 200_000.0)
    assert [row.cycles for row in latency.layers] == [90, 180, 270, 360, 450]
    assert measured.notes == ()


def test_all_three_reports_side_by_side(tmp_path: Path) -> None:
    measured = measured_columns(_build(tmp_path, cosim=True, vivado=True), design())
    assert [column.kind for column in measured.resources] == ["csynth", "vivado"]
    vivado = measured.resources[1]
    assert (vivado.tool, vivado.layers) == ("Vivado 2024.1, after synthesis", ())
    assert {name: amount and amount.expected for name, amount in vivado.totals.items()} == {
        "LUT": 35992, "FF": 38984, "DSP": 212, "BRAM18": 139, "BRAM36": 70, "URAM": 0,
    }  # fmt: skip
    assert [column.kind for column in measured.latency] == ["csynth", "cosim"]
    assert (measured.latency[1].latency_cycles, measured.latency[1].interval_cycles) == (190, 102)
    assert {column.clock_status for column in measured.latency} == {"met"}
    assert measured.notes == (
        "the clock of 10 ns is met after synthesis in Vivado 2024.1: worst slack 2.587 ns, wires not routed",
    )


def _as_json(column: ResourceColumn | LatencyColumn) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(column)))
    for row, part in ((plain, column), *zip(plain["layers"], column.layers, strict=True)):
        for name in getattr(part, "_optional", ()):
            if row[name] is None:
                del row[name]  # as the report leaves it out
    if isinstance(column, LatencyColumn):
        plain |= {"latency_us": column.latency_us, "fps": column.fps}
    return plain


def test_the_reports_schema_takes_the_columns(tmp_path: Path) -> None:
    measured = measured_columns(_build(tmp_path, cosim=True, vivado=True), design())
    for name, columns in (("resource_column", measured.resources), ("latency_column", measured.latency)):
        validator = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema()["$defs"]})
        for column in columns:
            assert [error.message for error in validator.iter_errors(_as_json(column))] == []
    for column in measured.resources:
        for amount in column.totals.values():
            assert amount is not None
            assert amount.low == amount.expected == amount.high


def test_a_clock_that_is_missed_stays_assumed(tmp_path: Path) -> None:
    _build(tmp_path, vivado=True)
    report = tmp_path / "synth" / "vivado_timing.rpt"
    report.write_text(timing(wns="-1.250", sentence="Timing constraints are not met."))
    measured = measured_columns(tmp_path, design())
    assert measured.latency[0].clock_status == "assumed"
    assert measured.notes == (
        "the clock of 10 ns is not met after synthesis in Vivado 2024.1: worst slack -1.25 ns, wires not routed",
    )
    report.write_text(timing(wns="NA", period=None))
    assert measured_columns(tmp_path, design()).notes == (
        "Vivado 2024.1 after synthesis gives no slack: no clock was constrained",
    )


def test_routing_is_trusted_more_than_synthesis(tmp_path: Path) -> None:
    _build(tmp_path, vivado=True)
    routed = tmp_path / "synth/myproject_prj/solution1/impl/verilog/report"
    routed.mkdir(parents=True)
    (routed / "myproject_utilization_routed.rpt").write_text(utilization(state="Routed", lut=30000))
    (routed / "myproject_timing_routed.rpt").write_text(timing(state="Routed", wns="0.100"))
    (routed / "bd_0_utilization_placed.rpt").write_text(utilization(design="bd_0", lut=1))
    measured = measured_columns(tmp_path, design())
    assert measured.resources[1].tool == "Vivado 2024.1, after routing"
    assert measured.resources[1].totals["LUT"] == Range(30000, 30000, 30000)
    assert measured.latency[0].clock_status == "met"
    assert measured.notes == (
        "bd_0_utilization_placed.rpt is of bd_0, not of myproject; it was left out",
        "the clock of 10 ns is met after routing in Vivado 2024.1: worst slack 0.1 ns",
    )


@pytest.mark.parametrize(
    ("design_mhz", "target", "mhz"),
    [(100.0, "10.00", 100.0), (300.0, "3.33", 300.0), (100.0, "5.00", 200.0), (150.0, "-", 150.0)],
)
def test_the_clock_is_the_one_asked_of_the_tool(
    tmp_path: Path, design_mhz: float, target: str, mhz: float
) -> None:
    _build(tmp_path)
    top = tmp_path / "synth/myproject_prj/solution1/syn/report/myproject_csynth.xml"
    top.write_text(csynth_xml(target=target))
    (latency,) = measured_columns(tmp_path, design(design_mhz)).latency
    assert latency.clock_mhz == mhz


def test_cycles_that_the_tool_does_not_know_are_left_out_and_said(tmp_path: Path) -> None:
    _build(tmp_path, cosim=True)
    top = tmp_path / "synth/myproject_prj/solution1/syn/report/myproject_csynth.xml"
    top.write_text(csynth_xml(latency=("undef", "undef"), interval=("undef", "undef")))
    cosim = tmp_path / "synth/myproject_prj/solution1/sim/report/myproject_cosim.rpt"
    cosim.write_text(cosim_rpt(interval=("NA", "NA", "NA")))
    measured = measured_columns(tmp_path, design())
    assert measured.latency == ()
    assert measured.notes == (
        "csynth gives no latency: the column was left out",
        "cosim gives no interval: the column was left out",
    )
    cosim.write_text(cosim_rpt(status="Fail"))
    assert measured_columns(tmp_path, design()).notes[1] == "co-simulation failed: its cycles were left out"


@pytest.mark.parametrize(
    "name",
    [
        f"myproject_prj/solution1/syn/report/{NESTED[0]}_csynth.xml",
        "myproject_prj/solution1/sim/report/myproject_cosim.rpt",
        "vivado_synth.rpt",
        "vivado_timing.rpt",
        "firmware/myproject.cpp",
    ],
)
def test_a_damaged_report_is_named(tmp_path: Path, name: str) -> None:
    _build(tmp_path, cosim=True, vivado=True)
    path = tmp_path / "synth" / name
    path.write_bytes(b"\x00\xff" * 10)
    with pytest.raises(ToolError, match=re.escape(f"the report {path} ")):
        measured_columns(tmp_path, design())


def test_from_the_tool_to_the_columns(tmp_path: Path) -> None:
    write_project(tmp_path / "build")
    fake_tool(tmp_path / "bin", "vitis-run", vivado=True)
    write_reports(tmp_path / "bin" / "reports", cosim=True, vivado=True)
    tool = find_tool("Vitis", {"PATH": str(tmp_path / "bin")})
    run_synthesis(tmp_path / "build", tool, cosim=True, on_line=lambda line: None)
    measured = measured_columns(tmp_path / "build", design())
    assert (len(measured.resources), len(measured.latency)) == (2, 2)


def test_modules_of_a_config_are_not_taken_for_the_layer(tmp_path: Path) -> None:
    path = tmp_path / "myproject.cpp"
    path.write_text(FIRMWARE)
    found = layer_modules(design(), firmware_calls(path), [*NESTED, *MODULES])
    assert found == {layer: module for module, layer in MODULES.items()}
    assert list(found) == [layer.name for layer in design().layers]


def test_a_module_that_two_calls_share_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "myproject.cpp"
    path.write_text(
        FIRMWARE.replace("relu<layer3_t, layer4_t, relu_config4>", "clone_stream<layer3_t, layer4_t, 32>")
    )
    assert set(layer_modules(design(), firmware_calls(path), MODULES)) == {"conv1_pad", "conv1", "add"}


def test_layers_without_a_module_are_said(tmp_path: Path) -> None:
    _build(tmp_path)
    for module in list(MODULES)[1:3]:
        (tmp_path / f"synth/myproject_prj/solution1/syn/report/{module}_csynth.xml").unlink()
    assert measured_columns(tmp_path, design()).notes == (
        "C synthesis: 2 layers have no module to themselves in its reports: conv1, relu_conv1",
    )


def test_every_layer_of_a_real_project_is_found(project: "Project") -> None:
    """Against the layers' names that hls4ml writes beside its calls, with modules named as HLS does."""
    from sqz_hw.design import Design

    firmware = project.folder / "hls" / "firmware" / "myproject.cpp"
    lines = re.findall(r"nnet::(\w+)<(.*)>\((.*)\); // (\w+)$", firmware.read_text(), re.MULTILINE)
    expected = {}
    for function, types, _, layer in lines:
        expected[layer] = f"{function}_array_array_ap_fixed_8u_{types.split(', ')[-1]}_s"
    of_one = {
        layer: module for layer, module in expected.items() if list(expected.values()).count(module) == 1
    }
    built = Design.from_json((project.folder / "csim" / "design.json").read_text())
    found = layer_modules(built, firmware_calls(firmware), [*set(expected.values()), *NESTED])
    assert dict(found) == of_one
    assert {layer.name for layer in built.layers if layer.op.value != "clone"} <= set(found)
