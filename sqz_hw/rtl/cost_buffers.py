"""What pools, sums and queues are made of, counted from their parameters (see ``cost_features``).

Flip-flops are all in the source, register by register, but for two that Yosys adds: a second copy of a LUT
RAM's address where that is a counter by itself, and address bits that choose among a deep block RAM's rows.
"""

from __future__ import annotations

from sqz_hw.rtl.cost_memory import (
    ULTRASCALE,
    Features,
    Values,
    bits_for,
    block_ram,
    block_ram_shape,
    lut_ram,
    lut_ram_shape,
    mapped_luts,
    tree_luts,
    wraps_early,
)
from sqz_hw.rtl.cost_tables import table_feature


def _row_bits(rows: int) -> int:
    """Registered address bits that choose among a block RAM's rows."""
    return (rows - 1).bit_length()


# ---- pools ----
def _pool_out(v: Values) -> int:
    """Pixels of a word out of a pool."""
    return v["WOUT"] if v["P"] == v["W"] else v["P"] // 2


def _pool_outside(v: Values) -> int:
    """Pixels of a word that are zero always: beyond the map, where a word is a whole row."""
    return v["W"] - v.get("WIDTH", v["W"]) if v["P"] == v["W"] else 0


def pool_memory(v: Values) -> tuple[int, float]:
    """LUTs and tiles of a pool's row and of its waiting windows."""
    word, deep, family = v["P"] * v["B"], v["W"] // v["P"] * v["C"], v.get(ULTRASCALE, 0)
    waiting = lut_ram(v["C"], _pool_out(v) * v["B"], family) if v["P"] < v["W"] else 0
    if v["BLOCK_RAM"]:
        return waiting, block_ram(deep, word)
    return waiting + lut_ram(deep, word, family), 0.0


def pool_lut(v: Values) -> Features:
    """Comparisons and choices along both directions; what the memories are chosen and written by.

    The larger of two numbers (``sqz_larger``) is a choice of three inputs a bit, but for one; beside each
    fits a bit of its carry chain, of two inputs. Two rows of LUT RAM are chosen from in part by LUTs that are
    there already. A counter that wraps at a power of two needs no comparison.
    """
    bits, pixels, out = v["B"], v["P"], _pool_out(v)
    several, deep, family = pixels < v["W"], v["W"] // pixels * v["C"], v.get(ULTRASCALE, 0)
    there = pixels - _pool_outside(v)
    along = 2 * out if several else sum(min(2, max(0, v["W"] - 1 - 2 * o)) for o in range(out))
    memories = [(v["C"], out * bits)] if several else []
    memories += [] if v["BLOCK_RAM"] else [(deep, pixels * bits)]
    logic = bits * (there + out)  # kept, into the word out
    pairs = 0
    for words, width in memories:
        rows, _ = lut_ram_shape(words, width, family)
        pairs += width if rows == 2 else 0
        logic += (int(width * tree_luts(rows)) if rows > 2 else 0) + (rows if rows > 1 else 0)
    if v["BLOCK_RAM"]:
        logic += int(pixels * bits * tree_luts(block_ram_shape(deep, pixels * bits)[1]))
    wraps = [deep, v["H"]] + ([v["C"]] if several else [])
    return {
        "one": 1.0, "columns": float(several), "logic": float(logic), "pairs": float(pairs),
        "larger": (bits - 1) * float(there + along),
        "counters": float(_pool_counters(v)), "wraps": float(sum(map(wraps_early, wraps))),
        "outside": float(bits * _outside(v)),
    }  # fmt: skip


def _pool_counters(v: Values) -> int:
    """Bits of the places in a row and in the map, and in a block."""
    columns = v["W"] // v["P"]
    counted = bits_for(columns * v["C"]) + bits_for(v["H"])
    return counted + (bits_for(v["C"]) + bits_for(columns) if columns > 1 else 0)


def _outside(v: Values) -> int:
    """Pixels that are zero in a row's last word only."""
    return v["W"] - v.get("WIDTH", v["W"]) if v["P"] < v["W"] else 0


