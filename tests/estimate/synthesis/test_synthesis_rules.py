"""DSP, BRAM18 and cycles against figures of public csynth reports (one line each, from the reports)."""

from dataclasses import replace

import pytest
from synthesis_layers import KEB_L, KEB_L_2018, NEUT, OURS, ZYNQ, conv, plain

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.synthesis.bram import estimate_bram, fifo_blocks, rom_blocks
from sqz_hw.estimate.synthesis.cycles import conv_overheads, worst_cycles
from sqz_hw.estimate.synthesis.dsp import dsps_per_product, estimate_dsp
from sqz_hw.estimate.synthesis.facts import Kind, LayerFacts, ToolFacts, dsp_family


@pytest.mark.parametrize(("n_in", "n_out", "rf", "dsp"), [(9, 8, 9, 30), (72, 4, 72, 14), (72, 1, 72, 2)])
def test_32_bit_convolutions_take_4n_minus_2_dsps(n_in: int, n_out: int, rf: int, dsp: int) -> None:
    assert estimate_dsp(conv(n_in, n_out, rf, 32, 16), ZYNQ).expected == dsp


@pytest.mark.parametrize(
    ("n_in", "n_out", "rf", "dsp"), [(3, 16, 12, 4), (80, 32, 10, 256), (288, 64, 16, 1152)]
)
def test_16_bit_convolutions_take_a_dsp_a_multiplier(n_in: int, n_out: int, rf: int, dsp: int) -> None:
    assert estimate_dsp(conv(n_in, n_out, rf), NEUT) == Range(dsp, dsp, dsp)


@pytest.mark.parametrize(
    ("a", "b", "e1", "e2"), [(18, 25, 1, 1), (18, 27, 2, 1), (19, 25, 2, 2), (6, 8, 1, 1), (32, 32, 4, 4)]
)
def test_pieces_of_a_product_follow_the_dsps_operands(a: int, b: int, e1: int, e2: int) -> None:
    assert dsps_per_product(a, b, "DSP48E1") == dsps_per_product(b, a, "DSP48E1") == e1
    assert dsps_per_product(a, b, "DSP48E2") == e2


def test_small_operands_may_be_luts_unless_a_pragma_forces_them() -> None:
    small = {"weight_bits": 6, "in_bits": 8}
    assert estimate_dsp(conv(64, 16, 32, **small), OURS) == Range(0, 32, 32)
    assert estimate_dsp(conv(64, 16, 32, multiplier="dsp", **small), OURS) == Range(32, 32, 32)
    assert estimate_dsp(conv(64, 16, 32, multiplier="lut", **small), OURS) == Range(0, 0, 0)
    assert estimate_dsp(conv(64, 16, 32, weights_are_zero=True), OURS) == Range(0, 0, 0)


@pytest.mark.parametrize(
    ("n_in", "n_out", "rf", "bits", "integer", "blocks"),
    [
        (75, 8, 25, 16, 6, 11),
        (72, 16, 144, 16, 6, 4),
        (144, 16, 144, 16, 6, 7),
        (80, 32, 16, 16, 6, 71),
        (80, 32, 10, 16, 6, 114),
        (288, 64, 16, 16, 6, 512),
        (288, 64, 12, 16, 6, 683),
        (288, 64, 18, 16, 6, 455),
        (9, 8, 9, 32, 16, 7),
        (72, 4, 72, 32, 16, 4),
        (2304, 256, 1152, 16, 2, 684),
        (3, 16, 12, 16, 6, 0),
        (256, 8, 1024, 16, 6, 3),
    ],
)
def test_weight_roms_are_as_reports_have_them(
    n_in: int, n_out: int, rf: int, bits: int, integer: int, blocks: int
) -> None:
    assert estimate_bram(conv(n_in, n_out, rf, bits, integer), KEB_L).expected == blocks


def test_known_weights_narrow_the_rom() -> None:
    assert estimate_bram(conv(576, 64, 18), KEB_L_2018).expected == 911
    assert estimate_bram(conv(576, 64, 18, top_weight_bits=8), KEB_L_2018).expected == 910


