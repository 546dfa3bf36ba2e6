"""The report's sections that are read off a design."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from estimate.designs import design_of_architecture, with_reuse_factors
from models import TINY, random_model

from sqz_hw.assemble_hardware import (
    budget_section,
    fifo_section,
    layer_cycles,
    network_section,
    zeros_section,
)
from sqz_hw.estimate.memory import memory_map
from sqz_hw.model.layers import Kind
from sqz_hw.report.content import LayerCycles


@dataclass(frozen=True)
class Timing:
    name: str
    first: int
    last: int
    busy: int
    starved: int
    blocked: int


@dataclass(frozen=True)
class Use:
    name: str
    high_water: int
    stalls: int


@pytest.fixture(scope="module")
def design():
    made = design_of_architecture(TINY)
    factors = {layer.name: max(1, conv.n_in // 2) for layer, conv in made.convolutions}
    return with_reuse_factors(made, factors)


def _pruned(design):
    """Every second weight of the 3x3 convolutions zero."""
    layers = []
    for layer in design.layers:
        if layer.conv is not None and layer.kernel == 3:
            weights = layer.conv.weights.copy()
            weights.reshape(-1)[::2] = 0
            layer = replace(layer, conv=replace(layer.conv, weights=weights))
        layers.append(layer)
    return replace(design, layers=tuple(layers))


def test_times_are_put_beside_the_cycles():
    found = layer_cycles((("a", 10), ("b", 20)), (Timing("b", 1, 2, 3, 4, 5), Timing("c", 0, 0, 0, 0, 0)))
    assert found == (LayerCycles("a", 10), LayerCycles("b", 20, 1, 2, 3, 4, 5))


def test_the_network_is_the_design_in_order(design):
    rows = network_section(design, TINY)
    assert [row.name for row in rows] == [layer.name for layer in design.layers]
    assert sum(row.macs for row in rows) == TINY.macs
    specs = {spec.safe_name: spec for spec in TINY.layers}
    for row in rows:
        spec = specs.get(row.name.removesuffix("_pad"))
        assert row.fire == (None if spec is None else spec.fire)
        if spec is not None and spec.kind is Kind.CONV and not row.name.endswith("_pad"):
            assert (row.op, row.kernel, row.macs) == ("conv", spec.kernel, spec.macs)
            assert row.out_shape == spec.out_shape
            assert row.multipliers == -(
                -(spec.kernel**2) * spec.in_shape[2] * spec.out_shape[2] // row.reuse_factor
            )
    assert {row.fire for row in rows} == {None, "fire2", "fire3"}
    sources = {row.name for row in rows}
    assert all(name in sources for row in rows[1:] for name in row.inputs)
    assert rows[0].inputs == (None,)


def test_fifos_say_where_they_are_stored(design):
    section = fifo_section(design, memory_map(design), (Use(design.streams[3].name, 7, 11),))
    assert [row.name for row in section.streams] == [stream.name for stream in design.streams]
    ports = [row for row in section.streams if row.stored == "port"]
    assert [(row.source is None, row.sink is None) for row in ports] == [(True, False), (False, True)]
    for row in section.streams:
        assert row.bits == row.width_bits * row.depth
        if row.stored == "block RAM":
            assert row.depth > 2
    assert [(r.high_water, r.stalls) for r in section.streams[3:5]] == [(7, 11), (None, None)]


def test_zeros_change_bytes_and_no_cycle(design):
    model, pruned = random_model(TINY, density=0.4), _pruned(design)
    nonzeros = sum(int(np.count_nonzero(w)) for w in model.weights.values())
    section = zeros_section(model, pruned, nonzeros, 5000)
    assert not section.skipped
    with_zeros, without = section.cases
    assert (with_zeros.name, with_zeros.kind) == ("as pruned", "counted")
    assert (without.name, without.kind) == ("not pruned", "assumed")
    assert with_zeros.interval_cycles == without.interval_cycles == 5000
    assert with_zeros.fps == without.fps == design.clock_mhz * 1e6 / 5000
    assert with_zeros.multiplications == without.multiplications == TINY.macs
    assert (
        with_zeros.compressed_bytes
        < with_zeros.dense_bytes
        == without.dense_bytes
        == without.compressed_bytes
    )
    assert (with_zeros.nonzeros, without.nonzeros) == (nonzeros, TINY.parameters)
    threes = sum(spec.macs for spec in TINY.convolutions if spec.kernel == 3)
    assert with_zeros.nonzero_multiplications == TINY.macs - threes // 2
    assert with_zeros.bound_interval_cycles == _bound(pruned)
    assert without.bound_interval_cycles == _bound(design) >= with_zeros.bound_interval_cycles


def _bound(design):
    return max(
        -(
            -Fraction(la.out_shape[0] * la.out_shape[1] * int((conv.weights != 0).sum()), conv.multipliers)
            // 1
        )
        for la, conv in design.convolutions
    )


def test_the_budget_has_alexnet_beside_it(design):
    section = budget_section(design, memory_map(design))
    assert [need.weight_bits for need in section.needs] == [4, 6, 8]
    assert (section.beside[0].name, section.beside[0].bytes) == ("AlexNet", 240_000_000)
    assert "table 2" in section.beside[0].source
