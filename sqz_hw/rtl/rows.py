"""What a sparse layer computes: the rows of weights of a convolution, or of an expand, on one grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sqz_hw.design import Codes, ConvParameters, DesignLayer
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.rtl.entries import Ints, encode, gap_bits
from sqz_hw.verify.exactness import prove

ROUNDINGS = {"TRN": 0, "RND": 1, "RND_CONV": 2}
CONTAINERS = (9, 18, 36)
"""Widths of a block RAM's word that entries are put in (UG473, table 1-7)."""
NARROWEST_SHARED = 5
"""Weights of so many bits are stored as they are: with 4 bits of gap they fill a word of 9."""
MOST_TAPS = 16


@dataclass(frozen=True)
class Window:
    """What an output pixel sees of the map that reaches the core.

    Attributes:
        side: taps in a row and in a column (1: a 1x1 convolution).
        edge: 1 where it looks back by one pixel and a border of zeros surrounds the map, 0 where it looks
            forward from its first pixel and the map is larger than the output.
        step: of the convolution: the map is regrouped (space to depth) step x step pixels to one,
            so that the window moves by one.
        height, width: of the map, regrouped.
    """

    side: int
    edge: int
    step: int
    height: int
    width: int

    @property
    def taps(self) -> int:
        """Taps of the window."""
        return self.side**2


