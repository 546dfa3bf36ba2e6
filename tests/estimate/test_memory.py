from dataclasses import replace

import pytest
from designs import Net, design_of_architecture, fire_design, with_depths, with_reuse_factors
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.design import Design
from sqz_hw.estimate.fifo import safe_depths
from sqz_hw.estimate.memory import (
    BRAM18_BITS,
    ROM_GEOMETRIES,
    Memory,
    MemoryKind,
    blocks,
    memory_map,
)
from sqz_hw.estimate.ranges import Range
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import V1_1


def one_conv(rf: int, kernel: int = 3, channels: int = 16, filters: int = 64, side: int = 20) -> Design:
    net = Net(side, side, channels)
    net.conv(net.relu(net.input, "relu"), filters, kernel, rf=rf, name="conv1")
    return net.design()


def memory(design: Design, name: str, kind: MemoryKind) -> Memory:
    (found,) = (m for m in memory_map(design).memories if (m.name, m.kind) == (name, kind))
    return found


def test_every_geometry_is_one_block_or_its_16_kbit():
    assert {deep * wide for deep, wide in ROM_GEOMETRIES} == {BRAM18_BITS, 16 * 1024}


@pytest.mark.parametrize(
    ("word_bits", "words", "expected"),
    [
        (1, 1, 1),
        (36, 512, 1),
        (37, 512, 2),
        (36, 513, 2),
        (1, 16384, 1),
        (18, 1024, 1),
        (9, 2048, 1),
        (72, 2048, 8),
    ],
)
def test_blocks_by_geometry(word_bits, words, expected):
    assert blocks(word_bits, words) == expected


@pytest.mark.parametrize(
    ("multipliers", "bits", "rf", "reported"), [(160, 16, 16, 72), (1152, 16, 16, 512), (96, 16, 25, 43)]
)
def test_weights_agree_with_public_reports(multipliers, bits, rf, reported):
    assert blocks(multipliers * bits, rf) == reported


@pytest.mark.parametrize(
    ("width", "depth", "reported"),
    [
        (32, 36, 2), (32, 1024, 2), (32, 1156, 4), (32, 4096, 8), (32, 4356, 16), (32, 16384, 32),
        (32, 16900, 64), (16, 49, 1), (48, 144, 3), (128, 16, 8), (400, 64, 23), (132, 576, 8), (144, 130, 8),
        (32, 16, 0), (16, 25, 0), (544, 1, 0),
    ],
)  # fmt: skip
def test_fifos_agree_with_public_reports(width, depth, reported):
    net = Net(1, 1, 1)
    net.relu(net.relu(net.input, "a"), "b")
    design = net.design()
    bit = FixedPoint(1, 1, False)
    streams = tuple(replace(s, shape=(1, 1, width), type=bit, depth=depth) for s in design.streams)
    assert memory(replace(design, streams=streams), "a_out", MemoryKind.FIFO).bram18.expected == reported


def one_fifo(width: int, depth: int, storage: str) -> Memory:
    net = Net(1, 1, 1)
    net.relu(net.relu(net.input, "a"), "b")
    design = net.design()
    streams = tuple(
        replace(s, shape=(1, 1, width), type=FixedPoint(1, 1, False), depth=depth, storage=storage)
        for s in design.streams
    )
    return memory(replace(design, streams=streams), "a_out", MemoryKind.FIFO)


@pytest.mark.parametrize("depth", [1, 2, 3, 64, 5000])
def test_shift_registers_take_no_blocks(depth):
    fifo = one_fifo(512, depth, "srl")
    assert fifo.bram18 == Range(0, 0, 0)
    assert (fifo.bits, fifo.certain_bits) == (512 * depth, 0)


