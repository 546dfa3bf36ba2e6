"""A narrower network that begins with the strongest channels of a wider one (structured pruning).

After Li et al. 2017 (arXiv 1608.08710), who rank a layer's filters; here by the standard deviation of
their maps over images, as filters behind batch norm have no size of their own.
"""

from __future__ import annotations

import numpy as np
import torch
from augmentation import pixels
from float_network import Folded, Network
from starting import moments

from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model

STATISTICS = 1000
"""Images that batch normalisation's moving statistics are first taken on."""


def begin_narrow(network: Network, model: Model, data: Dataset) -> list[str]:
    """Take over a wider model's channels layer by layer, Fire module by Fire module.

    A kept channel begins with the mean and the deviation that its map has in the wider network, before the
    ReLU. Channels and layers that the model does not have stay random.

    Args:
        network: without bypass; its weights are set.
        model: float, without bypass, for the same images.
        data: images.

    Returns:
        The layers that stay random.

    Raises:
        ValueError: a network with bypass (its channels could not be chosen layer by layer).
    """
    arch = network.arch
    if arch.bypass != "none" or model.architecture.bypass != "none":
        raise ValueError("--narrow needs networks without bypass; give --set 'bypass=\"none\"'")
    device = next(network.parameters()).device
    wide = Folded(model.architecture, dict(model.weights)).to(device).to(memory_format=torch.channels_last)
    found = moments(wide, model.architecture, data, device)
    known = {spec.name: spec for spec in model.architecture.convolutions}
    last, fresh = arch.convolutions[-1].name, []
    maps = {"input": np.arange(3)}
    with torch.no_grad():
        for spec in arch.convolutions:
            source = maps["input"] if spec.name == "conv1" else maps[_reads(spec.name, arch.fires)]
            if spec.name == last or spec.name not in known:
                fresh.append(spec.name)
                maps[spec.name] = np.full(spec.out_shape[2], -1)
            else:
                mean, variance = (m.cpu().numpy() for m in found[spec.safe_name])
                mean = mean + np.asarray(model.weights[f"{spec.name}/bias"])
                chosen = _strongest(np.sqrt(variance), spec.out_shape[2])
                _take(network, spec.safe_name, model.weights[f"{spec.name}/kernel"], source, chosen)
                _scale(network.norms[spec.safe_name], mean, np.sqrt(variance), chosen)
                maps[spec.name] = chosen
            if spec.name.endswith("expand3x3"):
                fire = spec.name.split("/")[0]
                offset = known[f"{fire}/expand1x1"].out_shape[2] if f"{fire}/expand1x1" in known else 0
                second = np.where(maps[spec.name] < 0, -1, maps[spec.name] + offset)
                maps[fire] = np.concatenate([maps[f"{fire}/expand1x1"], second])
    _settle(network, data, device)
    return fresh


def _reads(name: str, fires: tuple) -> str:
    """The convolution or Fire module whose map a convolution reads."""
    if name.endswith(("expand1x1", "expand3x3")):
        return name.rsplit("/", 1)[0] + "/squeeze1x1"
    names = ["conv1", *(f.name for f in fires)]
    at = names.index(name.split("/")[0]) if "/" in name else len(names)
    return names[at - 1]


def _strongest(deviation: np.ndarray, wanted: int) -> np.ndarray:
    """Indices of the channels kept, in order; -1 for those beyond what there is."""
    kept = np.sort(np.argsort(-deviation, kind="stable")[:wanted])
    return np.concatenate([kept, np.full(wanted - len(kept), -1)])


def _take(network: Network, name: str, kernel: np.ndarray, source: np.ndarray, chosen: np.ndarray) -> None:
    """Overwrite the part of a random kernel that the wider one has; every filter gets norm one."""
    weight = network.convolutions[name].weight
    ours_in, ours_out = np.flatnonzero(source >= 0), np.flatnonzero(chosen >= 0)
    block = np.asarray(kernel)[:, :, source[ours_in]][..., chosen[ours_out]].transpose(3, 2, 0, 1)
    size = np.sqrt(np.square(block).sum((1, 2, 3), keepdims=True)).clip(1e-12)
    full = weight.detach().cpu().numpy().copy()
    full /= np.sqrt(np.square(full).sum((1, 2, 3), keepdims=True))
    rows = full[ours_out]
    rows[:] = rows * 0.1  # inputs that the wider network does not have begin small
    rows[:, ours_in] = block / size
    full[ours_out] = rows
    weight.copy_(torch.from_numpy(full))


def _scale(norm: torch.nn.BatchNorm2d, mean: np.ndarray, deviation: np.ndarray, chosen: np.ndarray) -> None:
    kept = chosen >= 0
    gamma = np.where(kept, deviation[chosen], deviation.mean())
    beta = np.where(kept, mean[chosen], 0.0)
    norm.weight.copy_(torch.from_numpy(gamma))
    norm.bias.copy_(torch.from_numpy(beta))


def _settle(network: Network, data: Dataset, device: torch.device) -> None:
    """Moving statistics from images."""
    fused, network.fused = network.fused, False  # whose momentum is its own
    before = {name: norm.momentum for name, norm in network.norms.items()}
    network.train()
    with torch.no_grad():
        for norm in network.norms.values():
            norm.momentum = 1.0
        x = pixels(torch.from_numpy(data.x[:STATISTICS]), device)
        with torch.autocast(device.type, torch.bfloat16):
            network(x)
    for name, norm in network.norms.items():
        norm.momentum = before[name]
    network.fused = fused
