"""Pixels as numbers: the grid that hardware takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sqz_hw.model.datasets import Images

PIXEL_SCALE = np.float32(1.0 / 256.0)
"""Pixels on the k/256 grid, so that hardware takes them as they are."""


def to_float(pixels: Images) -> npt.NDArray[np.float32]:
    """uint8 pixels to float32 in [0, 1) on the k/256 grid, exactly."""
    return pixels.astype(np.float32) * PIXEL_SCALE
