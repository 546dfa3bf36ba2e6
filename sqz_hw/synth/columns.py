"""From the vendor's reports to the columns of ``report.json``, measurement beside estimate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqz_hw.design import Design
from sqz_hw.estimate.layer_resources import LayerResources
from sqz_hw.estimate.ranges import Range
from sqz_hw.report.content import ClockStatus, LatencyColumn, LayerCycles, ResourceColumn
from sqz_hw.synth.cosim import parse_cosim
from sqz_hw.synth.csynth import CsynthReport, ModuleReport, read_csynth
from sqz_hw.synth.layers import firmware_calls, layer_modules
from sqz_hw.synth.run import FOLDER
from sqz_hw.synth.solution import Solution, open_solution
from sqz_hw.synth.timing import TimingSummary, parse_timing
from sqz_hw.synth.vivado import Utilization, parse_utilization

PERIOD_ROUNDING_NS = 0.0055
"""HLS reports print a clock period with two decimals."""


@dataclass(frozen=True)
class Measured:
    """What the vendor's tools measured.

    Attributes:
        resources: columns, the more trusted last.
        latency: columns, the more trusted last.
        notes: one line for each thing that the columns do not say: what was left out, and why; what
            shows that the clock is met.
    """

    resources: tuple[ResourceColumn, ...] = ()
    latency: tuple[LatencyColumn, ...] = ()
    notes: tuple[str, ...] = ()


def measured_columns(project: Path, design: Design) -> Measured:
    """Read every report under ``project/synth``.

    Args:
        project: folder of a build.
        design: the design that was synthesised.

    Returns:
        its columns; none if nothing was synthesised.

    Raises:
        ToolError: a report is damaged.
        BadInputError: ``synth`` is there and is no project.
    """
    if not (project / FOLDER).is_dir():
        return Measured()
    solution = open_solution(project / FOLDER)
    notes: list[str] = []
    csynth = read_csynth(solution)
    utilization = _utilization(solution, notes)
    period = _period_ns(design, csynth)
    status = _clock_status(solution, period, notes)
    resources: list[ResourceColumn] = []
    latency: list[LatencyColumn | None] = []
    if csynth is not None:
        modules = _modules_by_layer(solution, design, csynth, notes)
        resources.append(_csynth_resources(csynth.top, modules))
        latency.append(_csynth_latency(csynth.top, modules, _mhz(design, period), status, notes))
    if utilization is not None:
        resources.append(_vivado_resources(utilization))
    if solution.cosim_report.is_file():
        latency.append(_cosim_latency(solution, _mhz(design, period), status, notes))
    return Measured(tuple(resources), tuple(column for column in latency if column is not None), tuple(notes))


def exactly(value: int | None) -> Range | None:
    """A measured count as the report's range: low, expected and high are the same."""
    return None if value is None else Range.exactly(value)


def _period_ns(design: Design, csynth: CsynthReport | None) -> float:
    """The clock period asked of the tool: as the report has it, else the design's."""
    asked = 1000.0 / design.clock_mhz
    given = None if csynth is None else csynth.top.target_ns
    return asked if not given or abs(given - asked) <= PERIOD_ROUNDING_NS else given


def _mhz(design: Design, period_ns: float) -> float:
    asked = 1000.0 / design.clock_mhz
    return design.clock_mhz if period_ns == asked else round(1000.0 / period_ns, 3)


def _utilization(solution: Solution, notes: list[str]) -> Utilization | None:
    """The report of the design nearest to the chip."""
    found = []
    for path in solution.utilization_reports:
        report = parse_utilization(path)
        if report.heading.design == solution.top:
            found.append(report)
        else:
            notes.append(f"{path.name} is of {report.heading.design}, not of {solution.top}; it was left out")
    return max(found, key=lambda report: report.heading.rank, default=None)


def _clock_status(solution: Solution, period_ns: float, notes: list[str]) -> ClockStatus:
    reports = [
        report
        for report in (parse_timing(path) for path in solution.timing_reports)
        if report.heading.design == solution.top
    ]
    timing = max(reports, key=lambda report: report.heading.rank, default=None)
    if timing is None:
        return "assumed"
    met = timing.meets(period_ns)
    notes.append(_timing_note(timing, period_ns, met))
    return "met" if met else "assumed"


