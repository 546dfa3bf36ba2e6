"""Verilator simulations of modules with streams: compile once, run with words and stalls."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import OutputsDifferError, ToolError
from sqz_hw.rtl.tools import HOUR, Program, find_compiler, find_verilator, run

Bits = npt.NDArray[np.uint8]
"""Words by their bits, words x bits, lowest bit first."""
Parameter = int | str
LIBRARY = Path(str(files("sqz_hw.rtl"))) / "library"
_CPP = Path(str(files("sqz_hw.rtl"))) / "cpp" / "stream_bench.cpp"
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")
STUCK, OVERTIME = 3, 4
"""Exit codes of the bench."""


@dataclass(frozen=True)
class Ports:
    """The streams of a module.

    Attributes:
        in_bits, out_bits: of one word.
        sources, sinks: how many streams go in and out.
        last: C++ expression of a last-word flag that is recorded with each word out, or None.
    """

    in_bits: int
    out_bits: int
    sources: int = 1
    sinks: int = 1
    last: str | None = None


@dataclass(frozen=True)
class Simulation:
    """A compiled simulation.

    Attributes:
        program: the executable.
        folder: where it was built; files of its memories are read from ``data``.
        data: folder it runs in.
        ports: its streams.
    """

    program: Path
    folder: Path
    data: Path
    ports: Ports


@dataclass(frozen=True)
class Run:
    """What came out of a simulation.

    Attributes:
        words: for each sink, words x bits.
        cycles: for each sink, the clock of each word.
        in_cycles: for each source, the clock of each word taken.
        last: for each sink, the last-word flag of each word (empty without one).
        log: what it printed.
    """

    words: tuple[Bits, ...]
    cycles: tuple[npt.NDArray[np.uint64], ...]
    in_cycles: tuple[npt.NDArray[np.uint64], ...]
    last: tuple[Bits, ...] = field(default=())
    log: str = ""


def library_sources() -> list[Path]:
    """The library's modules in a fixed order."""
    return sorted(LIBRARY.glob("*.sv"))


def compile_module(
    top: str,
    sources: Sequence[Path],
    parameters: Mapping[str, Parameter],
    ports: Ports,
    folder: Path,
    data: Path,
    *,
    defines: Sequence[str] = (),
    optimise: str = "-O1",
) -> Simulation:
    """Translate and compile a module with the stream bench.

    Args:
        top: the module.
        sources: Verilog files.
        parameters: values for the top's parameters.
        ports: its streams.
        folder: for everything that is built; made if missing.
        data: folder that it runs in, where ``.mem`` files are.
        defines: Verilog macros.
        optimise: the C++ compiler's level.

    Raises:
        ToolError: Verilator or g++ is missing or failed; lint warnings are errors.
    """
    verilator, compiler = find_verilator(), find_compiler()
    folder.mkdir(parents=True, exist_ok=True)
    _translate(verilator, top, sources, parameters, folder, defines)
    include = verilator.include
    if include is None:
        raise ToolError("Verilator's headers must be in its package, and are not; install it again")
    flags = [
        "-std=c++20", optimise, "-fno-strict-aliasing", "-w", "-DVL_TIME_CONTEXT", "-DVM_TRACE=0",
        "-DVM_COVERAGE=0", "-DVM_SC=0", f"-I{include}", f"-I{include / 'vltstd'}",
    ]  # fmt: skip
    runtime = _runtime(compiler, include, flags)
    unity = folder / "unity.cpp"
    parts = sorted((folder / "obj").glob("*.cpp"))
    unity.write_text("".join(f'#include "obj/{part.name}"\n' for part in parts) + f'#include "{_CPP}"\n')
    run(
        compiler,
        [
            *flags, f"-DBENCH_TOP=V{top}", f'-DBENCH_HEADER="V{top}.h"', f"-DSOURCES={ports.sources}",
            f"-DSINKS={ports.sinks}", f"-DIN_BITS={ports.in_bits}", f"-DOUT_BITS={ports.out_bits}",
            f"-DLAST={int(ports.last is not None)}", f"-DOUT_LAST={ports.last or 0}", f"-I{folder / 'obj'}",
            str(unity), *map(str, runtime), "-pthread", "-o", str(folder / "bench"),
        ],
        folder,
    )  # fmt: skip
    return Simulation(folder / "bench", folder, data, ports)


