"""Batches for training: padded crops and flips, drawn from the seed, the epoch and the image alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images, Labels


class Batches(tf.keras.utils.Sequence):  # type: ignore[misc]
    """One epoch of shuffled, augmented batches; the same seed and epoch give the same batches.

    Args:
        x: uint8 images, N x S x S x 3.
        y: labels, N.
        batch_size: images a batch; the last, incomplete batch is left out.
        seed: of the run.
        epoch: number of the epoch over all stages.
        augment: flip half the images and shift each by up to an eighth of its side.
    """

    def __init__(
        self, x: Images, y: Labels, batch_size: int, seed: int, epoch: int, augment: bool = True
    ) -> None:
        super().__init__()
        self._x, self._y, self._batch = x, y, batch_size
        rng = np.random.default_rng([seed, epoch])
        self._order = rng.permutation(len(x))
        self._reach = x.shape[1] // 8 if augment else 0
        self._shift = rng.integers(0, 2 * self._reach + 1, (len(x), 2))
        self._flip = rng.integers(0, 2, len(x)).astype(bool) & augment

    def __len__(self) -> int:
        return len(self._x) // self._batch

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.float32], Labels]:
        chosen = self._order[index * self._batch : (index + 1) * self._batch]
        images, reach, side = self._x[chosen], self._reach, self._x.shape[1]
        if reach:
            padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
            rows = self._shift[chosen, :1] + np.arange(side)
            columns = self._shift[chosen, 1:] + np.arange(side)
            images = padded[np.arange(len(chosen))[:, None, None], rows[:, :, None], columns[:, None, :]]
        flip = self._flip[chosen]
        images[flip] = images[flip, :, ::-1]
        return to_float(images), self._y[chosen]
