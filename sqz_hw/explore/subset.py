"""The images of a search: two disjoint parts of the training images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from sqz_hw.errors import BadInputError
from sqz_hw.model.datasets import Dataset, Images, Labels


@dataclass(frozen=True)
class Split:
    """Images of a search, all of them training images.

    Attributes:
        x, y: what trials train on.
        validation_x, validation_y: what their accuracy is measured on; disjoint from ``x``.
    """

    x: Images
    y: Labels
    validation_x: Images
    validation_y: Labels

    @property
    def digest(self) -> str:
        """SHA-256 of everything."""
        digest = hashlib.sha256()
        for part in (self.x, self.y, self.validation_x, self.validation_y):
            digest.update(str(part.shape).encode() + np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


def subset(data: Dataset, images: int, validation_images: int, seed: int) -> Split:
    """Draw both parts by the seed.

    The order is that of ``train.py``, so the images that a full training of the same seed holds
    out for validation come first: what it trains on and what is validated on here overlap only
    where this search validates on more.

    Raises:
        BadInputError: no labels, or fewer images than asked for.
    """
    if data.y is None:
        raise BadInputError(f"{data.source}: a search needs labels, and there are none; give data with y")
    if images + validation_images > len(data):
        raise BadInputError(
            f"{data.source}: --proxy-images and --proxy-validation-images together must be at most the "
            f"{len(data):,} images, not {images + validation_images:,}; lower one of them"
        )
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(data))
    held = np.sort(order[:validation_images])
    kept = np.sort(order[validation_images : validation_images + images])
    return Split(data.x[kept], data.y[kept], data.x[held], data.y[held])
