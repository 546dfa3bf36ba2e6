"""The exact fixed-point type of every tensor that is no convolution's: nothing is rounded there."""

from __future__ import annotations

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import Kind
from sqz_hw.model.quantisation import Quantisation


def tensor_types(arch: Architecture, quantisation: Quantisation) -> dict[str, FixedPoint]:
    """Types by layer name for input, ReLU, max pool, concatenation and addition.

    A pool keeps its input's type; a concatenation has the finest fraction and the largest
    integer part of its inputs; an addition one integer bit more than that.
    """
    types: dict[str, FixedPoint] = {}
    for spec in arch.layers:
        if spec.kind is Kind.INPUT:
            types[spec.name] = quantisation.input
        elif spec.kind is Kind.RELU:
            chosen = quantisation.activations[spec.name]
            types[spec.name] = FixedPoint(chosen.width, chosen.integer, False)
        elif spec.kind is Kind.MAX_POOL:
            types[spec.name] = types[spec.inputs[0]]
        elif spec.kind in (Kind.CONCAT, Kind.ADD):
            inputs = [types[name] for name in spec.inputs]
            integer = max(t.integer for t in inputs) + (spec.kind is Kind.ADD)
            fraction = max(t.fraction for t in inputs)
            types[spec.name] = FixedPoint(integer + fraction, integer, any(t.signed for t in inputs))
    return types
