"""Where products and FIFOs are placed: DSP slices or LUTs, shift registers or block RAM.

Left to itself a tool decides by rules that differ between versions (small products in LUTs
or not, FIFOs of three words in block RAM); decided here, the counts follow from the shapes.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqz_hw.design import ConvParameters, Design, Multiplier, Storage, Stream
from sqz_hw.estimate.memory import FIFO_GEOMETRIES, blocks
from sqz_hw.estimate.synthesis.dsp import dsps_per_product
from sqz_hw.estimate.synthesis.facts import dsp_family

SHALLOW_WORDS = 2
"""Words of a FIFO that are never worth a block of RAM."""
SRL_WORDS = 32
"""Words that one LUT holds of one bit, as a shift register (SRLC32E; UG474, UG574)."""


def choose_multipliers(design: Design, dsp_budget: int) -> dict[str, Multiplier]:
    """DSP slices for all products as long as there are enough; then LUTs for the narrowest.

    Whole layers move to LUTs, those with the fewest LUTs for each DSP slice saved first: a
    product of a x b bits takes about a x b LUTs. What the last of them leaves over goes back to
    those before it, the widest products first.

    Args:
        design: with its reuse factors.
        dsp_budget: DSP slices in all.

    Returns:
        by convolution layer.
    """
    rows = [
        (
            layer.name,
            conv.multipliers * _dsps(design, layer.inputs[0], conv),
            _bits(design, layer.inputs[0], conv),
        )
        for layer, conv in design.convolutions
    ]
    needed = sum(dsps for _, dsps, _ in rows)
    placed: dict[str, Multiplier] = {name: "dsp" for name, _, _ in rows}
    moved: list[tuple[str, int]] = []
    for name, dsps, _ in sorted(rows, key=lambda row: (row[2], row[0])):
        if needed <= dsp_budget:
            break
        moved.append((name, dsps))
        placed[name] = "lut"
        needed -= dsps
    for name, dsps in reversed(moved):
        if needed + dsps <= dsp_budget:
            placed[name] = "dsp"
            needed += dsps
    return placed


def choose_fifo_storage(
    design: Design, budget: Mapping[str, int], bram_price: float = 1.0
) -> dict[str, Storage]:
    """Shift registers or block RAM for each FIFO, whichever takes the smaller share of its budget.

    Args:
        design: with its FIFO depths.
        budget: of LUT and BRAM18.
        bram_price: how dear a share of the block RAM is against an equal share of the LUTs.

    Returns:
        by stream between two layers.
    """
    return {
        stream.name: _cheaper(stream, budget, bram_price)
        for stream in design.streams
        if stream.source is not None and stream.sink is not None
    }


def srl_luts(width_bits: int, depth: int) -> int:
    """LUTs that hold the words of a FIFO of shift registers, its control not counted."""
    return width_bits * -(-depth // SRL_WORDS)


def _cheaper(stream: Stream, budget: Mapping[str, int], bram_price: float) -> Storage:
    if stream.depth <= SHALLOW_WORDS:
        return "srl"
    words = 1 << (stream.depth - 1).bit_length()
    in_luts = srl_luts(stream.width_bits, stream.depth) / max(1, budget["LUT"])
    in_blocks = blocks(stream.width_bits, words, FIFO_GEOMETRIES) / max(1, budget["BRAM18"])
    return "srl" if in_luts <= bram_price * in_blocks else "bram"


def _dsps(design: Design, source: str, conv: ConvParameters) -> int:
    return dsps_per_product(design.stream(source).type.width, conv.weight_type.width, dsp_family(design.part))


def _bits(design: Design, source: str, conv: ConvParameters) -> int:
    return conv.weight_type.width * design.stream(source).type.width // _dsps(design, source, conv)
