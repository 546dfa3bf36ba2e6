"""The sparse core against the golden model's convolution: foldings, packings, odd sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rtl.streams import check, needs_verilator, words_of

from sqz_hw.design import ConvParameters, DesignLayer, Op
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.rtl.core import Folding, clocks, make_cores
from sqz_hw.rtl.cost_memory import block_ram, entry_tiles
from sqz_hw.rtl.rows import rows_of, signed_bits
from sqz_hw.verify.convolution import Convolution

PIXEL = FixedPoint(6, 1, False)
OUT = FixedPoint(6, 1, False, "RND_CONV", "SAT")


def conv_layer(
    rng: np.random.Generator, name: str, shape: tuple[int, int, int], kernel: int, filters: int, integer: int,
    density: float = 0.35, lowest: int = -15, highest: int = 15,
) -> DesignLayer:  # fmt: skip
    weights = rng.integers(lowest, highest + 1, (kernel, kernel, shape[2], filters))
    weights[rng.random(weights.shape) > density] = 0
    if filters > 2:
        weights[..., 1] = 0  # a row of zeros
    conv = ConvParameters(
        weights.astype(np.int64), rng.integers(-500, 500, filters).astype(np.int64),
        FixedPoint(max(5, signed_bits(lowest, highest)), integer, True), FixedPoint(12, integer - 2, True), FixedPoint(28, 10, True), 1,
    )  # fmt: skip
    return DesignLayer(
        name, Op.CONV, ("a",), ("b",), shape, (*shape[:2], filters), OUT, kernel=kernel, stride=1, conv=conv
    )


def truth_of(layer: DesignLayer, maps: np.ndarray) -> np.ndarray:
    side = layer.kernel // 2
    padded = np.pad(maps, ((0, 0), (side, side), (side, side), (0, 0))).astype(np.uint8)
    return np.asarray(Convolution(layer, PIXEL)(padded)).astype(np.int64)


CASES = [
    # height, width, channels, expand1x1, filters, kernel, pixels in, folding
    (8, 8, 16, 8, 8, 3, 2, Folding(4, 1, 2, "packed")),
    (8, 8, 16, 8, 8, 3, 4, Folding(8, 2, 2, "packed")),
    pytest.param((8, 8, 16, 8, 8, 3, 8, Folding(16, 1, 4, "packed")), marks=pytest.mark.slow),
    (4, 4, 16, 4, 12, 3, 16, Folding(16, 1, 4, "dsp")),
    (13, 13, 20, 0, 12, 3, 1, Folding(13, 1, 1, "lut")),
    (4, 8, 16, 0, 12, 3, 2, Folding(2, 1, 1, "packed")),
    (8, 8, 48, 0, 12, 1, 8, Folding(4, 1, 2, "packed")),
    (8, 8, 48, 0, 12, 1, 4, Folding(8, 2, 4, "packed", block_ram=True)),
    (8, 8, 3, 0, 12, 3, 1, Folding(1, 1, 1, "dsp")),
    (8, 8, 4, 3, 12, 3, 8, Folding(32, 1, 4, "dsp")),  # rows shorter than the drain takes
    (8, 8, 6, 2, 10, 3, 8, Folding(16, 1, 1, "packed")),  # hardly a row that is not
]


@needs_verilator
@pytest.mark.parametrize("case", CASES, ids=str)
def test_bit_exact_and_as_fast_as_predicted(tmp_path: Path, case: tuple) -> None:
    height, width, channels, expand1x1, filters, kernel, pixels_in, folding = case
    rng = np.random.default_rng(3)
    shape = (height, width, channels)
    main = conv_layer(rng, "f_expand3x3", shape, kernel, filters, 0)
    single = conv_layer(rng, "f_expand1x1", shape, 1, expand1x1, 1) if expand1x1 else None
    rows = rows_of(single, main, PIXEL, channels)
    cores = make_cores(rows, folding, pixels_in)
    assert sorted(row for core in cores for row in core.rows) == list(range(expand1x1 + filters))
    core = cores[-1]
    frames = 3
    maps = rng.integers(0, 64, (frames, *shape))
    layers = [layer for layer in (single, main) if layer is not None]
    truth = np.concatenate([truth_of(layer, maps) for layer in layers], axis=3)[..., list(core.rows)]
    wanted = words_of(truth, folding.pixels)
    runs = check(
        "sqz_sparse_core", core.parameters, [words_of(maps, pixels_in)], [wanted], 6, 6, tmp_path,
        memories=core.memories, reset_at=777,
    )  # fmt: skip
    whole = len(wanted) // frames
    cycles = runs[0].cycles[0].astype(np.int64)
    interval = int(cycles[3 * whole - 1] - cycles[2 * whole - 1])
    supply = height * width * channels // pixels_in
    if supply < 0.8 * clocks(core, rows):  # else the input sets the pace
        assert interval == pytest.approx(clocks(core, rows), rel=0.02)


@needs_verilator
@pytest.mark.parametrize(
    ("lowest", "highest"), [(-1, 1), (-2, 1), (-7, 6), (-16, 15), (-31, 31), (-60, 60), (-128, 127)]
)
def test_products_in_luts_of_any_magnitude(tmp_path: Path, lowest: int, highest: int) -> None:
    """The lowest weight of a type has a bit more than its type's others; 1x1 rows lie on a grid of their own."""
    rng = np.random.default_rng(8)
    shape = (4, 6, 12)
    main = conv_layer(rng, "f_expand3x3", shape, 3, 7, 0, lowest=lowest, highest=highest)
    single = conv_layer(rng, "f_expand1x1", shape, 1, 4, 1, lowest=lowest, highest=highest)
    main.conv.weights.setflags(write=True)
    main.conv.weights[0, 0, 0, 0] = lowest
    rows = rows_of(single, main, PIXEL, shape[2])
    (core,) = make_cores(rows, Folding(6, 1, 2, "lut"), 2)
    largest = [
        int(np.abs(layer.conv.weights).max()) << shift
        for layer, shift in zip((single, main), rows.shifts, strict=True)
    ]
    assert core.parameters["MAGNITUDE"] == max(largest).bit_length()
    maps = rng.integers(0, 64, (3, *shape))
    truth = np.concatenate([truth_of(layer, maps) for layer in (single, main)], axis=3)[..., list(core.rows)]
    check(
        "sqz_sparse_core", core.parameters, [words_of(maps, 2)], [words_of(truth, 6)], 6, 6, tmp_path,
        memories=core.memories, reset_at=777,
    )  # fmt: skip


