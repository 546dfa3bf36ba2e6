"""What the library's modules are made of, counted in bits and units from their parameters.

Memory in LUTs and block RAM follow from how the parts' memories are shaped; the rest of a module's LUTs and
flip-flops is a sum of these features times coefficients (``cost.json``), one for each thing that the module's
source has: a multiplexer's bits, an adder's, a register's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sqz_hw.rtl.cost_buffers import (
    pool_ff,
    pool_lut,
    pool_memory,
    reblock_ff,
    reblock_lut,
    reblock_memory,
    sum_ff,
    sum_lut,
    sum_memory,
)
from sqz_hw.rtl.cost_core import core_ff, core_memory
from sqz_hw.rtl.cost_core_luts import core_lut, core_medium, core_small
from sqz_hw.rtl.cost_memory import Features, Values, bits_for, block_ram, choose_luts
from sqz_hw.rtl.cost_tables import table_feature


def add_lut(v: Values) -> Features:
    """Shift registers with load, and U adders with rounding and saturation.

    Beside a shift register's choice of three inputs fits an adder's bit; where all is added at once it has
    a LUT of its own.
    """
    total = max(v["A"] + v["A_UP"], v["BB"] + v["B_UP"]) + 1
    several = v["P"] > v["U"]
    largest = (((1 << v["A"]) - 1) << v["A_UP"]) + (((1 << v["BB"]) - 1) << v["B_UP"])
    half = 1 << v["DROP"] >> 1
    saturates = largest + half >> v["DROP"] >= 1 << v["OUT"]
    return {
        "one": 1.0, "several": float(several),
        "words": float((v["P"] - v["U"]) * (v["A"] + v["BB"])) if several else 0.0,
        "sums": 0.0 if several else float(v["U"] * total),
        "sums_beside": float(v["U"] * total) if several else 0.0,
        "saturate": float(v["U"] * v["OUT"]) if saturates else 0.0,
    }  # fmt: skip


def add_ff(v: Values) -> Features:
    """Both words, the parts done, the word out, with a second one where an addition takes one step."""
    pixels, units, out = v["P"], v["U"], v["P"] * v["OUT"]
    steps = pixels // units
    registers = pixels * (v["A"] + v["BB"]) + 1
    registers += out + (pixels - units) * v["OUT"] + bits_for(steps) + 3 if steps > 1 else 2 * out + 2
    return {"registers": float(registers)}


def merge_lut(v: Values) -> Features:
    """The choice among the cores' words with their valid, the table, ready for each core, the row."""
    cores = v["N"]
    return {
        "one": 1.0,
        "tree": float((v["WIDTH"] + 1) * choose_luts(cores)),
        "table": table_feature(v, "FILE", v["ROWS"], bits_for(cores)),
        "cores": float(cores),
        "counters": float(bits_for(v["ROWS"])),
    }


def merge_ff(v: Values) -> Features:
    """The word out and its valid, the row, the core."""
    return {"registers": float(v["WIDTH"] + 1 + bits_for(v["ROWS"]) + bits_for(v["N"]))}


def fork_lut(v: Values) -> Features:
    """All sinks ready: one AND."""
    return {"one": 1.0, "sinks": -(-v["N"] // 5)}


def regroup_memory(v: Values) -> tuple[int, float]:
    """Tiles of two bands of rows."""
    return 0, block_ram(2 * v["S"] * v["W"] * v["C"], v["B"])


def regroup_lut(v: Values) -> Features:
    """Addresses: counters, and what is added to begin a band and a row: not to the bits that it lacks.

    Where the last band has fewer rows both ends count bands.
    """
    band, line, height = v["S"] * v["W"] * v["C"], v["W"] * v["C"], v.get("H", v["W"])
    address = bits_for(2 * band)
    return {
        "one": 1.0,
        "counters": float(address + bits_for(line) + bits_for(-(-v["W"] // v["S"]))),
        "adders": float(2 * address - _zeros(band) - _zeros(line)),
        "bands": float(bits_for(-(-height // v["S"]))) if height % v["S"] else 0.0,
    }


def regroup_ff(v: Values) -> Features:
    """Both ends' places; bands are counted where the last may have fewer rows."""
    step, line, run = v["S"], v["W"] * v["C"], v["S"] * v["C"]
    height = v.get("H", v["W"])
    bands, groups = -(-height // step), -(-v["W"] // step)
    last_rows, address = height - (bands - 1) * step, bits_for(2 * step * line)
    written, read = last_rows != step, last_rows < 1 << bits_for(step)
    registers = 2 * address - _zeros(line) + bits_for(groups * run + 1) + bits_for(step) + bits_for(run) + 5
    registers += bits_for(bands) * (written + read) + int(read or groups * run > line)
    return {"registers": float(registers)}


def _zeros(number: int) -> int:
    """Lowest bits that are zero."""
    return (number & -number).bit_length() - 1


def argmax_lut(v: Values) -> Features:
    """A comparison and counters."""
    return {"one": 1.0, "bits": float(v["B"] + 2 * bits_for(v["C"]))}


def argmax_ff(v: Values) -> Features:
    """The largest so far, its number, the number under way, the result."""
    return {"registers": float(v["B"] + 3 * bits_for(v["C"]) + 1)}


def _none(v: Values) -> tuple[int, float]:
    return 0, 0.0


def _no_ff(v: Values) -> Features:
    return {"one": 0.0}


Counter = Callable[[Values], Features]


class Model(NamedTuple):
    """What a module is made of, from its parameters.

    Attributes:
        memory: LUTs and tiles of its memories.
        lut: features of its LUTs beside them; of a module with ``small``, of those of three inputs and more.
        ff: of its flip-flops.
        small, medium: of its LUTs of up to two inputs, and of three and four; None if ``lut`` has them all.
    """

    memory: Callable[[Values], tuple[int, float]]
    lut: Counter
    ff: Counter
    small: Counter | None = None
    medium: Counter | None = None

    def features(self, what: str) -> Counter:
        """Those of ``lut``, ``ff``, or, if the module has them, ``small`` or ``medium``."""
        found: Counter = getattr(self, what)
        return found


MODULES: Mapping[str, Model] = {
    "sqz_sparse_core": Model(core_memory, core_lut, core_ff, core_small, core_medium),
    "sqz_max_pool": Model(pool_memory, pool_lut, pool_ff),
    "sqz_reblock": Model(reblock_memory, reblock_lut, reblock_ff),
    "sqz_add": Model(_none, add_lut, add_ff),
    "sqz_merge": Model(_none, merge_lut, merge_ff),
    "sqz_global_sum": Model(sum_memory, sum_lut, sum_ff),
    "sqz_fork": Model(_none, fork_lut, _no_ff),
    "sqz_argmax": Model(_none, argmax_lut, argmax_ff),
    "sqz_space_to_depth": Model(regroup_memory, regroup_lut, regroup_ff),
}
"""By module."""
