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

from sqz_hw.rtl.cost import coefficients, stage_cost
from sqz_hw.rtl.cost_core import core_lut
from sqz_hw.rtl.cost_memory import (
    CHOICES,
    ULTRASCALE,
    block_ram,
    block_ram_shape,
    choice_luts,
    entry_tiles,
    lut_ram_shape,
    tree_luts,
)
from sqz_hw.rtl.cost_tables import random_table, table_of, used_tables

AFTER = ("rtl_counts_after", "rtl_counts_v1.0_after")
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import rtl_cost  # noqa: E402
import rtl_sweep  # noqa: E402

SWEEP4 = {
    "sqz_max_pool": 12, "sqz_reblock": 12, "sqz_add": 10, "sqz_merge": 24, "sqz_global_sum": 24, "sqz_argmax": 6,
    "squeeze": 60,
}  # fmt: skip
SWEEP3 = {
    "sqz_max_pool": 6, "sqz_reblock": 6, "sqz_add": 4, "sqz_merge": 8, "sqz_global_sum": 6, "squeeze": 10,
}  # fmt: skip
CORES, ANY = (0.9, 1.0), (0.87, 1.0)
"""Shares of the modules of 50 and more whose LUTs, flip-flops come within 10 % of the count: of cores, of all."""


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


@pytest.mark.parametrize("inputs", [2, 4, 7, 8, 14, 16, 28, 32])
def test_a_choice_among_sums_as_measured(inputs: int) -> None:
    assert choice_luts(inputs) == CHOICES[inputs]


@given(st.integers(5, 200))
def test_a_choice_among_sums_takes_about_a_lut_for_two(inputs: int) -> None:
    """Two two-way choices fit a LUT of five inputs; never fewer than four sums a LUT."""
    assert 0.8 * (inputs - 1) / 2 <= choice_luts(inputs) <= 1.25 * (inputs - 1) / 2
    assert choice_luts(inputs) >= inputs / 4


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


@pytest.mark.parametrize(
    ("words", "blocks", "counted"),
    [(94, 18, 18), (268, 45, 57), (600, 90, 127), (1200, 171, 233), (2048, 288, 385)],
)
def test_entries_in_luts_mapped_by_themselves(words: int, blocks: int, counted: int) -> None:
    """Of v1.0's entries; Yosys's counts of ``sqz_entry_rom`` alone."""
    values = {
        ULTRASCALE: 1, "ENTRIES": words, "SEGMENT": 4096, "LUT_LAST": 1, "GAP_BITS": 3, "CODE_BITS": 6, "TAPS": 1,
        "P": 2, "PIN": 2, "Q": 1, "C": 16, "SLOTS": 2, "B": 8, "BLOCK_RAM": 0, "SUM": 18, "TOTAL": 19, "ROWS": 16,
        "BIAS": 9, "ROWS1": 0, "VALUE": 8, "LUTS": 0, "PACK": 0, "OUT": 8, "ENTRY_FILE.choices": 0, "ENTRY_FILE.blocks": blocks,
    }  # fmt: skip
    assert core_lut(values)["rom"] == pytest.approx(counted, abs=6)
    assert core_lut({**values, ULTRASCALE: 0})["rom"] == 0


def test_a_last_segment_may_be_half_a_tile() -> None:
    assert [entry_tiles(n, 4096) for n in (1, 2048, 2049, 4096, 4097)] == [0.5, 0.5, 1.0, 1.0, 1.5]


def test_memories_and_dsp_slices_are_exact(every: list[Any]) -> None:
    for what in ("lut_ram", "dsp", "tiles"):
        assert [row["name"] for row in every if rtl_cost.built(row)[what] != row[what]] == [], what


