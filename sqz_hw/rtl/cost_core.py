"""What a sparse core is made of, counted in bits and units from its parameters (see ``cost_features``)."""

from __future__ import annotations

from functools import cache

from sqz_hw.rtl.cost_memory import (
    ULTRASCALE,
    Features,
    Values,
    bits_for,
    block_ram,
    block_ram_shape,
    choose_luts,
    entry_tiles,
    lut_ram,
    lut_ram_reads,
    lut_ram_shape,
    tree_luts,
)
from sqz_hw.rtl.cost_products import product_luts
from sqz_hw.rtl.cost_tables import table_feature


def window_depth(v: Values) -> tuple[int, bool]:
    """Words of a window buffer's banks; whether its blocks follow each other without gaps."""
    deep, tight = v["SLOTS"] << bits_for(v["C"]), v["SLOTS"] * v["C"]
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
        deep = v["SLOTS"] << bits_for(v["C"])
        groups = max(1, lanes // v["PIN"])
        bits = max(lanes, v["PIN"]) * v["B"] // groups
        memory = 0
        tiles += groups * block_ram(deep, bits)
    else:
        groups = max(1, lanes // v["PIN"])
        bits = max(lanes, v["PIN"]) * v["B"] // groups
        memory = groups * lut_ram(v["SLOTS"] << bits_for(v["C"]), bits, family)
    return memory + lut_ram(v["QUEUE"], lanes * v["OUT"], family), tiles


def core_dsp(v: Values) -> int:
    """DSP slices of a core."""
    return 0 if v["LUTS"] else v["P"] // 2 if v["PACK"] else v["P"]


@cache
def _banks(w: int, p: int, side: int, edge: int) -> tuple[int, int]:
    """Of a window buffer: banks' addresses that differ; banks that a lane chooses from."""
    back = (w + p) // p * p
    along = [((t // side - edge) * w + t % side - edge + back) % p for t in range(side * side)]
    return len({tuple(b < a for a in along) for b in range(p)}), len(set(along))


def _reads(rows: int, bits: int) -> Features:
    """Bits chosen among rows of LUT RAM: of two, of up to four, of more."""
    name = "read2" if rows <= 2 else "read4" if rows <= 4 else "read"
    return {name: lut_ram_reads(rows, bits)}


def _window(v: Values) -> Features:
    """Of the input side of a convolution with a window."""
    deep, packed = window_depth(v)
    lanes, rows = v["P"], lut_ram_shape(deep, v["B"], v.get(ULTRASCALE, 0))[0]
    subs = max(1, lanes // v["PIN"])
    addresses, banks = _banks(v["W"], lanes, v.get("SIDE", 3), v.get("EDGE", 1))
    slot = bits_for(deep if packed else v["SLOTS"])
    bits = lanes * v["B"]
    return {
        "rotate": float(bits) if banks <= 4 else 0.0,
        "rotate_more": float(bits * banks) if banks > 4 else 0.0,
        "write": float(subs * rows),
        **_reads(rows, lanes * v["B"]),
        "addresses": float(addresses * bits_for(deep)),
        "slots": float(slot),
    }


def _block(v: Values) -> Features:
    """Of the input side of a 1x1 convolution."""
    lanes, subs = v["P"], max(1, v["P"] // v["PIN"])
    choose = max(1, v["PIN"] // lanes)
    deep = v["SLOTS"] << bits_for(v["C"])
    bits = max(lanes, v["PIN"]) * v["B"]
    if v["BLOCK_RAM"]:
        rows, reads = 1, {"deep": bits * tree_luts(block_ram_shape(deep, bits // subs)[1])}
    else:
        rows = lut_ram_shape(deep, bits // subs, v.get(ULTRASCALE, 0))[0]
        reads = _reads(rows, bits)
    return {
        "choose2": float(lanes * v["B"]) if choose == 2 else 0.0,
        "choose": float(lanes * v["B"] * choose) if choose > 2 else 0.0,
        "write": float(subs * rows) if subs * rows > 1 else 0.0,
        **reads,
    }


_PARTS = (
    "rotate", "rotate_more", "choose2", "choose", "write", "read2", "read4", "read", "deep",
    "addresses", "slots",
)  # fmt: skip


def core_lut(v: Values) -> Features:
    """Logic of a core, beside its memories."""
    segments = -(-v["ENTRIES"] // v["SEGMENT"])
    width = v["GAP_BITS"] + v["CODE_BITS"]
    found = _window(v) if v["TAPS"] > 1 else _block(v)
    return {
        "core": 1.0,
        "window": float(v["TAPS"] > 1),
        **{part: found.get(part, 0.0) for part in _PARTS},
        "counters": float(bits_for(v["ENTRIES"] + 1) + 2 * bits_for(v["C"])),
        "drain": v["Q"] * (v["SUM"] + v["PACK"]) * choose_luts(v["P"] // v["Q"]),  # a carry if packed
        "requantise": float(v["Q"] * v["TOTAL"]),
        "saturate": float(v["Q"] * v["OUT"]),
        "biases": table_feature(v, "BIAS_FILE", v["ROWS"], v["BIAS"]),
        "segments": float(width * segments) if segments > 1 else 0.0,
        "entries": table_feature(v, "ENTRY_FILE", _last_words(v), width),
        "weights": table_feature(v, "CODEBOOK_FILE", _shared_weights(v), v["VALUE"]),
        "products": v["P"] * product_luts(v["B"], v["MAGNITUDE"], v["SUM"]) if v["LUTS"] else 0.0,
        "totals": float(v["P"] * v["SUM"]) if v["LUTS"] else 0.0,
    }


def _last_words(v: Values) -> int:
    """Entries that lie in LUTs."""
    return (v["ENTRIES"] - 1) % v["SEGMENT"] + 1 if v.get("LUT_LAST") else 0


def _shared_weights(v: Values) -> int:
    """Words of the table of shared weights."""
    return (2 if v["ROWS1"] else 1) << v["CODE_BITS"] if v.get("SHARED") else 0


def core_ff(v: Values) -> Features:
    """Flip-flops of a core."""
    lane_bits = float(v["P"] * v["B"])
    wide = max(v["P"], v["PIN"]) * v["B"]
    in_ram = v["TAPS"] == 1 and v["BLOCK_RAM"]
    window = v["TAPS"] > 1
    addresses = 0
    if window:
        deep, _ = window_depth(v)
        found, _ = _banks(v["W"], v["P"], v.get("SIDE", 3), v.get("EDGE", 1))
        addresses = found * bits_for(deep)
    segments = -(-v["ENTRIES"] // v["SEGMENT"])
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
        "counters": float(bits_for(v["ENTRIES"] + 1) + 2 * bits_for(v["C"])),
        "weights": float(v["VALUE"]),
        "entries": float(v["GAP_BITS"] + v["CODE_BITS"]) if segments > 1 and v.get("LUT_LAST") else 0.0,
        "products": float(v["P"] * (v["B"] + v["MAGNITUDE"])) if v["LUTS"] else 0.0,
        "totals": float(v["P"] * v["SUM"]) if v["LUTS"] else 0.0,
    }
