"""The calibration rows: figures of public reports, with their source, as a CSV file in the package."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis.facts import Kind, LayerFacts, ToolFacts
from sqz_hw.estimate.synthesis.measured import MeasuredDesign

ROWS = Path(__file__).parent / "calibration_rows.csv"
_SOURCE = ("repo", "commit", "counts", "tool", "version", "clock_ns", "dsp")
_FACTS = tuple(f.name for f in fields(LayerFacts))
_FIGURES = ("LUT", "FF")


@dataclass(frozen=True)
class Row:
    """One layer of one report: where it is from, what the model sees, csynth's LUT and FF (0: not stated).

    ``counts``: of a design with stock kernels and the Resource strategy.
    """

    repo: str
    commit: str
    counts: bool
    tool: ToolFacts
    layer: LayerFacts
    lut: int
    ff: int


def rows_of(designs: Iterable[MeasuredDesign]) -> tuple[Row, ...]:
    """The rows that the logic model is fitted on, in the designs' order."""
    return tuple(
        Row(
            design.repo,
            design.commit,
            design.counts,
            design.tool,
            layer.facts,
            layer.figures.get("LUT", 0),
            layer.figures.get("FF", 0),
        )
        for design in designs
        for layer in design.layers
        if layer.calibrates and (layer.figures.get("LUT") or layer.figures.get("FF"))
    )


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write rows as CSV, the same bytes for the same rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_SOURCE, *_FACTS, *_FIGURES])
        for row in rows:
            tool = row.tool
            source = [row.repo, row.commit, int(row.counts), tool.name, tool.version, tool.clock_ns, tool.dsp]
            facts = [_plain(getattr(row.layer, name)) for name in _FACTS]
            writer.writerow([*source, *facts, row.lut, row.ff])


def read_rows(path: Path = ROWS) -> tuple[Row, ...]:
    """Inverse of :func:`write_rows`.

    Raises:
        BadInputError: the file is missing or damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(_row(record) for record in csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError, TypeError) as error:
        raise BadInputError(
            f"calibration rows must be a CSV file as fit_estimator.py writes it, and {path.name} is not "
            f"({type(error).__name__}: {error}); make it again"
        ) from error


def _plain(value: object) -> object:
    if isinstance(value, Kind):
        return value.value
    if isinstance(value, bool):
        return int(value)
    return "" if value is None else value


def _row(record: dict[str, str]) -> Row:
    given: dict[str, object] = {}
    for field in fields(LayerFacts):
        text = record[field.name]
        if field.name == "kind":
            given[field.name] = Kind(text)
        elif field.name == "weights_are_zero":
            given[field.name] = text == "1"
        elif field.name in ("strategy", "implementation", "multiplier"):
            given[field.name] = text
        else:
            given[field.name] = None if text == "" else int(text)
    dsp = "DSP48E1" if record["dsp"] == "DSP48E1" else "DSP48E2"
    tool = ToolFacts(record["tool"], record["version"], float(record["clock_ns"]), dsp)  # type: ignore[arg-type]
    layer = LayerFacts(**given)  # type: ignore[arg-type]
    return Row(record["repo"], record["commit"], record["counts"] == "1", tool, layer,
               int(record["LUT"]), int(record["FF"]))  # fmt: skip