@dataclass(frozen=True)
class Rows:
    """What a sparse layer computes, on one grid: some 1x1 rows (the centre tap), then all others.

    Attributes:
        name: what to call it.
        layers: names of the design's layers whose work it is.
        height, width: of the output map (without a border of constants).
        pitch: columns of it that are computed: ``width``, or more, which nobody reads (see ``pitch``).
        channels: of a pixel of the map that reaches the core.
        window: what an output pixel sees of that map.
        singles: rows of the centre tap only, which come first (0 if there is one tap).
        weights: codes of each row by position: taps, and within a tap channels.
        shifts: bits that the codes of 1x1 rows and of others move up to the common grid.
        biases: codes of each row on the sums' grid.
        up: bits by which the sums' grid is finer than the products'.
        pixel: type of the input.
        out_type: type of the output.
        fraction: of the sums' grid.
        plain_bits: of a weight's code.
        bursts: its input comes from a pool: a row of it at a time, and then none for as long.
    """

    name: str
    layers: tuple[str, ...]
    height: int
    width: int
    pitch: int
    channels: int
    window: Window
    singles: int
    weights: tuple[Ints, ...]
    shifts: tuple[int, int]
    biases: tuple[int, ...]
    up: int
    pixel: FixedPoint
    out_type: FixedPoint
    fraction: int
    plain_bits: int
    bursts: bool = False

    @property
    def taps(self) -> int:
        """Taps of the window."""
        return self.window.taps

    @property
    def nonzeros(self) -> int:
        """Weights that are not zero."""
        return sum(int(np.count_nonzero(row)) for row in self.weights)

    def shift(self, row: int) -> int:
        """Bits that the codes of a row move up."""
        return self.shifts[0] if row < self.singles else self.shifts[1]

    @cached_property
    def _largest(self) -> tuple[int, ...]:
        """Each row's largest weight on the common grid, without its sign."""
        return tuple(
            int(np.abs(row).max(initial=0)) << self.shift(number) for number, row in enumerate(self.weights)
        )

    def magnitude_bits(self, chosen: Iterable[int]) -> int:
        """Bits of the largest weight of some rows, on the common grid and without its sign."""
        return max(1, max(self._largest[row] for row in chosen).bit_length())

    @cached_property
    def books(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The shared weights: codes of the 1x1 rows and of all others, 0 first; None: they are not shared."""
        if self.plain_bits <= NARROWEST_SHARED:
            return None
        first, second = (_book(part) for part in (self.weights[: self.singles], self.weights[self.singles :]))
        bits = max(1, (max(len(first), len(second)) - 1).bit_length())
        return (first, second) if bits < self.plain_bits else None

    @property
    def code_bits(self) -> int:
        """Bits of a stored weight: its number in the codebook where weights are shared."""
        if self.books is None:
            return self.plain_bits
        return max(1, (max(map(len, self.books)) - 1).bit_length())

    def stored(self, row: int) -> Ints:
        """What the entries of a row carry, by position; 0 for a weight of 0."""
        if self.books is None:
            return self.weights[row]
        book = np.array(self.books[0 if row < self.singles else 1], np.int64)
        order = np.argsort(book)
        found: Ints = order[np.searchsorted(book, self.weights[row], sorter=order)]
        return found

    @cached_property
    def gap_bits(self) -> int:
        """Bits of a gap: those with which the entries take the least memory, then the fewest entries."""
        most = gap_bits(self.channels)
        widths = {bits: _container(bits + self.code_bits) for bits in range(1, most + 1)}
        sizes = {
            bits: (len(encode(self.weights, bits)) * width, -bits)
            for bits, width in widths.items()
            if width < _container(most + self.code_bits) or bits == most
        }
        return min(sizes, key=lambda bits: sizes[bits])

    @property
    def entry_bits(self) -> int:
        """Bits of an entry."""
        return self.gap_bits + self.code_bits


def _container(bits: int) -> int:
    return next(width for width in CONTAINERS if bits <= width)


def _book(weights: Sequence[Ints]) -> tuple[int, ...]:
    values = np.unique(np.concatenate(weights)) if weights else np.zeros(0, np.int64)
    return (0, *(int(v) for v in values if v))


def rows_of(
    singles: DesignLayer | None,
    main: DesignLayer,
    pixel: FixedPoint,
    channels: int,
    padding: int | None = None,
) -> Rows:
    """A convolution, or an expand 1x1 and an expand 3x3 of a Fire module together, on one grid.

    Args:
        singles: the 1x1 layer to compute within the 3x3 one, or None.
        main: the 3x3 or any other layer.
        pixel: type of what they read.
        channels: input channels.
        padding: zeros around the main layer's input; None for half its kernel.

    Raises:
        BadInputError: a kernel, stride or type that the core does not compute.
    """
    convs = [(layer, _checked(layer, pixel)) for layer in (singles, main) if layer is not None]
    padding = main.kernel // 2 if padding is None else padding
    window = _window(main, padding)
    if singles is not None and (singles.kernel, window.side, window.edge) != (1, 3, 1):
        raise BadInputError(
            f"{main.name}: StreamRTL joins a 1x1 convolution with a padded 3x3 one, not a {singles.kernel}x"
            f"{singles.kernel} with a {main.kernel}x{main.kernel}; use the Vitis backend"
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
    for layer, conv in convs:
        kernel = _regrouped(conv.weights, window) if layer is main else conv.weights
        # HWIO reshaped is taps x channels by the channel running fastest: the core's own order.
        taps = kernel.reshape(-1, conv.n_out)
        weights += [np.ascontiguousarray(taps[:, i]) for i in range(conv.n_out)]
        biases += [int(b) << (fraction - conv.bias_type.fraction) for b in conv.bias]
    height, width, _ = main.out_shape
    if main.kernel == 1:  # what lies in its padding is constant
        height, width = height - 2 * padding, width - 2 * padding
    return Rows(
        name=main.name if singles is None else main.name.replace("expand3x3", "expand"),
        layers=tuple(layer.name for layer, _ in convs),
        height=height, width=width, pitch=width, channels=channels * window.step**2, window=window,
        singles=0 if singles is None else convs[0][1].n_out,
        weights=tuple(weights), shifts=(shifts[0], shifts[-1]), biases=tuple(biases),
        up=fraction - products, pixel=pixel, out_type=main.out_type, fraction=fraction,
        plain_bits=max(signed_bits(w.min(), w.max()) for w in weights),
    )  # fmt: skip


def _window(main: DesignLayer, padding: int) -> Window:
    """The window of a convolution, after regrouping its input.

    Raises:
        BadInputError: no window of the core.
    """
    kernel, step = main.kernel, main.stride
    height, width, _ = main.out_shape
    if kernel == 1 and step == 1:
        return Window(1, 0, 1, height - 2 * padding, width - 2 * padding)
    if (kernel, step, padding) == (3, 1, 1):
        return Window(3, 1, 1, height, width)
    side = -(-kernel // step)
    whole = [-(-size // step) for size in main.in_shape[:2]]
    if padding or not 1 < side**2 <= MOST_TAPS or whole != [height + side - 1, width + side - 1]:
        raise BadInputError(
            f"{main.name}: StreamRTL computes 1x1 convolutions, 3x3 ones with padding 1, and others without "
            f"padding of at most {MOST_TAPS} taps after their stride is dissolved, not "
            f"{kernel}x{kernel} of stride {step} with padding {padding} on {main.in_shape}; "
            "use the Vitis backend"
        )
    return Window(side, 0, step, whole[0], whole[1])


def _regrouped(weights: Codes, window: Window) -> Codes:
    """HWIO weights for a map of which step x step pixels became one (channels: row, column, channel)."""
    step, side = window.step, window.side
    if step == 1:
        return weights
    kernel, _, channels, filters = weights.shape
    rest = side * step - kernel
    padded = np.pad(weights, ((0, rest), (0, rest), (0, 0), (0, 0)))
    split = padded.reshape(side, step, side, step, channels, filters)
    return split.transpose(0, 2, 1, 3, 4, 5).reshape(side, side, step * step * channels, filters)


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
