"""The cost model against Yosys's counts: of two networks' modules and of drawn ones, seen and unseen."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.rtl.cost import coefficients, shared, stage_cost
from sqz_hw.rtl.cost_memory import (
    block_ram,
    block_ram_shape,
    choose_joins,
    choose_luts,
    entry_tiles,
    lut_ram_shape,
    tree_luts,
)
from sqz_hw.rtl.cost_tables import random_luts, table_bits, table_luts, used_tables

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import rtl_cost  # noqa: E402
import rtl_sweep  # noqa: E402

CHOSEN = ("full", "small", "v1.0", "xck26", "zu3")


@pytest.fixture(scope="module")
def counted() -> dict[str, list[Any]]:
    return {name: rtl_cost.read(BENCHMARKS / f"{name}.json") for name in rtl_cost.FITTED}


@pytest.fixture(scope="module")
def every(counted: dict[str, list[Any]]) -> list[Any]:
    return [row for rows in counted.values() for row in rows]


def share_within(rows: list[Any], what: str, fitted: Any, tenth: float = 0.1) -> float:
    errors = rtl_cost.errors(rows, what, fitted)
    return float(np.mean([abs(off) <= tenth for off, _ in errors]))


# ---- by construction ----
@pytest.mark.parametrize(
    ("words", "width", "tiles"),
    [
        (128, 96, 1.5), (768, 96, 3.0), (1536, 48, 2.5), (4096, 9, 1.0), (2048, 9, 0.5), (512, 72, 1.0),
        (2304, 96, 7.0), (2304, 48, 4.0), (3072, 24, 2.5), (640, 48, 1.5),
    ],
)  # fmt: skip
def test_block_ram_as_yosys_shapes_it(words: int, width: int, tiles: float) -> None:
    assert block_ram(words, width) == tiles


def test_rows_of_a_deep_memory_lie_side_by_side() -> None:
    assert block_ram_shape(512, 72) == (2, 1)
    assert block_ram_shape(1536, 48) == (5, 3)  # 18 bytes in RAMs of 4
    assert block_ram_shape(2304, 48) == (8, 5)  # 30 bytes in RAMs of 8
    assert [tree_luts(n) for n in (1, 2, 4, 5, 8, 9, 16)] == [0, 1, 1, 2, 3, 3, 5]


@pytest.mark.parametrize(
    ("words", "luts"),
    [(1, 0), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3), (8, 3), (9, 3), (12, 4), (14, 5), (16, 5), (18, 6), (28, 10),
     (32, 11), (56, 19)],
)  # fmt: skip
def test_a_choice_takes_a_lut_for_four_words(words: int, luts: int) -> None:
    assert choose_luts(words) == luts


def test_two_way_choices_take_luts_of_three_inputs() -> None:
    assert [choose_joins(n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 32)] == [
        0,
        1,
        0,
        0,
        1,
        1,
        1,
        1,
        0,
        0,
        1,
        1,
    ]


@given(st.integers(5, 300))
def test_a_choice_of_many_takes_about_a_third_of_a_lut_a_word(words: int) -> None:
    """A LUT of six inputs takes four words and leaves one: (words - 1) / 3 at best."""
    assert (words - 1) / 3 <= choose_luts(words) <= (words - 1) / 3 + 2


@pytest.mark.parametrize(
    ("words", "width", "rows", "luts"),
    [
        (16, 12, 1, 8),
        (64, 8, 1, 12),
        (96, 112, 3, 228),
        (200, 16, 4, 96),
        (288, 8, 5, 60),
        (1000, 16, 16, 384),
    ],
)
def test_lut_ram_as_yosys_shapes_it(words: int, width: int, rows: int, luts: int) -> None:
    assert lut_ram_shape(words, width) == (rows, luts)


@pytest.mark.parametrize(
    ("words", "width", "rows", "luts"),
    [(192, 8, 3, 48), (256, 224, 4, 1024), (96, 224, 3, 384), (16, 112, 1, 64)],
)
def test_lut_ram_of_ultrascale_parts(words: int, width: int, rows: int, luts: int) -> None:
    assert lut_ram_shape(words, width, 1) == (rows, luts)


def test_a_last_segment_may_be_half_a_tile() -> None:
    assert [entry_tiles(n, 4096) for n in (1, 2048, 2049, 4096, 4097)] == [0.5, 0.5, 1.0, 1.0, 1.5]


def test_memories_and_dsp_slices_are_exact(every: list[Any]) -> None:
    for what in ("lut_ram", "dsp", "tiles"):
        assert [row["name"] for row in every if rtl_cost.built(row)[what] != row[what]] == [], what


def test_registers_of_all_but_cores_are_exact(every: list[Any]) -> None:
    later = [row for name in CHOSEN for row in rtl_cost.read(BENCHMARKS / f"rtl_counts_chosen_{name}.json")]
    for row in [*every, *later]:
        if row["module"] not in ("sqz_sparse_core", "sqz_fork"):
            off = 2.1 if row["module"] == "sqz_space_to_depth" else 1e-3
            assert rtl_cost.predicted(row).ff == pytest.approx(row["ff"], abs=off), row["name"]


# ---- tables ----
@pytest.mark.parametrize(
    ("words", "counted"),
    [(24, 8), (64, 8), (96, 16), (128, 16), (200, 32), (256, 32), (257, 40), (320, 48), (400, 72), (512, 72), (513, 72),
     (700, 104), (800, 112), (1000, 136), (1500, 208), (2048, 280), (3000, 416), (4096, 552)],
)  # fmt: skip
def test_tables_of_random_bytes_as_yosys_maps_them(words: int, counted: int) -> None:
    """Counts of ``sqz_table`` alone, less the LUT of its reset."""
    draw = np.random.default_rng(words)
    assert table_luts((8, tuple(draw.integers(0, 256, words).tolist()))) == counted
    if words != 257 and words != 513:  # whose last bank, of one word, is constant
        assert random_luts(words, 8) == counted


def luts_by_hand(width: int, words: tuple[int, ...]) -> int:
    """A bit's LUTs by what it depends on, of tables whose words are a power of two up to 256."""
    deep, luts, seen = (len(words) - 1).bit_length(), 0, set()
    for bit in range(width):
        column = [word >> bit & 1 for word in words]
        if tuple(column) in seen or tuple(1 - value for value in column) in seen:
            continue
        seen.add(tuple(column))
        inputs = sum(
            any(column[i] != column[i ^ 1 << place] for i in range(len(words))) for place in range(deep)
        )
        luts += 0 if inputs < 2 else max(1, 2 ** (inputs - 6))
    return luts


