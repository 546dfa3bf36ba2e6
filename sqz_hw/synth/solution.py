"""Where the vendor's tools leave their reports in a project that hls4ml laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.errors import BadInputError

_NAME = re.compile(r'^set project_name "([A-Za-z_][A-Za-z0-9_]{0,199})"\s*$', re.MULTILINE)


@dataclass(frozen=True)
class Solution:
    """Paths in a synthesised project.

    Attributes:
        folder: the project, a copy of ``hls``.
        top: name of the top function.
    """

    folder: Path
    top: str

    @property
    def _solution(self) -> Path:
        return self.folder / f"{self.top}_prj" / "solution1"

    @property
    def csynth_folder(self) -> Path:
        """Folder of the C synthesis reports, one for each module."""
        return self._solution / "syn" / "report"

    @property
    def csynth_reports(self) -> tuple[Path, Path]:
        """The top module's C synthesis report as XML and as text."""
        return (
            self.csynth_folder / f"{self.top}_csynth.xml",
            self.csynth_folder / f"{self.top}_csynth.rpt",
        )

    @property
    def cosim_report(self) -> Path:
        """The co-simulation report."""
        return self._solution / "sim" / "report" / f"{self.top}_cosim.rpt"

    @property
    def transactions(self) -> Path:
        """Latency and interval of each transaction of the Verilog co-simulation."""
        return self._solution / "sim" / "verilog" / f"{self.top}.performance.result.transaction.xml"

    @property
    def vivado_report(self) -> Path:
        """Utilization after synthesis, as hls4ml's ``vivado_synth.tcl`` writes it."""
        return self.folder / "vivado_synth.rpt"

    @property
    def utilization_reports(self) -> tuple[Path, ...]:
        """All utilization reports that are there: ours, and those of an implementation run."""
        patterns = ("*utilization_synth.rpt", "*utilization_placed.rpt", "*utilization_routed.rpt")
        return self._found(self.vivado_report, patterns)

    @property
    def timing_reports(self) -> tuple[Path, ...]:
        """All timing summaries that are there."""
        patterns = ("*timing_synth.rpt", "*timing_routed.rpt", "*timing_summary_*.rpt")
        return self._found(self.folder / "vivado_timing.rpt", patterns)

    def _found(self, own: Path, patterns: tuple[str, ...]) -> tuple[Path, ...]:
        implementation = self._solution / "impl"
        others = sorted({path for pattern in patterns for path in implementation.rglob(pattern)})
        return tuple(path for path in (own, *others) if path.is_file())


def open_solution(folder: Path) -> Solution:
    """The paths of a project, by the name in its ``project.tcl``.

    Raises:
        BadInputError: there is no ``project.tcl``, or it names no project.
    """
    script = folder / "project.tcl"
    try:
        found = _NAME.search(script.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise BadInputError(
            f"an HLS project has a project.tcl, and {script} cannot be read ({error.strerror}); "
            "build it again"
        ) from error
    if found is None:
        raise BadInputError(f"{script} sets no project_name; build the project again")
    return Solution(folder, found[1])
