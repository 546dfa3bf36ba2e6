"""``train_log.jsonl``: a line for each start, choice and epoch of a run, and one for its end."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from sqz_hw.files import write_whole
from sqz_hw.training.checkpoints import Progress
from sqz_hw.training.workers import Workers

FILE_NAME = "train_log.jsonl"


def start_line(threads: int, workers: Workers, progress: Progress) -> dict[str, Any]:
    """The line of a start: what computes, and from where it goes on."""
    return {
        "event": "start" if not progress.history else "resume",
        "stage": progress.stage,
        "epochs_done": progress.epoch,
        "threads": threads,
        "host_cpus": os.cpu_count(),
        "workers": workers.count,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "settings": progress.settings,
    }


def write_log(folder: Path, history: Iterable[Mapping[str, Any]]) -> None:
    """Write the whole log; what a killed run did after its last checkpoint is not in it.

    Raises:
        BadInputError: it cannot be written.
    """
    lines = "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in history)
    write_whole(folder / FILE_NAME, lines.encode())
