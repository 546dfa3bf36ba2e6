"""What an ImageNet network needs of the core: strided stems, maps in wider rasters, shared weights, 8 bits."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rtl.streams import check, needs_verilator, words_of

from sqz_hw.design import ConvParameters, DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.rtl.core import Folding, clocks, make_cores, packs
from sqz_hw.rtl.pitch import chained
from sqz_hw.rtl.rows import Rows, rows_of
from sqz_hw.verify.convolution import Convolution

PIXEL = FixedPoint(8, 0, False)
OUT = FixedPoint(8, 3, False, "RND_CONV", "SAT")
RNG = np.random.default_rng()


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order() -> None:
    RNG.bit_generator.state = np.random.default_rng(11).bit_generator.state


def conv_layer(
    name: str, size: tuple[int, int], channels: int, filters: int, kernel: int, stride: int = 1, *,
    padding: int = 0, values: int = 60, density: float = 0.4, integer: int = 0,
) -> DesignLayer:  # fmt: skip
    """A layer of 8-bit weights that share ``values`` values; ``size`` of its input without padding."""
    book = RNG.choice(np.setdiff1d(np.arange(-127, 128), 0), values, replace=False)
    weights = RNG.choice(book, (kernel, kernel, channels, filters))
    weights[RNG.random(weights.shape) > density] = 0
    conv = ConvParameters(
        weights.astype(np.int64), RNG.integers(-3000, 3000, filters).astype(np.int64),
        FixedPoint(8, integer, True), FixedPoint(14, 2, True), FixedPoint(32, 10, True), 1,
    )  # fmt: skip
    padded = tuple(side + 2 * padding for side in size)
    out = tuple((side - kernel) // stride + 1 for side in padded)
    return DesignLayer(
        name, Op.CONV, ("a",), ("b",), (*padded, channels), (*out, filters), OUT, kernel=kernel, stride=stride,
        conv=conv,
    )  # fmt: skip


def truth_of(layer: DesignLayer, maps: np.ndarray, padding: int = 0) -> np.ndarray:
    padded = np.pad(maps, ((0, 0), (padding, padding), (padding, padding), (0, 0))).astype(np.uint8)
    return np.asarray(Convolution(layer, PIXEL)(padded)).astype(np.int64)


def regrouped(maps: np.ndarray, step: int) -> np.ndarray:
    """Space to depth, by its definition."""
    count, height, width, channels = maps.shape
    rows, columns = -(-height // step), -(-width // step)
    out = np.zeros((count, rows, columns, step, step, channels), np.int64)
    for y in range(height):
        for x in range(width):
            out[:, y // step, x // step, y % step, x % step] = maps[:, y, x]
    return out.reshape(count, rows, columns, -1)


def widened(maps: np.ndarray, pitch: int) -> np.ndarray:
    """The maps in rasters of ``pitch`` columns, with noise in those beyond."""
    count, height, width, channels = maps.shape
    out = RNG.integers(0, 256, (count, height, pitch, channels))
    out[:, :, :width] = maps
    return out


def check_core(
    folder: Path, rows: Rows, folding: Folding, pixels_in: int, arriving: np.ndarray, truth: np.ndarray
) -> None:
    """A core's words against the truth, columns beyond the map left out."""
    core = make_cores(rows, folding, pixels_in)[-1]
    truth = truth[..., list(core.rows)]
    mask = np.zeros((*truth.shape[:2], rows.pitch, truth.shape[3]), bool)
    mask[:, :, : rows.width] = True
    wanted = np.zeros(mask.shape, np.int64)
    wanted[:, :, : rows.width] = truth
    runs = check(
        "sqz_sparse_core", core.parameters, [words_of(arriving, pixels_in)],
        [words_of(wanted, folding.pixels)], 8, 8, folder, memories=core.memories, reset_at=777,
        mask=words_of(mask, folding.pixels),
    )  # fmt: skip
    whole = len(words_of(wanted, folding.pixels)) // len(truth)
    cycles = runs[0].cycles[0].astype(np.int64)
    interval = int(cycles[3 * whole - 1] - cycles[2 * whole - 1])
    supply = arriving[0].size // pixels_in
    filling = int(core.parameters["SLOTS"]) * folding.pixels * rows.channels // pixels_in  # between two maps
    if supply < 0.8 * clocks(core, rows):
        assert 0.97 * clocks(core, rows) < interval < 1.02 * clocks(core, rows) + filling


STEMS = [
    # image, kernel, stride, pitch, pixels in parallel, cores
    (19, 7, 2, 8, 4, 1),
    (19, 7, 2, 8, 8, 2),
    (19, 7, 2, 7, 1, 1),
    (18, 7, 2, 6, 2, 1),
    (17, 3, 2, 8, 4, 1),
    (11, 5, 3, 3, 3, 1),
    (9, 3, 1, 8, 4, 1),
]


@needs_verilator
@pytest.mark.parametrize("case", STEMS, ids=str)
def test_a_stem_with_a_stride(tmp_path: Path, case: tuple) -> None:
    side, kernel, stride, pitch, pixels, cores = case
    layer = conv_layer("conv1", (side, side), 3, 10, kernel, stride, density=0.95)
    rows = replace(rows_of(None, layer, PIXEL, 3, 0), pitch=pitch)
    assert rows.channels == 3 * stride**2
    maps = RNG.integers(0, 256, (3, side, side, 3))
    arriving = regrouped(maps, stride) if stride > 1 else maps
    check_core(tmp_path, rows, Folding(pixels, cores, 1, "dsp"), 1, arriving, truth_of(layer, maps))


