"""Writes the HLS project as hls4ml lays it out, so that the same inputs give the same bytes."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import yaml

from sqz_hw.errors import BadInputError
from sqz_hw.hls.hls4ml_compat import write_without_stamp

CONFIG_FILE = "hls4ml_config.yml"


def write_project(graph: Any, folder: Path) -> None:
    """Write hls4ml's project into ``folder``, free of absolute paths and random names.

    Args:
        graph: hls4ml's graph.
        folder: where to; it is made if it is missing.

    Raises:
        BadInputError: the folder cannot be written.
    """
    graph.config.config["OutputDir"] = str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_without_stamp(graph)
        _neutral_config(folder / CONFIG_FILE)
        script = folder / "build_lib.sh"
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    except OSError as error:
        raise BadInputError(
            f"the project folder {folder} cannot be written ({error.strerror or error}); "
            "choose another --output, or make room"
        ) from error


def _neutral_config(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["OutputDir"] = "."
    path.write_text(yaml.safe_dump(config, sort_keys=True), encoding="utf-8")