@settings(deadline=None)  # the first call is slow on a busy machine
@given(st.integers(1, 8), st.integers(1, 5), st.randoms(use_true_random=False))
def test_a_bit_takes_luts_by_the_address_bits_that_it_depends_on(deep: int, width: int, random: Any) -> None:
    mask = random.getrandbits(deep)
    drawn = [random.getrandbits(width) for _ in range(1 << deep)]
    words = tuple(drawn[address & mask] for address in range(1 << deep))
    assert table_luts((width, words)) == luts_by_hand(width, words)


def test_what_costs_nothing_in_a_table() -> None:
    assert table_luts((8, (0x5A,) * 100)) == 0  # constants
    assert table_luts((1, (0, 1) * 64)) == 0  # an address bit
    assert table_luts((2, (0b01, 0b10) * 64)) == 0  # and its complement
    assert table_luts((1, (0, 1, 1, 0) * 32)) == 1  # one exclusive or of two bits
    assert table_luts((4, tuple(i % 16 for i in range(48)))) == 0  # beyond the last word: as its neighbour


def test_registers_of_what_a_table_gives() -> None:
    assert table_bits((8, (0x5A,) * 100)) == 0
    assert table_bits((4, (0b0011, 0b1100, 0b0000))) == 2  # two pairs of equal bits
    assert table_bits((8, (0x5A,) * 300)) == 8  # of several banks nothing is known


def test_only_a_last_segment_in_luts_is_a_table() -> None:
    parameters: dict[str, int | str] = {
        "ENTRIES": 5000, "SEGMENT": 4096, "LUT_LAST": 1, "ENTRY_FILE": "core", "BIAS_FILE": "core.bias.mem"
    }  # fmt: skip
    memories = {"core.00.mem": (9, tuple(range(4096))), "core.01.mem": (9, (1, 2) * 452)}
    memories["core.bias.mem"] = (4, (3, 5, 6, 9))
    found = used_tables(parameters, memories)
    assert set(found) == {
        f"{file}.{what}" for file in ("ENTRY_FILE", "BIAS_FILE") for what in ("luts", "bits")
    }
    assert (
        found["ENTRY_FILE.luts"] == 9
    )  # 904 words of two that alternate: banks are free, their choice is not
    assert "ENTRY_FILE.luts" not in used_tables({**parameters, "LUT_LAST": 0}, memories)


def test_contents_are_priced() -> None:
    sizes = {"C": 1000, "P": 2, "B": 8, "OUT": 16, "INIT": 1}
    unknown = stage_cost("sqz_global_sum", sizes).lut
    constant = stage_cost("sqz_global_sum", sizes, tables={"FILE.luts": 0}).lut
    assert constant < 0.7 * unknown


# ---- against counts ----
@pytest.mark.parametrize("seed", rtl_sweep.SWEEPS)
def test_drawn_modules_are_those_that_the_sweep_draws(seed: int) -> None:
    drawn = {i.name: (i.module, dict(i.parameters)) for i in rtl_sweep.sweep(seed).instances}
    rows = json.loads((BENCHMARKS / f"rtl_counts_sweep{seed}.json").read_text())
    assert {row["name"]: (row["module"], row["parameters"]) for row in rows} == drawn


