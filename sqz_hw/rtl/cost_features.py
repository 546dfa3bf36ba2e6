"""What the library's modules are made of, counted in bits and units from their parameters.

Memory in LUTs and block RAM follow from how the parts' memories are shaped; the rest of a module's LUTs and
flip-flops is a sum of these features times coefficients (``cost.json``), one for each thing that the module's
source has: a multiplexer's bits, an adder's, a register's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqz_hw.rtl.cost_core import core_ff, core_lut, core_memory
from sqz_hw.rtl.cost_memory import (
    Features,
    Values,
    bits_for,
    block_ram,
    columns,
    lut_ram,
    lut_ram_reads,
    lut_ram_shape,
    tree_luts,
)
from sqz_hw.rtl.cost_tables import table_blocks, table_features


def _pool_out(v: Values) -> int:
    """Bits of a word out of a pool."""
    return (v["WOUT"] if v["P"] == v["W"] else v["P"] // 2) * v["B"]


def pool_memory(v: Values) -> tuple[int, float]:
    """LUTs and tiles of a pool's row and of its waiting windows."""
    word, deep = v["P"] * v["B"], v["W"] // v["P"] * v["C"]
    waiting = lut_ram(v["C"], _pool_out(v)) if v["P"] < v["W"] else 0
    if v["BLOCK_RAM"]:
        return waiting, block_ram(deep, word)
    return waiting + lut_ram(deep, word), 0.0


