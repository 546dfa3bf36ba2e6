"""The three stages: each takes the network where the one before left it and writes its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from sqz_hw.model.calibration import calibrate
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model
from sqz_hw.model.network import (
    Weights,
    float_network,
    fold_batch_norm,
    get_weights,
    quantised_network,
    set_weights,
)
from sqz_hw.model.quantisation import Quantisation, quantise
from sqz_hw.model.storage import storage
from sqz_hw.training.checkpoints import Progress
from sqz_hw.training.choices import prunable
from sqz_hw.training.decide import bits, densities, most_activation_bits
from sqz_hw.training.evaluation import accuracy, folded_accuracy, folded_network
from sqz_hw.training.given import Given
from sqz_hw.training.lean import computing_in, lean_network
from sqz_hw.training.loop import Session, run_epochs
from sqz_hw.training.losses import Loss, make_loss, seeing
from sqz_hw.training.pruning import GradualPruning, Masks
from sqz_hw.training.rescale import rescaled
from sqz_hw.training.trainer import Trainer
from sqz_hw.training.unfold import unfold

if TYPE_CHECKING:
    from sqz_hw.training.run import Run

Stage = Callable[[Session, Progress], Progress]


def float_stage(session: Session, progress: Progress) -> Progress:
    """Train a float network with batch norm, or take the one that was given to start from."""
    run = session.run
    settings = run.settings
    if run.start is not None and not settings.float_epochs:
        _store(session, "float", run.start.model.weights)
        return progress
    network = _trainable(session)
    if run.start is not None:
        unfold(network, run.architecture, run.start.model.weights, _calibration(run).x)
    given = [teacher for teacher in run.teachers if isinstance(teacher, Given)]
    trainer = _trainer(session, network, "float", _loss(session, given))
    progress = run_epochs(session, progress, trainer, _folded_validation(run, network))
    _store(session, "float", fold_batch_norm(network, run.architecture))
    return progress


def prune_stage(session: Session, progress: Progress) -> Progress:
    """Close the masks to each layer's density while the network trains on."""
    run, arch, settings = session.run, session.run.architecture, session.run.settings
    dense = session.model("model-float.safetensors").weights
    if not settings.prune_epochs:
        _store(session, "pruned", dense)
        return progress
    network = _trainable(session)
    if progress.epoch == 0:
        if settings.float_epochs:  # the checkpoint still holds the float stage
            session.restore({"model": network.variables})
        else:
            unfold(network, arch, dense, _calibration(run).x)
        progress = densities(session, progress, dense)
    chosen = progress.choices["densities"]
    with session.workers.strategy.scope():
        masks = Masks(network, arch, chosen)
    pruning = GradualPruning(masks, chosen, _steps(run) * settings.prune_epochs)
    trainer = _trainer(session, network, "prune", _loss(session, run.teachers), masks, pruning)
    progress = run_epochs(session, progress, trainer, _folded_validation(run, network))
    _store(session, "pruned", fold_batch_norm(network, arch), progress)
    return progress


def qat_stage(session: Session, progress: Progress) -> Progress:
    """Fold batch norm, choose types, and train on with everything on its grid and the zeros held."""
    run, arch, settings = session.run, session.run.architecture, session.run.settings
    pruned = session.model("model-pruned.safetensors").weights

    def ranged(activation_bits: dict[str, int]) -> Weights:
        if settings.equalisation is None:
            return pruned
        images = _calibration(run).x
        return rescaled(arch, pruned, images, activation_bits, settings.equalisation, settings.seed)

    if progress.epoch == 0:
        progress = bits(session, progress, ranged(most_activation_bits(arch, settings)))
    widths = progress.choices["bits"]
    start = ranged(widths["activations"])
    quantisation = calibrate(
        arch,
        start,
        _calibration(run).x,
        weight_bits=widths["weights"],
        bias_bits=settings.bias_bits,
        activation_bits=widths["activations"],
        score_bits=settings.score_bits,
    )
    quantisation = Quantisation.from_dict(session.settled(quantisation.to_dict()))
    with session.workers.strategy.scope(), computing_in(settings.precision):
        network = lean_network(arch, quantisation)
        masks = Masks(network, arch, prunable(arch, settings.prune_conv10))
    set_weights(network, start)
    masks.keep_zeros()
    trainer = _trainer(session, network, "qat", _loss(session, run.teachers), masks)
    reference = quantised_network(arch, quantisation)

    def validate() -> float | None:
        if run.validation is None:
            return None
        set_weights(reference, get_weights(network, arch))
        return accuracy(reference, run.validation)

    progress = run_epochs(session, progress, trainer, validate)
    on_grid = _on_grid(get_weights(network, arch), quantisation)
    set_weights(reference, on_grid)
    record = _record(run, progress)
    if run.test is not None:
        dense = session.model("model-float.safetensors").weights
        record["accuracy"] = {
            "float": folded_accuracy(arch, dense, run.test),
            "pruned": folded_accuracy(arch, pruned, run.test),
            "quantised": accuracy(reference, run.test),
        }
    model = Model(run.name, arch, on_grid, quantisation, record)
    record["stored_bits"] = 8 * storage(model).compressed_bytes
    session.save(replace(model, record=record), "model.safetensors")
    return progress


