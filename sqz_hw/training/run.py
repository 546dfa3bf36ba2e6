"""A training run: float with batch norm, gradual pruning, then QAT with the zeros held.

Three stages, each a cosine schedule; a checkpoint at the end of each epoch; a killed run
goes on from there to the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model
from sqz_hw.training import checkpoints, stages
from sqz_hw.training.checkpoints import STAGES, Progress
from sqz_hw.training.cluster import from_environment
from sqz_hw.training.given import Given
from sqz_hw.training.log import start_line
from sqz_hw.training.loop import Noted, Report, Session
from sqz_hw.training.settings import TrainSettings
from sqz_hw.training.threads import fix_threads
from sqz_hw.training.workers import GONE, Workers, joined, lost

BFLOAT16_BITS = 8
"""Bits of a significand."""


@dataclass(frozen=True)
class Run:
    """One training run: what to train, on what, how, and where to.

    Attributes:
        name: of the model.
        architecture: what to train.
        settings: how.
        train, validation, test: images; choices are made on validation, test is for the record alone.
        output: folder of checkpoints, models and log.
        start: a float model to start from, or None.
        teachers: float models to learn from, of several the mean of their probabilities; "self" is the
            run's own float network, in the stages after it; none: labels alone.
    """

    name: str
    architecture: Architecture
    settings: TrainSettings
    train: Dataset
    validation: Dataset | None
    test: Dataset | None
    output: Path
    start: Given | None = None
    teachers: tuple[Given | Literal["self"], ...] = ("self",)


def split(data: Dataset, validation_images: int, seed: int) -> tuple[Dataset, Dataset | None]:
    """Hold out ``validation_images`` of the training images, chosen by ``seed``."""
    if data.y is None:
        raise BadInputError(f"{data.source}: training needs labels, and there are none")
    if not validation_images:
        return data, None
    if validation_images >= len(data):
        raise BadInputError(
            f"{data.source}: {validation_images} validation images must be fewer than the "
            f"{len(data)} images; lower --validation-images"
        )
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(data))
    held, kept = np.sort(order[:validation_images]), np.sort(order[validation_images:])
    return Dataset(data.x[kept], data.y[kept], data.source), Dataset(data.x[held], data.y[held], data.source)


def train(run: Run, *, resume: bool, report: Report, noted: Noted = lambda line: None) -> Model:
    """Run the stages that are not done yet and return the quantised model.

    Args:
        run: what to train.
        resume: go on from the checkpoint in ``run.output``, if there is one.
        report: called as training goes on.
        noted: called with each choice that is made.

    Writes into ``run.output``: ``checkpoint.safetensors`` and ``train_log.jsonl`` after each epoch,
    ``model-float.safetensors`` and ``model-pruned.safetensors`` (batch norm folded) and
    ``model.safetensors`` (quantised) after their stages.

    Raises:
        BadInputError: settings that contradict each other; there is a checkpoint and ``resume`` is
            false, or it is of another run; a bound that cannot be met; the loss leaves the finite
            numbers; the folder cannot be written; a broken ``TF_CONFIG``.
        ToolError: another worker of ``TF_CONFIG`` has other options, or has stopped.
    """
    cluster = from_environment()
    check(run, cluster.count)
    threads = fix_threads(run.settings.threads)
    run = replace(run, settings=run.settings.model_copy(update={"threads": threads}))
    if cluster.chief:
        _make_folder(run.output)
    tf.config.experimental.enable_op_determinism()
    workers = joined(cluster)
    try:
        return _train(run, workers, resume, report, noted)
    except GONE as error:
        if cluster.count == 1:
            raise
        raise lost(cluster, error) from error


def _train(run: Run, workers: Workers, resume: bool, report: Report, noted: Noted) -> Model:
    progress = _starting_point(run, workers, resume)
    tf.keras.utils.set_random_seed(run.settings.seed)
    session = Session(run, workers, report, noted)
    line = start_line(run.settings.threads, workers, progress)
    progress = replace(progress, history=[*progress.history, line])
    session.log(progress)
    for stage in STAGES[STAGES.index(progress.stage) :]:
        if stage != progress.stage:
            progress = replace(progress, stage=stage, epoch=0)
        progress = stages.STAGES[stage](session, progress)
    model = session.model("model.safetensors")
    end = {"event": "end", "seconds": round(progress.seconds, 1), "accuracy": model.record.get("accuracy")}
    session.log(replace(progress, history=[*progress.history, end]))
    return model


def check(run: Run, workers: int = 1) -> None:
    """Refuse settings that contradict each other or the data.

    Raises:
        BadInputError: they do.
    """
    settings = run.settings
    if settings.batch_size % workers:
        raise BadInputError(
            f"--batch-size must be divisible by the {workers} workers of TF_CONFIG, not {settings.batch_size}"
        )
    if workers > 1 and settings.dropout:
        raise BadInputError("--dropout must be 0 where several workers train; leave it out")
    if settings.batch_size > len(run.train):
        raise BadInputError(
            f"{run.train.source}: a batch of {settings.batch_size} must not exceed the {len(run.train)} "
            "training images; lower --batch-size"
        )
    if not settings.float_epochs and run.start is None:
        raise BadInputError("--float-epochs 0 needs a network to start from; give --start FILE")
    if not run.teachers and settings.distill_weight is not None:
        raise BadInputError("--distill-weight needs a teacher; give --teacher FILE or --teacher self")
    widest = max(
        settings.weight_bits, settings.activation_bits, settings.score_bits, settings.expand_bits or 0
    )
    if settings.precision == "bfloat16" and widest > BFLOAT16_BITS:
        raise BadInputError(
            f"--precision bfloat16 trains weights and activations of up to {BFLOAT16_BITS} bits exactly, "
            f"and one has {widest}; lower it, or train in float32"
        )
    given = settings.density is not None or settings.max_nonzero_macs is not None or settings.prune_conv10
    if settings.sparsity is not None and given:
        raise BadInputError(
            "--sparsity prunes every Fire kernel alike, --density, --max-nonzero-macs and --prune-conv10 by "
            "sensitivity; give one or the others"
        )
    by_sensitivity = settings.sparsity is None and settings.prune_epochs > 0
    if run.validation is None and (by_sensitivity or settings.memory_bits is not None):
        raise BadInputError(
            "choices by sensitivity are made on validation images, and there are none; raise "
            "--validation-images, or prune alike with --sparsity and leave --memory-budget out"
        )
    if run.start is not None:
        run.start.require(run.architecture)
    for teacher in run.teachers:
        if isinstance(teacher, Given):
            teacher.require_classes(run.architecture)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"{folder} cannot be written ({error.strerror}); choose another --output"
        ) from error


def _starting_point(run: Run, workers: Workers, resume: bool) -> Progress:
    settings = {
        "architecture": run.architecture.to_dict(),
        **run.settings.model_dump(),
        "data": run.train.source,
        "start": None if run.start is None else run.start.sha256,
        "teacher": [teacher.sha256 if isinstance(teacher, Given) else teacher for teacher in run.teachers],
    }
    workers.agree("options", json.dumps([settings, resume], sort_keys=True).encode())
    stored = _stored(run.output, workers)
    if stored is None:
        return Progress("float", 0, 0.0, [], settings)
    if not resume:
        raise BadInputError(
            f"{run.output} holds a run that has come to {stored.stage} epoch {stored.epoch}; "
            "give --resume to go on with it, or another --output"
        )
    differing = sorted(k for k in settings if stored.settings.get(k) != settings[k])
    if differing:
        raise BadInputError(
            f"{run.output} was started with another {', '.join(differing)}; "
            "resume with the same options, or choose another --output"
        )
    return stored


def _stored(folder: Path, workers: Workers) -> Progress | None:
    """The chief's checkpoint, if it has one."""
    try:
        data = workers.read(folder / checkpoints.FILE_NAME)
    except OSError:
        return checkpoints.read_progress(folder)  # says what is wrong with it
    return None if data is None else checkpoints.progress_of(data, folder)
