"""A SqueezeNet with batch normalisation in PyTorch, made from ``sqz_hw``'s own architecture."""

from __future__ import annotations

import numpy as np
import torch
from fused import EPSILON, MOMENTUM, join
from torch import Tensor, nn

from sqz_hw.model.architecture import Architecture, FireModule
from sqz_hw.model.layers import LayerSpec


def enlarged(x: Tensor, side: int) -> Tensor:
    """N x 3 x S x S at ``side`` x ``side``, bilinear: a network for larger images sees small ones so."""
    if x.shape[-1] == side:
        return x
    large = nn.functional.interpolate(x, (side, side), mode="bilinear", align_corners=False)
    return large.contiguous(memory_format=torch.channels_last)


class Network(nn.Module):
    """Input: N x 3 x S x S, pixel / 256. Output: N x classes scores (mean of conv10's map after its ReLU).

    Images of another size than the architecture's are brought to it first (``enlarged``).
    """

    def __init__(self, arch: Architecture, fused: bool) -> None:
        super().__init__()
        self.arch, self.fused = arch, fused
        self.convolutions, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for spec in arch.convolutions:
            kernel, outputs = spec.kernel, spec.out_shape[2]
            layer = nn.Conv2d(spec.in_shape[2], outputs, kernel, spec.stride, spec.padding[0], bias=False)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            self.convolutions[spec.safe_name] = layer
            self.norms[spec.safe_name] = nn.BatchNorm2d(outputs, eps=EPSILON, momentum=MOMENTUM)

    def _join(self, x: Tensor, *names: str, skip: Tensor | None = None) -> Tensor:
        maps = [self.convolutions[name](x) for name in names]
        return join(maps, [self.norms[name] for name in names], skip, self.training, self.fused)

    def _fire(self, x: Tensor, fire: FireModule) -> Tensor:
        name, skip = fire.name, None
        if x.shape[1] == fire.expand:
            skip = x if self.arch.bypass != "none" else None
        elif self.arch.bypass == "complex":
            skip = self._join(x, f"{name}_bypass1x1")
        x = self._join(x, f"{name}_squeeze1x1")
        return self._join(x, f"{name}_expand1x1", f"{name}_expand3x3", skip=skip)

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""

        def pooled(x: Tensor, number: int) -> Tensor:
            if number not in self.arch.pools_after:
                return x
            return nn.functional.max_pool2d(x, 3, 2, ceil_mode=self.arch.ceil_pooling)

        x = pooled(self._join(enlarged(x, self.arch.input_size), "conv1"), 1)
        for number, fire in enumerate(self.arch.fires, start=2):
            x = pooled(self._fire(x, fire), number)
        return self._join(x, f"conv{self.arch.fire_modules + 2}").float().mean((2, 3))

    def folded(self) -> dict[str, np.ndarray]:
        """``<layer>/kernel`` (HWIO) and ``<layer>/bias``, batch normalisation folded in."""
        weights = {}
        for spec in self.arch.convolutions:
            kernel, norm = (
                self.convolutions[spec.safe_name].weight.detach().float(),
                self.norms[spec.safe_name],
            )
            scale = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
            weights[f"{spec.name}/kernel"] = np.ascontiguousarray(
                (kernel * scale[:, None, None, None]).permute(2, 3, 1, 0).numpy(force=True)
            )
            weights[f"{spec.name}/bias"] = (norm.bias.detach() - norm.running_mean * scale).numpy(force=True)
        return weights


class Folded(nn.Module):
    """A stored float model, for inference (a teacher): convolutions with biases, no normalisation."""

    def __init__(self, arch: Architecture, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.inner = Network(arch, fused=False)
        for spec in arch.convolutions:
            self._set(spec, weights)
            self.inner.norms[spec.safe_name] = nn.Identity()
        self.eval().requires_grad_(False)

    def _set(self, spec: LayerSpec, weights: dict[str, np.ndarray]) -> None:
        layer = self.inner.convolutions[spec.safe_name]
        layer.weight = nn.Parameter(
            torch.tensor(weights[f"{spec.name}/kernel"]).permute(3, 2, 0, 1).contiguous()
        )
        layer.bias = nn.Parameter(torch.tensor(weights[f"{spec.name}/bias"]))

    def forward(self, x: Tensor) -> Tensor:
        """Scores."""
        return self.inner(x)
