"""Writes ``report.json``, ``report.md`` and ``report.html`` into a folder: same report, same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from sqz_hw.errors import BadInputError
from sqz_hw.report import figures, tables, wording
from sqz_hw.report.comparison import deviations, layer_deviations
from sqz_hw.report.content import RESOURCES, Report
from sqz_hw.report.diagram import shape, tiles
from sqz_hw.report.timeline import limits, text_bar, timeline
from sqz_hw.report.validate import validate

NAMES = ("report.json", "report.md", "report.html")


def write(report: Report, folder: Path) -> dict[str, Any]:
    """Write the three files of a report.

    Args:
        report: what to say.
        folder: where; made if it is not there.

    Returns:
        the report dict, as in ``report.json``.

    Raises:
        BadInputError: the report breaks its schema, or the folder cannot be written.
    """
    plain = report.to_dict()
    validate(plain)
    texts = (to_json(plain), to_markdown(plain), to_html(plain))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in zip(NAMES, texts, strict=True):
            (folder / name).write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise BadInputError(f"{folder} cannot be written ({error.strerror}); choose another place") from error
    return plain


def read(path: Path) -> dict[str, Any]:
    """Read a ``report.json`` and check it.

    Raises:
        BadInputError: it is missing, damaged, or no report of this version.
    """
    try:
        plain = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror}); build the project first") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f"{path} must be JSON, and is damaged ({error}); build the project again"
        ) from error
    validate(plain)
    found: dict[str, Any] = plain
    return found


def to_json(report: Mapping[str, Any]) -> str:
    """The report as JSON text, sorted and indented."""
    return json.dumps(report, sort_keys=True, indent=2, allow_nan=False) + "\n"


def to_markdown(report: Mapping[str, Any]) -> str:
    """The report as Markdown (GitHub's tables)."""
    return _render("report.md.j2", report)


def to_html(report: Mapping[str, Any]) -> str:
    """The report as one HTML file that needs nothing else: inline style and figures, no network."""
    return _render("report.html.j2", report)


def _render(template: str, report: Mapping[str, Any]) -> str:
    clean = wording.readable(report)
    resources = figures.most_trusted_with_layers(clean["resources"])
    known = {name for row in (resources or {"layers": []})["layers"] for name in row["totals"]}
    return _environment().get_template(template).render(
        r=clean,
        w=wording,
        t=tables,
        timing=wording.timing(clean),
        columns=[(column, figures.budget_bars(clean, column)) for column in clean["resources"]],
        deviations=deviations(clean),
        layer_deviations=layer_deviations(clean),
        map=figures.memory_map(clean),
        layer_memory=figures.layer_memory(clean),
        timeline=timeline(clean),
        text_bar=text_bar,
        limits=limits(clean),
        tiles=tiles(clean),
        shape=shape,
        agreement=tables.agreement(clean),
        layers=figures.layer_rows(clean),
        layer_title=wording.layers_title(resources),
        layer_resources=[name for name in RESOURCES if name in known],
        purposes=tables.purposes(clean),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sqz_hw.report"),
        autoescape=select_autoescape(("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "count": wording.count,
        "bits": wording.bits,
        "size": wording.size,
        "md": _markdown_text,
        "code": _markdown_code,
    }
    return environment


def _markdown_text(text: str) -> str:
    """Text with Markdown's and HTML's special characters made harmless."""
    return re.sub(r"([\\`*<>\[\]|&])", r"\\\1", text)


def _markdown_code(text: str) -> str:
    """A name as a code span that a table cell can hold."""
    return "`" + text.replace("`", "'").replace("|", "\\|") + "`"