def test_the_package_has_the_fit_to_the_committed_counts(every: list[Any]) -> None:
    fitted, kept = rtl_cost.fit(every), coefficients()
    for module, about in fitted.items():
        assert about.keys() == kept[module].keys()
        for what in about:
            assert about[what] == pytest.approx(kept[module][what], abs=1e-3), (module, what)


@pytest.mark.parametrize("half", [0, 1])
def test_modules_that_were_left_out_of_the_fit(every: list[Any], half: int) -> None:
    sides = rtl_cost.halves(every)
    fitted = rtl_cost.fit(sides[1 - half])
    unseen = sides[half]
    cores = [row for row in unseen if row["module"] == "sqz_sparse_core"]
    for rows in (cores, unseen):
        assert share_within(rows, "lut", fitted) >= 0.99
        assert share_within(rows, "lut", fitted, 0.15) == 1
        assert share_within(rows, "ff", fitted) == 1
    assert abs(rtl_cost.together(unseen, "lut", fitted)) <= 0.02
    assert abs(rtl_cost.together(unseen, "ff", fitted)) <= 0.02


@pytest.mark.parametrize(
    ("small", "medium", "luts"), [(0, 0, 0), (10, 20, 0), (20, 20, 0), (30, 20, 5), (9, 0, 4.5)]
)
def test_small_luts_share(small: int, medium: int, luts: float) -> None:
    assert shared(small, medium) == luts


def test_luts_are_paired_as_yosys_pairs_them(every: list[Any]) -> None:
    """Its estimate is that of the library's rule, in each module counted."""
    for row in every:
        paired = row["unshared"] - row["small"] + shared(row["small"], row["medium"])
        assert row["lut"] == pytest.approx(paired, abs=1), row["name"]


def test_a_cores_small_luts_are_known_one_by_one(every: list[Any]) -> None:
    """Bits of adders: those of products, of sums above them and of biases; by the fit one LUT each, and few others."""
    small = coefficients()["sqz_sparse_core"]["small"]
    assert small["products"] == pytest.approx(1, abs=0.01)
    assert small["requantise"] == pytest.approx(1, abs=0.02)


def test_unseen_is_what_differs_in_more_than_its_weights(every: list[Any]) -> None:
    core = next(row for row in every if row["module"] == "sqz_sparse_core")
    pruned, wider = (
        {**core, "parameters": {**core["parameters"], name: core["parameters"][name] + 1}}
        for name in ("ENTRIES", "W")
    )
    assert rtl_cost.not_fitted([core, pruned, wider]) == [wider]


@pytest.mark.parametrize("name", CHOSEN)
def test_foldings_that_this_model_chose(name: str) -> None:
    """The shipped networks and v1.0, folded by the package's coefficients and counted afterwards.

    On the xck26 and the xczu3eg, to whose family nothing is fitted, as well: what differs there is known by construction.
    """
    rows = rtl_cost.read(BENCHMARKS / f"rtl_counts_chosen_{name}.json")
    assert {rtl_cost.family_of(row) for row in rows} == {"xcup" if name in ("xck26", "zu3") else "xc7"}
    unlike = rtl_cost.not_fitted(rows)
    assert sum(row["module"] == "sqz_sparse_core" for row in unlike) >= 15
    assert share_within(unlike, "lut", coefficients()) == 1
    assert share_within(unlike, "ff", coefficients()) == 1
    for what in ("lut", "ff"):
        assert abs(rtl_cost.together(rows, what, coefficients())) < 0.02
    for what in ("lut_ram", "dsp", "tiles"):
        assert all(rtl_cost.built(row)[what] == row[what] for row in rows), what


@pytest.mark.parametrize(("seed", "modules"), [(7, 80), (9, 50), (10, 90)])
def test_modules_drawn_after_the_fit(seed: int, modules: int) -> None:
    rows = rtl_cost.not_fitted(rtl_cost.read(BENCHMARKS / f"rtl_counts_sweep{seed}.json"))
    assert len(rows) > modules
    assert share_within(rows, "lut", coefficients()) == 1
    assert share_within(rows, "ff", coefficients()) == 1
    for what in ("lut", "ff"):
        assert abs(rtl_cost.together(rows, what, coefficients())) < 0.03
    for what in ("lut_ram", "dsp", "tiles"):
        assert all(rtl_cost.built(row)[what] == row[what] for row in rows), what


def test_families_differ_in_their_lut_ram() -> None:
    sizes = {"B": 8, "C": 16, "PIN": 2, "POUT": 2, "SLOTS": 4, "BLOCK_RAM": 0}
    narrow = {**sizes, "PIN": 1, "POUT": 1}
    more = [
        stage_cost("sqz_reblock", values, family="xcup").lut - stage_cost("sqz_reblock", values).lut
        for values in (sizes, narrow)
    ]
    # 64 words of 16 bits: six RAM64M of 4 LUTs, three RAM64M8 of 8; of 8 bits: three, two
    assert more == pytest.approx([0, 4])
