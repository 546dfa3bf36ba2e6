"""Checkpoints of a training run: one safetensors file, replaced whole at the end of each epoch."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sqz_hw.errors import BadInputError

FILE_NAME = "checkpoint.safetensors"


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        stage: ``float``, ``prune`` or ``qat``.
        epoch: epochs of the stage that are done.
        seconds: training time so far over all stages and restarts.
        history: one entry an epoch over all stages.
        settings: what the run was started with; a resumed run must have the same.
    """

    stage: str
    epoch: int
    seconds: float
    history: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


def write(folder: Path, progress: Progress, network: Any) -> None:
    """Store the network's and its optimiser's variables with the progress."""
    tensors = {f"model/{i:04d}": np.asarray(value) for i, value in enumerate(network.get_weights())}
    tensors |= {f"optimizer/{i:04d}": np.asarray(v.numpy()) for i, v in enumerate(network.optimizer.variables)}
    plain = {"stage": progress.stage, "epoch": progress.epoch, "seconds": progress.seconds,
             "history": progress.history, "settings": progress.settings}  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{FILE_NAME}.{os.getpid()}.partial"
    partial.write_bytes(save_tensors(tensors, {"progress": json.dumps(plain, sort_keys=True)}))
    partial.replace(folder / FILE_NAME)


def read_progress(folder: Path) -> Progress | None:
    """The progress stored in ``folder``, or None if there is no checkpoint.

    Raises:
        BadInputError: the checkpoint is damaged.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return Progress(**json.loads(header["__metadata__"]["progress"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{path} must be a checkpoint of this program, and is damaged; train without --resume, "
            "or into another folder"
        ) from error


def restore(folder: Path, network: Any) -> None:
    """Put the stored variables into a compiled network of the same stage.

    Raises:
        BadInputError: the checkpoint is damaged or of another network.
    """
    path = folder / FILE_NAME
    try:
        tensors = load_tensors(path.read_bytes())
        network.optimizer.build(network.trainable_variables)
        variables = network.optimizer.variables
        network.set_weights([tensors[f"model/{i:04d}"] for i in range(len(network.get_weights()))])
        for i, variable in enumerate(variables):
            variable.assign(tensors[f"optimizer/{i:04d}"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise BadInputError(
            f"{path} must be a checkpoint of this very network ({error}); train into another folder"
        ) from error
