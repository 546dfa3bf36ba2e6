"""What hls4ml's extension API cannot reach, overridden in process; each with its reason.

None of hls4ml's code is replaced so far. Its version is checked, and its random stamp is
left out, because the same inputs must give the same bytes.
"""

from __future__ import annotations

from typing import Any

import hls4ml

from sqz_hw.errors import ToolError

VERSION = "1.3.0"
STAMP = "sqz"


def check_version() -> None:
    """Refuse another hls4ml than the one this project was written and checked for.

    Raises:
        ToolError: the installed version differs.
    """
    if hls4ml.__version__ != VERSION:
        raise ToolError(f"hls4ml must be version {VERSION}, not {hls4ml.__version__}; run 'make venv' again")


def write_without_stamp(graph: Any) -> None:
    """Write the project with a fixed stamp.

    hls4ml's write flow runs the pass ``make_stamp``, which puts a random text into the
    project's files; calling the writer itself skips that pass.
    """
    graph.config.config["Stamp"] = STAMP
    graph.config.backend.writer.write_hls(graph)
