"""Reads ``<module>_csynth.rpt``, the text form, of Vivado HLS 2018 to Vitis HLS 2024."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqz_hw.synth.csynth import NEEDED, RESOURCES, ModuleReport
from sqz_hw.synth.report_file import damaged, nanoseconds, read_report, release, rows, whole

_TITLE = re.compile(r"^== (Vivado HLS|Vitis HLS) Report for '([^'\n]{1,300})'\s*$", re.MULTILINE)
_VERSION = re.compile(r"^\* Version: +(\S[^\n]{0,200})$", re.MULTILINE)
_DEVICE = re.compile(r"^\* Target device: +(\S{1,80})\s*$", re.MULTILINE)
_LATENCY = re.compile(r"^\+ Latency\b", re.MULTILINE)
_TIMING = re.compile(r"^\+ Timing\b", re.MULTILINE)
_UTILIZATION = re.compile(r"^== Utilization Estimates", re.MULTILINE)
_END = re.compile(r"^ *\+ [A-Z]|^== ", re.MULTILINE)


def parse_text(path: Path) -> ModuleReport:
    """One module's report.

    Raises:
        ToolError: it is missing, damaged, of an unknown version, or lacks a figure.
    """
    text = read_report(path)
    title, version, device = (
        _match(path, pattern, text, what)
        for pattern, what in ((_TITLE, "title"), (_VERSION, "version"), (_DEVICE, "target device"))
    )
    clock = _timing(path, _section(path, text, _TIMING, "timing"))
    cycles = _latency(path, _section(path, text, _LATENCY, "latency"))
    used, available = _utilization(path, _section(path, text, _UTILIZATION, "utilization"))
    return ModuleReport(
        name=title[2],
        tool=title[1],
        version=release(path, version[1]),
        part=device[1],
        target_ns=clock[0],
        estimated_ns=clock[1],
        latency_min=cycles[0],
        latency_max=cycles[1],
        interval_min=cycles[2],
        interval_max=cycles[3],
        resources=used,
        available=available,
    )


def _match(path: Path, pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    found = pattern.search(text)
    if found is None:
        raise damaged(path, f"has no {what}")
    return found


def _section(path: Path, text: str, opening: re.Pattern[str], what: str) -> list[list[str]]:
    """The rows of the summary table that follows an opening line."""
    began = _match(path, opening, text, f"section on {what}").end()
    ended = _END.search(text, began)
    return list(rows(path, text[began : ended.start() if ended else len(text)]))


def _timing(path: Path, table: Sequence[list[str]]) -> tuple[float | None, float | None]:
    for cells in table:
        if len(cells) == 4 and cells[0] != "Clock":
            return (
                nanoseconds(path, "the target clock", cells[1]),
                nanoseconds(path, "the estimated clock", cells[2]),
            )
    raise damaged(path, "has no row for the clock under Timing")


def _latency(path: Path, table: Sequence[list[str]]) -> tuple[int | None, ...]:
    """Latency and interval, min and max.

    A row has five cells, or seven in newer tools, which put times in ns between the two.
    """
    for cells in table:
        if len(cells) in (5, 7) and cells[0] not in ("min", "") and not cells[0].startswith("Latency"):
            interval = len(cells) - 3
            names = ("latency min", "latency max", "interval min", "interval max")
            chosen = (*cells[:2], *cells[interval : interval + 2])
            return tuple(whole(path, name, cell) for name, cell in zip(names, chosen, strict=True))
    raise damaged(path, "has no row of cycles under Latency")


def _utilization(
    path: Path, table: Sequence[list[str]]
) -> tuple[Mapping[str, int | None], Mapping[str, int | None]]:
    header: list[str] = []
    found: dict[str, Mapping[str, int | None]] = {}
    for cells in table:
        if cells[0] == "Name":
            header = cells
        elif cells[0] in ("Total", "Available"):
            if len(cells) != len(header):
                raise damaged(
                    path, f"has {len(cells)} cells under {cells[0]}, and {len(header)} in the heading"
                )
            found[cells[0]] = {
                RESOURCES[name]: whole(path, f"{name} {cells[0].lower()}", cell)
                for name, cell in zip(header, cells, strict=True)
                if name in RESOURCES
            }
    used = found.get("Total", {})
    for name in NEEDED:
        if name not in used:
            raise damaged(path, f"has no {name} in the row Total of the utilization")
    return used, found.get("Available", {})
