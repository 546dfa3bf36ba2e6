"""The training pipeline: float with batch norm, magnitude pruning, then QAT with the masks kept.

Three stages, each a cosine schedule; a checkpoint at the end of each epoch; a killed run
goes on from there to the same result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.calibration import calibrate
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model, load, save
from sqz_hw.model.network import (
    Weights,
    float_network,
    fold_batch_norm,
    get_weights,
    quantised_network,
    set_weights,
)
from sqz_hw.model.quantisation import quantise
from sqz_hw.training import checkpoints
from sqz_hw.training.batches import Batches
from sqz_hw.training.checkpoints import STAGES, Progress
from sqz_hw.training.pruning import MaskedModel, prune_fire_modules, pruning_callback, strip
from sqz_hw.training.settings import TrainSettings

Report = Callable[[str, int, int, dict[str, float]], None]
"""Called with stage, batches done, batches in all, metrics so far."""


@dataclass(frozen=True)
class Run:
    """One training run: what to train, on what, how, and where to."""

    name: str
    architecture: Architecture
    settings: TrainSettings
    train: Dataset
    validation: Dataset | None
    test: Dataset | None
    output: Path


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


def train(run: Run, *, resume: bool, report: Report) -> Model:
    """Run the stages that are not done yet and return the quantised model.

    Writes into ``run.output``: ``checkpoint.safetensors`` after each epoch,
    ``model-float.safetensors`` and ``model-pruned.safetensors`` (batch norm folded) and
    ``model.safetensors`` (quantised) after their stages.

    Raises:
        BadInputError: there is a checkpoint and ``resume`` is false, or it is of another run;
            the loss leaves the finite numbers; the folder cannot be written.
    """
    progress = _starting_point(run, resume)
    _steps(run)
    tf.keras.utils.set_random_seed(run.settings.seed)
    tf.config.experimental.enable_op_determinism()
    try:
        run.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(
            f"{run.output} cannot be written ({error.strerror}); choose another --output"
        ) from error
    for stage in STAGES[STAGES.index(progress.stage) :]:
        if stage != progress.stage:
            progress = replace(progress, stage=stage, epoch=0)
        progress = _STAGES[stage](run, progress, report)
    return load(run.output / "model.safetensors")


def accuracy(network: Any, data: Dataset, batch: int = 500) -> float:
    """Top-1 accuracy in percent."""
    if data.y is None:
        raise BadInputError(f"{data.source}: accuracy needs labels, and there are none")
    hits = 0
    for start in range(0, len(data), batch):
        scores = network(to_float(data.x[start : start + batch]), training=False).numpy()
        hits += int((scores.argmax(axis=1) == data.y[start : start + batch]).sum())
    return 100.0 * hits / len(data)


def _starting_point(run: Run, resume: bool) -> Progress:
    settings = {
        "architecture": run.architecture.to_dict(),
        **run.settings.model_dump(),
        "data": run.train.source,
    }
    stored = checkpoints.read_progress(run.output)
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


def _trainable(run: Run) -> Any:
    return float_network(run.architecture, dropout=run.settings.dropout, seed=run.settings.seed)


def _float_stage(run: Run, progress: Progress, report: Report) -> Progress:
    network = _trainable(run)
    _compile(run, network, run.settings.float_rate, run.settings.float_epochs)
    progress = _epochs(run, network, progress, run.settings.float_epochs, report, [])
    _store(run, "float", fold_batch_norm(network, run.architecture), progress)
    return progress


def _prune_stage(run: Run, progress: Progress, report: Report) -> Progress:
    network = _trainable(run)
    if progress.epoch == 0:  # the checkpoint still holds the float stage
        _compile(run, network, run.settings.float_rate, run.settings.float_epochs)
        checkpoints.restore(run.output, network)
    steps = _steps(run) * run.settings.prune_epochs
    pruned = prune_fire_modules(network, run.architecture, run.settings.sparsity, steps)
    _compile(run, pruned, run.settings.prune_rate, run.settings.prune_epochs)
    progress = _epochs(run, pruned, progress, run.settings.prune_epochs, report, [pruning_callback()])
    _store(run, "pruned", fold_batch_norm(strip(pruned), run.architecture), progress)
    return progress


def _qat_stage(run: Run, progress: Progress, report: Report) -> Progress:
    arch, settings = run.architecture, run.settings
    folded = load(run.output / "model-pruned.safetensors").weights
    quantisation = calibrate(
        arch,
        folded,
        run.train.x[: settings.calibration_images],
        weight_bits=settings.weight_bits,
        bias_bits=settings.bias_bits,
        activation_bits=settings.activation_bits,
        score_bits=settings.score_bits,
    )
    plain = quantised_network(arch, quantisation)
    network = MaskedModel(plain.input, plain.output)
    set_weights(network, folded)
    network.keep_zeros(arch, folded)
    _compile(run, network, settings.qat_rate, settings.qat_epochs)
    progress = _epochs(run, network, progress, settings.qat_epochs, report, [])
    latent = get_weights(network, arch)
    on_grid = {
        key: quantise(values, quantisation.of(key)).astype(np.float32) for key, values in latent.items()
    }
    set_weights(network, on_grid)
    record = _record(run, progress)
    if run.test is not None:
        record["accuracy"] = {
            "float": _folded_accuracy(run, load(run.output / "model-float.safetensors").weights, run.test),
            "pruned": _folded_accuracy(run, folded, run.test),
            "quantised": accuracy(network, run.test),
        }
    save(Model(run.name, arch, on_grid, quantisation, record), run.output / "model.safetensors")
    return progress


_STAGES: dict[str, Callable[[Run, Progress, Report], Progress]] = {
    "float": _float_stage,
    "prune": _prune_stage,
    "qat": _qat_stage,
}


def _steps(run: Run) -> int:
    steps = len(run.train) // run.settings.batch_size
    if not steps:
        raise BadInputError(
            f"{run.train.source}: a batch of {run.settings.batch_size} must not exceed the {len(run.train)} "
            "training images; lower --batch-size"
        )
    return steps


def _compile(run: Run, network: Any, rate: float, epochs: int) -> None:
    steps = _steps(run) * epochs
    warm = min(_steps(run), steps // 10)
    schedule = tf.keras.optimizers.schedules.CosineDecay(
        rate / 10, steps - warm, alpha=0.0, warmup_target=rate, warmup_steps=warm
    )
    optimizer = tf.keras.optimizers.SGD(
        schedule, momentum=run.settings.momentum, nesterov=True, weight_decay=run.settings.weight_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    network.compile(
        optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )


class _Reporter(tf.keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, title: str, total: int, report: Report) -> None:
        super().__init__()
        self._title, self._total, self._report = title, total, report

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._report(self._title, batch + 1, self._total, dict(logs or {}))


def _epochs(
    run: Run, network: Any, progress: Progress, epochs: int, report: Report, callbacks: list[Any]
) -> Progress:
    if progress.epoch:
        checkpoints.restore(run.output, network)
    done_before = sum(getattr(run.settings, f"{s}_epochs") for s in STAGES[: STAGES.index(progress.stage)])
    for epoch in range(progress.epoch, epochs):
        began = time.monotonic()
        labels = run.train.y
        if labels is None:
            raise BadInputError(f"{run.train.source}: training needs labels, and there are none")
        batches = Batches(
            run.train.x, labels, run.settings.batch_size, run.settings.seed, done_before + epoch
        )
        title = f"{progress.stage} {epoch + 1}/{epochs}"
        logs = network.fit(
            batches, epochs=1, shuffle=False, verbose=0,
            callbacks=[_Reporter(title, len(batches), report), *callbacks],
        ).history  # fmt: skip
        entry: dict[str, Any] = {
            "stage": progress.stage,
            "epoch": epoch + 1,
            "loss": float(logs["loss"][0]),
            "train_top1": 100.0 * float(logs["accuracy"][0]),
        }
        if not math.isfinite(entry["loss"]):
            raise BadInputError(
                f"{title}: the loss must stay finite, not {entry['loss']}; "
                f"lower --{progress.stage}-rate and train into another folder"
            )
        if run.validation is not None:
            entry["validation_top1"] = accuracy(network, run.validation)
        seconds = time.monotonic() - began
        entry["seconds"] = round(seconds, 1)
        progress = replace(
            progress,
            epoch=epoch + 1,
            seconds=progress.seconds + seconds,
            history=[*progress.history, entry],
        )
        checkpoints.write(run.output, progress, network)
        report(title, len(batches), len(batches), {k: v for k, v in entry.items() if isinstance(v, float)})
    return progress


def _record(run: Run, progress: Progress) -> dict[str, Any]:
    return {
        "data": run.train.source,
        "training_images": len(run.train),
        "validation_images": 0 if run.validation is None else len(run.validation),
        "test_images": 0 if run.test is None else len(run.test),
        "settings": run.settings.model_dump(),
        "seconds": round(progress.seconds),
        "tensorflow": tf.__version__,
    }


def _folded_accuracy(run: Run, weights: Weights, test: Dataset) -> float:
    network = float_network(run.architecture, batch_norm=False)
    set_weights(network, weights)
    return accuracy(network, test)


def _store(run: Run, stage: str, weights: Weights, progress: Progress) -> None:
    record = _record(run, progress)
    if run.test is not None:
        record["accuracy"] = _folded_accuracy(run, weights, run.test)
    save(Model(run.name, run.architecture, weights, None, record), run.output / f"model-{stage}.safetensors")
