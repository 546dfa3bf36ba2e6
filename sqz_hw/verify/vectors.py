"""Images to verify on when the user gives none: crops of a photograph, and patterns.

The photograph comes with matplotlib, so nothing is downloaded and nothing is random but by
the seed.
"""

from __future__ import annotations

import matplotlib.cbook
import numpy as np
import numpy.typing as npt
from PIL import Image

from sqz_hw.model.datasets import Dataset

Images = npt.NDArray[np.uint8]
PHOTOGRAPH = "grace_hopper.jpg"
SOURCE = "crops of matplotlib's sample photograph, and patterns"


def made_images(size: int, count: int, seed: int) -> Dataset:
    """``count`` images of ``size`` x ``size`` pixels without labels.

    The first eight are patterns (black, white, two checkerboards, two ramps, one pixel,
    noise), the rest crops of a photograph at random places and scales.

    Args:
        size: side in pixels.
        count: how many, at least one.
        seed: of the noise and the crops.
    """
    rng = np.random.default_rng([seed, size])
    patterns = _patterns(size, rng)
    crops = _crops(size, max(0, count - len(patterns)), rng)
    return Dataset(np.stack([*patterns, *crops])[:count], None, SOURCE)


def _patterns(size: int, rng: np.random.Generator) -> list[Images]:
    rows, columns = np.mgrid[0:size, 0:size]
    checks = ((rows + columns) % 2 * 255).astype(np.uint8)
    ramp = (columns * 255 // max(1, size - 1)).astype(np.uint8)
    single = np.zeros((size, size), np.uint8)
    single[size // 2, size // 2] = 255
    grey = [np.zeros((size, size), np.uint8), np.full((size, size), 255, np.uint8), checks, 255 - checks]
    noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    return [*(_rgb(plane) for plane in [*grey, ramp, ramp.T, single]), noise]


def _rgb(plane: Images) -> Images:
    return np.repeat(plane[:, :, None], 3, axis=2)


def _crops(size: int, count: int, rng: np.random.Generator) -> list[Images]:
    if not count:
        return []
    with Image.open(str(matplotlib.cbook.get_sample_data(PHOTOGRAPH, asfileobj=False))) as image:
        photograph = image.convert("RGB")
    width, height = photograph.size
    crops = []
    for _ in range(count):
        side = int(rng.integers(min(width, height) // 8, min(width, height)))
        left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
        cut = photograph.crop((left, top, left + side, top + side))
        crops.append(np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR), np.uint8))
    return crops