@needs_verilator
@pytest.mark.parametrize(
    ("entries", "segment", "in_luts"),
    [(190, 128, 0), (190, 64, 1), (224, 32, 0), (320, 64, 1), (700, 16, 1)],
)
def test_entries_of_several_segments(tmp_path: Path, entries: int, segment: int, in_luts: int) -> None:
    """Two to 44 segments, the last one full or not: the address after the last entry is read as well."""
    shape = (4, 4, 16)
    for seed in range(1000):
        layer = conv_layer(np.random.default_rng(seed), "f", shape, 3, entries // 50 + 1, 0)
        rows = rows_of(None, layer, PIXEL, shape[2])
        (core,) = make_cores(rows, Folding(8, 1, 2, "packed"), 4)
        if len(core.entries) == entries:
            break
    assert len(core.entries) == entries
    name = str(core.parameters["ENTRY_FILE"])
    bits, words = core.memories[f"{name}.00.mem"]
    cut = {
        f"{name}.{place:02d}.mem": (bits, words[first : first + segment])
        for place, first in enumerate(range(0, entries, segment))
    }
    maps = np.random.default_rng(9).integers(0, 64, (3, *shape))
    check(
        "sqz_sparse_core", {**core.parameters, "SEGMENT": segment, "LUT_LAST": in_luts},
        [words_of(maps, 4)], [words_of(truth_of(layer, maps)[..., list(core.rows)], 8)], 6, 6, tmp_path,
        memories={**core.memories, **cut}, reset_at=777,
    )  # fmt: skip


@needs_verilator
def test_sparse_pays(tmp_path: Path) -> None:
    """The same lanes, a third of the weights: at least twice the speed of the dense walk, fewer block RAMs."""
    rng = np.random.default_rng(5)
    shape = (8, 8, 48)
    layer = conv_layer(rng, "f_expand3x3", shape, 3, 24, 0, density=1 / 3)
    rows = rows_of(None, layer, PIXEL, shape[2])
    maps = rng.integers(0, 64, (3, *shape))
    intervals, tiles = {}, {}
    for dense in (False, True):
        (core,) = make_cores(rows, Folding(8, 1, 2, "packed", dense=dense), 4)
        wanted = words_of(truth_of(layer, maps), 8)
        runs = check(
            "sqz_sparse_core", core.parameters, [words_of(maps, 4)], [wanted], 6, 6, tmp_path / str(dense),
            memories=core.memories, reset_at=777,
        )  # fmt: skip
        whole = len(wanted) // 3
        cycles = runs[0].cycles[0].astype(np.int64)
        intervals[dense] = int(cycles[3 * whole - 1] - cycles[2 * whole - 1])
        tiles[dense] = entry_tiles(len(core.entries), int(core.parameters["SEGMENT"]))
    positions = 64 // 8 * 9 * 48 * 24
    assert positions / intervals[True] >= 0.9  # the dense unit is busy
    assert intervals[True] / intervals[False] >= 2.0
    assert tiles[False] < min(tiles[True], block_ram(9 * 48 * 24, 5))
