"""How much of the float network's accuracy a quantised one has kept."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sqz_hw.errors import ModelFileError
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.inference import network_scores
from sqz_hw.model.modelfile import Model
from sqz_hw.model.network import float_network, quantised_network, set_weights
from sqz_hw.verify.run import accuracy


@dataclass(frozen=True)
class Agreement:
    """Both networks on the same images.

    Attributes:
        images: how many.
        source: of which data.
        calibration: the quantised network was calibrated on these very images.
        same_top1: percent of the images for which both have the same highest score.
        float_top1, float_top5, quantised_top1, quantised_top5: percent; None without labels
            (top-5 also with fewer than five classes).
    """

    images: int
    source: str
    calibration: bool
    same_top1: float
    float_top1: float | None
    float_top5: float | None
    quantised_top1: float | None
    quantised_top5: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def agreement(reference: Model, quantised: Model, data: Dataset, *, calibration: bool) -> Agreement:
    """Score some images with the float network and with the QKeras network.

    Args:
        reference: the float model.
        quantised: what was made of it.
        data: images, with labels or without.
        calibration: the quantised network was calibrated on these very images.

    Raises:
        ModelFileError: the second model is not quantised.
    """
    if quantised.quantisation is None:
        raise ModelFileError(f"model {quantised.name} is float and agrees with itself; quantise it first")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's, on initial values that are replaced at once
        plain = float_network(reference.architecture, batch_norm=False)
        on_grid = quantised_network(quantised.architecture, quantised.quantisation)
    set_weights(plain, reference.weights)
    set_weights(on_grid, quantised.weights)
    before = network_scores(plain, data.x, reference.input_mean)
    after = network_scores(on_grid, data.x)
    same = float(100.0 * np.mean(before.argmax(axis=1) == after.argmax(axis=1)))
    found: list[float | None] = [None] * 4
    if data.y is not None:
        found = [accuracy(scores, data.y, best) for scores in (before, after) for best in (1, 5)]
    top = [None if value is None else round(value, 4) for value in found]
    return Agreement(len(data), data.source, calibration, round(same, 4), *top)