STAGES: dict[str, Stage] = {"float": float_stage, "prune": prune_stage, "qat": qat_stage}


def _steps(run: Run) -> int:
    return len(run.train) // run.settings.batch_size


def _calibration(run: Run) -> Dataset:
    count = run.settings.calibration_images
    return Dataset(run.train.x[:count], None, run.train.source)


def _trainable(session: Session) -> Any:
    arch, settings, workers = session.run.architecture, session.run.settings, session.workers
    with workers.strategy.scope(), computing_in(settings.precision):
        return float_network(
            arch, dropout=settings.dropout, seed=settings.seed, synchronised=workers.count > 1
        )


def _loss(session: Session, teachers: Sequence[Given | str]) -> Loss:
    """With the teachers' networks; "self" is the run's own float network."""
    arch, settings, networks = session.run.architecture, session.run.settings, []
    for teacher in teachers:
        model = teacher.model if isinstance(teacher, Given) else session.model("model-float.safetensors")
        with session.workers.strategy.scope():
            network = folded_network(model.architecture, model.weights, settings.precision)
        network.trainable = False
        networks.append(seeing(network, model.architecture.input_size))
    return make_loss(settings, arch.classes, networks)


def _trainer(
    session: Session,
    network: Any,
    stage: str,
    loss: Loss,
    masks: Masks | None = None,
    pruning: GradualPruning | None = None,
) -> Trainer:
    settings = session.run.settings
    with session.workers.strategy.scope():
        return Trainer(
            network,
            settings,
            rate=getattr(settings, f"{stage}_rate"),
            steps=_steps(session.run),
            epochs=getattr(settings, f"{stage}_epochs"),
            loss=loss,
            workers=session.workers,
            masks=masks,
            pruning=pruning,
        )


def _folded_validation(run: Run, network: Any) -> Callable[[], float | None]:
    if run.validation is None:
        return lambda: None
    data, folded = run.validation, float_network(run.architecture, batch_norm=False)

    def validate() -> float:
        set_weights(folded, fold_batch_norm(network, run.architecture))
        return accuracy(folded, data)

    return validate


def _on_grid(latent: Weights, quantisation: Quantisation) -> dict[str, Any]:
    return {key: quantise(values, quantisation.of(key)).astype(np.float32) for key, values in latent.items()}


def _record(run: Run, progress: Progress | None) -> dict[str, Any]:
    """How a model was made; nothing in it changes where a run is stopped and resumed."""
    record: dict[str, Any] = {
        "data": run.train.source,
        "training_images": len(run.train),
        "validation_images": 0 if run.validation is None else len(run.validation),
        "test_images": 0 if run.test is None else len(run.test),
        "settings": run.settings.model_dump(),
        "tensorflow": tf.__version__,
    }
    if run.start is not None:
        record["start"] = run.start.summary()
    if run.teachers:
        record["teachers"] = [each.summary() if isinstance(each, Given) else each for each in run.teachers]
    if progress is not None:
        record["choices"] = progress.choices
    return record


def _store(session: Session, stage: str, weights: Weights, progress: Progress | None = None) -> None:
    run = session.run
    record = _record(run, progress)
    if run.test is not None:
        record["accuracy"] = folded_accuracy(run.architecture, weights, run.test)
    session.save(Model(run.name, run.architecture, weights, None, record), f"model-{stage}.safetensors")
