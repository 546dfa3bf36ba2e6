"""Runs the vendor's tool on a copy of the HLS project, and says how far it is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.errors import BadInputError, ToolError
from sqz_hw.synth.cosim import parse_cosim
from sqz_hw.synth.options import command, options_for, write_options
from sqz_hw.synth.process import GuardedProcess
from sqz_hw.synth.rtl_results import require_same_results
from sqz_hw.synth.solution import Solution, open_solution
from sqz_hw.synth.stages import Stage, is_error, stage_of
from sqz_hw.synth.tools import SynthTool

FOLDER = "synth"
LOG = "synth.log"


@dataclass(frozen=True)
class SynthRun:
    """A synthesis that ended well.

    Attributes:
        folder: the copy of the project that was synthesised; reports are in it.
        log: what the tool said.
        seconds: wall-clock time.
        stages: titles of the stages seen, each once, in order.
        notes: one line for each step that was left out, with its reason.
    """

    folder: Path
    log: Path
    seconds: float
    stages: tuple[str, ...]
    notes: tuple[str, ...]


def _no_stage(stage: Stage) -> None:
    """Nobody wants to know."""


def run_synthesis(
    project: Path,
    tool: SynthTool,
    *,
    cosim: bool = False,
    vsynth: bool = True,
    on_line: Callable[[str], None],
    on_stage: Callable[[Stage], None] = _no_stage,
    timeout_s: float | None = None,
    log: Path | None = None,
) -> SynthRun:
    """Synthesise ``project/hls`` in a copy, ``project/synth``; ``hls`` keeps its bytes.

    Args:
        project: folder of a build, with ``hls`` in it. A ``synth`` that is there already is replaced.
        tool: from :func:`sqz_hw.synth.tools.find_tool`.
        cosim: co-simulate the RTL on the project's test bench and compare its outputs with the C's.
        vsynth: run Vivado's synthesis after C synthesis; left out, with a note, where Vivado is missing.
        on_line: called with each line of output as it comes.
        on_stage: called with each stage that a line announces.
        timeout_s: seconds until the tool is stopped; None waits for ever.
        log: file for what the tool says; default ``project/synth/synth.log``. Give one outside of
            ``project`` if that is removed when the synthesis fails: errors name the log.

    Returns:
        what was run. The reports are there; :func:`sqz_hw.synth.columns.measured_columns` reads them.

    Raises:
        BadInputError: the project is no HLS project, or cannot be copied.
        ToolError: the tool failed, took too long, or ended well without a report.
        OutputsDifferError: co-simulation gave other outputs than C-simulation.
    """
    notes: tuple[str, ...] = ()
    if vsynth and tool.vivado is None:
        vsynth = False
        notes = ("Vivado's synthesis was left out: vivado is not on the PATH",)
    folder = _copy(project)
    options = options_for(cosim=cosim, vsynth=vsynth)
    write_options(folder, options)
    solution = open_solution(folder)
    log = folder / LOG if log is None else log.absolute()
    began = time.monotonic()
    seen: dict[str, None] = {}
    last_error = ""
    deadline = None if timeout_s is None else began + timeout_s
    with closing(GuardedProcess(command(tool, options), folder, log)) as process:
        for line in process.lines(deadline):
            if is_error(line):
                last_error = line.strip()
            stage = stage_of(line)
            if stage is not None:
                seen.setdefault(stage.title)
                on_stage(stage)
            on_line(line)
        code = process.code(deadline)
    if code is None:
        raise ToolError(
            f"{tool.name} was stopped after {timeout_s:g} s, before it was done; see {log}, "
            "or allow it more time"
        )
    if code:
        raise ToolError(
            f"{tool.name} failed with exit code {code}: {last_error or 'no error line'}; see {log}"
        )
    _require_reports(tool, solution, log, last_error, cosim=cosim, vsynth=vsynth)
    if cosim:
        if not parse_cosim(solution.cosim_report).passed:
            raise ToolError(f"the co-simulation failed, as {solution.cosim_report} says; see {log}")
        require_same_results(folder)
    return SynthRun(folder, log, round(time.monotonic() - began, 2), tuple(seen), notes)


def _copy(project: Path) -> Path:
    source, folder = project / "hls", (project / FOLDER).resolve()
    if not source.is_dir():
        raise BadInputError(
            f"--synth needs the folder of a build, with hls in it, not {project}; build it first"
        )
    try:
        if (project / FOLDER).is_symlink() or (folder.exists() and not folder.is_dir()):
            raise BadInputError(f"{project / FOLDER} is in the way of the synthesis; move it elsewhere")
        if folder.exists():
            shutil.rmtree(folder)
        shutil.copytree(source, folder)
    except (OSError, shutil.Error) as error:
        raise BadInputError(f"the project cannot be copied to {folder} ({error}); make room") from error
    return folder


def _require_reports(
    tool: SynthTool, solution: Solution, log: Path, last_error: str, *, cosim: bool, vsynth: bool
) -> None:
    """A tool that stopped early can still end with exit code 0: hls4ml's script ends with a plain exit."""
    wanted: list[tuple[str, tuple[Path, ...]]] = [("C synthesis", solution.csynth_reports)]
    if cosim:
        wanted.append(("co-simulation", (solution.cosim_report,)))
    if vsynth:
        wanted.append(("Vivado's synthesis", (solution.vivado_report,)))
    for title, paths in wanted:
        if not any(path.is_file() for path in paths):
            raise ToolError(
                f"{tool.name} ended, but there is no report of {title} ({paths[0].name}); "
                f"{last_error or 'it printed no error line'}; see {log}"
            )
