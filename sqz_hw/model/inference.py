"""Scores of a Keras network on images, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images

BATCH = 64


def network_scores(network: Any, images: Images) -> npt.NDArray[np.float64]:
    """Scores, images x classes.

    Args:
        network: a float or QKeras network.
        images: uint8, N x H x W x 3.
    """
    parts = [
        network(to_float(images[start : start + BATCH]), training=False).numpy()
        for start in range(0, len(images), BATCH)
    ]
    scores: npt.NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
    return scores
