"""PyTorch's state dictionaries, by torch's weights-only loading; run by ``isolated``.

A ``.pth`` is a pickle, which can run code; ``weights_only=True`` admits tensors alone.
"""

from __future__ import annotations

import importlib
import io
import pickle  # only for the name of its error: nothing is unpickled here
from collections.abc import Mapping
from typing import Any

import numpy as np

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers.tensors import Array

torch: Any = importlib.import_module("torch")
_FAULTS = (
    RuntimeError, OSError, EOFError, ValueError, TypeError, LookupError,
    AttributeError, ArithmeticError, AssertionError,
)  # fmt: skip


def parse(data: bytes, most: int) -> tuple[dict[str, Array], dict[str, str]]:
    """A state dictionary's tensors by key.

    Args:
        data: the whole file.
        most: bytes that all tensors together may have.

    Raises:
        ModelFileError: the file is damaged, or holds something else than tensors.
    """
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own words advise loading it without the check
        raise ModelFileError(
            "it must be a state dictionary of tensors and nothing else; torch finds what could run code, "
            "or damage; save model.state_dict()"
        ) from error
    except _FAULTS as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelFileError(
            f"it must be a state dictionary of tensors, and torch cannot read it ({first[:200]})"
        ) from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(
        isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in state.items()
    ):
        raise ModelFileError(
            "it must be a state dictionary, tensors by name, and is something else; save model.state_dict()"
        )
    arrays: dict[str, Array] = {}
    for key, tensor in state.items():
        if tensor.layout != torch.strided or tensor.is_quantized or not tensor.is_floating_point():
            raise ModelFileError(f"{key} must be a dense tensor of floating point, not {tensor.dtype}")
        size = tensor.numel() * 4
        if size > most:
            raise ModelFileError(
                f"{key} would take {size:,} bytes, more than such a network has; check --architecture"
            )
        most -= size
        arrays[key] = np.ascontiguousarray(tensor.detach().to(torch.float32).numpy())
    return arrays, {}
