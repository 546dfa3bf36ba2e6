"""The output folder of a build: made beside its place, moved there when it is whole."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqz_hw.errors import BadInputError

MARKER = "build.json"
PARTS = frozenset({MARKER, "build.log", "csim", "hls", "report", "rtl", "simulation", "synth"})
"""All that a build puts into its folder; anything else there is the user's."""


@contextmanager
def partial_folder(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` for the work; gone afterwards unless ``place`` moved it.

    What a killed build left is cleared: its partial folder is removed, and a project that it
    had just moved aside is moved back.

    Raises:
        BadInputError: the folder cannot be made, or ``target`` is something else than a build.
    """
    with _written(target):
        target = _resolved(target)
    with _written(target):
        _refuse_foreign(target)
        partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(target)
        partial.mkdir()
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def place(partial: Path, target: Path) -> None:
    """Move the finished folder to its place; the one before it goes only then.

    Raises:
        BadInputError: the place cannot be written.
    """
    target = _resolved(target)
    with _written(target):
        _refuse_foreign(target)  # it may have been filled since the work began
    exchange(partial, target, _aside(target))


def exchange(partial: Path, target: Path, aside: Path) -> None:
    """Move a folder to its place; what is there is moved aside, and removed once that went well.

    Raises:
        BadInputError: the place cannot be written; what was there is there again.
    """
    with _written(target):
        try:
            if target.exists():
                target.rename(aside)
            partial.rename(target)
        except OSError:
            if aside.exists() and not target.exists():
                aside.rename(target)
            raise
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _written(target: Path) -> Iterator[None]:
    """An output folder that cannot be written is the user's to mend."""
    try:
        yield
    except OSError as error:
        raise BadInputError(
            f"the output folder {target} cannot be written ({error.strerror}); choose another --output"
        ) from error


def _resolved(target: Path) -> Path:
    """The place itself: a ``..`` in it must not lead past the check of what is there.

    Raises:
        BadInputError: it is a link, the root folder, or no path at all.
    """
    try:
        resolved = target.resolve()
        link = target.is_symlink()
    except (ValueError, RuntimeError) as error:  # a NUL character; links in a circle
        raise BadInputError(f"the output must be a folder, not {str(target)!r} ({error})") from error
    if link or not resolved.name:
        raise BadInputError(f"the output must be a folder, and {target} is none; choose another --output")
    return resolved


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _refuse_foreign(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise BadInputError(f"the output must be a folder, and {target} is none; choose another --output")
    held = {path.name for path in target.iterdir()} if target.is_dir() else set()
    foreign = sorted(held - PARTS if MARKER in held else held)
    if foreign:
        raise BadInputError(
            f"the output folder {target} holds something else than a build and would be replaced; "
            f"choose another --output, or move {foreign[0]} elsewhere"
        )


def _clear_leftovers(target: Path) -> None:
    aside = _aside(target)
    if aside.exists():
        if target.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(target)
    pattern = re.compile(rf"\.{re.escape(target.name)}\.(\d+)\.partial")
    for leftover in target.parent.iterdir():
        match = pattern.fullmatch(leftover.name)
        if match and not _alive(int(match[1])):
            shutil.rmtree(leftover, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()
