"""Layers and tools that the tests of the synthesis model share."""

from __future__ import annotations

from dataclasses import replace

from sqz_hw.estimate.synthesis.facts import Kind, LayerFacts, ToolFacts

KEB_L = ToolFacts("Vivado HLS", "2019.2.1", 5.0, "DSP48E2")
KEB_L_2018 = ToolFacts("Vivado HLS", "2018.2", 5.0, "DSP48E2")
NEUT = ToolFacts("Vivado HLS", "2019.2", 3.33, "DSP48E1")
ZYNQ = ToolFacts("Vivado HLS", "2019.2.1", 5.0, "DSP48E1")
OURS = ToolFacts("Vitis HLS", "2024.2", 10.0, "DSP48E1")


def conv(n_in: int, n_out: int, rf: int, bits: int = 16, integer: int = 6, **more: object) -> LayerFacts:
    """A 1x1 convolution of a 4x4 map with n_in channels, all operands of the same bits."""
    made = LayerFacts(
        kind=Kind.CONV,
        in_height=4,
        in_width=4,
        out_height=4,
        out_width=4,
        in_lanes=n_in,
        out_lanes=n_out,
        in_bits=bits,
        out_bits=bits,
        n_in=n_in,
        n_out=n_out,
        weight_bits=bits,
        weight_integer=integer,
        accum_bits=bits,
        reuse_factor=rf,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def plain(kind: Kind, lanes: int = 8, bits: int = 8, **more: object) -> LayerFacts:
    """A layer without weights on an 8x8 map."""
    made = LayerFacts(kind, 8, 8, 8, 8, lanes, lanes, bits, bits)
    return replace(made, **more)  # type: ignore[arg-type]
