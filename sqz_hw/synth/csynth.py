"""C synthesis reports of Vivado HLS and Vitis HLS: what a module needs and how long it takes.

The XML is read where it is there, else the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqz_hw.synth.solution import Solution

RESOURCES: Mapping[str, str] = {
    "BRAM_18K": "BRAM18",
    "DSP": "DSP",
    "DSP48E": "DSP",
    "FF": "FF",
    "LUT": "LUT",
    "URAM": "URAM",
}
"""The tools' names and ours. Vivado HLS says DSP48E, Vitis HLS says DSP."""
NEEDED = ("BRAM18", "DSP", "FF", "LUT")
"""Every report has these; URAM is missing where the part or the tool knows none."""
SUFFIX = "_csynth"


@dataclass(frozen=True)
class ModuleReport:
    """One module's C synthesis report. None stands where the tool has no number.

    Attributes:
        name: the module.
        tool: ``Vivado HLS`` or ``Vitis HLS``.
        version: its release.
        part: the part's full name.
        target_ns, estimated_ns: the clock period asked for, and the tool's estimate of it.
        latency_min, latency_max: clock cycles from start to done, best and worst case.
        interval_min, interval_max: clock cycles from start to start.
        resources: BRAM18, DSP, FF, LUT and URAM that it needs, submodules included.
        available: what the part has.
    """

    name: str
    tool: str
    version: str
    part: str
    target_ns: float | None
    estimated_ns: float | None
    latency_min: int | None
    latency_max: int | None
    interval_min: int | None
    interval_max: int | None
    resources: Mapping[str, int | None]
    available: Mapping[str, int | None]


@dataclass(frozen=True)
class CsynthReport:
    """C synthesis of a design.

    Attributes:
        top: the top function.
        modules: the other modules by name; a module's resources are in those of the one above it too.
    """

    top: ModuleReport
    modules: Mapping[str, ModuleReport] = field(default_factory=dict)


def read_csynth(solution: Solution) -> CsynthReport | None:
    """All C synthesis reports of a project; None if it has none.

    Raises:
        ToolError: a report is damaged.
    """
    from sqz_hw.synth.csynth_text import parse_text
    from sqz_hw.synth.csynth_xml import parse_xml

    folder = solution.csynth_folder
    names = sorted(
        {p.name.removesuffix(p.suffix) for p in folder.glob(f"*{SUFFIX}.*") if p.suffix in (".xml", ".rpt")}
    )
    found = {}
    for name in names:
        xml = folder / f"{name}.xml"
        report = parse_xml(xml) if xml.is_file() else parse_text(folder / f"{name}.rpt")
        found[name.removesuffix(SUFFIX)] = report
    top = found.pop(solution.top, None)
    return None if top is None else CsynthReport(top, found)
