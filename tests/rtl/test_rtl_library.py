"""Each module of the library against the golden model's operation, under stalls and a reset in mid-frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rtl.streams import check, needs_verilator, words_of

from sqz_hw.design import Design, DesignLayer, Op, Stream
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.verify import golden_layers

HERE = Path(__file__).parent
RNG = np.random.default_rng(7)
pytestmark = needs_verilator


@pytest.mark.parametrize(
    ("width", "height", "channels", "pixels", "hangs"),
    [(8, 6, 5, 4, True), (8, 8, 3, 2, True), (8, 8, 6, 8, True), (7, 9, 4, 7, False), (13, 5, 2, 13, False)],
)
def test_max_pool(tmp_path: Path, width: int, height: int, channels: int, pixels: int, hangs: bool) -> None:
    maps = RNG.integers(0, 64, (3, height, width, channels))
    padded = np.pad(maps, ((0, 0), (0, int(hangs)), (0, int(hangs)), (0, 0)))
    truth = golden_layers.max_pool(padded, 3, 2)
    out = truth.shape[2] if pixels == width else pixels // 2
    check(
        "sqz_max_pool",
        {"B": 6, "W": width, "H": height, "C": channels, "P": pixels, "WOUT": truth.shape[2], "HOUT": truth.shape[1]},
        [words_of(maps, pixels)], [words_of(truth, out)], 6, 6, tmp_path, reset_at=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("width", "pitch", "pixels", "hangs"), [(7, 8, 4, False), (7, 8, 8, False), (6, 8, 4, True)]
)
def test_max_pool_leaves_out_what_is_beyond_the_map(
    tmp_path: Path, width: int, pitch: int, pixels: int, hangs: bool
) -> None:
    maps = RNG.integers(0, 256, (3, width, pitch, 5))
    padded = np.pad(maps[:, :, :width], ((0, 0), (0, int(hangs)), (0, int(hangs)), (0, 0)))
    truth = golden_layers.max_pool(padded, 3, 2)
    out, inside = pitch // 2, truth.shape[2]
    wide = np.zeros((*truth.shape[:2], out, 5), np.int64)
    wide[:, :, :inside] = truth
    mask = np.zeros(wide.shape, bool)
    mask[:, :, :inside] = True
    words = out if pixels == pitch else pixels // 2
    check(
        "sqz_max_pool",
        {"B": 8, "W": pitch, "WIDTH": width, "H": width, "C": 5, "P": pixels, "WOUT": out, "HOUT": inside},
        [words_of(maps, pixels)], [words_of(wide, words)], 8, 8, tmp_path, reset_at=60,
        mask=words_of(mask, words),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("width", "height", "channels", "step"), [(7, 7, 3, 2), (8, 5, 3, 2), (5, 7, 2, 3), (4, 4, 1, 1)]
)
def test_space_to_depth(tmp_path: Path, width: int, height: int, channels: int, step: int) -> None:
    maps = RNG.integers(0, 256, (3, height, width, channels))
    rows, columns = -(-height // step), -(-width // step)
    truth = np.zeros((3, rows, columns, step, step, channels), np.int64)
    for y in range(height):
        for x in range(width):
            truth[:, y // step, x // step, y % step, x % step] = maps[:, y, x]
    check(
        "sqz_space_to_depth",
        {"B": 8, "W": width, "H": height, "C": channels, "S": step},
        [words_of(maps, 1)], [truth.reshape(-1, 1)], 8, 8, tmp_path, reset_at=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "out", "units"),
    [
        ((6, 1), (6, -1), (6, 0, "RND_CONV"), 1),
        ((6, 0), (6, 0), (6, 2, "RND_CONV"), 2),
        ((6, -2), (6, 1), (6, 1, "TRN"), 4),
        ((6, 0), (6, 1), (8, 2, "RND"), 2),
    ],
)
def test_add(tmp_path: Path, first: tuple, second: tuple, out: tuple, units: int) -> None:
    types = [FixedPoint(*first, False), FixedPoint(*second, False)]
    to = FixedPoint(out[0], out[1], False, out[2], "SAT")
    shape = (4, 4, 5)
    layer = DesignLayer("add", Op.ADD, ("a", "b"), ("y",), shape, shape, to)
    streams = [Stream(n, shape, t, 1, None, "add") for n, t in zip("ab", types, strict=True)]
    design = Design("d", "p", "Vitis", 100.0, (layer,), (*streams, Stream("y", shape, to, 1, "add", None)))
    a, b = (RNG.integers(0, 64, (3, *shape)) for _ in range(2))
    truth = golden_layers.operator(layer, design)([a, b]).astype(np.int64)
    fine = max(t.fraction for t in types)
    runs = check(
        "add_bench",
        {"P": 4, "U": units, "A": 6, "A_UP": fine - types[0].fraction, "B_UP": fine - types[1].fraction,
         "DROP": fine - to.fraction, "ROUNDING": ("TRN", "RND", "RND_CONV").index(out[2]), "OUT": out[0]},
        [words_of(a, 4), words_of(b, 4)], [words_of(truth, 4)], 6, out[0], tmp_path,
        extra=[HERE / "add_bench.sv"], reset_at=60,
    )  # fmt: skip
    assert set(np.diff(runs[0].cycles[0].astype(np.int64))) == {4 // units}  # no clock is lost between words


@pytest.mark.parametrize(
    ("pixels_in", "pixels_out", "slots", "block_ram"),
    [(2, 8, 2, 0), (8, 2, 2, 1), (4, 4, 3, 1), (8, 4, 3, 0)],
)
def test_reblock(tmp_path: Path, pixels_in: int, pixels_out: int, slots: int, block_ram: int) -> None:
    maps = RNG.integers(0, 64, (3, 4, 8, 5))
    check(
        "sqz_reblock",
        {"B": 6, "C": 5, "PIN": pixels_in, "POUT": pixels_out, "SLOTS": slots, "BLOCK_RAM": block_ram},
        [words_of(maps, pixels_in)], [words_of(maps, pixels_out)], 6, 6, tmp_path, reset_at=60,
    )  # fmt: skip


@pytest.mark.parametrize(("pixels", "channels"), [(4, 10), (1, 3), (16, 4)])
def test_global_sum(tmp_path: Path, pixels: int, channels: int) -> None:
    maps = RNG.integers(0, 256, (3, 4, 4, channels))
    truth = maps.sum((1, 2))[:, None, None, :]
    check(
        "sqz_global_sum",
        {"B": 8, "C": channels, "P": pixels, "BLOCKS": 16 // pixels, "OUT": 12},
        [words_of(maps, pixels)], [words_of(truth, 1)], 8, 12, tmp_path, reset_at=60,
    )  # fmt: skip


@pytest.mark.parametrize(("width", "pitch", "pixels"), [(3, 4, 2), (3, 4, 4), (3, 4, 8), (2, 4, 4)])
def test_global_sum_begins_with_the_border_and_ends_at_the_map(
    tmp_path: Path, width: int, pitch: int, pixels: int
) -> None:
    maps = RNG.integers(0, 256, (3, 4, pitch, 6))
    border = RNG.integers(0, 1000, 6)
    truth = (maps[:, :, :width].sum((1, 2)) + border)[:, None, None, :]
    check(
        "sqz_global_sum",
        {"B": 8, "C": 6, "P": pixels, "BLOCKS": 4 * pitch // pixels, "W": pitch, "WIDTH": width, "INIT": 1,
         "FILE": "sums.mem", "OUT": 13},
        [words_of(maps, pixels)], [words_of(truth, 1)], 8, 13, tmp_path, reset_at=60,
        memories={"sums.mem": (13, border.tolist())},
    )  # fmt: skip


def test_global_sums_of_many_channels_begin_with_a_table_of_several_banks(tmp_path: Path) -> None:
    maps = RNG.integers(0, 256, (3, 2, 2, 700))
    border = RNG.integers(0, 1000, 700)
    truth = (maps.sum((1, 2)) + border)[:, None, None, :]
    check(
        "sqz_global_sum",
        {"B": 8, "C": 700, "P": 1, "BLOCKS": 4, "W": 2, "INIT": 1, "FILE": "sums.mem", "OUT": 12},
        [words_of(maps, 1)], [words_of(truth, 1)], 8, 12, tmp_path, reset_at=999,
        memories={"sums.mem": (12, border.tolist())},
    )  # fmt: skip


@pytest.mark.parametrize("channels", [1, 10])
def test_argmax(tmp_path: Path, channels: int) -> None:
    scores = RNG.integers(0, 6, (40, 1, 1, channels))
    truth = scores.argmax(axis=3)[..., None]
    check(
        "sqz_argmax", {"B": 4, "C": channels, "OUT": 4}, [words_of(scores, 1)], [words_of(truth, 1)], 4, 4,
        tmp_path, reset_at=25,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cores", "rows"),
    [(2, 7), (3, 7), (4, 64), (5, 256), (6, 257), (7, 300), (4, 512), (9, 600), (13, 1000), (17, 70)],
)
def test_merge_takes_words_in_the_order_of_its_table(tmp_path: Path, cores: int, rows: int) -> None:
    """Tables of one bank and of several, the last of one word and of more; choices of one level to three."""
    order = [*range(cores), *RNG.integers(0, cores, rows).tolist()][:rows]
    frames = RNG.integers(0, 256, (6, rows, 1))
    sources = [
        frames[:, [i for i, t in enumerate(order) if t == core]].reshape(-1, 1) for core in range(cores)
    ]
    most = max(len(s) for s in sources)
    padded = [np.concatenate([s, np.zeros((most - len(s), 1), np.int64)]) for s in sources]
    check(
        "sqz_merge", {"WIDTH": 8, "N": cores, "ROWS": rows, "FILE": "table.mem"}, padded,
        [frames.reshape(-1, 1)], 8, 8, tmp_path, memories={"table.mem": (5, tuple(order))}, reset_at=30,
    )  # fmt: skip


def test_fork_and_queue_lose_nothing(tmp_path: Path) -> None:
    words = RNG.integers(0, 256, (200, 1))
    check(
        "fork_bench", {"WIDTH": 8}, [words], [np.concatenate([words, words], axis=1)], 8, 8, tmp_path,
        extra=[HERE / "fork_bench.sv"], reset_at=60,
    )  # fmt: skip
