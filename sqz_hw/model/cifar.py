"""CIFAR-10 from Keras's cache, or by Keras's own download.

Keras looks for the archive, and fetches it again where only the unpacked folder is left.
So a folder that is there is read here, by an unpickler that can make arrays and nothing else.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import DataError

FOLDER = "cifar-10-batches-py"
CACHE = Path("~/.keras/datasets")
TRAIN_FILES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_FILES = ("test_batch",)
SHAPE = (3, 32, 32)
CLASSES = 10
Arrays = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def load(train: bool) -> Arrays:
    """Images N x 32 x 32 x 3 and labels N of the training or the test split.

    Raises:
        DataError: the cache is damaged, or there is none and the download failed.
    """
    folder = CACHE.expanduser() / FOLDER
    if folder.is_dir():
        parts = [_read(folder / name) for name in (TRAIN_FILES if train else TEST_FILES)]
        return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    return _download(train)


def _download(train: bool) -> Arrays:
    import tensorflow as tf

    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras's progress bar; stdout may be JSON
            splits = tf.keras.datasets.cifar10.load_data()
    except Exception as error:  # Keras's download raises no narrower class
        raise DataError(
            f"cifar10 could not be had by Keras's download ({error}); put {FOLDER} "
            f"into {CACHE}, or give an .npz with x and y"
        ) from error
    x, y = splits[0 if train else 1]
    return x, y.reshape(-1).astype(np.int64)


def _read(path: Path) -> Arrays:
    try:
        with path.open("rb") as file:
            batch = _ArraysOnly(file).load()
        x = np.asarray(batch[b"data"], np.uint8).reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
        y = np.asarray(batch[b"labels"], np.int64)
        if y.shape != (len(x),) or not 0 <= y.min(initial=0) <= y.max(initial=0) < CLASSES:
            raise ValueError(f"{len(x)} images, {y.size} labels")
    except (
        OSError, EOFError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError, MemoryError,
        ImportError, pickle.UnpicklingError,
    ) as error:  # fmt: skip
        raise DataError(
            f"{CACHE / FOLDER / path.name} must be a CIFAR-10 batch, and is damaged or missing "
            f"({type(error).__name__}); remove {CACHE / FOLDER} to have it downloaded again"
        ) from error
    return x, y


class _ArraysOnly(pickle.Unpickler):
    """The dictionaries, lists, numbers and arrays of a CIFAR-10 batch; any other class is refused."""

    _ALLOWED = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("_codecs", "encode"),
        }
    )

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        """Only what makes an array."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a CIFAR-10 batch")
        return super().find_class(module, name)
