"""Compares what co-simulated RTL put out with what C-simulation did.

hls4ml's test bench ends with 0 whatever it computed, so the "Pass" of a co-simulation report only
says that the simulation ran to its end.
"""

from __future__ import annotations

from pathlib import Path

from sqz_hw.errors import OutputsDifferError, ToolError
from sqz_hw.synth.report_file import read_report

C_RESULTS = Path("tb_data") / "csim_results.log"
RTL_RESULTS = Path("tb_data") / "rtl_cosim_results.log"


def require_same_results(folder: Path) -> int:
    """Check that every output of the RTL is that of the C code.

    Args:
        folder: the synthesised project.

    Returns:
        images compared.

    Raises:
        ToolError: an output file is missing or empty.
        OutputsDifferError: an output differs; the message has the first.
    """
    c_lines, rtl_lines = (_lines(folder / name) for name in (C_RESULTS, RTL_RESULTS))
    if len(c_lines) != len(rtl_lines):
        raise OutputsDifferError(
            f"co-simulation put out {len(rtl_lines)} results, C-simulation {len(c_lines)}; "
            f"see {folder / RTL_RESULTS}"
        )
    for image, (expected, given) in enumerate(zip(c_lines, rtl_lines, strict=True)):
        if expected != given:
            place = next(
                (n for n, pair in enumerate(zip(expected, given, strict=False)) if pair[0] != pair[1]),
                min(len(expected), len(given)),
            )
            raise OutputsDifferError(
                f"co-simulated RTL differs from C-simulation in image {image}, value {place}: "
                f"{_at(given, place)} instead of {_at(expected, place)}; see {folder / RTL_RESULTS}"
            )
    return len(c_lines)


def _at(values: list[str], place: int) -> str:
    return values[place] if place < len(values) else "nothing"


def _lines(path: Path) -> list[list[str]]:
    lines = [line.split() for line in read_report(path).splitlines() if line.strip()]
    if not lines:
        raise ToolError(
            f"co-simulation must leave results in {path}, and it is empty; see the log of the synthesis"
        )
    return lines
