"""Reads Vivado's ``report_timing_summary`` (UG906): does the design meet its clock?"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from sqz_hw.synth.report_file import damaged, decimal, read_report
from sqz_hw.synth.vivado import Heading, parse_heading

MET = "All user specified timing constraints are met."
_SUMMARY = re.compile(r"^ *WNS\(ns\) +TNS\(ns\)[^\n]*\n[ -]+\n([^\n]*)$", re.MULTILINE)
_CLOCKS = re.compile(r"^Clock +Waveform\(ns\) +Period\(ns\)[^\n]*\n[ -]+\n((?:[^\n]+\n)*)", re.MULTILINE)
_CLOCK = re.compile(r"^ *(\S{1,200}) +\{[^}\n]*\} +(\S{1,30}) +\S")
COLUMNS = 12
"""WNS, TNS, failing and total endpoints; the same for hold; the same for pulse width."""
SLACK_NS = 0.0055
"""Periods are printed with two or three decimals; a difference below this is rounding."""


@dataclass(frozen=True)
class TimingSummary:
    """The timing of a design.

    Attributes:
        heading: what this is a report of.
        wns_ns: worst slack of setup in ns; None where nothing is constrained.
        whs_ns: worst slack of hold in ns.
        all_met: Vivado says that all constraints are met.
        periods_ns: period of each clock by name.
    """

    heading: Heading
    wns_ns: float | None
    whs_ns: float | None
    all_met: bool
    periods_ns: dict[str, float]

    def meets(self, period_ns: float) -> bool:
        """True if it is shown that the design runs at that clock period.

        Before routing only setup is judged: hold is mended by the router (UG906).
        """
        constrained = any(period <= period_ns + SLACK_NS for period in self.periods_ns.values())
        if not constrained or self.wns_ns is None or self.wns_ns < 0:
            return False
        return self.all_met if self.heading.routed else True


def parse_timing(path: Path) -> TimingSummary:
    """The report.

    Raises:
        ToolError: it is missing, damaged or of an unknown version.
    """
    text = read_report(path)
    heading = parse_heading(path, text)
    if heading.state is None and path.stem.endswith("_routed"):
        heading = replace(heading, state="Routed")  # before 2022 the heading does not say
    found = _SUMMARY.search(text)
    if found is None:
        raise damaged(path, "has no Design Timing Summary")
    cells = found[1].split()
    if len(cells) != COLUMNS:
        raise damaged(path, f"has {len(cells)} numbers in its Design Timing Summary, not {COLUMNS}")
    clocks = _CLOCKS.search(text)
    periods = {}
    for line in "" if clocks is None else clocks[1].splitlines():
        clock = _CLOCK.match(line)
        period = None if clock is None else decimal(path, f"the period of {clock[1]}", clock[2])
        if clock is not None and period is not None:
            periods[clock[1]] = period
    return TimingSummary(
        heading=heading,
        wns_ns=decimal(path, "WNS", cells[0]),
        whs_ns=decimal(path, "WHS", cells[4]),
        all_met=MET in text,
        periods_ns=periods,
    )
