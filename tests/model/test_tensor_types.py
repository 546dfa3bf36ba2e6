"""Types of concatenations, sums and pools hold every value exactly, and are no wider than need be."""

from dataclasses import replace

import numpy as np
import pytest
from models import TINY_ODD

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import V1_0
from sqz_hw.model.layers import Kind
from sqz_hw.model.quantisation import Quantisation
from sqz_hw.model.tensor_types import tensor_types


def random_types(arch, seed):
    rng = np.random.default_rng(seed)

    def draw(signed):
        return FixedPoint(int(rng.integers(2, 6)), int(rng.integers(-3, 4)), signed)

    convolutions = [s.name for s in arch.convolutions]
    relus = [s.name for s in arch.layers if s.kind is Kind.RELU]
    return Quantisation(
        {n: draw(True) for n in convolutions},
        {n: draw(True) for n in convolutions},
        {n: draw(False) for n in relus},
    )


def grid(to):
    return np.arange(to.min_code, to.max_code + 1) * to.lsb


def holds(to, values):
    codes = values / to.lsb
    return bool((codes == np.rint(codes)).all() and codes.min() >= to.min_code and codes.max() <= to.max_code)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bypass", ["simple", "complex"])
def test_every_value_is_held_and_hardly_a_bit_is_wasted(seed, bypass):
    arch = replace(TINY_ODD, bypass=bypass)
    quantisation = random_types(arch, seed)
    types = tensor_types(arch, quantisation)
    seen = set()
    for spec in arch.layers:
        if spec.kind is Kind.CONV or spec.kind is Kind.GLOBAL_AVERAGE:
            assert spec.name not in types
            continue
        to = types[spec.name]
        seen.add(spec.kind)
        if spec.kind is Kind.RELU:
            assert to == quantisation.activations[spec.name]
        elif spec.kind is Kind.MAX_POOL:
            assert to == types[spec.inputs[0]]
        elif spec.kind in (Kind.CONCAT, Kind.ADD):
            a, b = (grid(types[name]) for name in spec.inputs)
            values = np.add.outer(a, b).ravel() if spec.kind is Kind.ADD else np.concatenate([a, b])
            assert holds(to, values)
            spare = 1 + (spec.kind is Kind.ADD)  # a sum of unequal types may not need its carry bit
            assert not holds(FixedPoint(to.width - spare, to.integer - spare, False), values)
            assert not holds(FixedPoint(to.width - 1, to.integer, False), values)
        else:
            assert to == FixedPoint(8, 0, False)
    assert seen == {Kind.INPUT, Kind.RELU, Kind.MAX_POOL, Kind.CONCAT, Kind.ADD}


def test_rounding_modes_stay_at_the_relu():
    """A type says how its producer rounds; what only copies values has none."""
    arch = replace(V1_0, fire_modules=1, pools_after=(1,))
    quantisation = random_types(arch, 1)
    modes = {
        n: replace(t, rounding="RND_CONV", saturation="SAT") for n, t in quantisation.activations.items()
    }
    types = tensor_types(arch, replace(quantisation, activations=modes))
    assert {(t.rounding, t.saturation) for t in types.values()} == {("TRN", "WRAP")}
