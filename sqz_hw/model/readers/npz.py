"""NumPy's ``.npz``, read without NumPy's parser: sizes are known before anything is unpacked.

Format: NumPy Enhancement Proposal 1 (magic, version, header length, a literal dictionary,
the values). Only plain numbers are read; pickled objects never are.
"""

from __future__ import annotations

import math
import re

import numpy as np

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers.archive import Archive
from sqz_hw.model.readers.tensors import Array

SUFFIX = ".npy"
MAX_HEADER = 4096
MAX_RANK = 8
SKIPPED = frozenset({"layer_names"})
"""Texts that say nothing the tensors' own names do not say."""

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {1: 2, 2: 4, 3: 4}
_HEADER = re.compile(
    r"\{'descr': '(?P<type>[<>|]?[fiu][1248])', 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>[0-9, ]{0,200})\), ?\}\s*"
)


def read(name: str, archive: Archive, most: int) -> dict[str, Array]:
    """All arrays of an ``.npz`` by name.

    Args:
        name: of the file, for messages.
        archive: the file.
        most: bytes that all arrays together may have.

    Raises:
        ModelFileError: it is damaged, holds something else than plain numbers, or unpacks to
            more than ``most`` bytes.
    """
    arrays: dict[str, Array] = {}
    for entry in archive.names:
        key = entry.removesuffix(SUFFIX)
        if key == entry:
            raise ModelFileError(f"{name}: an .npz must hold .npy arrays only, and holds {entry}")
        if key in SKIPPED:
            continue
        arrays[key] = _array(name, archive, entry, most)
        most -= arrays[key].nbytes
    return arrays


def _array(name: str, archive: Archive, entry: str, most: int) -> Array:
    start, dtype, shape, fortran = _header(name, entry, archive.start(entry, MAX_HEADER + 12))
    size = math.prod(shape) * dtype.itemsize
    if size > most:
        raise ModelFileError(
            f"{name}: {entry} would unpack to {size:,} bytes, more than such a network has; "
            "check --architecture"
        )
    values = archive.read(entry, start + size)[start:]
    if len(values) != size:
        raise ModelFileError(f"{name}: {entry} must hold {size:,} bytes of values, not {len(values):,}")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if fortran else "C")


def _header(name: str, entry: str, data: bytes) -> tuple[int, np.dtype[np.generic], tuple[int, ...], bool]:
    """Where the values start, their type and shape, and whether the first index runs fastest."""
    width = _LENGTH_BYTES.get(data[6]) if data.startswith(_MAGIC) and len(data) > 8 else None
    if width is None:
        raise ModelFileError(f"{name}: {entry} must be an array in NumPy's format, and is not")
    length = int.from_bytes(data[8 : 8 + width], "little")
    start = 8 + width + length
    text = data[8 + width : start].decode("latin-1")
    match = _HEADER.fullmatch(text) if length <= MAX_HEADER and len(text) == length else None
    if match is None:
        raise ModelFileError(
            f"{name}: {entry} must be an array of plain numbers (no objects, no texts), and is not"
        )
    sides = [side.strip() for side in match["shape"].split(",")]
    if sides[-1] == "":
        sides.pop()
    if len(sides) > MAX_RANK or not all(s.isdigit() and len(s) <= 10 for s in sides):
        raise ModelFileError(f"{name}: {entry} must have a shape of at most {MAX_RANK} sides, not {text!r}")
    shape = tuple(int(s) for s in sides)
    try:
        dtype = np.dtype(match["type"])
    except TypeError as error:  # f1
        raise ModelFileError(f"{name}: {entry} has an unknown type, {match['type']}") from error
    return start, dtype, shape, match["fortran"] == "True"