def _timing_note(timing: TimingSummary, period_ns: float, met: bool) -> str:
    stage, version = timing.heading.stage, timing.heading.version
    if timing.wns_ns is None or not timing.periods_ns:
        return f"Vivado {version} {stage} gives no slack: no clock was constrained"
    kept = f"the clock of {period_ns:g} ns is {'met' if met else 'not met'}"
    wires = "" if timing.heading.routed else ", wires not routed"
    return f"{kept} {stage} in Vivado {version}: worst slack {timing.wns_ns:g} ns{wires}"


def _modules_by_layer(
    solution: Solution, design: Design, csynth: CsynthReport, notes: list[str]
) -> Mapping[str, ModuleReport]:
    calls = firmware_calls(solution.folder / "firmware" / f"{solution.top}.cpp")
    names = layer_modules(design, calls, csynth.modules)
    without = [layer.name for layer in design.layers if layer.name not in names]
    if without:
        shown = ", ".join(without[:4]) + (", ..." if len(without) > 4 else "")
        notes.append(
            f"C synthesis: {len(without)} layers have no module to themselves in its reports: {shown}"
        )
    return {layer: csynth.modules[name] for layer, name in names.items()}


def _csynth_resources(top: ModuleReport, modules: Mapping[str, ModuleReport]) -> ResourceColumn:
    """C synthesis counts block RAM of 18 kbit; a FIFO counts with the top, not with a layer."""
    return ResourceColumn(
        kind="csynth",
        predicts=None,
        tool=f"{top.tool} {top.version}",
        totals=_amounts(top),
        layers=tuple(LayerResources(layer, _amounts(module)) for layer, module in modules.items()),
    )


def _amounts(module: ModuleReport) -> dict[str, Range | None]:
    amounts = dict(module.resources)
    blocks = amounts.get("BRAM18")
    amounts["BRAM36"] = None if blocks is None else -(-blocks // 2)
    return {name: exactly(amount) for name, amount in amounts.items()}


def _vivado_resources(report: Utilization) -> ResourceColumn:
    totals = {
        "LUT": report.lut,
        "FF": report.ff,
        "DSP": report.dsp,
        "BRAM18": report.bram18,
        "BRAM36": -(-report.bram18 // 2),
        "URAM": report.uram,
    }
    return ResourceColumn(
        kind="vivado",
        predicts=None,
        tool=f"Vivado {report.heading.version}, {report.heading.stage}",
        totals={name: exactly(amount) for name, amount in totals.items()},
    )


def _csynth_latency(
    top: ModuleReport, modules: Mapping[str, ModuleReport], mhz: float, status: ClockStatus, notes: list[str]
) -> LatencyColumn | None:
    """Worst case. A layer is busy for its interval; the slowest sets that of the whole."""
    busy = {layer: m.interval_max or m.latency_max for layer, m in modules.items()}
    layers = tuple(LayerCycles(layer, cycles) for layer, cycles in busy.items() if cycles is not None)
    slowest = max(layers, key=lambda row: row.cycles, default=None)
    return _latency(
        "csynth",
        (top.latency_max, top.interval_max),
        mhz,
        status,
        notes,
        bottleneck=None if slowest is None else slowest.name,
        layers=layers,
    )


def _cosim_latency(
    solution: Solution, mhz: float, status: ClockStatus, notes: list[str]
) -> LatencyColumn | None:
    report = parse_cosim(solution.cosim_report, solution.transactions)
    if not report.passed:
        notes.append("co-simulation failed: its cycles were left out")
        return None
    return _latency("cosim", (report.latency_max, report.interval_max), mhz, status, notes)


def _latency(
    kind: Literal["csynth", "cosim"],
    cycles: tuple[int | None, int | None],
    mhz: float,
    status: ClockStatus,
    notes: list[str],
    *,
    bottleneck: str | None = None,
    layers: tuple[LayerCycles, ...] = (),
) -> LatencyColumn | None:
    latency, interval = cycles
    if latency is None or not interval:
        missing = "latency" if latency is None else "interval"
        notes.append(f"{kind} gives no {missing}: the column was left out")
        return None
    return LatencyColumn(kind, mhz, status, latency, interval, bottleneck, layers)
