"""Writes the HLS project as hls4ml lays it out, so that the same inputs give the same bytes."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import yaml

from sqz_hw.errors import BadInputError
from sqz_hw.hls.hls4ml_compat import refuse_strided_1x1, write_without_stamp

CONFIG_FILE = "hls4ml_config.yml"


def write_project(graph: Any, folder: Path) -> None:
    """Write hls4ml's project into ``folder``, free of absolute paths and random names.

    Args:
        graph: hls4ml's graph.
        folder: where to; it is made if it is missing.

    Raises:
        BadInputError: the folder cannot be written; a layer's kernel of hls4ml would not compute it.
    """
    for node in graph.get_layers():
        refuse_strided_1x1(node)
    graph.config.config["OutputDir"] = str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_without_stamp(graph)
        _bind_fifos(graph, folder)
        _shorten_weights(folder / "firmware" / "weights")
        _neutral_config(folder / CONFIG_FILE)
        script = folder / "build_lib.sh"
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    except OSError as error:
        raise BadInputError(
            f"the project folder {folder} cannot be written ({error.strerror or error}); "
            "choose another --output, or make room"
        ) from error


def _bind_fifos(graph: Any, folder: Path) -> None:
    """Add a pragma to each stream whose storage is decided (UG1399 BIND_STORAGE; UG902 RESOURCE)."""
    path = folder / "firmware" / f"{graph.config.get_project_name()}.cpp"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    pragmas = {
        f"#pragma HLS STREAM variable={v.name} depth={v.pragma[1]}": _storage_pragma(graph, v)
        for v in graph.output_vars.values()
        if getattr(v, "sqz_storage", "auto") != "auto"
    }
    out: list[str] = []
    for line in lines:
        out.append(line)
        added = pragmas.get(line.strip())
        if added is not None:
            out.append(line.replace(line.strip(), added))
    path.write_text("".join(out), encoding="utf-8")


def _shorten_weights(folder: Path) -> None:
    """Drop the trailing zeros of every number: a pruned network of a million weights halves in size."""
    for path in sorted(folder.iterdir()):
        text = path.read_text(encoding="ascii")
        before, bracket, rest = text.rpartition("{") if path.suffix == ".h" else ("", "", text)
        numbers, closing, after = rest.partition("}") if bracket else (rest, "", "")
        words = numbers.split(", ")
        short = {word: word.rstrip("0").rstrip(".") if "." in word else word for word in set(words)}
        joined = ", ".join(short[word] for word in words)
        path.write_text(before + bracket + joined + closing + after, encoding="ascii")


def _storage_pragma(graph: Any, variable: Any) -> str:
    if graph.config.backend.name == "Vivado":
        return f"#pragma HLS RESOURCE variable={variable.name} core=FIFO_{variable.sqz_storage.upper()}"
    return f"#pragma HLS BIND_STORAGE variable={variable.name} type=fifo impl={variable.sqz_storage}"


def _neutral_config(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["OutputDir"] = "."
    path.write_text(yaml.safe_dump(config, sort_keys=True), encoding="utf-8")
