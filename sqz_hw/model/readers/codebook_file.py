"""Kernels HWIO by layer name, with their shared weights where the file has them.

``<layer>/kernel`` (HWIO) and ``<layer>/bias``; optionally ``<layer>/codebook`` (shared weights)
with ``<layer>/index`` (HWIO, unsigned), and ``layer_names``. Layer names may have ``_`` for ``/``.
With a codebook the kernel may be left out; where both are there they must agree.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sqz_hw.errors import ModelFileError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.readers.tensors import (
    Array,
    Float32,
    Stored,
    Weights,
    as_float32,
    kernel_shape,
    refuse_strangers,
    wanted,
)

FORMAT = "codebook weights"
PLAIN = "weights by layer name"
NAMES = "layer_names"
PARTS = ("kernel", "bias", "codebook", "index")
MAX_CODEBOOK = 65536


def looks_like(keys: Mapping[str, Array]) -> bool:
    """Whether the keys are this format's."""
    return any(key.rpartition("/")[2] in PARTS and "/" in key for key in keys)


def read(name: str, tensors: Mapping[str, Array], arch: Architecture) -> Stored:
    """Kernels and biases.

    Args:
        name: of the file, for messages.
        tensors: by key.
        arch: the architecture whose layers they are.

    Raises:
        ModelFileError: a tensor is missing, strange or of the wrong shape or type, or a kernel is
            not its codebook's.
    """
    given = {_ours(key): value for key, value in tensors.items() if key != NAMES}
    if len(given) != len([key for key in tensors if key != NAMES]):
        raise ModelFileError(f"{name}: a tensor is there twice, once with / and once with _; remove one")
    known = [f"{spec.safe_name}/{part}" for spec in arch.convolutions for part in PARTS]
    refuse_strangers(name, given, known)
    result: Weights = {}
    shared = False
    for spec in arch.convolutions:
        bias = f"{spec.safe_name}/bias"
        indexed = f"{spec.safe_name}/index" in given or f"{spec.safe_name}/codebook" in given
        shared |= indexed
        result[f"{spec.name}/kernel"] = _indexed(name, given, spec) if indexed else _kernel(name, given, spec)
        result[f"{spec.name}/bias"] = as_float32(name, bias, wanted(name, given, bias), spec.out_shape[2:])
    return Stored(result, FORMAT if shared else PLAIN)


def _ours(key: str) -> str:
    layer, slash, part = key.rpartition("/")
    return f"{layer.replace('/', '_')}{slash}{part}"


def _kernel(name: str, given: Mapping[str, Array], spec: LayerSpec) -> Float32:
    key = f"{spec.safe_name}/kernel"
    return as_float32(name, key, wanted(name, given, key), kernel_shape(spec))


def _indexed(name: str, given: Mapping[str, Array], spec: LayerSpec) -> Float32:
    key = f"{spec.safe_name}/codebook"
    values, index = wanted(name, given, key), wanted(name, given, f"{spec.safe_name}/index")
    if values.ndim != 1 or not 1 <= values.size <= MAX_CODEBOOK:
        raise ModelFileError(f"{name}: {key} must be 1 to {MAX_CODEBOOK:,} values, not shape {values.shape}")
    codebook = as_float32(name, key, values, values.shape)
    if index.dtype.kind not in "iu" or index.shape != kernel_shape(spec):
        raise ModelFileError(
            f"{name}: {spec.safe_name}/index must be whole numbers of shape {kernel_shape(spec)}, "
            f"not {index.dtype} of shape {index.shape}"
        )
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= len(codebook):
        raise ModelFileError(
            f"{name}: {spec.safe_name}/index must be between 0 and {len(codebook) - 1}, "
            f"not {low} to {high}; the file is damaged"
        )
    kernel = codebook[index]
    stated = f"{spec.safe_name}/kernel"
    if stated in given and not np.array_equal(_kernel(name, given, spec), kernel):
        raise ModelFileError(
            f"{name}: {stated} must be its codebook's values, and is not; the file is damaged"
        )
    return np.ascontiguousarray(kernel)
