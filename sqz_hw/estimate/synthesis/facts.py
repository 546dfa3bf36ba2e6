"""What the synthesis model sees of a layer and of a tool: whole numbers, no schema and no graph."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from sqz_hw.errors import BadInputError

Multiplier = Literal["auto", "dsp", "lut"]
DspFamily = Literal["DSP48E1", "DSP48E2"]

MULTIPLIERS: tuple[Multiplier, ...] = ("auto", "dsp", "lut")
STRATEGIES = ("resource", "latency")
IMPLEMENTATIONS = ("linebuffer", "encoded", "pointwise")
LARGEST = 2**40
"""No count of a layer is larger: beyond it a file is wrong, not a layer big."""


class Kind(str, Enum):
    """What a layer does."""

    CONV = "conv"
    DENSE = "dense"
    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    HARD_TANH = "hard_tanh"
    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"
    BATCHNORM = "batchnorm"
    ZERO_PAD = "zeropad"
    POOL = "pooling"
    OVERLAPPING_POOL = "overlapping_pool"
    GLOBAL_POOL = "global_pooling"
    RESIZE = "resize"
    CONCAT = "concat"
    ADD = "add"
    CLONE = "clone"
    ARGMAX = "argmax"


WEIGHTED = (Kind.CONV, Kind.DENSE)


@dataclass(frozen=True)
class LayerFacts:
    """One layer. A word of a stream holds all values of a pixel, unless ``in_lanes`` says otherwise.

    Attributes:
        kind: what it does.
        in_height, in_width: rows and words of a row that it reads, padding included (1-D: height 1).
        out_height, out_width: those it writes.
        in_lanes, out_lanes: values in one word of its input and of its output.
        in_bits, out_bits: bits of one value.
        kernel_height, kernel_width: of a window, else 1.
        n_in, n_out: of a convolution or dense layer: products summed for an output value, output values.
        weight_bits, accum_bits: bits of a weight and of a sum; 0 where the layer has none.
        weight_integer: bits of a weight left of the binary point, sign included.
        top_weight_bits: significant bits of the weights in the highest slice of the weight ROM's
            word (see :mod:`.bram`), None where the weights are not known.
        weights_are_zero: all weights are known to be zero (every product is removed).
        reuse_factor: cycles over which one multiplier is used for one output pixel.
        strategy: ``resource`` or ``latency``.
        implementation: of a convolution or pool: ``linebuffer``, ``encoded`` or ``pointwise``.
        multiplier: what products are made of: as the tool likes, or forced by a BIND_OP pragma.
        streams: input streams of a merge, output streams of a clone.

    Raises:
        BadInputError: a count that is no whole number, negative or absurd, or an unknown option.
    """

    kind: Kind
    in_height: int
    in_width: int
    out_height: int
    out_width: int
    in_lanes: int
    out_lanes: int
    in_bits: int
    out_bits: int
    kernel_height: int = 1
    kernel_width: int = 1
    n_in: int = 0
    n_out: int = 0
    weight_bits: int = 0
    weight_integer: int = 1
    accum_bits: int = 0
    top_weight_bits: int | None = None
    weights_are_zero: bool = False
    reuse_factor: int = 1
    strategy: str = "resource"
    implementation: str = "linebuffer"
    multiplier: Multiplier = "auto"
    streams: int = 1

    def __post_init__(self) -> None:
        positive: tuple[str, ...] = ("in_height", "in_width", "out_height", "out_width")
        positive += ("in_lanes", "out_lanes")
        positive += ("in_bits", "out_bits", "kernel_height", "kernel_width", "reuse_factor", "streams")
        if self.kind in WEIGHTED:
            positive += ("n_in", "n_out", "weight_bits", "accum_bits")
        for name in positive:
            _check(name, getattr(self, name), 1)
        for name in ("n_in", "n_out", "weight_bits", "accum_bits"):
            _check(name, getattr(self, name), 0)
        for name, allowed in (
            ("strategy", STRATEGIES),
            ("implementation", IMPLEMENTATIONS),
            ("multiplier", MULTIPLIERS),
        ):
            if getattr(self, name) not in allowed:
                raise BadInputError(
                    f"a layer's {name} must be {' or '.join(allowed)}, not {getattr(self, name)!r}"
                )

    @property
    def in_words(self) -> int:
        """Words it reads an image."""
        return self.in_height * self.in_width

    @property
    def out_words(self) -> int:
        """Words it writes an image."""
        return self.out_height * self.out_width

    @property
    def multipliers(self) -> int:
        """ceil(n_in * n_out / reuse_factor): ``block_factor`` in nnet_dense_resource.h."""
        return -(-self.n_in * self.n_out // self.reuse_factor)

    @property
    def sums(self) -> int:
        """Products that one accumulator takes in a cycle, at least 1."""
        return max(1, -(-self.multipliers // self.n_out)) if self.n_out else 1


@dataclass(frozen=True)
class ToolFacts:
    """The tool and what it is asked for.

    Attributes:
        name: ``Vivado HLS`` or ``Vitis HLS``.
        version: such as ``2019.2.1``.
        clock_ns: the clock period asked for.
        dsp: the part's DSP family; it stands for the fabric too (DSP48E1: 7 series).

    Raises:
        BadInputError: another tool, a version without a year, or a period that is not positive.
    """

    name: str
    version: str
    clock_ns: float
    dsp: DspFamily

    def __post_init__(self) -> None:
        if self.name not in ("Vivado HLS", "Vitis HLS"):
            raise BadInputError(f"a tool must be Vivado HLS or Vitis HLS, not {self.name!r}")
        if not (self.version[:4].isdecimal() and self.version[:4].isascii()):
            raise BadInputError(f"a tool's version must begin with its year, not {self.version!r}")
        if not 0.1 <= self.clock_ns <= 1e6:
            raise BadInputError(f"a clock period must be from 0.1 to 1e6 ns, not {self.clock_ns!r}")

    @property
    def is_vitis(self) -> bool:
        """Vitis HLS: other front end, one wide FIFO a stream, 27 % of the period kept back."""
        return self.name == "Vitis HLS"

    @property
    def year(self) -> int:
        """Of the version."""
        return int(self.version[:4])

    @property
    def usable_ns(self) -> float:
        """The period less the clock uncertainty by default: 12.5 % (UG902), 27 % for Vitis HLS (UG1399)."""
        return self.clock_ns * (0.73 if self.is_vitis else 0.875)


def dsp_family(part: str) -> DspFamily:
    """The DSP of a part by its name: 7 series (xc7, xa7, xq7) has DSP48E1 (UG479), others have E2."""
    return "DSP48E1" if part.lower()[:3] in ("xc7", "xa7", "xq7") else "DSP48E2"


def _check(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
        raise BadInputError(f"a layer's {name} must be a whole number from {least} on, not {value!r}")
