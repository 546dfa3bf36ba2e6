"""Batch normalisation, ReLU, concatenation and bypass in two passes (``bn_relu.cpp``) on bfloat16 maps."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("bn_relu.cpp")
FLAGS = (
    "-O3",
    "-march=native",
    "-mprefer-vector-width=512",
    "-ffast-math",
    "-fno-finite-math-only",
    "-fopenmp",
)
MOMENTUM, EPSILON = 0.1, 1e-3


def _library() -> ctypes.CDLL:
    folder = Path(tempfile.mkdtemp(prefix="bn_relu"))
    out = folder / "bn_relu.so"
    subprocess.run(["g++", *FLAGS, "-shared", "-fPIC", str(SOURCE), "-o", str(out)], check=True)  # noqa: S607
    return ctypes.CDLL(str(out))  # torch's own OpenMP is loaded already, and taken


_LIBRARY: list[ctypes.CDLL] = []


def _call(name: str, *args: Tensor | int | float | None) -> None:
    if not _LIBRARY:
        _LIBRARY.append(_library())
    plain = [
        ctypes.c_void_p(a.data_ptr()) if isinstance(a, Tensor)
        else ctypes.c_void_p(None) if a is None
        else ctypes.c_float(a) if isinstance(a, float)
        else ctypes.c_long(a)
        for a in args
    ]  # fmt: skip
    getattr(_LIBRARY[0], name)(*plain)


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


class _Join(torch.autograd.Function):
    """(x1, x2, ...) -> concat(relu(bn(xi))) + skip."""

    @staticmethod
    def forward(ctx, skip, statistics, *tensors):
        parts = [tensors[i : i + 3] for i in range(0, len(tensors), 3)]
        n, _, h, w = parts[0][0].shape
        width = sum(x.shape[1] for x, _, _ in parts)
        out = torch.empty((n, width, h, w), dtype=torch.bfloat16, memory_format=torch.channels_last)
        skip = None if skip is None else _last(skip)
        offset, saved, rows = 0, [], n * h * w
        for (x, gamma, beta), (running_mean, running_var) in zip(parts, statistics, strict=True):
            x, c = _last(x), x.shape[1]
            mean, inverse, var = (torch.empty(c) for _ in range(3))
            _call("statistics", x, rows, c, float(EPSILON), mean, inverse, var)
            running_mean.lerp_(mean, MOMENTUM)
            running_var.lerp_(var * (rows / max(1, rows - 1)), MOMENTUM)
            a = gamma * inverse
            b = beta - mean * a
            _call("apply", x, rows, c, a, b, skip, out, width, offset)
            saved += [x, a, b, mean, inverse]
            offset += c
        ctx.save_for_backward(*saved)
        ctx.has_skip = skip is not None
        return out

    @staticmethod
    def backward(ctx, grad):
        grad = _last(grad)
        n, width, h, w = grad.shape
        offset, grads = 0, []
        for i in range(0, len(ctx.saved_tensors), 5):
            x, a, b, mean, inverse = ctx.saved_tensors[i : i + 5]
            c = x.shape[1]
            grad_x = torch.empty_like(x)
            gamma, beta = torch.empty(c), torch.empty(c)
            _call("backward", x, grad, n * h * w, c, width, offset, a, b, mean, inverse, grad_x, gamma, beta)
            grads += [grad_x, gamma, beta]
            offset += c
        return (grad if ctx.has_skip else None, None, *grads)


def join(
    maps: list[Tensor], norms: list[torch.nn.BatchNorm2d], skip: Tensor | None, training: bool, fused: bool
) -> Tensor:
    """Concatenation of relu(bn(map)) over ``maps``, plus ``skip``.

    The ReLU after a bypass's addition changes nothing here: both its inputs are ReLU outputs.
    """
    if fused and training and all(x.dtype == torch.bfloat16 for x in maps):
        statistics = [(n.running_mean, n.running_var) for n in norms]
        flat = [t for x, n in zip(maps, norms, strict=True) for t in (x, n.weight, n.bias)]
        return _Join.apply(skip, statistics, *flat)
    parts = [torch.relu(n(x)) for x, n in zip(maps, norms, strict=True)]
    out = torch.cat(parts, 1) if len(parts) > 1 else parts[0]
    return out if skip is None else out + skip
