"""Timing is a promise only a tool can make: while none has met the clock, a report says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TIMING_OPENING = "timing is not established"
TIMING_NOTE = f"{TIMING_OPENING} while the clock is assumed"


def clock_is_assumed(report: Mapping[str, Any]) -> bool:
    """True while no latency column of the report has a clock that a tool has shown to be met."""
    return all(column["clock_status"] != "met" for column in report["latency"])


def speaks_of_timing(report: Mapping[str, Any]) -> bool:
    """True if one of the verdict's reasons opens as TIMING_NOTE does."""
    return any(reason.startswith(TIMING_OPENING) for reason in report["verdict"]["reasons"])