@needs_verilator
@pytest.mark.parametrize(
    ("width", "pitch", "pixels", "pixels_in", "taps"),
    [(7, 8, 4, 2, 9), (7, 8, 8, 4, 9), (5, 6, 2, 1, 9), (7, 8, 16, 8, 9), (7, 8, 2, 4, 1), (5, 8, 2, 2, 9)],
)
def test_a_map_in_a_wider_raster(
    tmp_path: Path, width: int, pitch: int, pixels: int, pixels_in: int, taps: int
) -> None:
    kernel = 3 if taps == 9 else 1
    layer = conv_layer("f_expand3x3", (6, width), 12, 8, kernel, padding=kernel // 2)
    single = conv_layer("f_expand1x1", (6, width), 12, 5, 1, integer=1) if taps == 9 else None
    rows = replace(rows_of(single, layer, PIXEL, 12), pitch=pitch)
    maps = RNG.integers(0, 256, (3, 6, width, 12))
    layers = [(x, x.kernel // 2) for x in (single, layer) if x is not None]
    truth = np.concatenate([truth_of(x, maps, padding) for x, padding in layers], axis=3)
    check_core(tmp_path, rows, Folding(pixels, 1, pixels // 2, "dsp"), pixels_in, widened(maps, pitch), truth)


@needs_verilator
def test_a_layer_behind_a_pool_holds_a_row(tmp_path: Path) -> None:
    layer = conv_layer("f_squeeze1x1", (4, 12), 24, 12, 1)
    rows = replace(rows_of(None, layer, PIXEL, 24), bursts=True)
    maps = RNG.integers(0, 256, (3, 4, 12, 24))
    folding = Folding(2, 1, 2, "dsp")
    assert make_cores(rows, folding, 4)[0].parameters["SLOTS"] == 3
    assert make_cores(replace(rows, bursts=False), folding, 4)[0].parameters["SLOTS"] == 2
    check_core(tmp_path, rows, folding, 4, maps, truth_of(layer, maps))


@pytest.mark.parametrize(("values", "bits"), [(60, 6), (31, 5), (63, 6), (64, 7), (200, 8)])
def test_shared_weights_are_stored_by_number(values: int, bits: int) -> None:
    layer = conv_layer("conv", (4, 4), 40, 60, 3, padding=1, values=values)
    rows = rows_of(None, layer, PIXEL, 40)
    different = len(np.unique(np.concatenate(rows.weights)))
    assert bits == (different - 1).bit_length()
    assert rows.code_bits == bits
    assert (rows.books is None) == (bits == 8)
    assert all(np.array_equal(rows.stored(r) == 0, rows.weights[r] == 0) for r in range(60))
    if bits in (5, 6):
        assert rows.entry_bits == 9  # a block RAM's own width
    core = make_cores(rows, Folding(4, 1, 1, "dsp"), 1)[0]
    if rows.books is not None:
        width, words = core.memories["conv.codebook.mem"]
        assert len(words) == 1 << bits
        assert words[0] == 0
        decoded = np.array(words, np.int64)
        decoded[decoded >= 1 << (width - 1)] -= 1 << width
        for r in range(60):
            np.testing.assert_array_equal(decoded[rows.stored(r)], rows.weights[r])


def test_eight_bit_rows_that_are_too_long_do_not_share_a_slice() -> None:
    layer = conv_layer("conv", (4, 4), 40, 60, 3, padding=1)
    assert not packs(rows_of(None, layer, PIXEL, 40), range(60))


def test_windows_that_no_buffer_has_are_refused() -> None:
    with pytest.raises(
        BadInputError, match=r"conv: StreamRTL computes .* not 5x5 of stride 1 with padding 0"
    ):
        rows_of(None, conv_layer("conv", (9, 9), 3, 4, 5), PIXEL, 3, 0)
    with pytest.raises(BadInputError, match="not 3x3 of stride 2 with padding 1"):
        rows_of(None, conv_layer("conv", (9, 9), 3, 4, 3, 2, padding=1), PIXEL, 3, 1)
    rows = rows_of(None, conv_layer("conv", (19, 19), 3, 4, 7, 2), PIXEL, 3, 0)
    with pytest.raises(BadInputError, match="words of 4 pixels do not end with a row of 10"):
        make_cores(replace(rows, pitch=8), Folding(4, 1, 1, "dsp"), 4)


@pytest.mark.parametrize(
    ("widths", "columns"),
    [
        ((111, 55, 27, 13), (112, 56, 28, 14)),
        ((32, 16, 8), (32, 16, 8)),
        ((113, 56, 28, 14), (114, 57, 0, 0)),
        ((13,), (13,)),
        ((13, 6), (14, 7)),
    ],
)
def test_columns_halve_from_pool_to_pool(widths: tuple[int, ...], columns: tuple[int, ...]) -> None:
    found = chained(widths)
    assert all(a == 2 * b for a, b in itertools.pairwise(found))
    assert all(a >= b for a, b in zip(found, widths, strict=True))
    if columns[-1]:
        assert found == columns
