"""Batches by seed, epoch and image alone: the same for every batch size and number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from sqz_hw.model.datasets import Dataset


class Epoch:
    """One shuffled, augmented epoch of a data set.

    Args:
        data: uint8 images N x S x S x 3 with labels.
        batch_size: images a batch; the last, incomplete batch is left out.
        seed, epoch: what the order and the augmentation are drawn from.
        cutout: side of a black square at a random place; 0 for none.
    """

    def __init__(self, data: Dataset, batch_size: int, seed: int, epoch: int, cutout: int) -> None:
        self._data, self._size, self._cutout = data, batch_size, cutout
        self._order = np.random.default_rng([seed, epoch, 7]).permutation(len(data))
        self._draws = np.random.default_rng([seed, epoch]).random((len(data), 5))

    def __len__(self) -> int:
        return len(self._data) // self._size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Images (uint8, N x S x S x 3) and labels; the next batch is made while one is used."""
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._batch, 0)
            for i in range(len(self)):
                batch = waiting.result()
                if i + 1 < len(self):
                    waiting = pool.submit(self._batch, i + 1)
                yield batch

    def _batch(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = self._order[i * self._size : (i + 1) * self._size]
        x, draws = self._data.x, self._draws[chosen]
        side, reach = x.shape[1], x.shape[1] // 8
        images = np.pad(x[chosen], ((0, 0), (reach, reach), (reach, reach), (0, 0)))
        shift = (draws[:, :2] * (2 * reach + 1)).astype(int)
        rows, columns = shift[:, :1] + np.arange(side), shift[:, 1:] + np.arange(side)
        images = images[np.arange(len(chosen))[:, None, None], rows[:, :, None], columns[:, None, :]]
        flip = draws[:, 2] < 0.5
        images[flip] = images[flip, :, ::-1]
        if self._cutout:
            places, size = np.arange(side), self._cutout
            corner = (draws[:, 3:] * (side + size)).astype(int) - size
            down, across = ((places >= c[:, None]) & (places < c[:, None] + size) for c in corner.T)
            images[down[:, :, None] & across[:, None, :]] = 0
        return torch.from_numpy(images), torch.from_numpy(self._data.y[chosen]).long()


def pixels(images: torch.Tensor, device: torch.device) -> torch.Tensor:
    """uint8 N x S x S x 3 to float N x 3 x S x S, pixel / 256, channels last in memory."""
    return images.to(device).permute(0, 3, 1, 2).float() / 256


def split(data: Dataset, held: int, seed: int) -> tuple[Dataset, Dataset]:
    """The split of ``train.py``: what is held out there for choices is not trained on here either."""
    order = np.random.default_rng([seed, 0x5EED]).permutation(len(data))
    kept, out = (
        Dataset(data.x[p], data.y[p], data.source) for p in (np.sort(order[held:]), np.sort(order[:held]))
    )
    return kept, out
