"""What the library's modules are made of, counted in bits and units from their parameters.

Memory in LUTs and block RAM follow from how the parts' memories are shaped; the rest of a module's LUTs and
flip-flops is a sum of these features times coefficients (``cost.json``), one for each thing that the module's
source has: a multiplexer's bits, an adder's, a register's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from sqz_hw.rtl.cost_core import core_ff, core_lut, core_memory
from sqz_hw.rtl.cost_memory import (
    Features,
    Values,
    bits_for,
    block_ram,
    columns,
    lut_ram,
    lut_rom,
    mux_luts,
)


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
