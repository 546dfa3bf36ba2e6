"""What StreamRTL's benchmarks share: errors as one line, files that are read with care, folders in whole."""

from __future__ import annotations

import functools
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqz_hw.cli.main import NO_ROOM
from sqz_hw.errors import BadInputError, SqzError
from sqz_hw.rtl.families import FAMILIES
from sqz_hw.workspace import exchange, partial_folder

Row = Mapping[str, Any]
Main = Callable[[list[str] | None], int]
NUMBERS = ("lut", "lut_ram", "unshared", "small", "medium", "ff", "dsp", "tiles")
"""What each module of a file of counts was counted to need."""
AGAIN = "count it again: a build with --synth, or benchmarks/rtl_recount.py"


def one_line(main: Main) -> Main:
    """An error of the user's is one line and its exit code, as of the package's commands."""

    @functools.wraps(main)
    def guarded(argv: list[str] | None = None) -> int:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            return main(argv)
        except SqzError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            place = error.filename or "a file"
            print(f"error: {place} cannot be written ({error.strerror}); make room", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr)
            return 130

    return guarded


def text_of(path: Path, wanted: str) -> str:
    """A file's text.

    Raises:
        BadInputError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{wanted} is needed; {path}: {error.strerror}; check the path") from error
    except ValueError as error:  # bytes that are no text; a NUL character in the path
        raise BadInputError(f"{wanted} is needed, and {path} is something else ({error})") from error


def json_of(path: Path, wanted: str, advice: str) -> Any:
    """A file's JSON.

    Raises:
        BadInputError: it cannot be read, or is none.
    """
    try:
        return json.loads(text_of(path, wanted))
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f"{wanted} is needed, and {path} is damaged or something else ({error}); {advice}"
        ) from error


def counts_of(path: Path, numbers: Sequence[str] = NUMBERS) -> list[Row]:
    """The rows of a file of counts, as ``sqz_hw.rtl.synthesis.write_counts`` writes them.

    Args:
        path: the file.
        numbers: what each row must have been counted to need.

    Raises:
        BadInputError: it cannot be read, is something else, of an older schema, or has no row.
    """
    rows = json_of(path, "a counts.json", AGAIN)
    if not isinstance(rows, list):
        kind = "an object" if isinstance(rows, dict) else repr(rows)[:40]
        raise BadInputError(f"{path} must be a list of counted modules, not {kind}; {AGAIN}")
    if not rows:
        raise BadInputError(f"{path} must hold at least one counted module, and is empty; {AGAIN}")
    for number, row in enumerate(rows, start=1):
        fault = _fault(row, numbers)
        if fault:
            raise BadInputError(f"{path}: module {number} of {len(rows)} {fault}; {AGAIN}")
    return rows


def _fault(row: object, numbers: Sequence[str]) -> str | None:
    """What is wrong with a row of counts."""
    if not isinstance(row, dict):
        return f"must be an object, not {row!r:.40}"
    for name in ("name", "module"):
        if not isinstance(row.get(name), str):
            return f"must have a text {name!r}, not {row.get(name)!r:.40}"
    for name in numbers:
        if not _is_number(row.get(name)):
            return f"({row['name']}) must have a number {name!r}, not {row.get(name)!r:.40}"
    parameters, tables = row.get("parameters"), row.get("tables", {})
    if not isinstance(parameters, dict) or not all(isinstance(v, str | int) for v in parameters.values()):
        return f"({row['name']}) must have 'parameters' that are integers or texts"
    if not isinstance(tables, dict) or not all(map(_is_number, tables.values())):
        return f"({row['name']}) must have 'tables' that are numbers"
    if row.get("family", FAMILIES[0]) not in FAMILIES:
        return f"({row['name']}) must be of the family {' or '.join(FAMILIES)}, not {row['family']!r:.40}"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


@dataclass(frozen=True)
class Results:
    """Results that are made beside their folder, and replace what is there when all went well.

    Attributes:
        target: the folder.
        marker: a file that all such results have.
        parts: all that they may consist of; anything else there is the user's, and refused.
    """

    target: Path
    marker: str
    parts: frozenset[str]

    @contextmanager
    def unfinished(self) -> Iterator[Path]:
        """A folder for the work; gone afterwards unless ``put`` moved it.

        Raises:
            BadInputError: it cannot be made, or the target holds something else.
        """
        target = self.refused()
        with partial_folder(target.with_name(f"{target.name}-unfinished")) as partial:
            yield partial

    def put(self, partial: Path) -> None:
        """Move the folder of the work to its place; what was there goes only then.

        Raises:
            BadInputError: the target holds something else by now, or cannot be written.
        """
        target = self.refused()
        exchange(partial, target, partial.with_name(f"{partial.name}-earlier"))

    def refused(self) -> Path:
        """The target itself, unless it must not be replaced."""
        try:
            target = self.target.resolve()
            held = {path.name for path in target.iterdir()} if target.exists() else set()
        except (OSError, ValueError, RuntimeError) as error:  # a file; a NUL character; links in a circle
            raise BadInputError(
                f"the output must be a folder, and {str(self.target)!r} is none ({error}); "
                "choose another --output"
            ) from error
        if not target.name:
            raise BadInputError(
                f"the output must be a folder of its own, not {target}; choose another --output"
            )
        foreign = sorted(held - self.parts if self.marker in held else held)
        if foreign:
            raise BadInputError(
                f"the output folder {target} holds something else than earlier results ({foreign[0]}) and "
                f"would be replaced; choose another --output, or move {foreign[0]} elsewhere"
            )
        return target
