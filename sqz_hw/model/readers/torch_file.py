"""PyTorch's ``.pth``: only where torch is installed, which this package does not depend on."""

from __future__ import annotations

import importlib.util

from sqz_hw.errors import ToolError
from sqz_hw.model.readers import isolated
from sqz_hw.model.readers.tensors import Array


def read(name: str, data: bytes, most: int) -> dict[str, Array]:
    """A state dictionary's tensors by key.

    Args:
        name: of the file, for messages.
        data: the whole file.
        most: bytes that all tensors together may have.

    Raises:
        ToolError: torch is not installed.
        ModelFileError: the file is damaged, or holds something else than tensors.
    """
    if importlib.util.find_spec("torch") is None:
        raise ToolError(
            f"{name} is a PyTorch file, and reading it needs torch, which is not installed; "
            "save its state dictionary as .safetensors, or install torch"
        )
    return isolated.read(name, data, "torch", most)[0]
