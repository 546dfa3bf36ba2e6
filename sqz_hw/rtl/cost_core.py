"""A sparse core's memories, DSP slices and flip-flops, counted from its parameters."""

from __future__ import annotations

from functools import cache

from sqz_hw.rtl.cost_memory import (
    ULTRASCALE,
    Features,
    Values,
    bits_for,
    block_ram,
    entry_tiles,
    lut_ram,
)


def block_depth(v: Values) -> int:
    """Words of an input buffer whose blocks each begin at a power of two."""
    return v["SLOTS"] << bits_for(v["C"])


def entry_bits(v: Values) -> int:
    """Bits of an entry."""
    return v["GAP_BITS"] + v["CODE_BITS"]


def segments(v: Values) -> int:
    """Memories that the entries are cut into."""
    return -(-v["ENTRIES"] // v["SEGMENT"])


def counter_bits(v: Values) -> float:
    """Bits of an entry's number and of two channels."""
    return float(bits_for(v["ENTRIES"] + 1) + 2 * bits_for(v["C"]))


def window_depth(v: Values) -> tuple[int, bool]:
    """Words of a window buffer's banks; whether its blocks follow each other without gaps."""
    deep, tight = block_depth(v), v["SLOTS"] * v["C"]
    packed = -(-tight // 64) < -(-deep // 64)
    return (tight, True) if packed else (deep, False)


def core_memory(v: Values) -> tuple[int, float]:
    """LUTs that are memory, and tiles, of a core: entries, input buffer, output queue."""
    lanes, family = v["P"], v.get(ULTRASCALE, 0)
    if v.get("LUT_LAST"):
        tiles = float((v["ENTRIES"] - 1) // v["SEGMENT"])
    else:
        tiles = entry_tiles(v["ENTRIES"], v["SEGMENT"])
    if v["TAPS"] > 1:
        memory = lanes * lut_ram(window_depth(v)[0], v["B"], family)
    elif v["BLOCK_RAM"]:
        groups = max(1, lanes // v["PIN"])
        bits = max(lanes, v["PIN"]) * v["B"] // groups
        memory = 0
        tiles += groups * block_ram(block_depth(v), bits)
    else:
        groups = max(1, lanes // v["PIN"])
        bits = max(lanes, v["PIN"]) * v["B"] // groups
        memory = groups * lut_ram(block_depth(v), bits, family)
    return memory + lut_ram(v["QUEUE"], lanes * v["OUT"], family), tiles


def core_dsp(v: Values) -> int:
    """DSP slices of a core."""
    return 0 if v["LUTS"] else v["P"] // 2 if v["PACK"] else v["P"]


@cache
def window_banks(w: int, p: int, side: int, edge: int) -> tuple[int, int]:
    """Of a window buffer: banks' addresses that differ; banks that a lane chooses from."""
    back = (w + p) // p * p
    along = [((t // side - edge) * w + t % side - edge + back) % p for t in range(side * side)]
    return len({tuple(b < a for a in along) for b in range(p)}), len(set(along))


def core_ff(v: Values) -> Features:
    """Flip-flops of a core."""
    lane_bits = float(v["P"] * v["B"])
    wide = max(v["P"], v["PIN"]) * v["B"]
    in_ram = v["TAPS"] == 1 and v["BLOCK_RAM"]
    window = v["TAPS"] > 1
    addresses = 0
    if window:
        deep, _ = window_depth(v)
        found, _ = window_banks(v["W"], v["P"], v.get("SIDE", 3), v.get("EDGE", 1))
        addresses = found * bits_for(deep)
    return {
        "one": 1.0,
        "window": float(window),
        "read": 0.0 if in_ram else float(lane_bits if window else wide),
        "pixels_packed": lane_bits if v["PACK"] else 0.0,
        "pixels_single": lane_bits if not v["PACK"] and not v["LUTS"] else 0.0,
        "pixels_logic": lane_bits if v["LUTS"] else 0.0,
        "addresses": float(addresses),
        "sums": float(v["P"] * v["SUM"]),
        "requantise": float(v["Q"] * v["TOTAL"]),
        "out": float(v["P"] * v["OUT"]),
        "counters": counter_bits(v),
        "weights": float(v["VALUE"]),
        "entries": float(entry_bits(v)) if segments(v) > 1 and v.get("LUT_LAST") else 0.0,
        "products": float(v["P"] * (v["B"] + v["MAGNITUDE"])) if v["LUTS"] else 0.0,
        "totals": float(v["P"] * v["SUM"]) if v["LUTS"] else 0.0,
    }