def pool_lut(v: Values) -> Features:
    """Comparisons and choices along both directions; what the memories are chosen and written by."""
    word, deep = v["P"] * v["B"], v["W"] // v["P"] * v["C"]
    several = v["P"] < v["W"]
    read, write = 0.0, 0
    for words, bits, there in ((v["C"], _pool_out(v), several), (deep, word, not v["BLOCK_RAM"])):
        if there:
            rows, _ = lut_ram_shape(words, bits)
            read, write = read + lut_ram_reads(rows, bits), write + rows
    return {
        "one": 1.0, "columns": float(several), "compares": float(v["P"] + 2 * _pool_out(v) // v["B"]),
        "bits": float(word + 2 * _pool_out(v)), "mask": float(v["B"] * (v["W"] - v.get("WIDTH", v["W"]))),
        "read": read, "write": float(write),
        "deep": columns(deep, word)[1] if v["BLOCK_RAM"] else 0.0,
    }  # fmt: skip


def pool_ff(v: Values) -> Features:
    """Words under way."""
    word = v["P"] * v["B"]
    several = v["P"] < v["W"]
    return {
        "one": 1.0, "columns": float(several), "words": float(2 * word),
        "read": 0.0 if v["BLOCK_RAM"] else float(word), "out": float(_pool_out(v)),
        "counters": float(bits_for(v["W"] // v["P"] * v["C"]) + (bits_for(v["C"]) if several else 0)),
    }  # fmt: skip


def reblock_memory(v: Values) -> tuple[int, float]:
    """LUTs and tiles of a queue of blocks."""
    wide, deep = max(v["PIN"], v["POUT"]) * v["B"], v["SLOTS"] * v["C"]
    groups = max(1, v["POUT"] // v["PIN"])
    if v["BLOCK_RAM"]:
        return 0, groups * block_ram(deep, wide // groups)
    return groups * lut_ram(deep, wide // groups), 0.0


def reblock_lut(v: Values) -> Features:
    """Counters, the choice among sub-blocks, and what the memory is chosen and written by."""
    wide, deep = max(v["PIN"], v["POUT"]) * v["B"], v["SLOTS"] * v["C"]
    groups, choose = max(1, v["POUT"] // v["PIN"]), max(1, v["PIN"] // v["POUT"])
    in_ram = bool(v["BLOCK_RAM"])
    rows = 1 if in_ram else lut_ram_shape(deep, wide // groups)[0]
    return {
        "one": 1.0,
        "counters": float(bits_for(deep)),
        "channels": float(bits_for(v["C"])),
        "choose2": float(v["POUT"] * v["B"]) if choose == 2 else 0.0,
        "choose": float(v["POUT"] * v["B"] * choose) if choose > 2 else 0.0,
        "narrower": bits_for(deep) * float(choose > 1),
        "wider": bits_for(deep) * float(groups > 1),
        "read": lut_ram_reads(rows, wide),
        "write": float(groups * rows),
        "deep": groups * columns(deep, wide // groups)[1] if in_ram else 0.0,
    }


def reblock_ff(v: Values) -> Features:
    """Counters and, beside LUT RAM, the word read."""
    wide, deep = max(v["PIN"], v["POUT"]) * v["B"], v["SLOTS"] * v["C"]
    return {
        "one": 1.0,
        "counters": float(bits_for(deep)),
        "channels": float(bits_for(v["C"])),
        "narrower": bits_for(deep) * float(v["PIN"] > v["POUT"]),
        "wider": bits_for(deep) * float(v["POUT"] > v["PIN"]),
        "read": 0.0 if v["BLOCK_RAM"] else float(wide),
    }


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
    """A multiplexer of the cores' words, and the table twice: as a number, and as a bit for each core."""
    cores, width = v["N"], v["WIDTH"]
    return {
        "one": 1.0,
        "choose": width * tree_luts(cores),
        **table_features("table", v, "FILE", v["ROWS"], bits_for(cores)),
        "cores": float(cores),
        "counters": float(bits_for(v["ROWS"])),
    }


def merge_ff(v: Values) -> Features:
    """The word out, the row."""
    return {"one": 1.0, "word": float(v["WIDTH"]), "counters": float(bits_for(v["ROWS"]))}


def sum_memory(v: Values) -> tuple[int, float]:
    """LUTs of the sums."""
    return lut_ram(v["C"], v["OUT"]), 0.0


def sum_lut(v: Values) -> Features:
    """The word's shift register, one adder, the table that the sums begin with, counters."""
    rows, _ = lut_ram_shape(v["C"], v["OUT"])
    words = v["C"] if v.get("INIT") else 0
    table = table_features("table", v, "FILE", words, v["OUT"])
    if v["P"] == 1:  # no shift register: the table's path is the longest
        table = {"table_small": table_blocks(v, "FILE", words, v["OUT"]), "table_choices": 0.0}
    return {
        "one": 1.0,
        "word": float(v["P"] * v["B"]) if v["P"] > 1 else 0.0,
        "sum": float(v["OUT"]),
        **table,
        "read": lut_ram_reads(rows, v["OUT"]),
    }


def sum_ff(v: Values) -> Features:
    """The word, the sum, the result, counters."""
    return {
        "one": 1.0, "word": float(v["P"] * v["B"]), "sum": float(2 * v["OUT"]),
        "counters": float(bits_for(v["C"]) + bits_for(v.get("BLOCKS", 64)) + bits_for(v["P"])),
    }  # fmt: skip


def fork_lut(v: Values) -> Features:
    """All sinks ready: one AND."""
    return {"one": 1.0, "sinks": -(-v["N"] // 5)}


def regroup_memory(v: Values) -> tuple[int, float]:
    """Tiles of two bands of rows."""
    return 0, block_ram(2 * v["S"] * v["W"] * v["C"], v["B"])


def regroup_logic(v: Values) -> Features:
    """Addresses: counters, and what is added to begin a band, a row, a run: not to the bits that it lacks."""
    band, line = v["S"] * v["W"] * v["C"], v["W"] * v["C"]
    address = bits_for(2 * band)
    return {
        "one": 1.0,
        "counters": float(address + bits_for(line) + bits_for(-(-v["W"] // v["S"]))),
        "adders": float(address - ((band & -band).bit_length() - 1)),
        "rows": float(address - ((line & -line).bit_length() - 1)),
        "runs": float(v["S"] * v["C"] != 1 << bits_for(v["S"] * v["C"])),
    }


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