def _runtime(compiler: Program, include: Path, flags: Sequence[str]) -> list[Path]:
    """Verilator's own sources, compiled once for each version of them and each set of flags."""
    sources = [include / name for name in _RUNTIME]
    digest = hashlib.sha256("\0".join(flags).encode())
    for source in sources:
        digest.update(source.read_bytes())
    cache = Path(tempfile.gettempdir()) / f"sqz_hw-verilated-{os.getuid()}-{digest.hexdigest()[:16]}"
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    if cache.stat().st_uid != os.getuid():
        raise ToolError(f"{cache} must belong to this user, and does not; remove it")
    objects = []
    for source in sources:
        made = cache / f"{source.stem}.o"
        if not made.is_file():
            partial = cache / f"{source.stem}.{os.getpid()}.o"
            run(compiler, [*flags, "-c", str(source), "-o", str(partial)], cache)
            partial.replace(made)
        objects.append(made)
    return objects


def lint(top: str, sources: Sequence[Path], parameters: Mapping[str, Parameter], folder: Path) -> None:
    """Verilator's lint with all warnings as errors.

    Raises:
        ToolError: a warning, or Verilator is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    verilator = find_verilator()
    run(verilator, ["--lint-only", *_arguments(top, sources, parameters, ())], folder)


def _translate(
    verilator: Program,
    top: str,
    sources: Sequence[Path],
    parameters: Mapping[str, Parameter],
    folder: Path,
    defines: Sequence[str],
) -> None:
    run(
        verilator,
        ["--cc", "-Mdir", "obj", "--output-split", "20000", *_arguments(top, sources, parameters, defines)],
        folder,
    )


def _arguments(
    top: str, sources: Sequence[Path], parameters: Mapping[str, Parameter], defines: Sequence[str]
) -> list[str]:
    values = [f'-G{k}="{v}"' if isinstance(v, str) else f"-G{k}={v}" for k, v in parameters.items()]
    macros = [f"+define+{name}" for name in defines]
    return ["-Wall", "--top-module", top, *macros, *values, *map(str, sources)]


def simulate(
    simulation: Simulation,
    words: Sequence[Bits],
    expected: int,
    scratch: Path,
    *,
    seed: int = 1,
    p_valid: int = 1000,
    p_ready: int = 1000,
    reset_at: int = -1,
    max_cycles: int = 1_000_000_000,
    idle_limit: int = 2_000_000,
    timeout: float = HOUR,
) -> Run:
    """Run words through a module.

    Args:
        simulation: the compiled module.
        words: for each source, words x bits.
        expected: words that each sink gives before the run ends.
        scratch: folder for files in and out.
        seed: of the stalls.
        p_valid, p_ready: per mille of clocks in which sources offer and sinks take.
        reset_at: clock of a reset after which everything starts over, or -1.
        max_cycles: clocks after which it is given up.
        idle_limit: clocks without a word in or out after which it is stuck.
        timeout: seconds after which it is stopped.

    Raises:
        OutputsDifferError: fewer words came out: the module got stuck.
        ToolError: the simulation failed, or was not done within the clocks or seconds.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    for number, bits in enumerate(words):
        packed = np.packbits(bits, axis=1, bitorder="little")
        (scratch / f"in{number}.bin").write_bytes(packed.tobytes())
    (scratch / "max_words.txt").write_text(str(expected))
    bench = Program("the simulation", (str(simulation.program),), {})
    arguments = [
        str(scratch.resolve()), str(seed), str(p_valid), str(p_ready), str(reset_at), str(max_cycles),
        str(idle_limit),
    ]  # fmt: skip
    done = run(bench, arguments, simulation.data, timeout=timeout, accepted=(0, STUCK, OVERTIME), see=scratch)
    if done.returncode == STUCK:
        raise OutputsDifferError(
            f"{expected} words must leave the module, and it stopped moving before; see {scratch}"
        )
    if done.returncode == OVERTIME:
        came = min(
            (scratch / f"out{sink}.cycles").stat().st_size // 8 for sink in range(simulation.ports.sinks)
        )
        raise ToolError(
            f"{expected:,} words must leave the module within {max_cycles:,} clocks, and {came:,} did, while "
            f"it went on moving; simulate fewer images; see {scratch}"
        )
    ports = simulation.ports
    size = -(-ports.out_bits // 8)
    whole, flags, cycles = [], [], []
    for sink in range(ports.sinks):
        raw = np.frombuffer((scratch / f"out{sink}.bin").read_bytes(), np.uint8)
        rows = raw.reshape(-1, size + (ports.last is not None))
        whole.append(np.unpackbits(rows[:, :size], axis=1, bitorder="little")[:, : ports.out_bits])
        flags.append(rows[:, size:])
        cycles.append(np.fromfile(scratch / f"out{sink}.cycles", np.uint64))
    in_cycles = tuple(np.fromfile(scratch / f"in{k}.cycles", np.uint64) for k in range(ports.sources))
    return Run(tuple(whole), tuple(cycles), in_cycles, tuple(flags), done.stdout)
