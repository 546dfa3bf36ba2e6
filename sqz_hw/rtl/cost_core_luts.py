"""LUTs of a sparse core beside its memories, by their inputs (see ``cost_features``).

A small LUT (two inputs) shares one with a medium LUT (three or four) wherever in the module that stands, and
two small ones share one: so they are counted apart (``cost.shared``). Small ones are bits of adders.
"""

from __future__ import annotations

from sqz_hw.rtl.cost_core import (
    block_depth,
    counter_bits,
    entry_bits,
    segments,
    window_banks,
    window_depth,
)
from sqz_hw.rtl.cost_memory import (
    ULTRASCALE,
    Features,
    Values,
    bits_for,
    block_ram_shape,
    choose_joins,
    choose_luts,
    lut_ram_reads,
    lut_ram_shape,
    tree_luts,
    wraps_early,
)
from sqz_hw.rtl.cost_products import product_cells
from sqz_hw.rtl.cost_tables import table_feature

_PARTS = (
    "rotate", "rotate_more", "choose2", "choose4", "choose", "write", "read2", "read4", "read",
    "deep", "addresses", "slots",
)  # fmt: skip
"""Of the input side."""
_WITH_SMALL = ("window", "packed", "slots", "write")
_WITH_MEDIUM = ("window", "choose2", "choose", "write", "read2", "read", "deep", "slots")
"""Those that have small and medium LUTs."""


def core_small(v: Values) -> Features:
    """LUTs of up to two inputs: adders.

    A lane's product, and its sum above the product's bits; a requantiser's bias.
    """
    side, products = _side(v), 0.0
    if v["LUTS"]:
        above = v["SUM"] - _product_bits(v)
        products = float(v["P"] * (product_cells(v["B"], v["MAGNITUDE"]).small + above))
    return {
        "core": 1.0,
        "requantise": float(v["Q"] * v["TOTAL"]),
        "products": products,
        "counters": counter_bits(v),
        "channels": _channels(v),
        **{part: side[part] for part in _WITH_SMALL},
    }


def core_medium(v: Values) -> Features:
    """LUTs of three and four inputs: a lane's product and sum, two-way choices, saturation."""
    side = _side(v)
    return {
        "core": 1.0,
        "counters": counter_bits(v),
        "channels": _channels(v),
        "products": _medium_products(v),
        "saturate": float(v["Q"] * v["OUT"]),
        "joins": float(v["Q"] * _sum_bits(v) * choose_joins(v["P"] // v["Q"])),
        "segments": float(entry_bits(v) * choose_joins(segments(v))),
        **{part: side[part] for part in _WITH_MEDIUM},
    }


def core_lut(v: Values) -> Features:
    """LUTs of three inputs and more."""
    side = _side(v)
    return {
        "core": 1.0,
        "window": side["window"],
        **{part: side[part] for part in _PARTS},
        "counters": counter_bits(v),
        "channels": _channels(v),
        "drain": float(v["Q"] * _sum_bits(v) * choose_luts(v["P"] // v["Q"])),
        "requantisers": float(v["Q"]),
        "saturate": float(v["Q"] * v["OUT"]),
        "biases": table_feature(v, "BIAS_FILE", v["ROWS"], v["BIAS"]),
        "segments": float(entry_bits(v) * choose_luts(segments(v))),
        "entries": table_feature(v, "ENTRY_FILE", _last_words(v), entry_bits(v)),
        "weights": table_feature(v, "CODEBOOK_FILE", _shared_weights(v), v["VALUE"]),
        "products": _medium_products(v),
    }


def _product_bits(v: Values) -> int:
    return min(v["SUM"], v["B"] + v["MAGNITUDE"])


def _medium_products(v: Values) -> float:
    """A product's own, and three inputs for each bit of it in its sum: the sum, the product, the sign."""
    if not v["LUTS"]:
        return 0.0
    return float(v["P"] * (product_cells(v["B"], v["MAGNITUDE"]).medium + _product_bits(v)))


def _sum_bits(v: Values) -> int:
    """Bits of a sum and, if it is a packed one, of its carry."""
    return v["SUM"] + v["PACK"]


def _channels(v: Values) -> float:
    """Bits of an entry's channel, where passing the last one takes more than to drop a bit."""
    return float(bits_for(v["C"])) if wraps_early(v["C"]) else 0.0


def _last_words(v: Values) -> int:
    """Entries that lie in LUTs."""
    return (v["ENTRIES"] - 1) % v["SEGMENT"] + 1 if v.get("LUT_LAST") else 0


def _shared_weights(v: Values) -> int:
    """Words of the table of shared weights."""
    return (2 if v["ROWS1"] else 1) << v["CODE_BITS"] if v.get("SHARED") else 0


def _side(v: Values) -> Features:
    """Of the input side: the same features for a window and for a block."""
    found = _window(v) if v["TAPS"] > 1 else _block(v)
    return {"window": float(v["TAPS"] > 1), **{part: found.get(part, 0.0) for part in (*_PARTS, "packed")}}


def _reads(rows: int, bits: int) -> Features:
    """Bits chosen among rows of LUT RAM: of two, of up to four, of more."""
    name = "read2" if rows <= 2 else "read4" if rows <= 4 else "read"
    return {name: lut_ram_reads(rows, bits)}


def _window(v: Values) -> Features:
    """Of the input side of a convolution with a window."""
    deep, packed = window_depth(v)
    lanes, rows = v["P"], lut_ram_shape(deep, v["B"], v.get(ULTRASCALE, 0))[0]
    subs = max(1, lanes // v["PIN"])
    addresses, banks = window_banks(v["W"], lanes, v.get("SIDE", 3), v.get("EDGE", 1))
    slot = bits_for(deep if packed else v["SLOTS"])
    bits = lanes * v["B"]
    return {
        "rotate": float(bits) if banks <= 4 else 0.0,
        "rotate_more": float(bits * banks) if banks > 4 else 0.0,
        "write": float(subs * rows),
        **_reads(rows, lanes * v["B"]),
        "addresses": float(addresses * slot),
        "packed": float(addresses * slot) if packed else 0.0,
        "slots": float(slot),
    }


def _block(v: Values) -> Features:
    """Of the input side of a 1x1 convolution."""
    lanes, subs = v["P"], max(1, v["P"] // v["PIN"])
    choose = max(1, v["PIN"] // lanes)
    deep = block_depth(v)
    bits = max(lanes, v["PIN"]) * v["B"]
    if v["BLOCK_RAM"]:
        rows, reads = 1, {"deep": bits * tree_luts(block_ram_shape(deep, bits // subs)[1])}
    else:
        rows = lut_ram_shape(deep, bits // subs, v.get(ULTRASCALE, 0))[0]
        reads = _reads(rows, bits)
    return {
        "choose2": float(lanes * v["B"]) if choose == 2 else 0.0,
        "choose4": float(lanes * v["B"]) if choose in (3, 4) else 0.0,
        "choose": float(lanes * v["B"] * choose) if choose > 4 else 0.0,
        "write": float(subs * rows) if subs * rows > 1 else 0.0,
        **reads,
    }
