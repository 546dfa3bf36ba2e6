"""What a sparse core is made of, counted in bits and units from its parameters (see ``cost_features``)."""

from __future__ import annotations

import math

from sqz_hw.rtl.cost_memory import (
    Features,
    Values,
    bits_for,
    block_ram,
    columns,
    entry_tiles,
    lut_ram,
    lut_rom,
    mux_luts,
)


def core_memory(v: Values) -> tuple[int, float]:
    """LUTs and tiles of a core's memories: entries, input buffer, output queue."""
    lanes = v["P"]
    tiles, rom = entry_tiles(v["ENTRIES"], v["SEGMENT"]), 0.0
    if v.get("LUT_LAST"):
        tiles = float(v["ENTRIES"] // v["SEGMENT"])
        rom = lut_rom(v["ENTRIES"] % v["SEGMENT"], v["GAP_BITS"] + v["CODE_BITS"])
    if v.get("SHARED"):
        rom += lut_rom((2 if v["ROWS1"] else 1) << v["CODE_BITS"], v["VALUE"])
    deep = v["SLOTS"] << bits_for(v["C"])
    if v["TAPS"] > 1 and -(-v["SLOTS"] * v["C"] // 64) < -(-deep // 64):
        deep = v["SLOTS"] * v["C"]  # without gaps
    if v["TAPS"] > 1:
        memory = lanes * lut_ram(deep, v["B"])
    elif v["BLOCK_RAM"]:
        groups = max(1, lanes // v["PIN"])
        bits = max(lanes, v["PIN"]) * v["B"] // groups
        memory = round(groups * columns(deep, bits)[1])
        tiles += groups * block_ram(deep, bits)
    else:
        memory = lut_ram(deep, max(lanes, v["PIN"]) * v["B"])
    return math.ceil(rom) + memory + lut_ram(v["QUEUE"], lanes * v["OUT"]), tiles


def core_dsp(v: Values) -> int:
    """DSP slices of a core."""
    return 0 if v["LUTS"] else v["P"] // 2 if v["PACK"] else v["P"]


def core_lut(v: Values) -> Features:
    """Logic of a core, beside its memories."""
    lane_bits = v["P"] * v["B"]
    window = v["TAPS"] > 1
    three = v["W"] % v["P"] == 0
    return {
        "one": 1.0,
        "window": float(window),
        "rotate3": float(lane_bits) if window and three else 0.0,
        "rotate9": float(lane_bits) if window and not three else 0.0,
        "choose": lane_bits * mux_luts(max(1, v["PIN"] // v["P"])) if not window else 0.0,
        "counters": float(bits_for(v["ENTRIES"] + 1) + 2 * bits_for(v["C"])),
        "drain": v["Q"] * v["SUM"] * mux_luts(v["P"] // v["Q"]),
        "requantise": float(v["Q"] * v["TOTAL"]),
        "biases": v["ROWS"] * v["BIAS"] / 64,
        "segments": (v["GAP_BITS"] + v["CODE_BITS"]) * mux_luts(-(-v["ENTRIES"] // v["SEGMENT"])),
        "products": float(v["P"] * v["VALUE"] * v["B"]) if v["LUTS"] else 0.0,
        "totals": float(v["P"] * v["SUM"]) if v["LUTS"] else 0.0,
    }


def core_ff(v: Values) -> Features:
    """Flip-flops of a core."""
    lane_bits = v["P"] * v["B"]
    wide = max(v["P"], v["PIN"]) * v["B"]
    in_ram = v["TAPS"] == 1 and v["BLOCK_RAM"]
    return {
        "one": 1.0,
        "window": float(v["TAPS"] > 1),
        "read": 0.0 if in_ram else float(lane_bits if v["TAPS"] > 1 else wide),
        "pixels": float(lane_bits),
        "sums": float(v["P"] * v["SUM"]),
        "requantise": float(v["Q"] * v["TOTAL"]),
        "out": float(v["P"] * v["OUT"]),
        "counters": float(bits_for(v["ENTRIES"] + 1) + 2 * bits_for(v["C"])),
        "products": float(v["P"] * (v["B"] + v["VALUE"] + 1)) if v["LUTS"] else 0.0,
        "totals": float(v["P"] * v["SUM"]) if v["LUTS"] else 0.0,
    }
