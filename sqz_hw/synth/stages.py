"""Recognises how far the vendor's tool is from the lines that it prints."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEPS = {
    "C SIMULATION": "C simulation",
    "C/RTL SYNTHESIS": "C synthesis",
    "C/RTL SIMULATION": "C/RTL co-simulation",
    "C/RTL VALIDATION": "C/RTL validation",
    "EXPORT IP": "IP export",
    "VIVADO SYNTHESIS": "Vivado synthesis",
}
_BANNER = re.compile(r"\*{5} ([A-Z/ ]{1,40}?)(?: COMPLETED IN (\d{1,6})h(\d{1,6})m(\d{1,6})s)? \*{5}")
_PHASES = (
    ("Starting C synthesis", "C synthesis"),
    ("Running: csynth_design", "C synthesis"),
    ("Running: csim_design", "C simulation"),
    ("Running: cosim_design", "C/RTL co-simulation"),
    ("Running synthesis", "synthesis"),
    ("Starting code transformations", "code transformations"),
    ("Starting hardware synthesis", "hardware synthesis"),
    ("Starting scheduling", "scheduling"),
    ("Starting RTL generation", "RTL generation"),
    ("Finished creating RTL model", "RTL generation"),
    ("Generating Verilog RTL", "RTL generation"),
    ("C/RTL SYNTHESIS COMPLETED", "C synthesis"),
    ("Starting synth_design", "Vivado: synth_design"),
    ("Start RTL Component Statistics", "Vivado: RTL elaborated"),
    ("Start Timing Optimization", "Vivado: timing optimization"),
    ("Start Technology Mapping", "Vivado: technology mapping"),
    ("Start IO Insertion", "Vivado: IO insertion"),
    ("Starting Logic Optimization Task", "Vivado: opt_design"),
    ("report_timing_summary", "Vivado: timing"),
)
_MODULE = re.compile(r"-- (?:Implementing|Generating RTL for) module '([^']{1,200})'")
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3})(?:\.\d{1,6})? ?%")
_ERROR = re.compile(r"\s*(?:ERROR|FATAL_ERROR|FATAL)\b[:\s]", re.IGNORECASE)


@dataclass(frozen=True)
class Stage:
    """Where the tool is.

    Attributes:
        title: what it does.
        done: true where the line says that this is finished.
        seconds: how long it took where the line says so, else None.
        module: the module being worked on, or None.
        percent: 0 to 100 where the line gives a share, else None.
    """

    title: str
    done: bool = False
    seconds: int | None = None
    module: str | None = None
    percent: int | None = None


def stage_of(line: str) -> Stage | None:
    """What stage a line of output announces, or None for all other lines.

    The banners between asterisks are hls4ml's (``build_prj.tcl``); the rest is Vivado HLS's, Vitis
    HLS's and Vivado's own wording.
    """
    banner = _BANNER.search(line)
    if banner is not None and banner[1].strip():
        title = _STEPS.get(banner[1], banner[1].strip().lower())
        if banner[2] is None:
            return Stage(title)
        return Stage(title, True, 3600 * int(banner[2]) + 60 * int(banner[3]) + int(banner[4]))
    module = _MODULE.search(line)
    if module is not None:
        doing = "RTL generation" if "Generating RTL" in line else "hardware synthesis"
        return Stage(doing, module=module[1])
    for words, title in _PHASES:
        if words in line:
            return Stage(title, "COMPLETED" in line or "Finished" in line, percent=_percent(line))
    return None


def is_error(line: str) -> bool:
    """True for a line by which the tool reports an error (``ERROR: [HLS 200-70] ...``)."""
    return _ERROR.match(line) is not None


def _percent(line: str) -> int | None:
    found = _PERCENT.search(line)
    return int(found[1]) if found is not None and int(found[1]) <= 100 else None
