"""The epochs of a stage: train, measure, log, and store where it has come to."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqz_hw.errors import BadInputError
from sqz_hw.model.modelfile import Model, from_bytes, load, save
from sqz_hw.training import checkpoints
from sqz_hw.training.batches import Batches
from sqz_hw.training.checkpoints import STAGES, Groups, Progress
from sqz_hw.training.log import write_log
from sqz_hw.training.trainer import Trainer
from sqz_hw.training.workers import Workers

if TYPE_CHECKING:
    from sqz_hw.training.run import Run

Report = Callable[[str, int, int, dict[str, float]], None]
"""Called with stage, batches done, batches in all, metrics so far."""

FIRST_LOSSES = 50
"""Losses of single steps in the log of a stage's first epoch."""

Noted = Callable[[dict[str, Any]], None]
"""Called with a choice as it is logged."""


@dataclass(frozen=True)
class Session:
    """A run as this process works on it.

    Attributes:
        run: the run.
        workers: who trains.
        report: called as training goes on.
        noted: called with each choice.
    """

    run: Run
    workers: Workers
    report: Report
    noted: Noted

    def restore(self, groups: Groups) -> None:
        """Put the checkpoint's values into variables, on all workers.

        Raises:
            BadInputError: the checkpoint is damaged, gone, or of another network.
        """
        checkpoints.restore(
            self.workers.read(self.run.output / checkpoints.FILE_NAME), self.run.output, groups
        )

    def settled(self, plain: Any) -> Any:
        """JSON values as the chief has them: what was measured may differ in the last bits elsewhere."""
        data = self.workers.from_chief(json.dumps(plain).encode())
        return plain if data is None or self.workers.count == 1 else json.loads(data)

    def model(self, name: str) -> Model:
        """A model file that the run has written.

        Raises:
            ModelFileError: it is missing or damaged.
        """
        path = self.run.output / name
        data = self.workers.read(path)
        return load(path) if data is None else from_bytes(data, name)

    def save(self, model: Model, name: str) -> None:
        """Write a model file, if this is the chief.

        Raises:
            BadInputError: the folder cannot be written.
        """
        if self.workers.chief:
            save(model, self.run.output / name)

    def log(self, progress: Progress) -> None:
        """Write the whole log, if this is the chief.

        Raises:
            BadInputError: it cannot be written.
        """
        if self.workers.chief:
            write_log(self.run.output, progress.history)


def variables(trainer: Trainer) -> Groups:
    """All that a stage goes on from."""
    masks = [] if trainer.masks is None else list(trainer.masks.variables.values())
    return {"model": trainer.network.variables, "optimizer": trainer.optimizer.variables, "masks": masks}


def run_epochs(
    session: Session, progress: Progress, trainer: Trainer, validate: Callable[[], float | None]
) -> Progress:
    """Train the epochs of the stage that are left, with a checkpoint and a line of the log after each.

    Args:
        session: the run, and who trains.
        progress: where to go on; in a stage that has begun, variables come from the checkpoint.
        trainer: of the stage.
        validate: top-1 accuracy in percent on the validation images, if there are any.

    Raises:
        BadInputError: the loss leaves the finite numbers; a file cannot be written.
    """
    run, workers, report = session.run, session.workers, session.report
    settings = run.settings
    epochs = getattr(settings, f"{progress.stage}_epochs")
    if progress.epoch:
        session.restore(variables(trainer))
    elif workers.count > 1:
        chiefs = checkpoints.to_bytes(progress, checkpoints.values(variables(trainer)))
        checkpoints.restore(workers.from_chief(chiefs), run.output, variables(trainer))
    done_before = sum(getattr(settings, f"{s}_epochs") for s in STAGES[: STAGES.index(progress.stage)])
    labels = run.train.y
    if labels is None:
        raise BadInputError(f"{run.train.source}: training needs labels, and there are none")
    for epoch in range(progress.epoch, epochs):
        began = time.monotonic()
        batches = Batches(
            run.train.x, labels, settings.batch_size, settings.seed, done_before + epoch,
            cutout=settings.cutout, mixup=settings.mixup, classes=run.architecture.classes,
            worker=workers.index, workers=workers.count,
        )  # fmt: skip
        title, total = f"{progress.stage} {epoch + 1}/{epochs}", len(batches)

        def progressed(done: int, loss: float, top1: float, title: str = title, total: int = total) -> None:
            report(title, done, total, {"loss": loss, "train_top1": top1})

        loss, top1 = trainer.epoch(batches, progressed)
        if not math.isfinite(loss):
            raise BadInputError(
                f"{title}: the loss must stay finite, not {loss}; "
                f"lower --{progress.stage}-rate and train into another folder"
            )
        trained = time.monotonic() - began
        entry: dict[str, Any] = {
            "event": "epoch",
            "stage": progress.stage,
            "epoch": epoch + 1,
            "loss": loss,
            "train_top1": top1,
            "learning_rate": trainer.rate,
            "images_per_s": round(total * settings.batch_size / trained, 1),
        }
        validation = validate()
        if validation is not None:
            entry["validation_top1"] = validation
        if epoch == 0:
            entry["first_losses"] = trainer.losses[:FIRST_LOSSES]
        if workers.count > 1:
            entry["exchanged_each_step"] = trainer.exchanged()
        seconds = time.monotonic() - began
        entry["seconds"] = round(seconds, 1)
        progress = replace(
            progress,
            epoch=epoch + 1,
            seconds=progress.seconds + seconds,
            history=[*progress.history, entry],
        )
        tensors = checkpoints.values(variables(trainer))
        if workers.chief:
            checkpoints.write(run.output, progress, tensors)
        session.log(progress)
        report(title, total, total, {k: v for k, v in entry.items() if isinstance(v, float)})
    return progress
