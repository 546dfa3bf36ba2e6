"""What a folded stage will need, before anything is synthesised.

DSP slices and block RAM follow from the construction. LUTs and flip-flops are a linear model over what
the modules are made of; its coefficients are fitted to Yosys's counts of the modules (``cost.json``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

Parameters = Mapping[str, int | str]
SPREAD = 0.15
"""Bounds of an estimate of LUTs and flip-flops, as a share of it."""


@dataclass(frozen=True)
class Cost:
    """Resources: LUTs (LUT RAM within), flip-flops, DSP slices, block RAM in tiles of 36 kbit."""

    lut: float = 0.0
    ff: float = 0.0
    dsp: int = 0
    tiles: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.lut + other.lut, self.ff + other.ff, self.dsp + other.dsp, self.tiles + other.tiles)

    def times(self, count: int) -> Cost:
        """So many of it."""
        return Cost(self.lut * count, self.ff * count, self.dsp * count, self.tiles * count)


def block_ram(words: int, width: int) -> float:
    """Tiles of 36 kbit for a simple dual-port memory, by the shapes that a RAMB18 and a RAMB36 have.

    UG473, tables 1-7 to 1-10: 1, 2, 4, 9, 18 and, for RAMB36 (and RAMB18 in simple dual-port mode),
    36 or 72 bits wide.
    """
    best = float("inf")
    for bits, deep in ((72, 512), (36, 1024), (18, 2048), (9, 4096), (4, 8192), (2, 16384), (1, 32768)):
        columns, rest = divmod(width, bits)
        rows = -(-words // deep)
        tiles = float(columns * rows)
        if rest:
            half = next(
                (
                    h
                    for h, w in ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2))
                    if rest <= w and words <= h
                ),
                0,
            )
            tiles += 0.5 if half else rows
        best = min(best, tiles)
    return best


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


def core_cost(p: Parameters) -> Cost:
    """A sparse core with these parameters."""
    value = {name: int(v) for name, v in p.items() if not isinstance(v, str)}
    lanes = value["P"]
    dsp = 0 if value["LUTS"] else lanes // 2 if value["PACK"] else lanes
    tiles, rom = entry_tiles(value["ENTRIES"], value["SEGMENT"]), 0.0
    if value.get("LUT_LAST"):
        tiles = float(value["ENTRIES"] // value["SEGMENT"])
        rom = lut_rom(value["ENTRIES"] % value["SEGMENT"], value["GAP_BITS"] + value["CODE_BITS"])
    if value.get("SHARED"):
        rom += lut_rom((2 if value["ROWS1"] else 1) << value["CODE_BITS"], value["VALUE"])
    deep = value["SLOTS"] << max(1, (value["C"] - 1).bit_length())
    memory = lanes * lut_ram(32 if deep <= 32 else deep, value["B"])
    if value["TAPS"] == 1:
        wide = max(lanes, value["PIN"]) * value["B"]
        memory = 0 if value["BLOCK_RAM"] else lut_ram(deep, wide)
        groups = max(1, lanes // value["PIN"])
        tiles += groups * block_ram(deep, wide // groups) if value["BLOCK_RAM"] else 0.0
    memory += lut_ram(value["QUEUE"], lanes * value["OUT"])
    features = core_features(value)
    return Cost(
        memory + rom + sum(c * features[name] for name, c in _fit()["core_lut"].items()),
        sum(c * features[name] for name, c in _fit()["core_ff"].items()),
        dsp, tiles,
    )  # fmt: skip


def core_features(v: Mapping[str, int]) -> dict[str, float]:
    """What a core's logic is made of, in bits and units."""
    groups = v["P"] // v["Q"]
    lane_bits = v["P"] * v["B"]
    three = v["TAPS"] > 1 and v["W"] % v["P"] == 0
    return {
        "one": 1.0,
        "window": float(v["TAPS"] > 1),
        "rotate3": float(lane_bits) if three else 0.0,
        "rotate9": float(lane_bits) if v["TAPS"] > 1 and not three else 0.0,
        "choose": float(lane_bits * (max(1, v["PIN"] // v["P"]) - 1)) if v["TAPS"] == 1 else 0.0,
        "lane_bits": float(lane_bits),
        "sum_bits": float(v["P"] * v["SUM"]),
        "drain": float(v["P"] * v["SUM"]) if groups > 1 else 0.0,
        "requantise": float(v["Q"] * v["TOTAL"]),
        "out_bits": float(v["P"] * v["OUT"]),
        "biases": float(v["ROWS"] * v["BIAS"]) / 64,
        "segments": float(v["ENTRIES"] // v["SEGMENT"]),
        "products": float(v["P"] * v["VALUE"] * v["B"]) if v["LUTS"] else 0.0,
        "totals": float(v["P"] * v["SUM"]) if v["LUTS"] else 0.0,
        "address": float(v["P"]) if v["TAPS"] > 1 else 0.0,
    }


@cache
def _fit() -> dict[str, dict[str, float]]:
    text = (files("sqz_hw.rtl") / "cost.json").read_text()
    fitted: dict[str, dict[str, float]] = json.loads(text)
    return fitted


def stage_cost(module: str, parameters: Parameters) -> Cost:
    """Any module of the library with these parameters."""
    if module == "sqz_sparse_core":
        return core_cost(parameters)
    v = {name: int(value) for name, value in parameters.items() if not isinstance(value, str)}
    if module == "sqz_max_pool":
        word = v["P"] * v["B"]
        deep = v["W"] // v["P"] * v["C"]
        out = (v["WOUT"] if v["P"] == v["W"] else v["P"] // 2) * v["B"]
        block = bool(v["BLOCK_RAM"])
        memory = (0 if block else lut_ram(deep, word)) + (lut_ram(v["C"], out) if v["P"] < v["W"] else 0)
        return Cost(
            memory + 40 + 2.6 * word + 3.0 * out,
            30 + 4 * word + out,
            0,
            block_ram(deep, word) if block else 0,
        )
    if module == "sqz_reblock":
        wide = max(v["PIN"], v["POUT"]) * v["B"]
        deep, block = v["SLOTS"] * v["C"], bool(v["BLOCK_RAM"])
        groups = max(1, v["POUT"] // v["PIN"])
        tiles = groups * block_ram(deep, wide // groups) if block else 0.0
        return Cost(90 + (0 if block else lut_ram(deep, wide)), 70 + (0 if block else wide), 0, tiles)
    if module == "sqz_add":
        word = v["P"] * (v["A"] + v["BB"] + v["OUT"])
        return Cost(30 + word + 14 * v["U"], 20 + word + v["P"] * v["OUT"], 0, 0.0)
    if module == "sqz_merge":
        return Cost(20 + v["WIDTH"] * max(1, v["N"] // 3), 12 + v["WIDTH"], 0, 0.0)
    if module == "sqz_global_sum":
        return Cost(60 + v["P"] * v["B"], 50 + v["P"] * v["B"], 0, 0.0)
    if module == "sqz_space_to_depth":
        return Cost(110, 60, 0, block_ram(2 * v["S"] * v["W"] * v["C"], v["B"]))
    return Cost(lut=8.0)
