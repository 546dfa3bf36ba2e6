from dataclasses import replace

import pytest
from designs import design_of_architecture, fire_design
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.budget import LUT_RAM_BITS, LUTS_FOR_RAM, memory_budget
from sqz_hw.estimate.memory import memory_map
from sqz_hw.estimate.parts import all_parts, resolve
from sqz_hw.model.architecture import V1_0, small_stem

DESIGN = fire_design()
SMALLEST = replace(resolve("xc7a35t"), name="none", bram36=0, uram=0)


def test_needs_are_counted():
    arch = small_stem(V1_0, width=0.25, input_size=16)
    design = design_of_architecture(arch)
    biases = sum(layer.out_shape[2] for layer in arch.convolutions)
    budget = memory_budget(design)
    assert [need.weight_bits for need in budget.needs] == [4, 6, 8]
    for need in budget.needs:
        assert need.weights == (arch.parameters - biases) * need.weight_bits
        assert need.biases == 8 * biases
        assert need.fifos == sum(s.depth * s.width_bits for s in design.streams if s.source and s.sink)
        assert need.total == need.weights + need.biases + need.line_buffers + need.fifos
    at_six = memory_map(design)
    assert budget.needs[1].weights + budget.needs[1].biases == at_six.weights_bits
    assert budget.needs[1].line_buffers == at_six.line_buffer_bits


def test_every_part_has_a_row():
    budget = memory_budget(DESIGN)
    assert [row.part for row in budget.parts] == [part.name for part in all_parts()]
    zynq = next(row for row in budget.parts if row.part == "xc7z020")
    assert (zynq.block_ram_bits, zynq.uram_bits) == (5_160_960, 0)
    assert zynq.lut_ram_bits == 17_400 * 64
    assert {row.part for row in budget.parts if row.lut_ram_bits is None} == {"xc7k325t", "xcu50"}


def test_lut_ram_is_less_than_the_luts():
    known = {part.name: part.lut for part in all_parts()}
    assert set(LUTS_FOR_RAM) <= set(known)
    assert all(luts < known[name] for name, luts in LUTS_FOR_RAM.items())


@pytest.mark.parametrize(
    ("bram36", "uram", "name", "answer"),
    [
        (140, 0, "none", "block RAM"),
        (0, 96, "none", "with URAM"),
        (0, 0, "xcvu9p", "with LUT RAM"),
        (0, 0, "none", "no"),
    ],
)
def test_answers_name_the_memories(bram36, uram, name, answer):
    part = replace(SMALLEST, name=name, bram36=bram36, uram=uram)
    ((held,),) = (row.held for row in memory_budget(DESIGN, weight_bits=(6,), parts=(part,)).parts)
    assert held.answer == answer


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 3), st.integers(0, 1), st.sampled_from(["none", *LUTS_FOR_RAM]),
    st.lists(st.integers(1, 4000), min_size=1, max_size=5),
)  # fmt: skip
def test_short_by_what_is_missing(bram36, uram, name, widths):
    part = replace(SMALLEST, name=name, bram36=bram36, uram=uram)
    budget = memory_budget(DESIGN, weight_bits=widths, parts=(part,))
    blocks, ultra = bram36 * 36 * 1024, uram * 288 * 1024
    luts = LUTS_FOR_RAM.get(name, 0) * LUT_RAM_BITS
    for need, held in zip(budget.needs, budget.parts[0].held, strict=True):
        assert held.weight_bits == need.weight_bits
        assert held.short_bits == max(0, need.total - blocks - ultra - luts)
        assert (held.answer == "no") == (held.short_bits > 0)
        assert (held.answer == "block RAM") == (need.total <= blocks)
        assert (held.answer == "with URAM") == (blocks < need.total <= blocks + ultra)


def test_a_width_below_one_bit_is_refused():
    with pytest.raises(BadInputError, match="a weight must have 1 bit or more, not 0; give another width"):
        memory_budget(DESIGN, weight_bits=(4, 0))
