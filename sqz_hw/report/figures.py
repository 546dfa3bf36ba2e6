"""The geometry of the figures and the merged layer table, from the report dict.

Positions and widths are percent of a figure's width, rounded so that the same report draws the
same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqz_hw.report.content import RESOURCES

State = Literal["ok", "tight", "over", "unknown"]


@dataclass(frozen=True)
class BudgetBar:
    """Use of one resource against the part's budget.

    Attributes:
        name: LUT, FF, ...
        span: low, expected, high; None where it is not estimated.
        budget: what the part holds.
        state: ``over`` where more is expected than the part holds, ``tight`` where the high end is.
        low, expected, high, mark: positions of the three ends and of the budget.
    """

    name: str
    span: Mapping[str, float] | None
    budget: int
    state: State
    low: float
    expected: float
    high: float
    mark: float


@dataclass(frozen=True)
class Segment:
    """One stretch of a bar: what it stands for, where, how wide, and its bits."""

    label: str
    css: str
    start: float
    width: float
    bits: int


@dataclass(frozen=True)
class MemoryMap:
    """Weights, line buffers, FIFOs and what is free; ``mark`` is the budget's position."""

    segments: tuple[Segment, ...]
    mark: float
    over_bits: int


@dataclass(frozen=True)
class LayerMemoryBar:
    """On-chip memory of one layer; widths against the largest."""

    name: str
    bits: int
    segments: tuple[Segment, ...]


def budget_bars(report: Mapping[str, Any], column: Mapping[str, Any]) -> list[BudgetBar]:
    """A bar for each resource that the part has or the design uses."""
    bars = []
    for name in RESOURCES:
        span, budget = column["totals"][name], report["part"]["budget"][name]
        if budget == 0 and (span is None or span["high"] == 0):
            continue
        if span is None:
            bars.append(BudgetBar(name, None, budget, "unknown", 0, 0, 0, 100))
            continue
        scale = max(budget, span["high"]) or 1
        state: State = "over" if span["expected"] > budget else "tight" if span["high"] > budget else "ok"
        low, expected, high = (_share(span[end], scale) for end in ("low", "expected", "high"))
        bars.append(BudgetBar(name, span, budget, state, low, expected, high, _share(budget, scale)))
    return bars


def memory_map(report: Mapping[str, Any]) -> MemoryMap:
    """The memory by what it holds, drawn to the larger of use and budget."""
    m = report["memory"]
    scale = max(m["total_bits"], m["budget_bits"]) or 1
    free = m["budget_bits"] - m["total_bits"]
    held = [*_held(m), ("free", "free", max(0, free))]
    return MemoryMap(_segments(held, scale), _share(m["budget_bits"], scale), max(0, -free))


def layer_memory(report: Mapping[str, Any]) -> list[LayerMemoryBar]:
    """A bar for each layer that holds memory."""
    rows = [(row["name"], _held(row)) for row in report["memory"]["layers"]]
    totals = [sum(amount for _, _, amount in held) for _, held in rows]
    scale = max(totals, default=0) or 1
    return [
        LayerMemoryBar(name, total, _segments(held, scale))
        for (name, held), total in zip(rows, totals, strict=True)
        if total
    ]


def most_trusted_with_layers(columns: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The last column that has layer rows, or None."""
    return next((column for column in reversed(columns) if column["layers"]), None)


def layered_latency(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """The most trusted latency column that knows when its layers work, else which knows their cycles."""
    columns = report["latency"]
    timed = [column for column in columns if any("first" in row for row in column["layers"])]
    return most_trusted_with_layers(timed) or most_trusted_with_layers(columns)


def layer_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each section knows of each layer, in the order in which the names first appear.

    Returns:
        rows of name, cycles, memory (the row of ``memory.layers``), totals (of the most trusted
        resource column with layers), compared (the row of ``verification.layers``); None where
        a section does not name the layer.
    """
    latency = layered_latency(report)
    resources = most_trusted_with_layers(report["resources"])
    cycles = {row["name"]: row["cycles"] for row in (latency or {"layers": []})["layers"]}
    totals = {row["name"]: row["totals"] for row in (resources or {"layers": []})["layers"]}
    memory = {row["name"]: row for row in report["memory"]["layers"]}
    compared = {row["name"]: row for row in report["verification"]["layers"]}
    names = dict.fromkeys([*cycles, *memory, *totals, *compared])
    return [
        {
            "name": name,
            "cycles": cycles.get(name),
            "memory": memory.get(name),
            "totals": totals.get(name),
            "compared": compared.get(name),
        }
        for name in names
    ]


def _held(row: Mapping[str, int]) -> list[tuple[str, str, int]]:
    return [
        ("weights", "weights", row["weights_bits"]),
        ("line buffers", "lines", row["line_buffer_bits"]),
        ("FIFOs", "fifos", row["fifo_bits"]),
    ]


def _segments(held: list[tuple[str, str, int]], scale: float) -> tuple[Segment, ...]:
    segments, start = [], 0
    for label, css, amount in held:
        segments.append(Segment(label, css, _share(start, scale), _share(amount, scale), amount))
        start += amount
    return tuple(segments)


def _share(amount: float, scale: float) -> float:
    return round(100 * amount / scale, 3)
