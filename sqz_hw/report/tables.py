"""Rows of the views' tables that take more than a lookup, from the report dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqz_hw.estimate.layer_resources import PURPOSES
from sqz_hw.report import wording
from sqz_hw.report.content import RESOURCES
from sqz_hw.report.figures import Segment

PURPOSE_NAMES = {
    "weights": ("weights", "weights"),
    "line_buffer": ("line buffers", "lines"),
    "window": ("windows", "window"),
    "fifo": ("FIFOs", "fifos"),
    "logic": ("logic", "logic"),
}
"""A purpose's words and its style in figures."""
LEAST_DEPTH = 2


@dataclass(frozen=True)
class EngineRow:
    """One engine beside the hardware; accuracies in percent, None where not measured."""

    engine: str
    agreement: str
    top1: float | None
    top5: float | None


@dataclass(frozen=True)
class Agreement:
    """Every engine, and the one whose accuracy speaks for the hardware."""

    rows: tuple[EngineRow, ...]
    best: EngineRow | None


@dataclass(frozen=True)
class PurposeTable:
    """One resource by what it is for.

    Attributes:
        resource: LUT, FF, ...
        title: who says so.
        segments: a strip of expected amounts over all layers; ``bits`` counts the resource.
        heads: the columns after the layer.
        rows: layer, then a text for each column.
    """

    resource: str
    title: str
    segments: tuple[Segment, ...]
    heads: list[str]
    rows: tuple[tuple[str, list[str]], ...]


def agreement(report: Mapping[str, Any]) -> Agreement:
    """Float, QKeras, golden model and C-simulation: do they agree, and how accurate is each.

    No row where nothing was compared and no accuracy is known.
    """
    v = report["verification"]
    measured: Mapping[str, Any] = v.get("accuracy") or {}
    hardware = list(v["compared"])
    names = [n for n in sorted(measured) if n not in hardware]
    if v["float_agreement_top1"] is not None and "float" not in names:
        names.insert(0, "float")
    rows = []
    for name in [*names, *hardware]:
        found = measured.get(name, {"top1": None, "top5": None})
        rows.append(EngineRow(name, _agrees(v, name, hardware), found["top1"], found["top5"]))
    known = [row for row in rows if row.top1 is not None]
    of_hardware = [row for row in known if row.engine in hardware]
    speaking = of_hardware or known
    return Agreement(tuple(rows), speaking[-1] if speaking else None)


def _agrees(v: Mapping[str, Any], name: str, hardware: list[str]) -> str:
    if name in hardware:
        if v["bit_exact"] is None:
            return "-"
        return "every value the same" if v["bit_exact"] else "values differ"
    if name == "float" and v["float_agreement_top1"] is not None:
        return f"same top class on {v['float_agreement_top1']:.1f} % of the images"
    return "-"


def budget_heads(report: Mapping[str, Any]) -> list[str]:
    """``at 4 bits (0.81 Mib)`` for each weight width."""
    return [f"at {n['weight_bits']} bits ({wording.bits(n['total'])})" for n in report["budgets"]["needs"]]


def zeros_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What each row says, and a text for each case."""
    section = report["zeros"]
    cases, count, size = section["cases"], wording.count, wording.size
    kind = section["kind"]
    yield "weights and biases not zero", [f"{count(c['nonzeros'])} ({c['kind']})" for c in cases]
    yield "weights, dense codes", [size(c["dense_bytes"]) for c in cases]
    yield "weights, stored compressed", [size(c["compressed_bytes"]) for c in cases]
    yield "multiplications an image", [count(c["multiplications"]) for c in cases]
    yield "of them not by zero", [count(c["nonzero_multiplications"]) for c in cases]
    yield (
        f"cycles an image ({kind})",
        [f"{count(c['interval_cycles'])} ({wording.significant(c['fps'])} images/s)" for c in cases],
    )
    yield (
        "cycles of an engine for nonzeros only (bound)",
        [f"at least {count(c['bound_interval_cycles'])}" for c in cases],
    )


def deep_fifos(report: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """The FIFOs with more words than the least depth, or that make a writer wait, and the others."""
    rows = report["fifos"]["streams"]
    deep = [row for row in rows if row["stored"] != "port" and (row["depth"] > LEAST_DEPTH or row["stalls"])]
    return deep, [row for row in rows if row not in deep]


def model_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is counted in the model."""
    m, count = report["model"], wording.count
    yield "architecture", m["architecture"]
    yield "parameters", count(m["parameters"])
    yield "not zero", f"{count(m['nonzeros'])} ({wording.percent(m['nonzeros'], m['parameters'])})"
    if m.get("fire_density") is not None:
        yield "density of the Fire modules", wording.percent(m["fire_density"], 1)
    yield "bits of a weight", count(m["weight_bits"])
    yield "bits of a code", "weights are not shared" if m["code_bits"] is None else count(m["code_bits"])
    yield "dense", wording.size(m["dense_bytes"])
    yield "compressed", wording.size(m["compressed_bytes"])
    shipped = wording.shipped(report)
    if shipped is not None:
        yield "over the air", shipped
    yield "multiplications an image", count(m["macs"])
    yield "with a weight that is not zero", count(m["nonzero_macs"])
    if "accumulators" in report:
        found = report["accumulators"]
        yield (
            "bits of the accumulators",
            f"{count(found['tight_bits'])} (hls4ml's auto: {count(found['auto_bits'])})",
        )


def purposes(report: Mapping[str, Any]) -> list[PurposeTable]:
    """A table for each resource whose amounts are known by purpose."""
    columns = [c for c in report["resources"] if any("parts" in row for row in c["layers"])]
    if not columns:
        return []
    column, title = columns[-1], wording.column_title(columns[-1])
    layers = [(row["name"], row["parts"]) for row in column["layers"] if "parts" in row]
    found = []
    for resource in RESOURCES:
        spans: dict[tuple[str, str], Mapping[str, float]] = {
            (name, purpose): parts[purpose][resource]
            for name, parts in layers
            for purpose in PURPOSES
            if parts.get(purpose, {}).get(resource) is not None
        }
        if spans:
            found.append(_purpose_table(resource, title, spans))
    return found


def _purpose_table(
    resource: str, title: str, spans: Mapping[tuple[str, str], Mapping[str, float]]
) -> PurposeTable:
    used = [purpose for purpose in PURPOSES if any(key[1] == purpose for key in spans)]
    sums = {p: sum(span["expected"] for key, span in spans.items() if key[1] == p) for p in used}
    whole, start, segments = sum(sums.values()) or 1, 0.0, []
    for purpose, amount in sums.items():
        words, css = PURPOSE_NAMES[purpose]
        place, width = round(100 * start / whole, 3), round(100 * amount / whole, 3)
        segments.append(Segment(words, css, place, width, int(amount)))
        start += amount
    rows = [
        (name, [_cell(spans.get((name, purpose))) for purpose in used])
        for name in dict.fromkeys(key[0] for key in spans)
    ]
    return PurposeTable(resource, title, tuple(segments), [PURPOSE_NAMES[p][0] for p in used], tuple(rows))


def _cell(span: Mapping[str, float] | None) -> str:
    if span is None:
        return "-"
    text = wording.count(span["expected"])
    return text if span["low"] == span["high"] else f"{text} ({wording.interval(span)})"
