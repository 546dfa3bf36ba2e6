"""Batches for training: crops, flips and blanked squares, drawn by seed, epoch and image alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images, Labels

Batch = tuple[npt.NDArray[np.float32], Labels | npt.NDArray[np.float32]]


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
        mixup: alpha of the Beta distribution that an image's share is drawn from, of which it has the larger
            part itself (Zhang et al. 2018, arXiv 1710.09412, section 2); its partner is any other image, and
            labels are probabilities, N x classes. 0: no mixing, and labels are classes.
        classes: width of such labels; None is as many as y has.
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
        mixup: float = 0.0,
        classes: int | None = None,
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
        self._partner, self._share = _pairs(len(x), mixup, np.random.default_rng([seed, epoch, 11]))
        self._classes = int(y.max(initial=0)) + 1 if classes is None else classes

    def __len__(self) -> int:
        return len(self._x) // self._batch

    def __getitem__(self, index: int) -> Batch:
        chosen = self._order[index * self._batch : (index + 1) * self._batch][self._worker :: self._workers]
        images, labels = to_float(self._augmented(chosen)), self._y[chosen]
        if self._partner is None:
            return images, labels
        partner, share = self._partner[chosen], self._share[chosen]
        whole = share[:, None, None, None]
        mixed = whole * images + (1 - whole) * to_float(self._augmented(partner))
        each = np.eye(self._classes, dtype=np.float32)
        return mixed, share[:, None] * each[labels] + (1 - share)[:, None] * each[self._y[partner]]

    def _augmented(self, chosen: npt.NDArray[np.int64]) -> Images:
        """The images of these numbers, shifted, flipped and with their holes."""
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
        return images

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


def _pairs(
    images: int, alpha: float, draws: np.random.Generator
) -> tuple[npt.NDArray[np.int64] | None, npt.NDArray[np.float32]]:
    """Each image's partner, and its own share, at least a half; no partners where nothing is mixed."""
    if not alpha:
        return None, np.ones(images, np.float32)
    share = draws.beta(alpha, alpha, images)
    return draws.permutation(images), np.maximum(share, 1 - share).astype(np.float32)