def pool_ff(v: Values) -> Features:
    """Two words, or three, and two of those out; counters.

    What chooses among a block RAM's rows is there already, as the place that is written.
    """
    word, deep = (v["P"] - _pool_outside(v)) * v["B"], v["W"] // v["P"] * v["C"]
    whole = v["P"] * v["B"]
    registers = 2 * bits_for(deep) + bits_for(v["H"]) + 4  # at, y, what goes with the word
    registers += word + whole + (0 if v["BLOCK_RAM"] else whole) + 2 * _pool_out(v) * v["B"] + 2
    if v["P"] < v["W"]:
        registers += 2 * bits_for(v["C"]) + bits_for(v["W"] // v["P"]) + 1
    return {"registers": float(registers)}


# ---- queues ----
def _queue(v: Values) -> tuple[int, int, int, int]:
    """Words of a queue, bits of one; sub-blocks that make one, that it is read in."""
    wide = max(v["PIN"], v["POUT"]) * v["B"]
    return v["SLOTS"] * v["C"], wide, max(1, v["POUT"] // v["PIN"]), max(1, v["PIN"] // v["POUT"])


def _queue_rows(v: Values) -> int:
    deep, wide, groups, _ = _queue(v)
    if v["BLOCK_RAM"]:
        return block_ram_shape(deep, wide // groups)[1]
    return lut_ram_shape(deep, wide // groups, v.get(ULTRASCALE, 0))[0]


def reblock_memory(v: Values) -> tuple[int, float]:
    """LUTs and tiles of a queue of blocks."""
    deep, wide, groups, _ = _queue(v)
    if v["BLOCK_RAM"]:
        return 0, groups * block_ram(deep, wide // groups)
    return groups * lut_ram(deep, wide // groups, v.get(ULTRASCALE, 0)), 0.0


def reblock_lut(v: Values) -> Features:
    """The choice among rows and sub-blocks, writing enabled for each row; counters.

    Of a block RAM rows and sub-blocks are chosen in one, behind it: a LUT then takes three more of them. Of
    LUT RAM the row is chosen before the register. A counter that wraps at a power of two needs no comparison;
    one that goes back to a block's first word has a choice for each bit.
    """
    deep, wide, groups, subs = _queue(v)
    rows, out = _queue_rows(v), v["POUT"] * v["B"]
    several = groups * subs > 1
    if not v["BLOCK_RAM"]:
        choose = wide * mapped_luts(rows) + out * tree_luts(subs)
    elif rows > 1 and subs > 1:
        choose = out * min(tree_luts(rows * subs), float(-(-(rows * subs - 1) // 3)))
    else:
        choose = out * tree_luts(rows * subs)
    return {
        "one": 1.0,
        "counters": float(bits_for(deep + 1)),
        "wraps": float(wraps_early(deep)),
        "changes": float(several),
        "back": float(bits_for(deep) * ((groups > 1) + (subs > 1))),
        "channels": float(several and wraps_early(v["C"])),
        "logic": choose + (groups * rows if groups * rows > 1 else 0),
    }


def reblock_ff(v: Values) -> Features:
    """Both ends' places, what is held, and, beside LUT RAM, the word read."""
    deep, wide, groups, subs = _queue(v)
    at, held, channel = bits_for(deep), bits_for(deep + 1), bits_for(v["C"])
    registers = 2 * at + held + 2  # write_at, read_at, used, room, out_full
    registers += held if subs == 1 else 1 + bits_for(v["SLOTS"] + 1)  # words to read, or blocks
    if groups > 1:
        registers += at + channel + bits_for(groups)
    if subs > 1:
        registers += at + 2 * channel + 2 * bits_for(subs)
    registers += _row_bits(_queue_rows(v)) if v["BLOCK_RAM"] else wide
    return {"registers": float(registers)}


# ---- sums over the map ----
def _sum_columns(v: Values) -> tuple[int, int]:
    """Words of a row; pixels of a word that are zero always."""
    width = v.get("W", v["P"])
    columns = width // v["P"] if v["P"] < width else 1
    return columns, width - v.get("WIDTH", width) if columns == 1 else 0


def sum_memory(v: Values) -> tuple[int, float]:
    """LUTs of the sums."""
    return lut_ram(v["C"], v["OUT"], v.get(ULTRASCALE, 0)), 0.0


def sum_lut(v: Values) -> Features:
    """The word's shift register, what the sum goes on from, the table that the sums begin with.

    Two rows of LUT RAM are chosen from in the LUT that begins or goes on; more before it. To enable a row's
    writing takes about four.
    """
    rows, _ = lut_ram_shape(v["C"], v["OUT"], v.get(ULTRASCALE, 0))
    words = v["C"] if v.get("INIT") else 0
    shifted = (v["P"] - _sum_columns(v)[1]) * v["B"] if v["P"] > 1 else 0
    chosen = v["OUT"] * (1 + (tree_luts(rows) if rows > 2 else 0))
    return {
        "one": 1.0,
        "logic": shifted + chosen + (4 * rows if rows > 1 else 0),
        "table": table_feature(v, "FILE", words, v["OUT"]),
        "counters": float(_sum_counters(v)),
    }


def _sum_counters(v: Values) -> int:
    """Bits of the channel, of the one that is read next, of the block and of the pixel."""
    counted = bits_for(v["C"]) * (2 if v.get("INIT") else 1) + bits_for(v.get("BLOCKS", 64))
    return counted + (bits_for(v["P"]) if v["P"] > 1 else 0)


def sum_ff(v: Values) -> Features:
    """The word, the sum, the result, counters."""
    columns, outside = _sum_columns(v)
    registers = (v["P"] - outside) * v["B"] + 2 * v["OUT"] + 2 * bits_for(v["C"]) + 2
    registers += bits_for(v.get("BLOCKS", 64)) + (bits_for(v["P"]) if v["P"] > 1 else 0)
    if columns > 1 and v.get("WIDTH", columns * v["P"]) < columns * v["P"]:
        registers += bits_for(columns)
    if v.get("INIT"):  # the table's word, and the channel that is read next
        registers += v.get("FILE.bits", v["OUT"]) + bits_for(v["C"])
    return {"registers": float(registers)}
