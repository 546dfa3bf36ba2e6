"""One sparse core: parameters of ``sqz_sparse_core`` and its memory images, from weights and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqz_hw.errors import BadInputError
from sqz_hw.rtl.entries import Entries, encode, encode_dense, share
from sqz_hw.rtl.rows import ROUNDINGS, Rows, signed_bits, sum_reach

Lanes = Literal["packed", "dsp", "lut"]
"""Two lanes in a DSP slice, one, or none."""
PORT = 24
"""Unsigned bits that the DSP48's 25-bit signed input takes."""
BLOCK_WORDS = {9: 4096, 18: 2048, 36: 1024}
"""Words of a RAMB36 by their width (UG473, table 1-7)."""
LUT_RAM = 64
"""Words of a LUT RAM (UG474): what a buffer's depth is a multiple of."""
OVERHEAD = 6
"""Clocks of a block in which no entry leaves: the flush, and the way from one block to the next."""


@dataclass(frozen=True)
class Folding:
    """How far a sparse layer is unfolded.

    Attributes:
        pixels: output pixels in parallel (P).
        cores: cores that share the output channels.
        units: requantisers of a core (Q).
        lanes: what multiplies.
        block_ram: input buffer of a 1x1 layer in block RAM.
        dense: walk the zeros too (for comparison).
        lut_rom: the last, partly filled segment of a core's entries in LUTs.
    """

    pixels: int
    cores: int = 1
    units: int = 2
    lanes: Lanes = "packed"
    block_ram: bool = False
    dense: bool = False
    lut_rom: bool = False


@dataclass(frozen=True)
class Core:
    """One instance of ``sqz_sparse_core``.

    Attributes:
        name: of the instance.
        parameters: of the module.
        memories: contents by file name, with the bits of a word.
        entries: what it walks.
        rows: output channels it computes, in order.
    """

    name: str
    parameters: Mapping[str, int | str]
    memories: Mapping[str, tuple[int, tuple[int, ...]]]
    entries: Entries
    rows: tuple[int, ...]


def packs(rows: Rows, chosen: Sequence[int]) -> bool:
    """Whether two pixels of these rows fit in one DSP slice, proven for each row from its weights.

    Two unsigned pixels of B bits leave 24 - B bits for the lower sum; the sum over any subset
    of a row's products lies between the sum of its negative and that of its positive weights, times
    the largest pixel.
    """
    low, high = sum_reach(rows, chosen)
    half = 1 << (PORT - rows.pixel.width - 1)
    return PORT - rows.pixel.width >= rows.pixel.width and -half <= low and high < half


def make_cores(rows: Rows, folding: Folding, pixels_in: int) -> tuple[Core, ...]:
    """The cores of a layer.

    Args:
        rows: what it computes.
        folding: how far it is unfolded.
        pixels_in: pixels of a word in.

    Raises:
        BadInputError: the folding does not divide the map, or two pixels do not fit in a DSP slice.
    """
    check_folding(rows, folding, pixels_in)
    owner = schedule(rows, folding)
    return tuple(
        _core(rows, folding, pixels_in, number, [r for r, core in enumerate(owner) if core == number])
        for number in range(folding.cores)
    )


