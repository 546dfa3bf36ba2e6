"""One sparse core: parameters of ``sqz_sparse_core`` and its memory images, from weights and types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sqz_hw.design import Codes, ConvParameters, DesignLayer
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.rtl.entries import Entries, Ints, encode, encode_dense, gap_bits, share
from sqz_hw.verify.exactness import prove

Lanes = Literal["packed", "dsp", "lut"]
"""Two lanes in a DSP slice, one, or none."""
ROUNDINGS = {"TRN": 0, "RND": 1, "RND_CONV": 2}
PORT = 24
"""Unsigned bits that the DSP48's 25-bit signed input takes."""
BLOCK_WORDS = {9: 4096, 18: 2048, 36: 1024}
"""Words of a RAMB36 by their width (UG473, table 1-7)."""
OVERHEAD = 6
"""Clocks of a block in which no entry leaves: the flush, and the way from one block to the next."""


@dataclass(frozen=True)
class Rows:
    """What a sparse layer computes, on one grid: some 1x1 rows (the centre tap), then all others.

    Attributes:
        name: what to call it.
        layers: names of the design's layers whose work it is.
        height, width, channels: of the input map.
        taps: 9, or 1.
        singles: rows of the centre tap only, which come first (0 if taps is 1).
        weights: codes of each row by position.
        shifts: bits that the codes of 1x1 rows and of others move up to the common grid.
        biases: codes of each row on the sums' grid.
        up: bits by which the sums' grid is finer than the products'.
        pixel: type of the input.
        out_type: type of the output.
        fraction: of the sums' grid.
        code_bits: of a stored weight.
    """

    name: str
    layers: tuple[str, ...]
    height: int
    width: int
    channels: int
    taps: int
    singles: int
    weights: tuple[Ints, ...]
    shifts: tuple[int, int]
    biases: tuple[int, ...]
    up: int
    pixel: FixedPoint
    out_type: FixedPoint
    fraction: int
    code_bits: int

    @property
    def nonzeros(self) -> int:
        """Weights that are not zero."""
        return sum(int(np.count_nonzero(row)) for row in self.weights)

    def shift(self, row: int) -> int:
        """Bits that the codes of a row move up."""
        return self.shifts[0] if row < self.singles else self.shifts[1]


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
    """

    pixels: int
    cores: int = 1
    units: int = 2
    lanes: Lanes = "packed"
    block_ram: bool = False
    dense: bool = False


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


def rows_of(singles: DesignLayer | None, main: DesignLayer, pixel: FixedPoint, channels: int) -> Rows:
    """A convolution, or an expand 1x1 and an expand 3x3 of a Fire module together, on one grid.

    Args:
        singles: the 1x1 layer to compute within the 3x3 one, or None.
        main: the 3x3 or the 1x1 layer.
        pixel: type of what they read.
        channels: input channels.

    Raises:
        BadInputError: a kernel, stride or type that the core does not compute.
    """
    convs = [(layer, _checked(layer, pixel)) for layer in (singles, main) if layer is not None]
    if main.kernel not in (1, 3) or main.stride != 1 or (singles is not None and singles.kernel != 1):
        raise BadInputError(
            f"{main.name}: StreamRTL computes 1x1 and 3x3 convolutions of stride 1, not "
            f"{main.kernel}x{main.kernel} "
            f"of stride {main.stride}; use the Vitis backend"
        )
    if len({layer.out_type for layer, _ in convs}) != 1:
        raise BadInputError(
            f"{main.name}: the layers of an expand must have one output type, not "
            f"{' and '.join(str(layer.out_type) for layer, _ in convs)}; quantise it again"
        )
    products = max(conv.weight_type.fraction for _, conv in convs) + pixel.fraction
    fraction = max(products, *(conv.bias_type.fraction for _, conv in convs))
    shifts = [products - pixel.fraction - conv.weight_type.fraction for _, conv in convs]
    weights: list[Ints] = []
    biases: list[int] = []
    for _, conv in convs:
        taps = conv.weights.reshape(-1, conv.n_out)
        weights += [np.ascontiguousarray(taps[:, i]) for i in range(conv.n_out)]
        biases += [int(b) << (fraction - conv.bias_type.fraction) for b in conv.bias]
    # HWIO reshaped is taps x channels by the channel running fastest: the core's own order.
    height, width, _ = main.out_shape
    return Rows(
        name=main.name if singles is None else main.name.replace("expand3x3", "expand"),
        layers=tuple(layer.name for layer, _ in convs),
        height=height, width=width, channels=channels, taps=main.kernel**2,
        singles=0 if singles is None else convs[0][1].n_out,
        weights=tuple(weights), shifts=(shifts[0], shifts[-1]), biases=tuple(biases),
        up=fraction - products, pixel=pixel, out_type=main.out_type, fraction=fraction,
        code_bits=max(signed_bits(w.min(), w.max()) for w in weights),
    )  # fmt: skip


def _checked(layer: DesignLayer, pixel: FixedPoint) -> ConvParameters:
    conv = layer.conv
    if conv is None:
        raise BadInputError(
            f"{layer.name}: a convolution must have weights, not none; build the design again"
        )
    proof = prove(layer, conv, pixel)
    if proof.wraps or proof.rounds or proof.saturates:
        raise BadInputError(
            f"{layer.name}: StreamRTL needs an accumulator that holds every sum, not {conv.accum_type}; "
            "convert with tight accumulators"
        )
    if pixel.signed:
        raise BadInputError(
            f"{layer.name}: StreamRTL reads unsigned values, not {pixel}; put a ReLU before it"
        )
    if layer.out_type.rounding not in ROUNDINGS or layer.out_type.saturation not in ("SAT", "WRAP"):
        raise BadInputError(
            f"{layer.name}: StreamRTL rounds by {', '.join(ROUNDINGS)} and saturates by SAT or WRAP, "
            f"not {layer.out_type}; choose another output type"
        )
    return conv


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
    bits = gap_bits(rows.channels)
    return [max(spacing, len(encode([row], bits))) for row in rows.weights]


def check_folding(rows: Rows, folding: Folding, pixels_in: int) -> None:
    """Refuse a folding that no core has.

    Raises:
        BadInputError: it does not divide the map, or its parts do not divide each other.
    """
    p, map_size = folding.pixels, rows.height * rows.width
    whole = p >= rows.width and p % rows.width == 0
    if p < 1 or map_size % p or not (whole or rows.width % p == 0):
        raise BadInputError(
            f"{rows.name}: pixels in parallel must divide a row of {rows.width} or be whole rows of the map, "
            f"not {p}; choose another folding"
        )
    if p % pixels_in and (rows.taps == 9 or pixels_in % p):
        raise BadInputError(
            f"{rows.name}: words of {pixels_in} pixels cannot fill blocks of {p}; choose another folding"
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
    weights = [rows.weights[r] for r in chosen]
    bits = 1 if folding.dense else gap_bits(rows.channels)
    entries = encode_dense(weights) if folding.dense else encode(weights, bits)
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
    value = rows.code_bits + max(rows.shifts)
    out = rows.out_type
    parameters: dict[str, int | str] = {
        "W": rows.width, "H": rows.height, "C": rows.channels, "TAPS": rows.taps, "ROWS1": singles,
        "ROWS": len(chosen), "P": folding.pixels, "PIN": pixels_in, "Q": folding.units,
        "SLOTS": slots(rows, folding.pixels), "BLOCK_RAM": int(folding.block_ram), "B": rows.pixel.width,
        "ENTRIES": len(entries), "SEGMENT": segment, "LUT_LAST": 0, "GAP_BITS": bits,
        "CODE_BITS": rows.code_bits, "VALUE": value, "SHIFT1": rows.shifts[0], "SHIFT3": rows.shifts[1],
        "PACK": int(folding.lanes == "packed"), "SPLIT": PORT - rows.pixel.width,
        "LUTS": int(folding.lanes == "lut"), "SUM": sums, "UP": rows.up, "BIAS": bias_bits, "TOTAL": total,
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
    memories[f"{name}.bias.mem"] = (bias_bits, tuple(b & ((1 << bias_bits) - 1) for b in biases))
    return Core(name, parameters, memories, entries, tuple(chosen))


def slots(rows: Rows, pixels: int) -> int:
    """Blocks that the input buffer holds: what the taps reach, and one more that is being written."""
    if rows.taps == 1 or pixels == rows.height * rows.width:
        return 2
    return 4 if pixels >= rows.width else 2 * (rows.width // pixels + 1) + 2


def clocks(core: Core, rows: Rows) -> int:
    """Clocks that a core takes for an image if it never waits for input or output.

    The sums of a row leave when the next row (or the flush) begins, and the drain takes P / Q clocks for
    them: a row with fewer entries waits. The block's first row has the way from the block before as well.
    """
    p = int(core.parameters["P"])
    spacing = p // int(core.parameters["Q"])
    first, *others = core.entries.lengths
    block = max(spacing, OVERHEAD + first) + sum(max(spacing, length) for length in others)
    return rows.height * rows.width // p * block


def sum_reach(rows: Rows, chosen: Sequence[int]) -> tuple[int, int]:
    """Smallest and largest sum over any subset of a row's products, over all rows."""
    low = high = 0
    for r in chosen:
        scaled: Codes = rows.weights[r] << rows.shift(r)
        low = min(low, int(scaled[scaled < 0].sum()) * rows.pixel.max_code)
        high = max(high, int(scaled[scaled > 0].sum()) * rows.pixel.max_code)
    return low, high


def signed_bits(low: int, high: int) -> int:
    """Bits of a signed number that holds both."""
    return max(int(-low - 1).bit_length() if low < 0 else 0, int(high).bit_length()) + 1
