"""What the library's modules are made of, counted in bits and units from their parameters.

Memory in LUTs and block RAM follow from how the parts' memories are shaped; the rest of a module's LUTs and
flip-flops is a sum of these features times coefficients (``cost.json``), one for each thing that the module's
source has: a multiplexer's bits, an adder's, a register's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache

Values = Mapping[str, int]
Features = dict[str, float]


SHAPES = (
    (36, 512, 1), (18, 1024, 1), (9, 2048, 1), (4, 4096, 1), (2, 8192, 1), (1, 16384, 1),
    (72, 512, 2), (36, 1024, 2), (18, 2048, 2), (9, 4096, 2), (4, 8192, 2), (2, 16384, 2), (1, 32768, 2),
)  # fmt: skip
"""Bits of a word, words, and halves of a tile, of a RAMB18 and of a RAMB36 (UG473, tables 1-7 to 1-10)."""


@cache
def columns(words: int, width: int) -> tuple[int, float]:
    """The cheapest block RAM for a simple dual-port memory: columns of any shapes side by side.

    Returns:
        halves of a tile; LUTs that choose among the memories of a column that is deeper than one.
    """
    best: list[tuple[int, float]] = [(0, 0.0)]
    for wide in range(1, width + 1):
        found = []
        for bits, deep, halves in SHAPES:
            rows = -(-words // deep)
            before = best[max(0, wide - bits)]
            found.append((before[0] + halves * rows, before[1] + min(bits, wide) * mux_luts(rows)))
        best.append(min(found))
    return best[width]


def block_ram(words: int, width: int) -> float:
    """Tiles of 36 kbit for a simple dual-port memory."""
    return columns(words, width)[0] / 2


def lut_ram(words: int, width: int) -> int:
    """LUTs of a simple dual-port LUT RAM: RAM32M holds 32 x 6 bits, RAM64M 64 x 3, in 4 LUTs (UG474)."""
    if words <= 32:
        return 4 * -(-width // 6)
    blocks = -(-words // 64)
    return 4 * blocks * -(-width // 3) + (width * ((blocks + 2) // 4) if blocks > 1 else 0)


def lut_rom(words: int, width: int) -> float:
    """LUTs of a read-only memory: 64 bits each, and as much as a fifth of them to choose."""
    return 0.0 if words == 0 else width * max(1.0, words / 64 * 1.2)


def entry_tiles(words: int, segment: int) -> float:
    """Tiles of a core's entries: whole segments, and a last one that may be a RAMB18."""
    whole, rest = divmod(words, segment)
    return whole + (0.0 if rest == 0 else 0.5 if rest <= segment // 2 else 1.0)


def bits_for(count: int) -> int:
    """Bits of a counter of so many states."""
    return max(1, (count - 1).bit_length())


def mux_luts(inputs: int) -> float:
    """LUTs of one bit of a multiplexer with coded select; MUXF7 and MUXF8 join them (UG474)."""
    return 0.0 if inputs < 2 else 0.5 if inputs == 2 else float(-(-inputs // 4))


# ---- sparse core ----
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


# ---- other modules ----
def pool_memory(v: Values) -> tuple[int, float]:
    """LUTs and tiles of a pool's row and of its waiting windows."""
    word, deep = v["P"] * v["B"], v["W"] // v["P"] * v["C"]
    out = (v["WOUT"] if v["P"] == v["W"] else v["P"] // 2) * v["B"]
    waiting = lut_ram(v["C"], out) if v["P"] < v["W"] else 0
    if v["BLOCK_RAM"]:
        return waiting + round(columns(deep, word)[1]), block_ram(deep, word)
    return waiting + lut_ram(deep, word), 0.0


def pool_lut(v: Values) -> Features:
    """Comparisons and choices along both directions."""
    word = v["P"] * v["B"]
    out = (v["WOUT"] if v["P"] == v["W"] else v["P"] // 2) * v["B"]
    return {
        "one": 1.0, "columns": float(v["P"] < v["W"]), "down": float(word), "along": float(out),
        "counters": float(bits_for(v["W"] // v["P"] * v["C"])),
    }  # fmt: skip


def pool_ff(v: Values) -> Features:
    """Words under way."""
    word = v["P"] * v["B"]
    out = (v["WOUT"] if v["P"] == v["W"] else v["P"] // 2) * v["B"]
    return {
        "one": 1.0, "columns": float(v["P"] < v["W"]), "words": float(word),
        "read": 0.0 if v["BLOCK_RAM"] else float(word), "out": float(out),
        "counters": float(bits_for(v["W"] // v["P"] * v["C"])),
    }  # fmt: skip


def reblock_memory(v: Values) -> tuple[int, float]:
    """LUTs and tiles of a queue of blocks."""
    wide, deep = max(v["PIN"], v["POUT"]) * v["B"], v["SLOTS"] * v["C"]
    groups = max(1, v["POUT"] // v["PIN"])
    if v["BLOCK_RAM"]:
        luts = groups * columns(deep, wide // groups)[1]
        return round(luts), groups * block_ram(deep, wide // groups)
    return groups * lut_ram(deep, wide // groups), 0.0


def reblock_lut(v: Values) -> Features:
    """Counters, and the choice among sub-blocks."""
    return {
        "one": 1.0, "counters": float(bits_for(v["SLOTS"] * v["C"])),
        "choose": v["POUT"] * v["B"] * mux_luts(max(1, v["PIN"] // v["POUT"])),
        "again": float(bits_for(v["SLOTS"] * v["C"])) if v["PIN"] != v["POUT"] else 0.0,
    }  # fmt: skip


def reblock_ff(v: Values) -> Features:
    """Counters and, beside LUT RAM, the word read."""
    wide = max(v["PIN"], v["POUT"]) * v["B"]
    return {
        "one": 1.0, "counters": float(bits_for(v["SLOTS"] * v["C"])),
        "again": float(bits_for(v["SLOTS"] * v["C"])) if v["PIN"] != v["POUT"] else 0.0,
        "read": 0.0 if v["BLOCK_RAM"] else float(wide),
    }  # fmt: skip


def add_lut(v: Values) -> Features:
    """Shift registers with load, and U adders with rounding and saturation."""
    total = max(v["A"] + v["A_UP"], v["BB"] + v["B_UP"]) + 2
    several = v["P"] > v["U"]
    return {
        "one": 1.0, "words": float((v["P"] - v["U"]) * (v["A"] + v["BB"])) if several else 0.0,
        "sums": float(v["U"] * total), "rounding": float(v["U"] * v["OUT"]) if v["DROP"] else 0.0,
    }  # fmt: skip


def add_ff(v: Values) -> Features:
    """Both words, the parts done, the word out."""
    return {
        "one": 1.0, "words": float(v["P"] * (v["A"] + v["BB"])), "out": float(v["P"] * v["OUT"]),
        "parts": float((v["P"] - v["U"]) * v["OUT"]),
    }  # fmt: skip


def merge_lut(v: Values) -> Features:
    """A multiplexer of the cores' words, and the table."""
    return {
        "one": 1.0, "few": float(v["WIDTH"]) if v["N"] <= 4 else 0.0,  # one LUT: 4 words, 2 bits of choice
        "many": v["WIDTH"] * mux_luts(v["N"]) if v["N"] > 4 else 0.0,
        "table": v["ROWS"] * bits_for(v["N"]) / 64, "cores": float(v["N"]),
    }  # fmt: skip


def merge_ff(v: Values) -> Features:
    """The word out, the row."""
    return {"one": 1.0, "word": float(v["WIDTH"]), "counters": float(bits_for(v["ROWS"]))}


def sum_memory(v: Values) -> tuple[int, float]:
    """LUTs of the sums, and of what they begin with."""
    begin = math.ceil(lut_rom(v["C"], v["OUT"])) if v.get("INIT") else 0
    return lut_ram(v["C"], v["OUT"]) + begin, 0.0


def sum_lut(v: Values) -> Features:
    """The word's shift register, one adder."""
    return {"one": 1.0, "word": float(v["P"] * v["B"]) if v["P"] > 1 else 0.0, "sum": float(v["OUT"])}


def sum_ff(v: Values) -> Features:
    """The word, the sum, the result."""
    return {"one": 1.0, "word": float(v["P"] * v["B"]), "sum": float(v["OUT"])}


def fork_lut(v: Values) -> Features:
    """All sinks ready: one AND."""
    return {"one": 1.0, "sinks": -(-v["N"] // 5)}


def regroup_memory(v: Values) -> tuple[int, float]:
    """Tiles of two bands of rows."""
    return 0, block_ram(2 * v["S"] * v["W"] * v["C"], v["B"])


def regroup_logic(v: Values) -> Features:
    """Addresses: within a band, a row, a run."""
    return {"one": 1.0, "counters": float(bits_for(2 * v["S"] * v["W"] * v["C"]))}


def argmax_logic(v: Values) -> Features:
    """The largest so far, its number, a comparison."""
    return {"one": 1.0, "bits": float(v["B"] + 2 * bits_for(v["C"]))}


def _none(v: Values) -> tuple[int, float]:
    return 0, 0.0


def _no_ff(v: Values) -> Features:
    return {"one": 0.0}


MODULES: Mapping[str, tuple[Callable[[Values], tuple[int, float]], Callable[[Values], Features],
                            Callable[[Values], Features]]] = {
    "sqz_sparse_core": (core_memory, core_lut, core_ff),
    "sqz_max_pool": (pool_memory, pool_lut, pool_ff),
    "sqz_reblock": (reblock_memory, reblock_lut, reblock_ff),
    "sqz_add": (_none, add_lut, add_ff),
    "sqz_merge": (_none, merge_lut, merge_ff),
    "sqz_global_sum": (sum_memory, sum_lut, sum_ff),
    "sqz_fork": (_none, fork_lut, _no_ff),
    "sqz_argmax": (_none, argmax_logic, argmax_logic),
    "sqz_space_to_depth": (regroup_memory, regroup_logic, regroup_logic),
}  # fmt: skip
"""For each module: its memory (LUTs, tiles), and the features of its LUTs and of its flip-flops."""
