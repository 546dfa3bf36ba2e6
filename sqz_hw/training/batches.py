"""Batches for training: crops, flips and blanked squares, drawn by seed, epoch and image alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images, Labels

Batch = tuple[npt.NDArray[np.float32], Labels]


class Batches:
    """One epoch of shuffled, augmented batches; the same seed and epoch give the same batches.

    What becomes of an image does not depend on the batch it is in, nor on who asks for it, so
    that several workers which share an epoch see what one would.

    Args:
        x: uint8 images, N x S x S x 3.
        y: labels, N.
        batch_size: images a step, over all workers; the last, incomplete batch is left out.
        seed: of the run.
        epoch: number of the epoch over all stages.
        augment: flip half the images and shift each by up to an eighth of its side.
        cutout: side of a square around a random pixel that is blanked (DeVries and Taylor 2017,
            arXiv 1708.04552); 0 is none.
        worker, workers: this worker's number and how many share each batch.
    """

    def __init__(
        self,
        x: Images,
        y: Labels,
        batch_size: int,
        seed: int,
        epoch: int,
        augment: bool = True,
        cutout: int = 0,
        worker: int = 0,
        workers: int = 1,
    ) -> None:
        self._x, self._y, self._batch = x, y, batch_size
        self._worker, self._workers = worker, workers
        rng = np.random.default_rng([seed, epoch])
        self._order = rng.permutation(len(x))
        self._reach = x.shape[1] // 8 if augment else 0
        self._shift = rng.integers(0, 2 * self._reach + 1, (len(x), 2))
        self._flip = rng.integers(0, 2, len(x)).astype(bool) & augment
        self._cutout = cutout
        self._hole = rng.integers(0, x.shape[1], (len(x), 2))

    def __len__(self) -> int:
        return len(self._x) // self._batch

    def __getitem__(self, index: int) -> Batch:
        chosen = self._order[index * self._batch : (index + 1) * self._batch][self._worker :: self._workers]
        images, reach, side = self._x[chosen], self._reach, self._x.shape[1]
        if reach:
            padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
            rows = self._shift[chosen, :1] + np.arange(side)
            columns = self._shift[chosen, 1:] + np.arange(side)
            images = padded[np.arange(len(chosen))[:, None, None], rows[:, :, None], columns[:, None, :]]
        flip = self._flip[chosen]
        images[flip] = images[flip, :, ::-1]
        if self._cutout:
            first = self._hole[chosen] - self._cutout // 2
            at = np.arange(side)
            inside = (at >= first[:, :, None]) & (at < first[:, :, None] + self._cutout)
            images[inside[:, 0, :, None] & inside[:, 1, None, :]] = 0
        return to_float(images), self._y[chosen]

    def ahead(self) -> Iterator[Batch]:
        """All batches in order, the next made while one is used."""
        with ThreadPoolExecutor(1) as maker:
            coming = maker.submit(self.__getitem__, 0) if len(self) else None
            for index in range(1, len(self) + 1):
                if coming is None:
                    return
                batch = coming.result()
                coming = maker.submit(self.__getitem__, index) if index < len(self) else None
                yield batch
