"""A stored float model as a starting point: its kernels taken over, batch norm put back around them."""

from __future__ import annotations

import numpy as np
import torch
from augmentation import pixels
from float_network import Folded, Network

from sqz_hw.model.architecture import Architecture
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model

IMAGES = 2000
"""Whose statistics batch normalisation begins with."""


Zeros = list[tuple[torch.nn.Parameter, torch.Tensor]]
"""Kernels, each with 0 where it is held and 1 elsewhere."""


def zeros_of(network: Network) -> Zeros:
    """The weights of a network that are zero now."""
    kernels = [layer.weight for layer in network.convolutions.values()]
    return [(kernel, (kernel.detach() != 0).to(kernel.dtype)) for kernel in kernels]


def hold(zeros: Zeros) -> None:
    """Set to zero what was zero."""
    with torch.no_grad():
        for kernel, mask in zeros:
            kernel.mul_(mask)


def begin_from(network: Network, model: Model, data: Dataset) -> list[str]:
    """Give a network the kernels and biases of a stored float model, wherever their shapes are the same.

    Batch normalisation gets the statistics of each convolution's map as its own, and as scale and shift
    what gives the map back: a model of the same architecture computes the same as before. Pools, strides
    and bypass may differ from the stored model's (a transfer): then only the kernels are the same.

    Args:
        network: to be trained; its weights are set.
        model: float; kernels HWIO.
        data: images the statistics are taken on (the first 2,000).

    Returns:
        The layers that stay random, as their shape is another than the model's (conv10, with
        other classes).
    """
    arch = network.arch
    weights, fresh = _weights(network, arch, model)
    device = next(network.parameters()).device
    folded = Folded(arch, weights).to(device).to(memory_format=torch.channels_last)
    found = moments(folded, arch, data, device)
    with torch.no_grad():
        for spec in arch.convolutions:
            name, norm = spec.safe_name, network.norms[spec.safe_name]
            mean, variance = found[name]
            kernel = folded.inner.convolutions[name].weight
            # batch norm takes the scale out of a kernel: one size for all, so that a rate means the same
            size = kernel.square().sum().div(kernel.shape[0]).sqrt().clamp_min(1e-12)
            network.convolutions[name].weight.copy_(kernel / size)
            norm.running_mean.copy_(mean / size)
            norm.running_var.copy_(variance / size**2)
            if spec.name in fresh:
                continue  # scores of size one to begin with, whatever the maps before it are
            norm.weight.copy_(size * torch.sqrt(norm.running_var + norm.eps))
            norm.bias.copy_(mean + torch.from_numpy(weights[f"{spec.name}/bias"]).to(device))
    return fresh


def _weights(network: Network, arch: Architecture, model: Model) -> tuple[dict[str, np.ndarray], list[str]]:
    """The model's tensors, random ones where shapes differ."""
    weights, fresh = network.folded(), []
    for spec in arch.convolutions:
        stored = model.weights.get(f"{spec.name}/kernel")
        if stored is None or stored.shape != weights[f"{spec.name}/kernel"].shape:
            fresh.append(spec.name)
            continue
        for part in ("kernel", "bias"):
            weights[f"{spec.name}/{part}"] = np.asarray(model.weights[f"{spec.name}/{part}"])
    return weights, fresh


def moments(
    folded: Folded, arch: Architecture, data: Dataset, device: torch.device
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Mean and variance by channel of each convolution's map without its bias."""
    sums: dict[str, list[torch.Tensor]] = {}
    for spec in arch.convolutions:
        layer = folded.inner.convolutions[spec.safe_name]

        def note(module, _, out, name=spec.safe_name):
            x = (out.float() - module.bias[:, None, None]).double()
            found = [x.mean((0, 2, 3)), x.square().mean((0, 2, 3))]
            sums[name] = [a + b for a, b in zip(sums[name], found, strict=True)] if name in sums else found

        layer.register_forward_hook(note)
    batches = range(0, min(IMAGES, len(data)), 250)
    with torch.no_grad():
        for i in batches:
            folded(pixels(torch.from_numpy(data.x[i : i + 250]), device))
    means = {name: [s / len(batches) for s in pair] for name, pair in sums.items()}
    return {
        name: (mean.float(), (square - mean.square()).clamp_min(0).float())
        for name, (mean, square) in means.items()
    }