def test_registers_of_all_but_cores_are_exact(every: list[Any]) -> None:
    later = [row for name in AFTER for row in rtl_cost.read(BENCHMARKS / f"{name}.json")]
    for row in [*every, *later]:
        if row["module"] not in ("sqz_sparse_core", "sqz_fork"):
            off = 1.3 if row["module"] == "sqz_space_to_depth" else 1e-3
            assert rtl_cost.predicted(row).ff == pytest.approx(row["ff"], abs=off), row["name"]


# ---- tables ----
def nodes_by_hand(width: int, words: tuple[int, ...]) -> int:
    """Distinct functions of the tree, up to complement, that take their highest address bit and another."""
    functions = {tuple(word >> bit & 1 for word in words) for bit in range(width)}
    found = set()
    size = len(words)
    while size > 2:
        for f in functions:
            low, high = f[: size // 2], f[size // 2 :]
            if low != high and not (len(set(low)) == len(set(high)) == 1):
                found.add(min(f, tuple(1 - x for x in f)))
        functions = {half for f in functions for half in (f[: size // 2], f[size // 2 :])}
        size //= 2
    return len(found)


@settings(deadline=None)  # the first call is slow on a busy machine
@given(st.integers(2, 7), st.integers(1, 5), st.randoms(use_true_random=False))
def test_choices_are_the_distinct_parts_of_the_tree(deep: int, width: int, random: Any) -> None:
    words = tuple(random.getrandbits(width) & random.getrandbits(width) for _ in range(1 << deep))
    assert table_of((width, words)).choices == nodes_by_hand(width, words)


def test_what_costs_nothing_in_a_table() -> None:
    assert table_of((8, (0x5A,) * 100)) == (0, 0)  # constants
    assert table_of((1, (0, 1) * 64)).choices == 0  # an address bit
    assert table_of((2, (0b01, 0b10) * 64)).choices == 0  # and its complement
    assert table_of((1, (0, 1, 1, 0) * 32)).choices == 1  # one exclusive or of two bits
    assert table_of((4, tuple(i % 16 for i in range(48)))).choices == 0  # beyond the last word: anything
    assert table_of((6, tuple(range(48)))).choices == 1  # but where its neighbour settles it


@pytest.mark.parametrize(("words", "width"), [(40, 8), (200, 8), (500, 9), (2200, 9), (4096, 9)])
def test_a_random_table_is_as_expected(words: int, width: int) -> None:
    draw = np.random.default_rng(words)
    drawn = table_of((width, tuple(int(word) for word in draw.integers(0, 1 << width, words))))
    assert random_table(words, width).choices == pytest.approx(drawn.choices, rel=0.15)
    assert random_table(words, width).blocks == pytest.approx(drawn.blocks, rel=0.1)


def test_only_a_last_segment_in_luts_is_a_table() -> None:
    parameters: dict[str, int | str] = {
        "ENTRIES": 5000, "SEGMENT": 4096, "LUT_LAST": 1, "ENTRY_FILE": "core", "BIAS_FILE": "core.bias.mem"
    }  # fmt: skip
    memories = {"core.00.mem": (9, tuple(range(4096))), "core.01.mem": (9, (1, 2) * 452)}
    memories["core.bias.mem"] = (4, (3, 5, 6, 9))
    found = used_tables(parameters, memories)
    assert set(found) == {
        f"{file}.{what}" for file in ("ENTRY_FILE", "BIAS_FILE") for what in ("choices", "blocks")
    }
    assert found["ENTRY_FILE.choices"] == 0
    assert "ENTRY_FILE.choices" not in used_tables({**parameters, "LUT_LAST": 0}, memories)


def test_contents_are_priced() -> None:
    sizes = {"C": 1000, "P": 2, "B": 8, "OUT": 16, "INIT": 1}
    unknown = stage_cost("sqz_global_sum", sizes).lut
    constant = stage_cost("sqz_global_sum", sizes, tables={"FILE.choices": 0, "FILE.blocks": 0}).lut
    assert constant < 0.7 * unknown


# ---- against counts ----
def test_the_drawn_modules_are_those_that_the_sweep_draws(counted: dict[str, list[Any]]) -> None:
    drawn = {instance.name: instance for instance in rtl_sweep.drawn_plan(10).instances}
    for row in counted["rtl_counts_sweep"]:
        assert row["module"] == drawn[row["name"]].module
        assert row["parameters"] == dict(drawn[row["name"]].parameters)


@pytest.mark.parametrize(
    ("name", "seed", "counts"),
    [
        ("rtl_counts_sweep4", 4, SWEEP4),
        ("rtl_counts_sweep3", 3, SWEEP3),
    ],
)
def test_later_sweeps_are_those_drawn(name: str, seed: int, counts: dict[str, int]) -> None:
    drawn = {i.name: (i.module, dict(i.parameters)) for i in rtl_sweep.drawn_plan(counts, seed).instances}
    rows = json.loads((BENCHMARKS / f"{name}.json").read_text())
    assert {row["name"]: (row["module"], row["parameters"]) for row in rows} == drawn


def test_the_package_has_the_fit_to_the_committed_counts(every: list[Any]) -> None:
    fitted, kept = rtl_cost.fit(every), coefficients()
    for module, about in fitted.items():
        for what in ("lut", "ff"):
            assert about[what] == pytest.approx(kept[module][what], abs=1e-3), (module, what)


@pytest.mark.parametrize("half", [0, 1])
def test_modules_that_were_left_out_of_the_fit(every: list[Any], half: int) -> None:
    sides = rtl_cost.halves(every)
    fitted = rtl_cost.fit(sides[1 - half])
    unseen = sides[half]
    cores = [row for row in unseen if row["module"] == "sqz_sparse_core"]
    for rows, shares in ((cores, CORES), (unseen, ANY)):
        for what, share in zip(("lut", "ff"), shares, strict=True):
            assert share_within(rows, what, fitted) >= share, (len(rows), what)
    assert max(abs(off) for off, _ in rtl_cost.errors(cores, "lut", fitted)) <= 0.2
    assert abs(rtl_cost.together(unseen, "lut", fitted)) <= 0.03
    assert abs(rtl_cost.together(unseen, "ff", fitted)) <= 0.03


def test_unseen_is_what_differs_in_more_than_its_weights(every: list[Any]) -> None:
    core = next(row for row in every if row["module"] == "sqz_sparse_core")
    pruned, wider = (
        {**core, "parameters": {**core["parameters"], name: core["parameters"][name] + 1}}
        for name in ("ENTRIES", "W")
    )
    assert rtl_cost.not_fitted([core, pruned, wider]) == [wider]


def test_designs_made_after_the_fit() -> None:
    """Foldings that an earlier fit chose, counted afterwards: every core unlike those in the fit."""
    rows = [row for name in AFTER for row in rtl_cost.not_fitted(rtl_cost.read(BENCHMARKS / f"{name}.json"))]
    assert sum(row["module"] == "sqz_sparse_core" for row in rows) > 40
    assert share_within(rows, "lut", coefficients()) > 0.96  # 53 of 55
    assert share_within(rows, "lut", coefficients(), 0.125) == 1
    assert share_within(rows, "ff", coefficients()) == 1
    for what in ("lut", "ff"):
        assert abs(rtl_cost.together(rows, what, coefficients())) < 0.02
    assert all(rtl_cost.built(row)[what] == row[what] for row in rows for what in ("dsp", "tiles"))


def test_a_network_that_the_model_was_made_without() -> None:
    """The ``cifar10-full`` of an earlier fit: other weights, other pools, no bypass; counted when all was fitted."""
    rows = rtl_cost.read(BENCHMARKS / "rtl_counts_unseen.json")
    unlike = rtl_cost.not_fitted(rows)
    assert sum(row["module"] == "sqz_sparse_core" for row in unlike) == 52
    for what in ("lut", "ff"):
        assert share_within(unlike, what, coefficients()) == 1
        assert abs(rtl_cost.together(rows, what, coefficients())) < 0.01
    for what in ("lut_ram", "dsp", "tiles"):
        assert all(rtl_cost.built(row)[what] == row[what] for row in rows), what


@pytest.mark.parametrize("name", ["full", "v1.0", "xck26"])
def test_foldings_that_this_model_chose(name: str) -> None:
    """The shipped ``cifar10-full`` and v1.0, folded by the package's coefficients and counted afterwards."""
    rows = rtl_cost.read(BENCHMARKS / f"rtl_counts_chosen_{name}.json")
    unlike = rtl_cost.not_fitted(rows)
    off = {of for error, of in rtl_cost.errors(unlike, "lut", coefficients()) if abs(error) > 0.1}
    assert off == {"full": {"conv10"}, "v1.0": set(), "xck26": {"conv10_merge"}}[name]
    assert share_within(unlike, "lut", coefficients(), 0.15) == 1
    assert share_within(unlike, "ff", coefficients()) == 1
    for what in ("lut", "ff"):
        assert abs(rtl_cost.together(rows, what, coefficients())) < 0.025
    for what in ("lut_ram", "dsp", "tiles"):
        assert all(rtl_cost.built(row)[what] == row[what] for row in rows), what


@pytest.mark.parametrize("name", ["rtl_counts_xck26", "rtl_counts_xck26_after"])
def test_modules_of_an_ultrascale_part(name: str) -> None:
    """v1.0 on an xck26, by the fit to counts of the 7 series; what differs is known by construction."""
    rows = rtl_cost.not_fitted(rtl_cost.read(BENCHMARKS / f"{name}.json"))
    assert {rtl_cost.family_of(row) for row in rows} == {"xcup"}
    assert share_within(rows, "lut", coefficients()) > 0.93
    assert share_within(rows, "lut", coefficients(), 0.14) == 1
    assert share_within(rows, "ff", coefficients()) == 1
    assert abs(rtl_cost.together(rows, "lut", coefficients())) < 0.03
    for what in ("lut_ram", "dsp", "tiles"):
        assert all(rtl_cost.built(row)[what] == row[what] for row in rows), what


def test_small_modules_drawn_after_the_fit() -> None:
    """Seed 2; of most of the smaller ones LUTs are within 10 %, and all else is exact."""
    rows = rtl_cost.not_fitted(rtl_cost.read(BENCHMARKS / "rtl_counts_sweep2.json"))
    drawn = {instance.name: instance for instance in rtl_sweep.drawn_plan(4, seed=2).instances}
    assert all(row["parameters"] == dict(drawn[row["name"]].parameters) for row in rows)
    assert share_within(rows, "lut", coefficients()) > 0.6
    assert share_within(rows, "lut", coefficients(), 0.25) == 1
    assert share_within(rows, "ff", coefficients()) == 1
    assert abs(rtl_cost.together(rows, "lut", coefficients())) < 0.05
    for what in ("lut_ram", "tiles"):
        assert all(rtl_cost.built(row)[what] == row[what] for row in rows), what


def test_modules_drawn_after_the_fit() -> None:
    """Seed 3: ten 1x1 cores with many lanes for one requantiser, and small modules."""
    rows = rtl_cost.not_fitted(rtl_cost.read(BENCHMARKS / "rtl_counts_sweep3.json"))
    cores = [row for row in rows if row["module"] == "sqz_sparse_core"]
    assert len(cores) == 10
    assert share_within(cores, "lut", coefficients()) >= 0.9
    assert share_within(cores, "lut", coefficients(), 0.12) == 1
    assert share_within(rows, "lut", coefficients()) > 0.7
    assert share_within(rows, "ff", coefficients()) == 1
    assert abs(rtl_cost.together(rows, "lut", coefficients())) < 0.05
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
