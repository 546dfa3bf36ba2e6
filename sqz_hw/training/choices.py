"""Densities and widths for each layer: the least loss within what they may cost.

Each layer's measured loss increase is taken to add up. Densities are a linear program over
convex combinations of the measured points, widths an integer one; both are solved by HiGHS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import LinearConstraint, linprog, milp

from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.network import Weights
from sqz_hw.model.storage import GAP_BITS, sparse_entries
from sqz_hw.training.sensitivity import Table, as_numbers

_TIE = 1e-4
"""Nats that a layer without any weights is taken to cost beyond what was measured: zeros that no bound asks
for are not made."""

_SLACK = 1e-6
"""Of a weight: what the solver may be off by."""


@dataclass(frozen=True)
class Prunable:
    """A layer to prune.

    Attributes:
        weights: in its kernel.
        pixels: of its output: multiplications an image for each weight.
    """

    weights: int
    pixels: int


def prunable(arch: Architecture, conv10: bool) -> dict[str, Prunable]:
    """The convolutions of the Fire modules, and the last one if asked for."""
    last = arch.convolutions[-1]
    return {
        s.name: Prunable(s.kernel**2 * s.in_shape[2] * s.out_shape[2], s.out_shape[0] * s.out_shape[1])
        for s in arch.convolutions
        if s.fire or (conv10 and s is last)
    }


def unpruned_macs(arch: Architecture, layers: Mapping[str, Prunable]) -> int:
    """Multiplications an image of the convolutions that stay dense."""
    return sum(s.macs for s in arch.convolutions if s.name not in layers)


def choose_densities(
    table: Table,
    layers: Mapping[str, Prunable],
    density: float,
    max_macs: int | None,
) -> dict[str, float]:
    """The density of each layer: the least sum of loss increases within both bounds.

    Args:
        table: measured loss increases, by layer and density.
        layers: the layers to prune.
        density: share of all their weights that may stay.
        max_macs: multiplications an image that they may need, or None.

    Returns:
        Densities, each a whole number of weights.

    Raises:
        BadInputError: the bounds cannot be met with the densities that were measured.
    """
    names = sorted(layers)
    points = {name: _rising(as_numbers(table[name])) for name in names}
    cost, owner, kept = [], [], []
    for i, name in enumerate(names):
        for at, loss in points[name]:
            owner.append(i)
            kept.append(at * layers[name].weights)
            cost.append(loss + _TIE * (1.0 - at))
    ones = (np.array(owner)[None] == np.arange(len(names))[:, None]).astype(float)
    weights = np.array(kept)
    macs = weights * np.array([layers[names[i]].pixels for i in owner])
    total = sum(layer.weights for layer in layers.values())
    bounds: list[tuple[str, npt.NDArray[np.float64], float]] = [
        ("weights that are not zero", weights, density * total)
    ]
    if max_macs is not None:
        bounds.append(("multiplications in the pruned layers", macs, float(max_macs)))
    solved = linprog(
        cost,
        A_ub=np.array([row / limit if limit > 0 else row for _, row, limit in bounds]),
        b_ub=np.array([1.0 if limit > 0 else limit for *_, limit in bounds]),
        A_eq=ones,
        b_eq=np.ones(len(names)),
        bounds=(0, 1),
        method="highs",
    )
    if solved.x is None:
        raise BadInputError(_too_little(points, layers, bounds))
    share = ones @ (weights * solved.x)
    counts = {name: math.floor(share[i] + _SLACK) for i, name in enumerate(names)}
    return {name: count / layers[name].weights for name, count in counts.items()}


def _too_little(
    points: Mapping[str, list[tuple[float, float]]],
    layers: Mapping[str, Prunable],
    bounds: list[tuple[str, npt.NDArray[np.float64], float]],
) -> str:
    least = min(at for row in points.values() for at, _ in row)
    smallest = sum(layer.weights for layer in layers.values()) * least
    for what, row, limit in bounds:
        need = smallest if row is bounds[0][1] else sum(v.weights * v.pixels for v in layers.values()) * least
        if need > limit:
            option = "--density" if row is bounds[0][1] else "--max-nonzero-macs"
            return (
                f"{what} must be at most {max(0, int(limit)):,}, and {math.ceil(need):,} are left at the "
                f"least density, {least:g}; raise {option}, or choose a narrower network"
            )
    return "--density and --max-nonzero-macs cannot be met together; raise one of them"


def _rising(row: Mapping[float, float]) -> list[tuple[float, float]]:
    """Points from dense to sparse, where a sparser layer never counts as better than a denser one."""
    points, worst = [(1.0, 0.0)], 0.0
    for at in sorted((at for at in row if at < 1.0), reverse=True):
        worst = max(worst, row[at])
        points.append((at, worst))
    return points


def stored_bits(kernel: npt.NDArray[Any], bits: int) -> int:
    """Bits of a kernel at a width as ``sqz_hw.model.storage`` counts: dense, or nonzeros with their gaps."""
    return int(min(kernel.size * bits, sparse_entries(kernel) * (bits + GAP_BITS)))


def choose_weight_bits(
    table: Table, arch: Architecture, weights: Weights, bias_bits: int, budget: int
) -> tuple[dict[str, int], int]:
    """The width of each kernel: the least sum of loss increases within a budget of stored bits.

    A kernel's zeros are counted before it is rounded, so that what is stored in the end is no more.

    Args:
        table: measured loss increases, by convolution and width.
        arch: the architecture.
        weights: pruned, folded weights.
        bias_bits: width of all biases.
        budget: bits for weights, their indices and biases.

    Returns:
        Widths by convolution, and the bits they need with the biases.

    Raises:
        BadInputError: the narrowest widths need more.
    """
    kernels = {s.name: weights[f"{s.name}/kernel"] for s in arch.convolutions}
    biases = bias_bits * sum(s.out_shape[2] for s in arch.convolutions)
    entries = [
        (name, int(bits), stored_bits(kernels[name], int(bits)), loss)
        for name in kernels
        for bits, loss in sorted(as_numbers(table[name]).items())
    ]
    least = biases + sum(min(e[2] for e in entries if e[0] == name) for name in kernels)
    if least > budget:
        narrowest = min(e[1] for e in entries)
        raise BadInputError(
            f"weights, indices and biases need at least {least:,} bits at {narrowest} bits a weight, and "
            f"--memory-budget allows {budget:,}: {least - budget:,} short; lower --density or --bias-bits, "
            "or raise the budget"
        )
    owner = np.array([[e[0] == name for e in entries] for name in kernels], float)
    sizes = np.array([e[2] for e in entries], float)
    solved = milp(
        np.array([e[3] for e in entries]),
        integrality=np.ones(len(entries)),
        bounds=(0, 1),
        constraints=[LinearConstraint(owner, 1, 1), LinearConstraint(sizes[None], 0, budget - biases)],
        options={"mip_rel_gap": 0.0},
    )
    taken = [e for e, x in zip(entries, solved.x, strict=True) if x > 0.5]
    return {name: bits for name, bits, *_ in taken}, biases + sum(e[2] for e in taken)


def choose_activation_bits(table: Table, tolerance: float) -> dict[str, int]:
    """The fewest bits of each activation that cost, alone, at most ``tolerance`` nats more than the most."""
    chosen = {}
    for name, row in table.items():
        losses = {int(bits): loss for bits, loss in as_numbers(row).items()}
        widest = losses[max(losses)]
        chosen[name] = min(bits for bits, loss in losses.items() if loss - widest <= tolerance)
    return chosen
