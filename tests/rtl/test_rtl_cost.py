"""The cost model against counts that Yosys gave for modules of the ten-class network."""

from __future__ import annotations

import pytest

from sqz_hw.rtl.cost import stage_cost
from sqz_hw.rtl.cost_memory import block_ram, columns, entry_tiles, mux_luts

COUNTED = [
    (
        "sqz_sparse_core",
        {
            "W": 32,
            "H": 32,
            "C": 3,
            "TAPS": 9,
            "ROWS1": 0,
            "ROWS": 21,
            "P": 16,
            "PIN": 1,
            "Q": 1,
            "SLOTS": 8,
            "BLOCK_RAM": 0,
            "B": 8,
            "ENTRIES": 522,
            "SEGMENT": 4096,
            "LUT_LAST": 0,
            "GAP_BITS": 1,
            "CODE_BITS": 5,
            "VALUE": 5,
            "SHIFT1": 0,
            "SHIFT3": 0,
            "PACK": 1,
            "SPLIT": 16,
            "LUTS": 0,
            "SUM": 16,
            "UP": 0,
            "BIAS": 13,
            "TOTAL": 16,
            "DROP": 7,
            "ROUNDING": 2,
            "OUT": 6,
            "OUT_SIGNED": 0,
            "SATURATE": 1,
            "QUEUE": 16,
        },
        547,
        817,
        8,
        0.5,
    ),
    (
        "sqz_sparse_core",
        {
            "W": 16,
            "H": 16,
            "C": 32,
            "TAPS": 9,
            "ROWS1": 22,
            "ROWS": 46,
            "P": 16,
            "PIN": 8,
            "Q": 1,
            "SLOTS": 4,
            "BLOCK_RAM": 0,
            "B": 6,
            "ENTRIES": 2175,
            "SEGMENT": 4096,
            "LUT_LAST": 0,
            "GAP_BITS": 4,
            "CODE_BITS": 5,
            "VALUE": 7,
            "SHIFT1": 2,
            "SHIFT3": 0,
            "PACK": 1,
            "SPLIT": 18,
            "LUTS": 0,
            "SUM": 16,
            "UP": 0,
            "BIAS": 13,
            "TOTAL": 17,
            "DROP": 6,
            "ROUNDING": 2,
            "OUT": 6,
            "OUT_SIGNED": 0,
            "SATURATE": 1,
            "QUEUE": 16,
        },
        743,
        766,
        8,
        1.0,
    ),
    ("sqz_merge", {"WIDTH": 96, "N": 6, "ROWS": 256}, 337, 108, 0, 0.0),
    (
        "sqz_max_pool",
        {"B": 6, "W": 32, "H": 32, "C": 64, "P": 16, "WOUT": 16, "HOUT": 16, "BLOCK_RAM": 1},
        475,
        278,
        0,
        1.5,
    ),
    (
        "sqz_add",
        {
            "P": 16,
            "U": 2,
            "A": 6,
            "A_UP": 0,
            "BB": 6,
            "B_UP": 0,
            "DROP": 1,
            "ROUNDING": 2,
            "OUT": 6,
            "SATURATE": 1,
        },
        179,
        377,
        0,
        0.0,
    ),
]
"""Module, parameters, and LUT, FF, DSP and tiles of block RAM from Yosys 0.70."""


@pytest.mark.parametrize(
    ("words", "width", "tiles"),
    [(128, 96, 1.5), (768, 96, 3.0), (1536, 48, 2.5), (4096, 9, 1.0), (2048, 9, 0.5), (512, 72, 1.0)],
)
def test_block_ram_as_yosys_shapes_it(words: int, width: int, tiles: float) -> None:
    assert block_ram(words, width) == tiles


def test_a_deep_column_chooses_among_its_memories() -> None:
    assert columns(512, 72)[1] == 0
    assert 0 < columns(1536, 48)[1] <= 36  # up to 36 bits from three memories; the others are deep enough
    assert [mux_luts(n) for n in (1, 2, 4, 8, 16)] == [0, 0.5, 1, 2, 4]


def test_a_last_segment_may_be_half_a_tile() -> None:
    assert [entry_tiles(n, 4096) for n in (1, 2048, 2049, 4096, 4097)] == [0.5, 0.5, 1.0, 1.0, 1.5]


@pytest.mark.parametrize(("module", "parameters", "lut", "ff", "dsp", "tiles"), COUNTED)
def test_within_a_tenth_of_what_yosys_counts(
    module: str, parameters: dict[str, int], lut: int, ff: int, dsp: int, tiles: float
) -> None:
    cost = stage_cost(module, parameters)
    assert cost.lut == pytest.approx(lut, rel=0.1)
    assert cost.ff == pytest.approx(ff, rel=0.1)
    assert (cost.dsp, cost.tiles) == (dsp, tiles)
