"""Maps to words of a stream and back, and simulations for the tests of StreamRTL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from sqz_hw.errors import ToolError
from sqz_hw.rtl import bench
from sqz_hw.rtl.tools import find_compiler, find_verilator

STALLS = ((1000, 1000), (600, 500), (1000, 300), (250, 1000))
"""Per mille of clocks in which the source offers and the sink takes."""


def _missing() -> str | None:
    try:
        find_verilator()
        find_compiler()
    except ToolError as error:
        return str(error)
    return None


needs_verilator = pytest.mark.skipif(_missing() is not None, reason=str(_missing()))


def words_of(maps: np.ndarray, pixels: int) -> np.ndarray:
    """N x H x W x C to words x pixels: all channels of a block of pixels after each other."""
    count, height, width, channels = maps.shape
    blocks = maps.reshape(count * height * width // pixels, pixels, channels)
    return blocks.transpose(0, 2, 1).reshape(-1, pixels)


def bits_of(words: np.ndarray, width: int) -> np.ndarray:
    """Words x values to words x bits."""
    return ((words[..., None] >> np.arange(width)) & 1).astype(np.uint8).reshape(len(words), -1)


def values_of(bits: np.ndarray, width: int) -> np.ndarray:
    """Words x bits to words x unsigned values."""
    return (bits.reshape(len(bits), -1, width).astype(np.int64) << np.arange(width)).sum(-1)


def write_memories(memories: Mapping[str, tuple[int, Sequence[int]]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, words) in memories.items():
        (folder / name).write_text("".join(f"{word:x}\n" for word in words))


def check(
    top: str,
    parameters: Mapping[str, int | str],
    sources: Sequence[np.ndarray],
    wanted: Sequence[np.ndarray],
    in_bits: int,
    out_bits: int,
    folder: Path,
    *,
    extra: Sequence[Path] = (),
    memories: Mapping[str, tuple[int, Sequence[int]]] | None = None,
    reset_at: int = 500,
    mask: np.ndarray | None = None,
) -> list[bench.Run]:
    """Simulate a module under several stalls and with a reset in the middle, and compare every word.

    Args:
        sources: for each stream in, words x values.
        wanted: for each stream out, words x values.
        in_bits, out_bits: of a value.
        mask: which of the values out count, as ``wanted`` of the first sink; None for all.

    Returns:
        the runs, first the one without stalls.
    """
    write_memories(memories or {}, folder / "data")
    ports = bench.Ports(
        sources[0].shape[1] * in_bits, wanted[0].shape[1] * out_bits, len(sources), len(wanted)
    )
    simulation = bench.compile_module(
        top, [*bench.library_sources(), *extra], parameters, ports, folder / "build", folder / "data",
        defines=["SQZ_STATS"], optimise="-O0",
    )  # fmt: skip
    runs = []
    plans = [(*stall, -1) for stall in STALLS] + [(700, 700, reset_at)]
    for number, (p_valid, p_ready, reset) in enumerate(plans):
        run = bench.simulate(
            simulation, [bits_of(s, in_bits) for s in sources], len(wanted[0]), folder / f"run{number}",
            seed=number + 1, p_valid=p_valid, p_ready=p_ready, reset_at=reset, idle_limit=50_000,
        )  # fmt: skip
        for sink, truth in enumerate(wanted):
            got = values_of(run.words[sink], out_bits)[: len(truth)]
            got = got if mask is None else np.where(mask, got, truth)
            np.testing.assert_array_equal(
                got, truth, err_msg=f"{top} {parameters} stalls {p_valid} {p_ready} {reset}"
            )
        runs.append(run)
    return runs
