"""A run's choices: densities before it prunes, widths before it quantises; logged with what they rest on."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.calibration import activation_groups
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.network import Weights
from sqz_hw.training.checkpoints import Progress
from sqz_hw.training.choices import (
    Prunable,
    choose_activation_bits,
    choose_densities,
    choose_weight_bits,
    prunable,
    unpruned_macs,
)
from sqz_hw.training.sensitivity import (
    Probe,
    activation_bits_table,
    density_table,
    smoothed,
    weight_bits_table,
)
from sqz_hw.training.settings import DENSITY, TrainSettings

if TYPE_CHECKING:
    from sqz_hw.training.loop import Session
    from sqz_hw.training.run import Run


def densities(session: Session, progress: Progress, weights: Weights) -> Progress:
    """Choose what each layer keeps, by ``sparsity`` or by sensitivity on validation images.

    Args:
        session: the run, and who is told.
        progress: gets ``choices["densities"]`` and a line of the log.
        weights: of the folded float network.

    Raises:
        BadInputError: the bounds cannot be met.
    """
    run, arch, settings = session.run, session.run.architecture, session.run.settings
    if settings.sparsity is not None:
        layers = prunable(arch, conv10=False)
        kept = dict.fromkeys(layers, 1.0 - settings.sparsity)
        return _chosen(session, progress, {"densities": kept}, {"densities": kept, "by": "sparsity"})
    began = time.monotonic()
    layers = prunable(arch, settings.prune_conv10)
    probe = Probe(arch, weights, _measured_on(run))
    table = density_table(probe, weights, layers)
    rest = unpruned_macs(arch, layers)
    limit = settings.max_nonzero_macs
    if limit is not None and limit < rest:
        raise BadInputError(
            f"--max-nonzero-macs must be above the {rest:,} multiplications of the layers that stay dense, "
            f"not {limit:,}; raise it, give --prune-conv10, or choose a smaller network"
        )
    density = DENSITY if settings.density is None else settings.density
    kept = choose_densities(table, layers, density, None if limit is None else limit - rest)
    entry = {
        "by": "sensitivity",
        "validation_loss": probe.base,
        "loss_increase": table,
        "densities": kept,
        "density": _share(kept, layers),
        "nonzero_macs": rest + sum(round(kept[n] * v.weights) * v.pixels for n, v in layers.items()),
        "choice_seconds": round(time.monotonic() - began, 1),
    }
    choices = {"densities": kept, "density_sensitivity": table, "density_base_loss": probe.base}
    return _chosen(session, progress, choices, entry)


def bits(session: Session, progress: Progress, weights: Weights) -> Progress:
    """Choose widths: the settings' for all layers, or by sensitivity within ``memory_bits``.

    Args:
        session: the run, and who is told.
        progress: gets ``choices["bits"]`` and a line of the log.
        weights: of the pruned, folded network.

    Raises:
        BadInputError: the budget cannot be met.
    """
    run, arch, settings = session.run, session.run.architecture, session.run.settings
    if settings.memory_bits is None:
        same: dict[str, Any] = {
            "weights": {s.name: settings.weight_bits for s in arch.convolutions},
            "activations": most_activation_bits(arch, settings),
        }
        return _chosen(session, progress, {"bits": same}, {"bits": same, "by": "settings"})
    began = time.monotonic()
    probe = Probe(arch, weights, _measured_on(run))
    weight_table = weight_bits_table(probe, arch, weights, settings.weight_bits)
    widths, used = choose_weight_bits(
        smoothed(weight_table), arch, weights, settings.bias_bits, settings.memory_bits
    )
    images = run.train.x[: settings.calibration_images]
    most = most_activation_bits(arch, settings)
    activation_table = activation_bits_table(probe, arch, weights, images, most)
    chosen = {
        "weights": widths,
        "activations": choose_activation_bits(smoothed(activation_table), settings.activation_tolerance),
    }
    tables = {"weights": weight_table, "activations": activation_table}
    entry = {
        "by": "sensitivity",
        "validation_loss": probe.base,
        "loss_increase": tables,
        "bits": chosen,
        "stored_bits": used,
        "memory_bits": settings.memory_bits,
        "choice_seconds": round(time.monotonic() - began, 1),
    }
    return _chosen(session, progress, {"bits": chosen, "bits_sensitivity": tables}, entry)


def most_activation_bits(arch: Architecture, settings: TrainSettings) -> dict[str, int]:
    """The largest width of each ReLU's output: ``expand_bits`` for what Fire modules put out."""
    wide = ("relu_expand1x1", "relu_expand3x3", "relu_bypass1x1", "relu_add")
    expand = settings.activation_bits if settings.expand_bits is None else settings.expand_bits
    return {
        name: expand if name.rpartition("/")[2] in wide else settings.activation_bits
        for names in activation_groups(arch)
        for name in names
    }


def _measured_on(run: Run) -> Dataset:
    data = run.validation
    if data is None or data.y is None:
        raise BadInputError("sensitivity is measured on validation images; raise --validation-images")
    count = run.settings.sensitivity_images
    return Dataset(data.x[:count], data.y[:count], data.source)


def _share(kept: dict[str, float], layers: dict[str, Prunable]) -> float:
    counts = np.array([layers[name].weights for name in kept])
    return float((np.array(list(kept.values())) * counts).sum() / counts.sum())


def _chosen(session: Session, progress: Progress, choices: dict[str, Any], entry: dict[str, Any]) -> Progress:
    line = {"event": "choice", "stage": progress.stage, **entry}
    progress = replace(progress, choices={**progress.choices, **choices}, history=[*progress.history, line])
    progress = replace(
        progress,
        choices=session.settled(progress.choices),
        history=session.settled(progress.history),
    )
    session.log(progress)
    session.noted(progress.history[-1])
    return progress
