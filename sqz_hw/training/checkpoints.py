"""Checkpoints of a training run: one safetensors file, replaced whole at the end of each epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sqz_hw.errors import BadInputError

FILE_NAME = "checkpoint.safetensors"
STAGES = ("float", "prune", "qat")
Groups = Mapping[str, Sequence[Any]]
"""Variables by what they belong to: the model, its optimiser, its masks."""

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        stage: one of ``STAGES``.
        epoch: epochs of the stage that are done.
        seconds: training time so far over all stages and restarts.
        history: one entry an epoch over all stages, and one for each choice and start.
        settings: what the run was started with; a resumed run must have the same.
        choices: densities and widths that were chosen so far, with what they were chosen by.
    """

    stage: str
    epoch: int
    seconds: float
    history: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        whole = isinstance(self.epoch, int) and self.epoch >= 0
        if self.stage not in STAGES or not whole or not isinstance(self.seconds, (int, float)):
            raise ValueError(f"{self.stage!r}, epoch {self.epoch!r}, {self.seconds!r} s")
        if not isinstance(self.history, list) or not isinstance(self.settings, dict):
            raise TypeError("history and settings")
        if not isinstance(self.choices, dict):
            raise TypeError("choices")


def values(groups: Groups) -> Tensors:
    """The values of variables as they are stored."""
    return {
        f"{group}/{i:04d}": np.asarray(variable.numpy())
        for group, variables in groups.items()
        for i, variable in enumerate(variables)
    }


def to_bytes(progress: Progress, tensors: Tensors) -> bytes:
    """A checkpoint's bytes."""
    data: bytes = save_tensors(dict(tensors), {"progress": json.dumps(asdict(progress), sort_keys=True)})
    return data


def write(folder: Path, progress: Progress, tensors: Tensors) -> None:
    """Store values with the progress.

    Raises:
        BadInputError: the folder cannot be written.
    """
    data = to_bytes(progress, tensors)
    partial = folder / f".{FILE_NAME}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(folder / FILE_NAME)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise BadInputError(
            f"{folder / FILE_NAME} cannot be written ({error.strerror}); "
            "make room, or choose another --output"
        ) from error


def read_progress(folder: Path) -> Progress | None:
    """The progress stored in ``folder``, or None if there is no checkpoint.

    Raises:
        BadInputError: the checkpoint is damaged.
    """
    path = folder / FILE_NAME
    try:
        data = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise _damaged(folder) from error
    return None if data is None else progress_of(data, folder)


def progress_of(data: bytes, folder: Path) -> Progress:
    """The progress in a checkpoint's bytes.

    Raises:
        BadInputError: the checkpoint is damaged.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return Progress(**json.loads(header["__metadata__"]["progress"]))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise _damaged(folder) from error


def _damaged(folder: Path) -> BadInputError:
    return BadInputError(
        f"{folder / FILE_NAME} must be a checkpoint of this program, and is damaged; remove it, "
        "or train into another folder"
    )


def restore(data: bytes | None, folder: Path, groups: Groups) -> None:
    """Put stored values into variables; groups that are not asked for are left alone.

    Args:
        data: of the checkpoint, or None if there is none.
        folder: that it is in, for messages.
        groups: the variables.

    Raises:
        BadInputError: the checkpoint is damaged, gone, or of another network.
    """
    try:
        if data is None:
            raise ValueError("it is gone")
        tensors = load_tensors(data)
        for group, variables in groups.items():
            stored = sum(key.startswith(f"{group}/") for key in tensors)
            if stored != len(variables):
                raise ValueError(f"{group} must be {len(variables)} tensors, not {stored}")
            for i, variable in enumerate(variables):
                variable.assign(tensors[f"{group}/{i:04d}"])
    except (TypeError, ValueError, LookupError, SafetensorError) as error:
        raise BadInputError(
            f"{folder / FILE_NAME} must be a checkpoint of this very network ({error}); "
            "train into another folder"
        ) from error
