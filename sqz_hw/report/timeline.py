"""The pipeline as a timeline and what limits its speed, from the report dict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqz_hw.report.figures import Segment, layered_latency
from sqz_hw.report.wording import percent, plural

STEADY = ("busy", "starved", "blocked")
NEAR = 0.9
"""Layers with this share of the slowest one's cycles are as good as it."""
MINOR = 0.05
"""Layers below this share of the slowest one's cycles are drawn apart, unless they hold a window."""
TEXT_COLUMNS = 48


@dataclass(frozen=True)
class TimelineRow:
    """One layer.

    Attributes:
        name: the layer.
        cycles: it is busy with an image.
        start, width: its bar in percent: first to last cycle of the first image over its latency
            where they are known, else its cycles over the slowest one's, from 0.
        slowest: whether it has the most cycles of all.
        minor: whether it neither computes nor takes much time.
        times: "cycle 12 to 3,456" where known, else "".
        steady: busy, starved and blocked in a steady interval, in percent of it; empty where not known.
    """

    name: str
    cycles: int
    start: float
    width: float
    slowest: bool
    minor: bool
    times: str
    steady: tuple[Segment, ...]


@dataclass(frozen=True)
class Timeline:
    """The rows of the most trusted latency column that knows when its layers work, else their cycles.

    Attributes:
        kind: the column's; "" where there is none.
        timed: whether rows have first and last cycles.
        rows: in dataflow order.
        cycles: what the figure's width stands for.
    """

    kind: str
    timed: bool
    rows: tuple[TimelineRow, ...]
    cycles: int


def timeline(report: Mapping[str, Any]) -> Timeline:
    """The pipeline's timeline; without rows where no column knows its layers."""
    column = layered_latency(report)
    if column is None:
        return Timeline("", False, (), 0)
    layers = column["layers"]
    top = max(row["cycles"] for row in layers) or 1
    timed = any("last" in row and "first" in row for row in layers)
    scale = max(row.get("last", 0) for row in layers) or 1 if timed else top
    working = {row["name"] for row in report.get("network", ()) if row["kernel"] > 0}
    rows = []
    for row in layers:
        first, last = (row.get("first", 0), row.get("last", 0)) if timed else (0, row["cycles"])
        minor = bool(working) and row["name"] not in working and row["cycles"] < MINOR * top
        times = f"cycle {first:,} to {last:,}" if timed and "last" in row else ""
        start, width = round(100 * first / scale, 3), round(100 * max(0, last - first) / scale, 3)
        rows.append(
            TimelineRow(
                row["name"], row["cycles"], start, width, row["cycles"] == top, minor, times, _steady(row)
            )
        )
    return Timeline(column["kind"], timed, tuple(rows), scale)


def _steady(row: Mapping[str, Any]) -> tuple[Segment, ...]:
    if any(name not in row for name in STEADY):
        return ()
    total = sum(row[name] for name in STEADY) or 1
    segments, start = [], 0
    for name in STEADY:
        share, place = round(100 * row[name] / total, 3), round(100 * start / total, 3)
        segments.append(Segment(name, name, place, share, row[name]))
        start += row[name]
    return tuple(segments)


def text_bar(row: TimelineRow) -> str:
    """The row's bar in characters: ``.....#####....``."""
    begin = min(TEXT_COLUMNS - 1, int(TEXT_COLUMNS * row.start / 100))
    length = max(1, round(TEXT_COLUMNS * row.width / 100))
    return ("." * begin + "#" * length)[:TEXT_COLUMNS].ljust(TEXT_COLUMNS, ".")


def limits(report: Mapping[str, Any]) -> list[str]:
    """What limits the speed, in sentences: bottleneck, next slowest, use of the multipliers."""
    column = layered_latency(report)
    if column is None:
        return []
    network = {row["name"]: row for row in report.get("network", ())}
    by_cycles = sorted(column["layers"], key=lambda row: -row["cycles"])
    slowest = next((row for row in by_cycles if row["name"] == column["bottleneck"]), by_cycles[0])
    rest = [row for row in by_cycles if row is not slowest]
    found = [_bottleneck(slowest, network.get(slowest["name"]))]
    if rest:
        near = sum(row["cycles"] >= NEAR * slowest["cycles"] for row in rest)
        found.append(
            f"next slowest: {rest[0]['name']} with {plural(rest[0]['cycles'], 'cycle')} "
            f"({percent(rest[0]['cycles'], slowest['cycles'])} of it); "
            f"{plural(near, 'other layer')} within 10 %"
        )
    if all(name in slowest for name in STEADY):
        total = sum(slowest[name] for name in STEADY)
        found.append(
            f"in a steady interval {slowest['name']} is busy {percent(slowest['busy'], total)}, waits for "
            f"input {percent(slowest['starved'], total)} and for room {percent(slowest['blocked'], total)}"
        )
    return found + _multipliers(column, network)


def _bottleneck(slowest: Mapping[str, Any], layer: Mapping[str, Any] | None) -> str:
    text = f"bottleneck: {slowest['name']}, {plural(slowest['cycles'], 'cycle')} an image"
    if layer is None or layer["reuse_factor"] is None:
        return text
    return (
        f"{text}, with reuse factor {layer['reuse_factor']:,} "
        f"({plural(layer['multipliers'], 'multiplier')} side by side)"
    )


def _multipliers(column: Mapping[str, Any], network: Mapping[str, Mapping[str, Any]]) -> list[str]:
    multipliers = sum(row["multipliers"] or 0 for row in network.values())
    if not multipliers:
        return []
    slots = multipliers * column["interval_cycles"]
    macs = sum(row["macs"] for row in network.values())
    nonzero = sum(row["nonzero_macs"] for row in network.values())
    return [
        f"multipliers: {multipliers:,} in all; {percent(macs, slots)} of their cycles do a multiplication, "
        f"{percent(nonzero, slots)} one with a weight that is not zero"
    ]
