"""HDF5's arrays by path, through h5py; run by ``isolated`` in a process of its own.

Only plain datasets of floating point inside the file are read: no links to other files, no
external or virtual storage, no plug-in filters. Sizes are checked before values are read.
"""

from __future__ import annotations

import importlib
import io
import math
from typing import Any

import numpy as np

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers.tensors import Array

h5py: Any = importlib.import_module("h5py")  # it comes with TensorFlow, and has no types

MAX_OBJECTS = 5000
MAX_RANK = 8
CONFIG = "model_config"
MAX_CONFIG = 1 << 19
FILTERS = frozenset({1, 2, 3})
"""Deflate, shuffle and checksum, which are part of HDF5 itself."""
_FAULTS = (
    OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError,
)  # fmt: skip


def parse(data: bytes, most: int) -> tuple[dict[str, Array], dict[str, str]]:
    """Every floating-point dataset by its path, and the model's configuration if the file has it.

    Args:
        data: the whole file.
        most: bytes that all arrays together may have.

    Raises:
        ModelFileError: the file is damaged, too large unpacked, or reaches outside itself.
    """
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            texts = _config(file)
            return _arrays(file, most), texts
    except _FAULTS as error:
        raise ModelFileError(f"it must be an HDF5 file, and is damaged ({_first_line(error)})") from error


def _arrays(file: Any, most: int) -> dict[str, Array]:
    found: list[tuple[str, Any]] = []
    seen = 0

    def visit(path: str, item: Any) -> bool | None:
        nonlocal seen
        seen += 1
        if isinstance(item, h5py.Dataset):
            found.append((path, item))
        return True if seen > MAX_OBJECTS else None

    file.visititems(visit)
    if seen > MAX_OBJECTS:
        raise ModelFileError(f"it must hold at most {MAX_OBJECTS:,} objects, and holds more")
    arrays: dict[str, Array] = {}
    for path, item in found:
        if item.dtype.kind != "f" or item.shape is None or not item.shape:
            continue  # counters and texts of the optimiser
        _check_storage(path, item, most)
        array = np.asarray(item[()], item.dtype.newbyteorder("="))
        most -= array.nbytes
        arrays[path] = np.ascontiguousarray(array)
    return arrays


def _check_storage(path: str, item: Any, most: int) -> None:
    if item.is_virtual or item.external:
        raise ModelFileError(f"{path} must be stored in the file itself, and lies in another")
    if len(item.shape) > MAX_RANK or item.dtype.itemsize not in (2, 4, 8):
        raise ModelFileError(f"{path} must be float16, float32 or float64, not {item.dtype}")
    stored = item.id.get_create_plist()
    for i in range(stored.get_nfilters()):
        if stored.get_filter(i)[0] not in FILTERS:
            raise ModelFileError(f"{path} must be stored plainly or deflated, not by a plug-in filter")
    chunk = math.prod(item.chunks or ()) * item.dtype.itemsize
    size = math.prod(item.shape) * item.dtype.itemsize
    if max(size, chunk) > most:
        raise ModelFileError(
            f"{path} would unpack to {max(size, chunk):,} bytes, more than such a network has; "
            "check --architecture"
        )


def _config(file: Any) -> dict[str, str]:
    if CONFIG not in file.attrs:
        return {}
    value = file.attrs[CONFIG]
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str) or len(text) > MAX_CONFIG:
        raise ModelFileError(f"{CONFIG} must be a text of at most {MAX_CONFIG:,} characters")
    return {CONFIG: text}


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
