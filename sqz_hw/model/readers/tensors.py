"""Tensors as a foreign file holds them, checked against an architecture and brought to one layout.

A reader gives kernels HWIO and biases as float32 by architecture layer name, untouched
otherwise: channel order and scale are those that the network was trained with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import ModelFileError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import LayerSpec

Array = npt.NDArray[Any]
Float32 = npt.NDArray[np.float32]
Weights = dict[str, Float32]
"""`<layer>/kernel` (HWIO) and `<layer>/bias` by architecture layer name."""

BYTES_A_VALUE = 32
"""A float64 kernel, an int64 index and room to spare, for each parameter."""
OVERHEAD_BYTES = 4 << 20


@dataclass(frozen=True)
class Stored:
    """Weights as read, with what the file's format says about the network around them.

    Attributes:
        weights: kernels and biases of every convolution.
        format: name of the file format, for messages and the record.
    """

    weights: Weights
    format: str


def kernel_shape(spec: LayerSpec) -> tuple[int, int, int, int]:
    """HWIO shape of a convolution's kernel."""
    return (spec.kernel, spec.kernel, spec.in_shape[2], spec.out_shape[2])


def most_bytes(arch: Architecture) -> int:
    """More than any file of ``arch``'s weights needs; what is larger is not read."""
    return BYTES_A_VALUE * arch.parameters + OVERHEAD_BYTES


def as_float32(name: str, key: str, array: Array, shape: tuple[int, ...]) -> Float32:
    """One tensor as float32, refused unless it is finite, floating point and of ``shape``.

    Raises:
        ModelFileError: it is something else, or beyond float32.
    """
    if array.shape != shape:
        raise ModelFileError(
            f"{name}: {key} must have shape {shape}, not {array.shape}; check --architecture"
        )
    if array.dtype.kind != "f":
        raise ModelFileError(f"{name}: {key} must be floating point, not {array.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(values).all():
        raise ModelFileError(f"{name}: {key} must be finite float32, and has NaN, infinity or more")
    return values


def refuse_strangers(name: str, keys: Iterable[str], known: Iterable[str]) -> None:
    """Refuse tensors that belong to no layer: the file is of another network.

    Raises:
        ModelFileError: the first of them is named.
    """
    strange = sorted(set(keys) - set(known))
    if strange:
        raise ModelFileError(
            f"{name}: {len(strange)} tensors belong to no layer of the architecture, first {strange[0]}; "
            "check --architecture"
        )


def wanted(name: str, tensors: Mapping[str, Array], key: str) -> Array:
    """The tensor ``key``.

    Raises:
        ModelFileError: there is none.
    """
    if key not in tensors:
        raise ModelFileError(f"{name}: {key} is missing; the architecture asks for it")
    return tensors[key]
