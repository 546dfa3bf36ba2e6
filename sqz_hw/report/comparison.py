"""Estimates beside measurements, with the deviation, from the report dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqz_hw.report.content import RESOURCES

PREDICTED_BY = {"csynth": "csynth", "vivado": "vivado", "yosys": "vivado"}
"""Which estimate is held against a measured column, by its kind."""
FIGURES = ("latency_cycles", "interval_cycles")


@dataclass(frozen=True)
class Deviation:
    """One figure, estimated and measured.

    Attributes:
        what: LUT, ..., latency cycles.
        layer: of one layer, or "" for the whole design.
        estimated: low, expected and high; all equal where the estimate has no interval.
        measured: what the tool says.
        tool: who measured.
        percent: (expected - measured) / measured in percent, None where nothing was measured to be there.
        inside: whether the measured value is within low and high, None where there is no interval.
    """

    what: str
    layer: str
    estimated: Mapping[str, float]
    measured: float
    tool: str
    percent: float | None
    inside: bool | None


def deviations(report: Mapping[str, Any]) -> list[Deviation]:
    """Every figure of the whole design that is both estimated and measured: resources, then cycles."""
    found: list[Deviation] = []
    for estimate, measured in _pairs(report):
        found += _compared("", estimate["totals"], measured["totals"], _tool(measured))
    estimates = [column for column in report["latency"] if column["kind"] == "estimate"]
    for measured in report["latency"] if estimates else ():
        if measured["kind"] != "estimate":
            for name in FIGURES:
                said, value = estimates[-1][name], measured[name]
                words = name.replace("_", ", ")
                found.append(_exact(words, "", said, value, measured["kind"]))
    return found


def layer_deviations(report: Mapping[str, Any]) -> list[Deviation]:
    """Every figure of a layer that is both estimated and measured, in the measured columns' order."""
    found: list[Deviation] = []
    for estimate, measured in _pairs(report):
        said = {row["name"]: row["totals"] for row in estimate["layers"]}
        for row in measured["layers"]:
            found += _compared(row["name"], said.get(row["name"], {}), row["totals"], _tool(measured))
    estimates = [c for c in report["latency"] if c["kind"] == "estimate" and c["layers"]]
    for measured in report["latency"] if estimates else ():
        if measured["kind"] != "estimate":
            cycles = {row["name"]: row["cycles"] for row in estimates[-1]["layers"]}
            found += [
                _exact("cycles", row["name"], cycles[row["name"]], row["cycles"], measured["kind"])
                for row in measured["layers"]
                if row["name"] in cycles
            ]
    return found


def _pairs(report: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each measured column with the estimate that predicts it."""
    for measured in report["resources"]:
        predicts = PREDICTED_BY.get(measured["kind"])
        for estimate in report["resources"]:
            if predicts is not None and estimate["kind"] == "estimate" and estimate["predicts"] == predicts:
                yield estimate, measured
                break


def _compared(
    layer: str, estimated: Mapping[str, Any], measured: Mapping[str, Any], tool: str
) -> Iterator[Deviation]:
    for name in RESOURCES:
        said, seen = estimated.get(name), measured.get(name)
        if said is not None and seen is not None and (said["high"] or seen["expected"]):
            value = seen["expected"]
            inside = said["low"] <= value <= said["high"]
            yield Deviation(name, layer, said, value, tool, _off(said["expected"], value), inside)


def _exact(what: str, layer: str, said: float, value: float, tool: str) -> Deviation:
    span = dict.fromkeys(("low", "expected", "high"), said)
    return Deviation(what, layer, span, value, tool, _off(said, value), None)


def _tool(column: Mapping[str, Any]) -> str:
    return f"{column['kind']}, {column['tool']}"


def _off(expected: float, measured: float) -> float | None:
    return None if measured == 0 else round(100 * (expected - measured) / measured, 1)
