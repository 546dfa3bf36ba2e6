"""``.pth``: without torch, and with it (skipped where it is not installed)."""

import importlib.util
import io
import os

import numpy as np
import pytest
from models import TINY, random_float_model

from sqz_hw.errors import ModelFileError, ToolError
from sqz_hw.model.readers import torch_file
from sqz_hw.model.readers.torchvision import prefixes, read

HAS_TORCH = importlib.util.find_spec("torch") is not None
MOST = 1 << 22
FAKE = """
import io
def load(file, map_location, weights_only):
    assert map_location == "cpu" and weights_only is True
    raise RuntimeError("read " + str(len(file.read())) + " bytes, tensors only")
"""


def test_without_torch(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolError) as caught:
        torch_file.read("w.pth", b"", MOST)
    assert str(caught.value) == (
        "w.pth is a PyTorch file, and reading it needs torch, which is not installed; "
        "save its state dictionary as .safetensors, or install torch"
    )
    assert caught.value.exit_code == 5


def test_torch_is_asked_for_weights_only(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text(FAKE)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelFileError) as caught:
        torch_file.read("w.pth", b"12345", MOST)
    assert str(caught.value) == (
        "w.pth: it must be a state dictionary of tensors, and torch cannot read it (read 5 bytes, tensors only)"
    )


needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="torch is not installed; it is not a dependency")


def saved(value, **options):
    import torch

    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


@needs_torch
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_a_state_dictionary(options):
    import torch

    model = random_float_model(TINY)
    state = {}
    for ours, theirs in prefixes(TINY).items():
        kernel = np.ascontiguousarray(model.weights[f"{ours}/kernel"].transpose(3, 2, 0, 1))
        state[f"{theirs}.weight"] = torch.tensor(kernel)
        state[f"{theirs}.bias"] = torch.tensor(model.weights[f"{ours}/bias"])
    weights = read("w", torch_file.read("w.pth", saved(state, **options), MOST), TINY).weights
    assert all(np.array_equal(weights[k], model.weights[k]) for k in model.weights)


class Evil:
    def __reduce__(self):
        return (os.system, ("touch hacked",))


@needs_torch
def test_what_would_run_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match="torch finds what could run code, or damage"):
        torch_file.read("w.pth", saved({"features.0.weight": Evil()}), MOST)
    assert list(tmp_path.iterdir()) == []


@needs_torch
def test_a_tensor_without_end():
    import torch

    data = saved({"features.0.weight": torch.zeros(1).expand(10**7, 10**5)})
    with pytest.raises(
        ModelFileError, match="would take 4,000,000,000,000 bytes, more than such a network has"
    ):
        torch_file.read("w.pth", data, MOST)


@needs_torch
def test_cuts():
    import torch

    data = saved({"features.0.weight": torch.zeros(100)})
    for length in (0, 10, len(data) // 2, len(data) - 1):
        with pytest.raises(ModelFileError):
            torch_file.read("w.pth", data[:length], MOST)
