"""Scores of a Keras network on images, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images

BATCH = 64


def network_scores(
    network: Any, images: Images, mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> npt.NDArray[np.float64]:
    """Scores, images x classes.

    Args:
        network: a float or QKeras network.
        images: uint8, N x H x W x 3.
        mean: subtracted from the pixels first (R, G, B, 0 to 255): ``Model.input_mean``.
    """
    offset = np.array(mean, np.float32) / 256
    parts = [
        network(to_float(images[start : start + BATCH]) - offset, training=False).numpy()
        for start in range(0, len(images), BATCH)
    ]
    scores: npt.NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
    return scores
