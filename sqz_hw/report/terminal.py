"""The report for a terminal: a rich renderable that reads the report dict and prints nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from sqz_hw.report import wording
from sqz_hw.report.figures import BudgetBar, budget_bars
from sqz_hw.report.timeline import limits

COLOURS = {"ok": "green", "tight": "yellow", "over": "red", "unknown": "bright_black"}
TOLD_LIMITS = 2
"""Sentences on what limits the speed; the files have all of them."""
VERDICTS = {"yes": "bold green", "unsure": "bold yellow", "no": "bold red"}


class UseBar:
    """Low, expected and high use as three shades, with a mark at the budget."""

    def __init__(self, bar: BudgetBar) -> None:
        self.bar = bar

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(8, options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ascii_only = options.ascii_only or options.legacy_windows
        low, expected, high, rest = "#=-." if ascii_only else "█▓░·"
        width = max(2, options.max_width) - 1
        ends = [round(width * end / 100) for end in (self.bar.low, self.bar.expected, self.bar.high)]
        if self.bar.expected > 0:
            ends[1] = max(1, ends[1])
        shades = (low * ends[0]).ljust(ends[1], expected).ljust(ends[2], high).ljust(width, rest)
        mark = round(width * self.bar.mark / 100)
        cells = f"{shades[:mark]}|{shades[mark:]}"
        yield Segment(cells, Style.parse(COLOURS[self.bar.state]))


def summary(report: Mapping[str, Any]) -> RenderableType:
    """The whole report in some thirty lines.

    Args:
        report: a dict that ``validate`` accepts.
    """
    report = wording.readable(report)
    parts: list[RenderableType] = [
        _line("model", wording.model(report)),
        *(_line("", text) for text in (wording.shipped(report),) if text is not None),
        _line("part", f"{report['part']['name']} ({report['part']['full_name']})"),
        _verification(report),
        _line("", wording.accuracy(report)),
    ]
    if report["verification"]["not_compared"]:
        left_out = ", ".join(row["name"] for row in report["verification"]["not_compared"])
        parts.append(_line("", f"not compared: {left_out}"))
    if "accumulators" in report:
        parts.append(_line("types", wording.accumulators(report)))
    for column in report["resources"]:
        parts += [Text(""), _resources(report, column)]
    parts.append(Text(""))
    parts += [_line("speed", wording.latency(column)) for column in report["latency"]]
    parts += [_line("", sentence) for sentence in limits(report)[:TOLD_LIMITS]]
    if not report["latency"]:
        parts.append(_line("speed", wording.NOT_ESTIMATED))
    parts += [_line("memory", wording.memory(report)), Text(""), *_verdict(report)]
    return Group(*parts)


def _line(head: str, text: str, style: str = "") -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=12, style="bold", no_wrap=True)
    grid.add_column(style=style, overflow="fold")
    grid.add_row(Text(head), Text(text))
    return grid


def _verification(report: Mapping[str, Any]) -> Table:
    style = {True: "green", False: "bold red", None: "yellow"}[report["verification"]["bit_exact"]]
    return _line("verification", wording.verification(report), style)


def _resources(report: Mapping[str, Any], column: Mapping[str, Any]) -> Table:
    table = Table(
        title=Text(f"resources: {wording.column_title(column)}", style="bold"),
        title_justify="left",
        box=None,
        padding=(0, 1),
        pad_edge=False,
        expand=True,
    )
    table.add_column("", style="bold", no_wrap=True)
    for head in ("low", "expected", "high", "high/low", "budget", "use"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", ratio=1, min_width=8)
    for bar in budget_bars(report, column):
        if bar.span is None:
            table.add_row(
                bar.name, "", "-", "", "", wording.count(bar.budget), "-", Text(wording.NOT_ESTIMATED)
            )
            continue
        ends = [wording.count(bar.span[end]) for end in ("low", "expected", "high")]
        use = Text(wording.percent(bar.span["expected"], bar.budget), COLOURS[bar.state])
        ends.append(wording.ratio(bar.span))
        table.add_row(bar.name, *ends, wording.count(bar.budget), use, UseBar(bar))
    return table


def _verdict(report: Mapping[str, Any]) -> list[RenderableType]:
    lines: list[RenderableType] = [
        _line("verdict", wording.verdict(report), VERDICTS[report["verdict"]["fits"]])
    ]
    return lines + [_line("", f"- {reason}") for reason in wording.reasons(report)]
