"""Finds the vendor's HLS tool on the PATH. Nothing is run to find it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqz_hw.errors import BadInputError, ToolError

CommandStyle = Literal["vitis-run", "vitis_hls", "vivado_hls"]
NAMES: Mapping[str, tuple[CommandStyle, ...]] = {
    "Vitis": ("vitis-run", "vitis_hls"),
    "Vivado": ("vivado_hls",),
}
"""Programs by hls4ml backend, best first: hls4ml 1.3.0 calls vitis-run; vitis_hls is what it replaced."""
_RELEASE = re.compile(r"20[0-9]{2}\.[0-9](?:\.[0-9])?")


@dataclass(frozen=True)
class SynthTool:
    """The vendor's tool, found and not yet run.

    Attributes:
        name: the program's name.
        path: the program.
        version: release (``2024.2``) as its folder is named, or None where no folder on its path is.
        command_style: how it is called.
        vivado: path of Vivado, which the step after C synthesis needs, or None.
    """

    name: str
    path: Path
    version: str | None
    command_style: CommandStyle
    vivado: Path | None


def find_tool(backend: str, environment: Mapping[str, str] | None = None) -> SynthTool:
    """The vendor's tool for a project of that backend.

    Args:
        backend: hls4ml's backend, ``Vitis`` or ``Vivado``.
        environment: whose PATH to look on; default the process's own.

    Raises:
        BadInputError: a backend that the vendor's tools do not build.
        ToolError: none of its tools is on the PATH.
    """
    names = NAMES.get(backend)
    if names is None:
        raise BadInputError(
            f"--synth builds projects of the backends {' and '.join(NAMES)}, not {backend}; leave --synth off"
        )
    search = (os.environ if environment is None else environment).get("PATH", "")
    for name in names:
        found = shutil.which(name, path=search)
        if found is not None:
            path = Path(found).absolute()
            vivado = shutil.which("vivado", path=search)
            return SynthTool(name, path, _version(path), name, None if vivado is None else Path(vivado))
    raise ToolError(
        f"--synth needs the vendor's tool for the {backend} backend, "
        f"and the PATH has no {' or '.join(names)}; "
        "source the tool's settings64.sh in this shell, or leave --synth off: the estimates stay"
    )


def _version(path: Path) -> str | None:
    """The release that a folder on the way to the program is named after, the nearest first."""
    for part in (*reversed(path.parts), *reversed(path.resolve().parts)):
        if _RELEASE.fullmatch(part):
            return part
    return None
