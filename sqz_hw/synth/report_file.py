"""Reads the vendor's report files: size, numbers and tables, and what to say of a damaged one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sqz_hw.errors import ToolError

LARGEST = 64 * 2**20
"""Bytes of a report; the largest seen in public projects has about 1 MiB."""
UNKNOWN = frozenset({"", "-", "?", "undef", "undefined", "na", "n/a", "inf", "x"})
"""What the tools write where they have no number."""
_INTEGER = re.compile(r"[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?(?:[eE][+-]?[0-9]{1,2})?")
_TIME = re.compile(r"([0-9.eE+-]{1,30}) *(ps|ns|us|ms|sec|s)?")
_NANOSECONDS = {"ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6, "sec": 1e9, "s": 1e9}
_RELEASE = re.compile(r"20[0-9]{2}\.[0-9](?:\.[0-9]{1,2})?")


def damaged(path: Path, what: str) -> ToolError:
    """The error of a report that cannot be used."""
    return ToolError(f"the report {path} {what}; run --synth again, or delete the synth folder")


def read_bytes(path: Path) -> bytes:
    """The bytes of a report.

    Raises:
        ToolError: it is missing, unreadable or larger than a report can be.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise damaged(path, f"cannot be read ({error.strerror or error})") from error
    if len(data) > LARGEST:
        raise damaged(path, f"is larger than {LARGEST // 2**20} MiB")
    return data


def read_report(path: Path) -> str:
    """The text of a report, lines ended by a newline; bytes that are no UTF-8 are replaced.

    Raises:
        ToolError: as :func:`read_bytes`.
    """
    return read_bytes(path).decode("utf-8", errors="replace").replace("\r\n", "\n")


def whole(path: Path, name: str, text: str) -> int | None:
    """A count, or None where the tool has none (``undef``, ``?``, ``-``, ``NA``).

    Raises:
        ToolError: it is no whole number of 0 or more.
    """
    word = text.strip()
    if word.lower() in UNKNOWN:
        return None
    if not _INTEGER.fullmatch(word):
        raise damaged(path, f"gives {name} as {word[:40]!r}, which is no whole number")
    return int(word)


def decimal(path: Path, name: str, text: str) -> float | None:
    """A decimal number, or None where the tool has none.

    Raises:
        ToolError: it is no number.
    """
    word = text.strip()
    if word.lower() in UNKNOWN:
        return None
    if not _DECIMAL.fullmatch(word):
        raise damaged(path, f"gives {name} as {word[:40]!r}, which is no number")
    return float(word)


def nanoseconds(path: Path, name: str, text: str) -> float | None:
    """A time in ns, written with its unit (``1.965 us``) or, as older tools do, without.

    Raises:
        ToolError: it is no time of 0 or more.
    """
    word = text.strip()
    if word.lower() in UNKNOWN:
        return None
    found = _TIME.fullmatch(word)
    value = None if found is None or not _DECIMAL.fullmatch(found[1]) else float(found[1])
    if found is None or value is None or value < 0:
        raise damaged(path, f"gives {name} as {word[:40]!r}, which is no time")
    return value * _NANOSECONDS[found[2] or "ns"]


def release(path: Path, text: str) -> str:
    """The release at the head of a version (``2019.2 (Build ...)``, ``v.2024.1 (lin64) ...``).

    Raises:
        ToolError: it is no release of the vendor's.
    """
    words = text.split()
    word = (words[0] if words else "").removeprefix("v").removeprefix(".")
    if not _RELEASE.fullmatch(word):
        raise damaged(path, f"is of the unknown version {text.strip()[:40]!r}")
    return word


def rows(path: Path, text: str) -> Iterator[list[str]]:
    """Cells of the lines between bars.

    Raises:
        ToolError: a line begins with a bar and has no bar at its end: the file was cut there.
    """
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped.startswith("|"):
            continue
        if stripped.count("|") == 1:
            continue  # the heading of Vivado's reports has one bar a line
        if not stripped.endswith("|"):
            raise damaged(path, f"is cut off in the line {stripped[:60]!r}")
        yield [cell.strip() for cell in stripped[1:-1].split("|")]
