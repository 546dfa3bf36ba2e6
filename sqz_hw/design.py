"""The design: the hardware as frozen data, in dataflow order.

Made once from hls4ml's graph (``sqz_hw.hls``). Verification, estimates and reports read
only this, so none of them knows TensorFlow or hls4ml. A stream carries one word a pixel,
all channels of it side by side (hls4ml's io_stream).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint

Shape = tuple[int, int, int]
Codes = npt.NDArray[np.int64]
Multiplier = Literal["auto", "dsp", "lut"]
"""What builds a product: DSP slices, LUTs, or whatever the tool chooses."""
Storage = Literal["auto", "srl", "bram"]
"""What holds a FIFO: shift registers in LUTs, block RAM, or whatever the tool chooses."""


class Op(str, Enum):
    """What a layer of the hardware does."""

    CONV = "conv"
    RELU = "relu"
    ZERO_PAD = "zero_pad"
    MAX_POOL = "max_pool"
    CONCAT = "concat"
    ADD = "add"
    CLONE = "clone"
    GLOBAL_SUM = "global_sum"
    ARGMAX = "argmax"


@dataclass(frozen=True)
class Stream:
    """A FIFO between two layers, or between a layer and the outside.

    Attributes:
        name: the C++ variable.
        shape: (height, width, channels) of one image; height x width words of channels values.
        type: of one value.
        depth: words the FIFO holds.
        source: layer that writes it, or None for the design's input.
        sink: layer that reads it, or None for the design's output.
        storage: what holds its words.
    """

    name: str
    shape: Shape
    type: FixedPoint
    depth: int
    source: str | None
    sink: str | None
    storage: Storage = "auto"

    @property
    def width_bits(self) -> int:
        """Bits of one word: all channels of a pixel."""
        return self.shape[2] * self.type.width

    @property
    def words(self) -> int:
        """Words an image."""
        return self.shape[0] * self.shape[1]

    @property
    def bits(self) -> int:
        """Bits the FIFO holds."""
        return self.depth * self.width_bits


@dataclass(frozen=True, eq=False)
class ConvParameters:
    """What a convolution holds and how far it is folded.

    Attributes:
        weights: integer codes, int64, kernel x kernel x C_in x C_out (HWIO), read-only.
        bias: integer codes, int64, C_out, read-only.
        weight_type, bias_type, accum_type: their fixed-point types.
        reuse_factor: cycles over which one multiplier is used for one output pixel.
        multiplier: what builds the products.
    """

    weights: Codes
    bias: Codes
    weight_type: FixedPoint
    bias_type: FixedPoint
    accum_type: FixedPoint
    reuse_factor: int
    multiplier: Multiplier = "auto"

    def __post_init__(self) -> None:
        for codes in (self.weights, self.bias):
            codes.setflags(write=False)

    @property
    def n_in(self) -> int:
        """Products summed for one output value: kernel x kernel x C_in."""
        return int(np.prod(self.weights.shape[:3]))

    @property
    def n_out(self) -> int:
        """Output channels."""
        return int(self.weights.shape[3])

    @property
    def multipliers(self) -> int:
        """Multipliers working side by side: ceil(n_in * n_out / reuse_factor)."""
        return -(-self.n_in * self.n_out // self.reuse_factor)

    @property
    def nonzeros(self) -> int:
        """Weights that are not zero."""
        return int(np.count_nonzero(self.weights))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConvParameters):
            return NotImplemented
        mine, theirs = self._plain(), other._plain()
        return (
            mine == theirs
            and np.array_equal(self.weights, other.weights)
            and np.array_equal(self.bias, other.bias)
        )

    def __hash__(self) -> int:
        return hash((self._plain(), self.weights.tobytes(), self.bias.tobytes()))

    def _plain(self) -> tuple[Any, ...]:
        return (self.weight_type, self.bias_type, self.accum_type, self.reuse_factor, self.multiplier)


@dataclass(frozen=True)
class DesignLayer:
    """One process of the dataflow.

    Attributes:
        name: the hls4ml layer's name.
        op: what it does.
        inputs: names of the streams it reads, in order.
        outputs: names of the streams it writes (more than one only for a clone).
        in_shape, out_shape: (height, width, channels) of the first input and of an output.
        kernel, stride: window side and step of a convolution or pool, else 0.
        padding: zeros added (top, bottom, left, right) by a zero_pad.
        out_type: fixed-point type of an output value (rounding and saturation happen here).
        conv: parameters of a convolution, else None.
        reference: the architecture layer whose output this computes, or None (a clone, padding).
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    in_shape: Shape
    out_shape: Shape
    out_type: FixedPoint
    kernel: int = 0
    stride: int = 0
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    conv: ConvParameters | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Design:
    """The whole hardware.

    Attributes:
        name: project name.
        part: the part's short name (``xc7z020``).
        backend: ``Vitis`` or ``Vivado``.
        clock_mhz: the clock asked for.
        layers: processes in dataflow order.
        streams: FIFOs in order of their sources.
    """

    name: str
    part: str
    backend: str
    clock_mhz: float
    layers: tuple[DesignLayer, ...]
    streams: tuple[Stream, ...]

    def __post_init__(self) -> None:
        names = [layer.name for layer in self.layers]
        known = {stream.name for stream in self.streams}
        if len(set(names)) != len(names) or len(known) != len(self.streams):
            raise BadInputError(f"design {self.name}: names of layers and of streams must be unique")
        for layer in self.layers:
            for stream in (*layer.inputs, *layer.outputs):
                if stream not in known:
                    raise BadInputError(
                        f"design {self.name}: {layer.name} uses {stream}, which is no stream of it"
                    )

    def layer(self, name: str) -> DesignLayer:
        """The layer of that name.

        Raises:
            KeyError: there is none.
        """
        return _named(self.layers, name)

    def stream(self, name: str) -> Stream:
        """The stream of that name.

        Raises:
            KeyError: there is none.
        """
        return _named(self.streams, name)

    @property
    def input(self) -> Stream:
        """The stream that the pixels arrive on."""
        return next(s for s in self.streams if s.source is None)

    @property
    def output(self) -> Stream:
        """The stream that the result leaves on."""
        return next(s for s in self.streams if s.sink is None)

    @property
    def convolutions(self) -> tuple[tuple[DesignLayer, ConvParameters], ...]:
        """The layers that hold weights, with their parameters."""
        return tuple((layer, layer.conv) for layer in self.layers if layer.conv is not None)

    def to_json(self) -> str:
        """The design as JSON text, the same for the same design."""
        from sqz_hw import design_json

        return design_json.dump(self)

    @classmethod
    def from_json(cls, text: str) -> Design:
        """Inverse of :meth:`to_json`.

        Raises:
            BadInputError: the text is no design of this schema.
        """
        from sqz_hw import design_json

        return design_json.parse(text)


_Named = TypeVar("_Named", DesignLayer, Stream)


def _named(items: tuple[_Named, ...], name: str) -> _Named:
    for item in items:
        if item.name == name:
            return item
    raise KeyError(name)