@pytest.mark.parametrize(
    ("width", "depth", "blocks"),
    [
        (32, 16, 0),
        (32, 25, 2),
        (32, 1024, 2),
        (32, 1156, 4),
        (32, 4356, 16),
        (32, 16900, 64),
        (16, 23, 0),
        (16, 36, 1),
    ],
)
def test_fifos_are_as_vivado_hls_has_them(width: int, depth: int, blocks: int) -> None:
    assert fifo_blocks(width, depth, ZYNQ) == blocks


def test_fifos_of_vitis_hls_changed_with_2024() -> None:
    assert fifo_blocks(132, 576, ToolFacts("Vitis HLS", "2023.2", 5.0, "DSP48E2")) == 8
    assert fifo_blocks(144, 130, ToolFacts("Vitis HLS", "2024.1", 5.0, "DSP48E2")) == 8
    assert fifo_blocks(256, 128, OURS) == 8


def test_a_rom_of_1024_bits_is_luts() -> None:
    assert (rom_blocks(16, 64), rom_blocks(17, 64), rom_blocks(1, 2000)) == (0, 2, 56)


@pytest.mark.parametrize(
    ("tool", "layer", "cycles"),
    [
        (KEB_L, conv(75, 8, 25), 29),
        (KEB_L, conv(72, 16, 144), 148),
        (KEB_L, conv(144, 16, 144), 147),
        (KEB_L_2018, conv(288, 64, 18), 23),
        (KEB_L_2018, conv(72, 16, 2), 7),
        (NEUT, conv(3, 16, 12), 21),
        (NEUT, conv(80, 32, 16), 26),
        (NEUT, conv(288, 64, 12), 23),
        (ZYNQ, conv(72, 1, 72, 32, 16), 83),
        (OURS, conv(64, 16, 32, 8, 1), 37),
    ],
)
def test_a_pixel_takes_the_cycles_of_the_reports(tool: ToolFacts, layer: LayerFacts, cycles: int) -> None:
    assert worst_cycles(layer, tool) == 16 * cycles
    assert conv_overheads(layer, tool)[0] == cycles - layer.reuse_factor


def test_other_layers_take_the_cycles_of_the_reports() -> None:
    pad = plain(Kind.ZERO_PAD, in_height=16, in_width=16, out_height=20, out_width=20)
    assert worst_cycles(pad, KEB_L) == 475
    assert worst_cycles(plain(Kind.ZERO_PAD, out_height=10, out_width=10), KEB_L) == 103
    assert worst_cycles(plain(Kind.RELU), KEB_L) == 67
    assert worst_cycles(plain(Kind.RELU, bits=32), ZYNQ) == 68
    assert worst_cycles(plain(Kind.POOL, bits=32), ZYNQ) == 132


def test_the_dsp_family_follows_the_part() -> None:
    assert [dsp_family(part) for part in ("xc7z020", "xczu9eg", "XC7K325T")] == [
        "DSP48E1",
        "DSP48E2",
        "DSP48E1",
    ]


def test_impossible_facts_are_refused() -> None:
    with pytest.raises(BadInputError, match="n_in must be a whole number from 1 on, not 0"):
        replace(conv(4, 4, 1), n_in=0)
    with pytest.raises(BadInputError, match="strategy must be resource or latency, not 'fast'"):
        conv(4, 4, 1, strategy="fast")
    with pytest.raises(BadInputError, match="Vivado HLS or Vitis HLS, not 'Quartus'"):
        ToolFacts("Quartus", "2020", 5.0, "DSP48E1")
    with pytest.raises(BadInputError, match="begin with its year, not 'new'"):
        ToolFacts("Vitis HLS", "new", 5.0, "DSP48E1")
    with pytest.raises(BadInputError, match="clock period"):
        ToolFacts("Vitis HLS", "2024.2", float("nan"), "DSP48E1")
    with pytest.raises(BadInputError, match="operand must have 1 bit"):
        dsps_per_product(0, 4, "DSP48E1")
