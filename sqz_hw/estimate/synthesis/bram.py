"""Block RAM of one layer and of FIFOs, as csynth counts it (BRAM18).

The weights of a Resource layer are one ROM of RF words, all multipliers' weights side by side
(ARRAY_RESHAPE in ``nnet_dense_resource.h``). Checked on every stock Resource layer of the
public reports: the word loses the top slice's repeated sign bits, words beyond 1024 go to
blocks of their own, and a ROM of up to 1024 bits is LUTs.
"""

from __future__ import annotations

import math

from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.synthesis.dsp import top_bits
from sqz_hw.estimate.synthesis.facts import WEIGHTED, Kind, LayerFacts, ToolFacts

SMALL_ROM_BITS = 1024
"""A memory of no more bits is built from LUTs."""
SMALL_FIFO_BITS = 1024
"""A FIFO below this, its depth rounded up to a power of two, is a shift register."""
DEEP_GEOMETRIES = ((2048, 9), (4096, 4), (8192, 2), (16384, 1))
"""(words, bits) of one BRAM18 (UG473, UG573), those deeper than 1024 words."""


def trimmed_bits(layer: LayerFacts) -> int:
    """Bits of a ROM word that HLS leaves out: repeated signs in its highest slice."""
    return layer.weight_bits - top_bits(layer)


def rom_blocks(words: int, word_bits: int) -> int:
    """BRAM18 of a ROM: 1024 words at 18 bits, the rest at 36 bits if 512 words suffice, or a deeper shape."""
    if words * word_bits <= SMALL_ROM_BITS or word_bits < 1:
        return 0
    whole, rest = divmod(words, 1024)
    blocks = whole * -(-word_bits // 18)
    if rest:
        blocks += -(-word_bits // (36 if rest <= 512 else 18))
    deeper = (-(-words // deep) * -(-word_bits // wide) for deep, wide in DEEP_GEOMETRIES if words > 1024)
    return min(blocks, *deeper) if words > 2048 else blocks


def fifo_blocks(width_bits: int, depth: int, tool: ToolFacts) -> int:
    """BRAM18 of one FIFO of the design.

    18 bits a block and 1024 words; Vitis HLS from 2024 pads a word to a power of two and
    takes 36 bits a block up to 512 words (seen in one design, 3 FIFOs of 2 widths).
    """
    words = 1 << max(0, depth - 1).bit_length()
    if depth <= 2 or words * width_bits < SMALL_FIFO_BITS:
        return 0
    if tool.is_vitis and tool.year >= 2024:
        width_bits = 1 << (width_bits - 1).bit_length()
        if words <= 512:
            return -(-width_bits // 36)
    return -(-width_bits // 18) * max(1, words // 1024)


def window_fifos(layer: LayerFacts) -> tuple[int, int]:
    """(number, words) of an encoded window's FIFOs: one a value, filt_height x out_width words deep."""
    if layer.implementation != "encoded" or layer.kind not in (Kind.CONV, Kind.POOL):
        return 0, 1
    return layer.kernel_height * layer.kernel_width * layer.in_lanes, layer.kernel_height * layer.out_width


def estimate_bram(layer: LayerFacts, tool: ToolFacts) -> Range:
    """BRAM18 of one layer: weights, index tables, window FIFOs, look-up tables."""
    if layer.kind is Kind.SOFTMAX:
        return Range(2, 4, 6)
    if layer.kind is Kind.SIGMOID:
        return Range(0, layer.in_lanes, layer.in_lanes)
    if layer.kind is Kind.OVERLAPPING_POOL:
        row = rom_blocks(layer.out_width, layer.in_lanes * layer.in_bits)
        return Range(0, row, row)
    window = _window_blocks(layer, tool)
    if layer.kind not in WEIGHTED or layer.weights_are_zero or layer.strategy == "latency":
        return Range(0, window, window)
    if layer.reuse_factor == 1:
        return Range(0, window, window)
    word = layer.multipliers * layer.weight_bits
    expected = rom_blocks(layer.reuse_factor, word - trimmed_bits(layer))
    high = max(expected, rom_blocks(layer.reuse_factor, word))
    low = 0 if layer.reuse_factor <= 2 else expected
    indices = _index_blocks(layer)
    return Range(low, expected, high) + Range(0, indices, indices) + Range(0, window, window)


def _index_blocks(layer: LayerFacts) -> int:
    """``outidx`` of dense_resource_rf_gt_nin_rem0: RF words that count the inputs' rounds."""
    rounds = -(-layer.reuse_factor // layer.n_in)
    return rom_blocks(layer.reuse_factor, math.ceil(math.log2(rounds))) if rounds > 1 else 0


def _window_blocks(layer: LayerFacts, tool: ToolFacts) -> int:
    """The FIFOs of an encoded window."""
    values, depth = window_fifos(layer)
    return values * fifo_blocks(layer.in_bits, depth, tool) if values else 0
