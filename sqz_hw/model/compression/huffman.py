"""Canonical Huffman codes of bounded length, coded and decoded with NumPy.

Source: Huffman 1952; canonical codes as in RFC 1951, section 3.2.2. Symbols are 0 to K - 1; a
symbol that never comes has length 0 and no code. Bits fill bytes from the most significant.
"""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import ModelFileError

MAX_LENGTH = 24
"""Bits of the longest code; a length fits in 5 bits."""
_CHUNK_BYTES = 1 << 16
Lengths = npt.NDArray[np.uint8]
Symbols = npt.NDArray[np.int64]


def code_lengths(counts: npt.NDArray[np.int64]) -> Lengths:
    """Bits of each symbol's code, the best there is for these counts up to ``MAX_LENGTH``.

    Where a code would be longer, counts are halved (rounding up) until none is.
    """
    counts = np.asarray(counts, np.int64)
    while True:
        lengths = _huffman(counts)
        if lengths.max(initial=0) <= MAX_LENGTH:
            return lengths
        counts = (counts + 1) >> 1


def _huffman(counts: npt.NDArray[np.int64]) -> Lengths:
    used = np.flatnonzero(counts)
    lengths = np.zeros(len(counts), np.uint8)
    if len(used) == 1:
        lengths[used] = 1
        return lengths
    parent: dict[int, int] = {}
    heap = [(int(counts[s]), int(s)) for s in used]
    heapq.heapify(heap)
    node = len(counts)
    while len(heap) > 1:
        (a, left), (b, right) = heapq.heappop(heap), heapq.heappop(heap)
        parent[left] = parent[right] = node
        heapq.heappush(heap, (a + b, node))
        node += 1
    depth = {node - 1: 0}
    for inner in range(node - 1, -1, -1):  # a parent has a higher number than its children
        if inner in parent:
            depth[inner] = depth[parent[inner]] + 1
    for symbol in used:
        lengths[symbol] = depth[int(symbol)]
    return lengths


def encode(symbols: Symbols, lengths: Lengths) -> tuple[bytes, int]:
    """The bits of ``symbols``, filled up to bytes with zeros, and how many they are."""
    codes = _codes(lengths)[symbols]
    widths = lengths[symbols].astype(np.int64)
    ends = np.cumsum(widths)
    total = int(ends[-1]) if len(ends) else 0
    bits = np.zeros(total, np.uint8)
    for back in range(int(lengths.max(initial=0))):
        there = widths > back
        bits[ends[there] - 1 - back] = (codes[there] >> back) & 1
    return np.packbits(bits).tobytes(), total


def decode(where: str, data: bytes, bits: int, lengths: Lengths, count: int) -> Symbols:
    """``count`` symbols from the first ``bits`` bits of ``data``.

    Memory is bounded by the data and the count, whatever the bits say.

    Args:
        where: file and layer, for messages.
        data: at least ``bits`` bits.
        bits: all of which the symbols must take.
        lengths: of the codes.
        count: of symbols.

    Raises:
        ModelFileError: the lengths are no complete code, or the bits are not ``count`` symbols.
    """
    check_code(where, lengths)
    if count == 0 or bits < count:
        if bits or count:
            raise _wrong(where, bits, count)
        return np.zeros(0, np.int64)
    order, limits, first, offset = _decoder(lengths)
    padded = np.frombuffer(data + b"\0\0\0\0", np.uint8).astype(np.uint32)
    values = np.zeros(count, np.int64)
    at = done = 0
    for start in range(0, (bits + 7) // 8, _CHUNK_BYTES):
        windows = _windows(padded[start : start + _CHUNK_BYTES + 4])
        widths = np.searchsorted(limits, windows, side="right") + 1
        steps = widths.tolist()
        base, end = 8 * start, min(8 * start + len(steps), bits)
        from_here = done
        found = []
        while at < end and done < count:
            found.append(at - base)
            at += steps[at - base]
            done += 1
        places = np.array(found, np.int64)
        taken = widths[places]
        if (taken > MAX_LENGTH).any():  # a 1 where a single symbol's code is 0
            raise _wrong(where, bits, count)
        index = (windows[places] >> (MAX_LENGTH - taken)) - first[taken] + offset[taken]
        values[from_here:done] = order[index]
        if done == count:
            break
    if done != count or at != bits:
        raise _wrong(where, bits, count)
    return values


def check_code(where: str, lengths: Lengths) -> None:
    """Refuse lengths of which some bits would be no code, or two.

    Raises:
        ModelFileError: Kraft's sum is not 1 (with a single symbol: its length is not 1).
    """
    used = lengths[lengths > 0].astype(np.int64)
    kraft = int((1 << (MAX_LENGTH - used[used <= MAX_LENGTH])).sum())
    single = len(used) == 1 and used[0] == 1
    if len(used) and not single and (kraft != 1 << MAX_LENGTH or used.max() > MAX_LENGTH):
        raise ModelFileError(f"{where}: the code lengths make no Huffman code; the file is damaged")


def _wrong(where: str, bits: int, count: int) -> ModelFileError:
    return ModelFileError(f"{where}: {bits:,} bits must be {count:,} codes, and are not; the file is damaged")


def _codes(lengths: Lengths) -> Symbols:
    """Canonical codes: by length, then by symbol."""
    codes = np.zeros(len(lengths), np.int64)
    code = previous = 0
    for symbol in np.argsort(lengths, kind="stable"):
        length = int(lengths[symbol])
        if length:
            code <<= length - previous
            codes[symbol] = code
            code, previous = code + 1, length
    return codes


def _decoder(lengths: Lengths) -> tuple[Symbols, Symbols, Symbols, Symbols]:
    """Symbols in canonical order; upper ends of each length's codes, left-justified, in order of
    length; first code and its place in the order, by length."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0].astype(np.int64)
    per_length = np.bincount(lengths[order], minlength=MAX_LENGTH + 1)
    first, offset = np.zeros(MAX_LENGTH + 1, np.int64), np.zeros(MAX_LENGTH + 1, np.int64)
    limits = np.zeros(MAX_LENGTH, np.int64)
    code = place = 0
    for length in range(1, MAX_LENGTH + 1):
        code <<= 1
        first[length], offset[length] = code, place
        code += int(per_length[length])
        place += int(per_length[length])
        limits[length - 1] = code << (MAX_LENGTH - length)
    return order, limits, first, offset


def _windows(padded: npt.NDArray[np.uint32]) -> Symbols:
    """The ``MAX_LENGTH`` bits from each bit on."""
    count = len(padded) - 4
    words = np.zeros(count, np.uint64)
    for i in range(4):
        words = (words << np.uint64(8)) | padded[i : i + count].astype(np.uint64)
    shifts = np.arange(8, dtype=np.uint64)
    mask = np.uint64((1 << MAX_LENGTH) - 1)
    windows = (words[:, None] >> (np.uint64(32 - MAX_LENGTH) - shifts)) & mask
    return windows.reshape(-1).astype(np.int64)