def schedule(rows: Rows, folding: Folding) -> tuple[int, ...]:
    """The core of each output channel, as ``make_cores`` shares them."""
    return share(row_costs(rows, folding.pixels // folding.units, folding.dense), folding.cores)


def row_costs(rows: Rows, spacing: int, dense: bool = False) -> list[int]:
    """Clocks of each row: one for each entry, at least as many as the drain takes."""
    if dense:
        return [max(spacing, len(row)) for row in rows.weights]
    return [max(spacing, len(encode([row], rows.gap_bits))) for row in rows.weights]


def check_folding(rows: Rows, folding: Folding, pixels_in: int) -> None:
    """Refuse a folding that no core has.

    Raises:
        BadInputError: it does not divide the map, or its parts do not divide each other.
    """
    p, window = folding.pixels, rows.window
    forward = window.side > 1 and not window.edge
    whole = p >= rows.pitch and p % rows.pitch == 0 and rows.height % (p // rows.pitch) == 0
    if p < 1 or not (whole or rows.pitch % p == 0) or (forward and p > rows.pitch):
        raise BadInputError(
            f"{rows.name}: pixels in parallel must divide a row of {rows.pitch} or be whole rows of the map, "
            f"not {p}; choose another folding"
        )
    if p % pixels_in and (rows.taps > 1 or pixels_in % p):
        raise BadInputError(
            f"{rows.name}: words of {pixels_in} pixels cannot fill blocks of {p}; choose another folding"
        )
    if forward and ((window.width - 1) % p + 1) % pixels_in:
        raise BadInputError(
            f"{rows.name}: words of {pixels_in} pixels do not end with a row of {window.width}; "
            "choose another folding"
        )
    if folding.units < 1 or p % folding.units or not 1 <= folding.cores <= len(rows.weights):
        raise BadInputError(
            f"{rows.name}: requantisers must divide the {p} lanes and cores be at most {len(rows.weights)}, "
            f"not {folding.units} and {folding.cores}; choose another folding"
        )
    if folding.lanes == "packed" and p % 2:
        raise BadInputError(f"{rows.name}: packed lanes come in pairs, not {p}; choose another folding")


def _core(rows: Rows, folding: Folding, pixels_in: int, number: int, chosen: list[int]) -> Core:
    if folding.lanes == "packed" and not packs(rows, chosen):
        raise BadInputError(
            f"{rows.name}: two pixels in a DSP slice need sums within {PORT - rows.pixel.width} bits, and "
            f"some row's can reach {sum_reach(rows, chosen)}; choose one lane a slice"
        )
    stored = [rows.stored(r) for r in chosen]
    bits = 1 if folding.dense else rows.gap_bits
    entries = encode_dense(stored) if folding.dense else encode(stored, bits)
    low, high = sum_reach(rows, chosen)
    sums = signed_bits(low, high)
    biases = [rows.biases[r] for r in chosen]
    bias_bits = signed_bits(min(biases), max(biases))
    total = signed_bits((low << rows.up) + min(0, min(biases)), (high << rows.up) + max(0, max(biases)))
    total = max(total, sums + rows.up, bias_bits)
    name = f"{rows.name}_{number}" if folding.cores > 1 else rows.name
    width = bits + rows.code_bits
    segment = BLOCK_WORDS[next(w for w in sorted(BLOCK_WORDS) if w >= width)]
    singles = sum(r < rows.singles for r in chosen)
    value = rows.plain_bits + max(rows.shifts)
    out = rows.out_type
    parameters: dict[str, int | str] = {
        **geometry(rows, folding.pixels, pixels_in), "C": rows.channels, "TAPS": rows.taps, "ROWS1": singles,
        "ROWS": len(chosen), "P": folding.pixels, "PIN": pixels_in, "Q": folding.units,
        "SLOTS": slots(rows, folding.pixels, pixels_in), "BLOCK_RAM": int(folding.block_ram),
        "B": rows.pixel.width,
        "ENTRIES": len(entries), "SEGMENT": segment, "LUT_LAST": int(folding.lut_rom), "GAP_BITS": bits,
        "CODE_BITS": rows.code_bits, "VALUE": value, "SHIFT1": rows.shifts[0], "SHIFT3": rows.shifts[1],
        "SHARED": int(rows.books is not None), "CODEBOOK_FILE": f"{name}.codebook.mem",
        "PACK": int(folding.lanes == "packed"), "SPLIT": PORT - rows.pixel.width,
        "LUTS": int(folding.lanes == "lut"), "MAGNITUDE": rows.magnitude_bits(chosen),
        "SUM": sums, "UP": rows.up, "BIAS": bias_bits, "TOTAL": total,
        "DROP": rows.fraction - out.fraction, "ROUNDING": ROUNDINGS[out.rounding], "OUT": out.width,
        "OUT_SIGNED": int(out.signed), "SATURATE": int(out.saturation == "SAT"), "QUEUE": 16,
        "ENTRY_FILE": name, "BIAS_FILE": f"{name}.bias.mem",
    }  # fmt: skip
    mask = (1 << rows.code_bits) - 1
    words = [
        gap << rows.code_bits | code & mask for gap, code in zip(entries.gaps, entries.codes, strict=True)
    ]
    memories: dict[str, tuple[int, tuple[int, ...]]] = {
        f"{name}.{s:02d}.mem": (width, tuple(words[first : first + segment]))
        for s, first in enumerate(range(0, len(words), segment))
    }
    if rows.books is not None:
        memories[f"{name}.codebook.mem"] = (value, _codebook(rows, value, singles > 0))
    memories[f"{name}.bias.mem"] = (bias_bits, tuple(b & ((1 << bias_bits) - 1) for b in biases))
    return Core(name, parameters, memories, entries, tuple(chosen))


def _codebook(rows: Rows, bits: int, singles: bool) -> tuple[int, ...]:
    """The shared weights on the common grid by code: those of all rows but the 1x1 ones, then theirs."""
    books, size = rows.books or ((), ()), 1 << rows.code_bits
    words: list[int] = []
    for book, shift in ((books[1], rows.shifts[1]), (books[0], rows.shifts[0]))[: 1 + singles]:
        words += [(code << shift) & ((1 << bits) - 1) for code in book] + [0] * (size - len(book))
    return tuple(words)


def geometry(rows: Rows, pixels: int, pixels_in: int) -> dict[str, int]:
    """How the map lies in the core's buffer.

    Returns:
        ``W``: columns of the raster that it is cut into blocks from; ``H``: its rows; ``WIDTH``: columns
        that the map has; ``COLUMNS``, ``ROWS_OUT``: blocks of a row and rows of blocks that are computed;
        ``TAIL``: words that fill the last block of a row.
    """
    window = rows.window
    if window.side == 1 or window.edge:
        return {
            "W": rows.pitch, "H": rows.height, "WIDTH": rows.width, "COLUMNS": max(1, rows.pitch // pixels),
            "ROWS_OUT": rows.height // max(1, pixels // rows.pitch), "SIDE": window.side, "EDGE": window.edge,
            "TAIL": max(1, pixels // pixels_in),
        }  # fmt: skip
    columns = -(-window.width // pixels)
    return {
        "W": columns * pixels, "H": window.height, "WIDTH": window.width, "COLUMNS": rows.pitch // pixels,
        "ROWS_OUT": rows.height, "SIDE": window.side, "EDGE": 0,
        "TAIL": ((window.width - 1) % pixels + 1) // pixels_in,
    }  # fmt: skip


def slots(rows: Rows, pixels: int, pixels_in: int) -> int:
    """Blocks that the input buffer holds: what the taps reach, and one more that is being written.

    Of a 1x1 layer two, or a row where the input comes in rows: else it would wait while a pool has none.
    """
    window = rows.window
    if window.side > 1 and not window.edge:
        columns = -(-window.width // pixels)
        reach = (window.side - 1) * columns + (0 if columns == 1 else (window.side - 2 + pixels) // pixels)
        least = reach + 1 + columns - rows.pitch // pixels + 1  # with what the next row's first block needs
        return -(-least * rows.channels // LUT_RAM) * LUT_RAM // rows.channels  # more that cost nothing
    if rows.taps == 1:
        return max(2, rows.pitch // max(pixels, pixels_in)) if rows.bursts else 2
    if pixels == rows.height * rows.pitch:
        return 2
    return 4 if pixels >= rows.pitch else 2 * (rows.pitch // pixels + 1) + 2


def clocks(core: Core, rows: Rows) -> int:
    """Clocks that a core takes for an image if it never waits for input or output.

    The sums of a row leave when the next row (or the flush) begins, and the drain takes P / Q clocks for
    them: a row with fewer entries waits. The block's first row has the way from the block before as well.
    """
    p = int(core.parameters["P"])
    spacing = p // int(core.parameters["Q"])
    first, *others = core.entries.lengths
    block = max(spacing, OVERHEAD + first) + sum(max(spacing, length) for length in others)
    return rows.height * rows.pitch // p * block