@pytest.mark.parametrize(
    ("width", "depth", "blocks_needed"),
    [
        (1, 1, 1), (8, 2, 1), (8, 16, 1), (18, 1024, 1), (19, 1024, 2), (36, 512, 2), (64, 100, 4),
        (18, 1025, 2), (9, 2048, 1), (32, 16900, 64),
    ],
)  # fmt: skip
def test_a_fifo_asked_into_block_ram_is_there_however_small(width, depth, blocks_needed):
    fifo = one_fifo(width, depth, "bram")
    assert fifo.bram18 == Range(-(-width * depth // BRAM18_BITS), blocks_needed, blocks_needed)
    assert fifo.certain_bits == fifo.bits == width * depth


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 600), st.integers(1, 3000))
def test_left_to_the_tool_a_fifo_takes_no_more_than_asked_into_block_ram(width, depth):
    free, shift, block = (one_fifo(width, depth, s).bram18 for s in ("auto", "srl", "bram"))
    small = depth <= 2 or width * (1 << (depth - 1).bit_length()) < 1024
    assert free.expected == (shift if small else block).expected
    assert free.high == (shift if depth <= 2 else block).high


def test_deep_weights_are_block_ram():
    weights = memory(one_conv(rf=144), "conv1", MemoryKind.WEIGHTS)
    assert weights.bits == 144 * 64 * 6 + 64 * 8
    assert (weights.word_bits, weights.words) == (64 * 6, 144)
    assert weights.bram18 == Range(-(-144 * 64 * 6 // BRAM18_BITS), 11, 11)


def test_shallow_weights_are_expected_in_luts():
    assert memory(one_conv(rf=48), "conv1", MemoryKind.WEIGHTS).bram18 == Range(0, 0, 32)


def test_constant_weights_are_no_memory():
    assert memory(one_conv(rf=1), "conv1", MemoryKind.WEIGHTS).bram18 == Range(0, 0, 0)


def test_deep_weights_of_a_1x1_convolution_are_block_ram():
    weights = memory(one_conv(rf=256, kernel=1, channels=64), "conv1", MemoryKind.WEIGHTS)
    assert weights.bram18 == Range(-(-64 * 64 * 6 // BRAM18_BITS), 3, 3)


def test_a_line_buffer_keeps_all_rows_but_one_in_shift_registers():
    rows = memory(one_conv(rf=144), "conv1", MemoryKind.LINE_BUFFER)
    assert rows.bits == 2 * 20 * 16 * 6
    assert rows.bram18 == Range(0, 0, 2 * 3)
    assert not [m for m in memory_map(one_conv(rf=64, kernel=1)).memories if m.kind is MemoryKind.LINE_BUFFER]


def test_a_pool_keeps_one_row_of_maxima():
    net = Net(41, 41, 16)
    net.pool(net.relu(net.input, "relu"), name="pool")
    row = memory(net.design(), "pool", MemoryKind.LINE_BUFFER)
    assert row.bits == 20 * 16 * 6
    assert row.bram18 == Range(0, 3, 3)


def test_streams_at_the_edge_are_ports():
    design = fire_design()
    fifos = {m.name for m in memory_map(design).memories if m.kind is MemoryKind.FIFO}
    assert fifos == {s.name for s in design.streams} - {design.input.name, design.output.name}


def test_totals_add_up():
    design = fire_design(12)
    memories = memory_map(with_depths(design, safe_depths(design)))
    parts = (memories.weights_bits, memories.line_buffer_bits, memories.fifo_bits)
    assert memories.total_bits == sum(parts)
    assert min(parts) > 0
    weights = sum(c.n_in * c.n_out * 6 + c.n_out * 8 for _, c in design.convolutions)
    assert memories.weights_bits == weights


def test_low_packs_without_waste():
    """Two memories of half a block each are one block."""
    design = design_of_architecture(V1_1)
    design = with_depths(design, safe_depths(design))
    design = with_reuse_factors(design, {layer.name: conv.n_in for layer, conv in design.convolutions})
    total = memory_map(design).bram18
    assert total.low <= total.expected <= total.high
    assert total.low < sum(m.bram18.low for m in memory_map(design).memories)
