"""A training state as one safetensors file, replaced whole after each epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

NAME = "checkpoint.safetensors"


def store(
    folder: Path, network: torch.nn.Module, optimizer: torch.optim.SGD, history: list[dict[str, Any]]
) -> None:
    """Write weights, momentum and history."""
    tensors = {f"model/{k}": v.contiguous() for k, v in network.state_dict().items()}
    for i, p in enumerate(_parameters(optimizer)):
        tensors[f"momentum/{i}"] = optimizer.state[p]["momentum_buffer"].contiguous()
    partial = folder / f".{NAME}.partial"
    save_file(tensors, partial, {"progress": json.dumps({"epoch": len(history), "history": history})})
    partial.replace(folder / NAME)


def restore(folder: Path, network: torch.nn.Module, optimizer: torch.optim.SGD) -> list[dict[str, Any]]:
    """Take up the stored state; the history, empty where nothing is stored."""
    path = folder / NAME
    if not path.exists():
        return []
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    tensors = load_file(path)
    network.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model/")})
    for i, p in enumerate(_parameters(optimizer)):
        optimizer.state[p]["momentum_buffer"] = tensors[f"momentum/{i}"].to(p.device).clone()
    history: list[dict[str, Any]] = json.loads(header["__metadata__"]["progress"])["history"]
    return history


def _parameters(optimizer: torch.optim.SGD) -> list[torch.nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]
