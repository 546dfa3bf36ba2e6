"""Compiles an HLS project with plain g++ and the ap_types that hls4ml bundles."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.errors import ToolError

CPP = Path(__file__).resolve().parent / "cpp"
FLAGS = ("-O1", "-w", "-fPIC", "-fno-gnu-unique")
"""-O1 compiles soonest; with the bundled ap types -O2 and -O3 were measured to run no faster."""
STANDARDS = ("-std=c++23", "-std=c++2b", "-std=c++17")
SECONDS_TO_STOP = 2.0
STAMP = "sources.sha256"
WEIGHTS = '-DWEIGHTS_DIR="firmware/weights"'


@dataclass(frozen=True)
class Simulator:
    """A compiled C-simulation.

    Attributes:
        program: the executable, linked to ``libmyproject.so`` beside it.
        hls: the project it was compiled from; it must run there (weights are read at run time).
        compiled: false if what was there already was of the same sources.
    """

    program: Path
    hls: Path
    compiled: bool


def find_compiler() -> str:
    """Path of g++.

    Raises:
        ToolError: there is none on the PATH.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise ToolError(
            "C-simulation needs g++ on the PATH, and there is none; install it (Debian: apt install g++)"
        )
    return compiler


def compile_project(hls: Path, into: Path, *, fast: bool = False) -> Simulator:
    """Compile the project's C-simulation, unless ``into`` holds that of the same sources.

    Args:
        hls: the project folder as hls4ml lays it out.
        into: folder for ``libmyproject.so`` and ``simulate``.
        fast: with our own ap types (``cpp/fast_types``) instead of the bundled ones.

    Raises:
        ToolError: g++ is missing or failed; the message has its first error.
    """
    hls, into = hls.resolve(), into.resolve()  # commands run inside hls
    compiler = find_compiler()
    standard = _standard(compiler)
    types = [CPP / "fast_types"] if fast else []
    digest = _digest(hls, [compiler, standard, *FLAGS, *map(str, types)])
    program, library, stamp = into / "simulate", into / "libmyproject.so", into / STAMP
    outputs = (program, library)
    if all(path.is_file() for path in (*outputs, stamp)) and stamp.read_bytes() == _stamp(digest, outputs):
        return Simulator(program, hls, compiled=False)
    into.mkdir(parents=True, exist_ok=True)
    for path in (stamp, *outputs):
        path.unlink(missing_ok=True)
    includes = [f"-I{CPP}", *(f"-I{folder}" for folder in types), "-I.", "-Ifirmware/ap_types"]
    source = ["firmware/myproject.cpp", str(CPP / "bridge.cpp")]
    objects = [into / "myproject.o", into / "bridge.o"]
    common = [compiler, standard, *FLAGS, *includes, WEIGHTS]
    _run(
        [[*common, "-c", text, "-o", str(target)] for text, target in zip(source, objects, strict=True)], hls
    )
    _run([[compiler, "-shared", *map(str, objects), "-o", str(library)]], hls)
    link = [f"-L{into}", "-lmyproject", "-Wl,-rpath,$ORIGIN"]
    _run([[compiler, standard, "-O1", str(CPP / "simulate.cpp"), "-o", str(program), *link]], hls)
    for target in objects:
        target.unlink()
    stamp.write_bytes(_stamp(digest, outputs))
    return Simulator(program, hls, compiled=True)


def compile_testbench(hls: Path, program: Path) -> None:
    """Compile the standalone test bench that hls4ml emits, with the vendor's own stream header.

    Raises:
        ToolError: g++ is missing or failed.
    """
    compiler = find_compiler()
    command = [compiler, _standard(compiler), "-O1", "-w", "-Ifirmware/ap_types", WEIGHTS]
    _run([[*command, "firmware/myproject.cpp", "myproject_test.cpp", "-o", str(program)]], hls)


def _standard(compiler: str) -> str:
    said = ""
    for standard in STANDARDS:
        try:
            _run([[compiler, standard, "-fsyntax-only", "-xc++", os.devnull]], Path.cwd())
        except ToolError as error:
            said = str(error)
        else:
            return standard
    raise ToolError(f"g++ must know C++17 or later, and {compiler} does not ({said}); install a newer one")


def _run(commands: list[list[str]], folder: Path) -> None:
    """Run compilers side by side, each the head of a process group: g++ leaves its children behind."""
    running: list[subprocess.Popen[str]] = []
    try:
        for command in commands:
            running.append(
                subprocess.Popen(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                )
            )
        for process in running:
            _, errors = process.communicate()
            _check(process.returncode, errors)
    except OSError as error:
        raise ToolError(f"g++ could not be started ({error.strerror}): {error.filename}") from error
    finally:
        for process in running:
            if process.poll() is None:
                _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    """End a compiler and its children; SIGTERM first, so that it removes its temporary files."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=SECONDS_TO_STOP)
            return


def _check(code: int, errors: str) -> None:
    if code:
        lines = (
            [line for line in errors.splitlines() if "error" in line] or errors.splitlines() or ["no message"]
        )
        raise ToolError(f"g++ failed with exit code {code}: {lines[0]}")


def _stamp(digest: str, outputs: Iterable[Path]) -> bytes:
    """What proves that the outputs are whole and of these sources."""
    return "\n".join([digest, *(hashlib.sha256(path.read_bytes()).hexdigest() for path in outputs)]).encode()


def _digest(hls: Path, options: Iterable[str]) -> str:
    digest = hashlib.sha256("\0".join(options).encode())
    sources = [
        p for p in sorted((hls / "firmware").rglob("*")) if p.is_file() and p.suffix in (".h", ".cpp", ".txt")
    ]
    for path in [*sources, *sorted(path for path in CPP.rglob("*") if path.is_file())]:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
