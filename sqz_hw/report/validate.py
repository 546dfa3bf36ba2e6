"""Checks a report against its JSON Schema and the few promises that a schema cannot say."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from sqz_hw.errors import BadInputError
from sqz_hw.report.timing import TIMING_NOTE, clock_is_assumed, speaks_of_timing

LONGEST_SHOWN = 60


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of ``report.json`` (draft 2020-12)."""
    loaded: dict[str, Any] = json.loads(files("sqz_hw.report").joinpath("schema.json").read_text("utf-8"))
    return loaded


def validate(report: Mapping[str, Any]) -> None:
    """Check that ``report`` is a report of this version.

    Raises:
        BadInputError: it is not; the message names the first field that is wrong.
    """
    errors = Draft202012Validator(schema()).iter_errors(report)
    first = min(errors, key=lambda e: (len(e.absolute_path), e.json_path, str(e.validator)), default=None)
    if first is not None:
        raise BadInputError(f"{_where(first.json_path)} {_wanted(first)}; build the project again")
    for problem in _broken_promises(report):
        raise BadInputError(f"{problem}; build the project again")


def _where(json_path: str) -> str:
    return "report.json" + json_path.removeprefix("$")


def _wanted(error: ValidationError) -> str:
    given, limit = error.instance, error.validator_value
    if error.validator == "required":
        return f"must have {', '.join(name for name in limit if name not in given)}, and has not"
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return f"must have known fields only, not {_short(sorted(set(given) - set(known))[0])}"
    if error.validator == "type":
        kinds = limit if isinstance(limit, list) else [limit]
        return f"must be of type {' or '.join(kinds)}, not {_short(given)}"
    if error.validator == "enum":
        return f"must be one of {', '.join(json.dumps(v) for v in limit)}, not {_short(given)}"
    if error.validator == "anyOf":
        return f"must be {error.schema.get('description', 'of another form')}, not {_short(given)}"
    return f"must obey {error.validator} {_short(limit)}, not {_short(given)}"


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."


def _broken_promises(report: Mapping[str, Any]) -> Iterator[str]:
    for where, number in _numbers("report.json", report):
        if not math.isfinite(number):
            yield f"{where} must be a finite number, not {number}"
    for i, column in enumerate(report["resources"]):
        for where, totals in _amounts(f"report.json.resources[{i}]", column):
            for name, span in totals.items():
                if span is not None:
                    yield from _bad_range(f"{where}.{name}", span, column["kind"])
    memory = report["memory"]
    parts = memory["weights_bits"] + memory["line_buffer_bits"] + memory["fifo_bits"]
    if memory["total_bits"] != parts:
        yield f"report.json.memory.total_bits must be the sum {parts}, not {memory['total_bits']}"
    yield from _bad_sums(report)
    if clock_is_assumed(report) and not speaks_of_timing(report):
        yield f"report.json.verdict.reasons must say that {TIMING_NOTE}, and does not"


def _amounts(where: str, column: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Everything of a resource column that holds amounts by resource."""
    yield f"{where}.totals", column["totals"]
    for j, row in enumerate(column["layers"]):
        yield f"{where}.layers[{j}].totals", row["totals"]
        for purpose, amounts in row.get("parts", {}).items():
            yield f"{where}.layers[{j}].parts.{purpose}", amounts


def _bad_sums(report: Mapping[str, Any]) -> Iterator[str]:
    for i, need in enumerate(report.get("budgets", {"needs": ()})["needs"]):
        parts = need["weights"] + need["biases"] + need["line_buffers"] + need["fifos"]
        if need["total"] != parts:
            yield f"report.json.budgets.needs[{i}].total must be the sum {parts}, not {need['total']}"
    for i, row in enumerate(report.get("fifos", {"streams": ()})["streams"]):
        held = row["width_bits"] * row["depth"]
        if row["bits"] != held:
            yield f"report.json.fifos.streams[{i}].bits must be width times depth, {held}, not {row['bits']}"


def _bad_range(where: str, span: Mapping[str, float], kind: str) -> Iterator[str]:
    low, expected, high = span["low"], span["expected"], span["high"]
    if not low <= expected <= high:
        yield f"{where} must have low <= expected <= high, not {low}, {expected}, {high}"
    elif kind != "estimate" and low != high:
        yield f"{where} is measured ({kind}) and must have low = expected = high, not {low} to {high}"


def _numbers(where: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _numbers(f"{where}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _numbers(f"{where}[{i}]", item)
