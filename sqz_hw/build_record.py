"""The record of a build, ``build.json``: inputs with their hashes, versions, options, seconds."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from sqz_hw import __version__
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model
from sqz_hw.settings import BuildSettings

RECORD = "build.json"
VERSIONED = ("hls4ml", "qkeras", "tensorflow", "numpy")


def write_record(
    folder: Path,
    settings: BuildSettings,
    model: Model,
    model_path: Path,
    data: Dataset,
    seconds: Mapping[str, float],
) -> None:
    """Write ``build.json``.

    Args:
        folder: of the build.
        settings: what was asked for; the output folder is left out.
        model, model_path: what was built, and its file.
        data: the images that it was verified on.
        seconds: of each step.
    """
    record = {
        "schema": 1,
        "inputs": {
            "model": {"name": model.name, "sha256": _sha256(model_path.read_bytes())},
            "images": {"source": data.source, "count": len(data), "sha256": _sha256(data.x.tobytes())},
        },
        "versions": {"sqz_hw": __version__, "python": platform.python_version()}
        | {name: version(name) for name in VERSIONED},
        "options": settings.model_dump(mode="json", exclude={"output"}),
        "seconds": dict(seconds),
    }
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    (folder / RECORD).write_text(text, encoding="utf-8")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
