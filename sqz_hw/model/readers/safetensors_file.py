"""``.safetensors``: a JSON header of bounded length, then the values."""

from __future__ import annotations

import json

from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers.tensors import Array

MAX_HEADER = 1 << 20
_LENGTH_BYTES = 8
METADATA = "__metadata__"


def looks_like(data: bytes) -> bool:
    """Whether the file begins as this format does: a length that may be, then ``{``."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    return length <= MAX_HEADER and data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{"


def read(name: str, data: bytes) -> dict[str, Array]:
    """All tensors by key.

    Args:
        name: of the file, for messages.
        data: the whole file.

    Raises:
        ModelFileError: it is damaged, or has a type that NumPy lacks (bfloat16).
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    most = max(0, min(MAX_HEADER, len(data) - _LENGTH_BYTES))
    if length > most:
        raise ModelFileError(
            f"{name}: the header of a .safetensors file must have at most {most:,} bytes here, "
            f"not {length:,}; the file is cut, damaged or something else"
        )
    try:
        return dict(sorted(load_tensors(data).items()))
    except (SafetensorError, ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ModelFileError(
            f"{name} must be a .safetensors file of float16, float32 or float64, and cannot be read "
            f"({type(error).__name__}: {error})"
        ) from error


def metadata(data: bytes) -> dict[str, str]:
    """The texts in the header; none where there is none or the header is damaged."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if length > MAX_HEADER:
        return {}
    try:
        header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except (ValueError, RecursionError):
        return {}
    found = header.get(METADATA) if isinstance(header, dict) else None
    return {str(k): v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}
