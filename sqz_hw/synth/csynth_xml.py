"""Reads ``<module>_csynth.xml`` (root ``profile``), as Vivado HLS and Vitis HLS write it.

A report has no document type. One that has is refused by expat's own hook, before an entity can be
declared, so none is ever expanded; that is all of defusedxml that this needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from sqz_hw.synth.csynth import NEEDED, RESOURCES, ModuleReport
from sqz_hw.synth.report_file import damaged, nanoseconds, read_bytes, release, whole

DEEPEST = 64
"""Elements within elements; reports have about six, one more for each loop in a loop."""


def parse_xml(path: Path) -> ModuleReport:
    """One module's report.

    Raises:
        ToolError: it is missing, damaged, of an unknown version, has a document type, or lacks a figure.
    """
    root = _tree(path)
    if root.tag != "profile":
        raise damaged(path, f"must be a 'profile', not {root.tag[:40]!r}")
    area = _child(path, root, "AreaEstimates")
    used = _amounts(path, _child(path, area, "Resources"))
    for name in NEEDED:
        if name not in used:
            raise damaged(path, f"has no {name} under AreaEstimates/Resources")
    available = area.find("AvailableResources")
    latency = "PerformanceEstimates/SummaryOfOverallLatency"
    target = nanoseconds(path, "the target clock", _text(path, root, "UserAssignments/TargetClockPeriod"))
    estimated = "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"
    resources = _child(path, area, "Resources")
    return ModuleReport(
        name=_text(path, root, "UserAssignments/TopModelName"),
        tool="Vitis HLS" if resources.find("DSP48E") is None else "Vivado HLS",
        version=release(path, _text(path, root, "ReportVersion/Version")),
        part=_text(path, root, "UserAssignments/Part"),
        target_ns=target,
        estimated_ns=nanoseconds(path, "the estimated clock", _text(path, root, estimated)),
        latency_min=_whole(path, root, f"{latency}/Best-caseLatency"),
        latency_max=_whole(path, root, f"{latency}/Worst-caseLatency"),
        interval_min=_whole(path, root, f"{latency}/Interval-min"),
        interval_max=_whole(path, root, f"{latency}/Interval-max"),
        resources=used,
        available={} if available is None else _amounts(path, available),
    )


def _tree(path: Path) -> Element:
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise damaged(path, f"nests elements deeper than {DEEPEST}")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise damaged(path, "declares a document type, which no report does; it was not read")

    parser = expat.ParserCreate(encoding="UTF-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(read_bytes(path), True)
    except expat.ExpatError as error:
        raise damaged(path, f"is no whole XML ({error})") from error
    return builder.close()


def _child(path: Path, node: Element, name: str) -> Element:
    child = node.find(name)
    if child is None:
        raise damaged(path, f"has no {name}")
    return child


def _text(path: Path, root: Element, name: str) -> str:
    return (_child(path, root, name).text or "").strip()


def _whole(path: Path, root: Element, name: str) -> int | None:
    return whole(path, name.rsplit("/", 1)[-1], _text(path, root, name))


def _amounts(path: Path, node: Element) -> Mapping[str, int | None]:
    return {
        RESOURCES[child.tag]: whole(path, child.tag, child.text or "")
        for child in node
        if child.tag in RESOURCES
    }
