"""The stages of a ``Design`` as StreamRTL builds them: padding and copies dissolved, expand layers joined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sqz_hw.design import Design, DesignLayer, Op, Shape
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.rtl.bypass import bypasses
from sqz_hw.rtl.pitch import pitches
from sqz_hw.rtl.rows import ROUNDINGS, Rows, rows_of
from sqz_hw.verify.requantise import requantise

StageKind = Literal["sparse", "pool", "add", "sum", "argmax"]
NO_PADDING = (0, 0, 0, 0)


@dataclass(frozen=True)
class Tensor:
    """What flows between two stages.

    Attributes:
        name: the design's stream that holds the same values.
        shape: height, width, channels, without the border.
        type: of a value.
        source: the stage that makes it, or None for the pixels.
        pitch: columns that flow: the width, or more, which nobody reads.
        border: lines of constants around the map, which do not flow.
        constants: their values by channel.
    """

    name: str
    shape: Shape
    type: FixedPoint
    source: str | None
    pitch: int
    border: int = 0
    constants: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stage:
    """One step of the hardware.

    Attributes:
        name: of the layer (of both, for an expand).
        kind: what it does.
        inputs: names of the tensors it reads.
        output: the tensor it makes.
        layer: the design's layer (the 3x3 one of an expand).
        rows: what a sparse stage computes.
        padding: zeros around its input (top, bottom, left, right).
    """

    name: str
    kind: StageKind
    inputs: tuple[str, ...]
    output: Tensor
    layer: DesignLayer
    rows: Rows | None = None
    padding: tuple[int, int, int, int] = NO_PADDING


@dataclass(frozen=True)
class Network:
    """All stages in dataflow order.

    Attributes:
        name: the design's.
        pixels: the tensor that arrives.
        stages: the steps.
        result: the tensor that leaves.
    """

    name: str
    pixels: Tensor
    stages: tuple[Stage, ...]
    result: Tensor

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name."""
        if name == self.pixels.name:
            return self.pixels
        return next(stage.output for stage in self.stages if stage.output.name == name)

    def readers(self, name: str) -> list[Stage]:
        """The stages that read a tensor, in order."""
        return [stage for stage in self.stages if name in stage.inputs]

    @property
    def sparse(self) -> list[tuple[Stage, Rows]]:
        """The stages with weights."""
        return [(stage, stage.rows) for stage in self.stages if stage.rows is not None]


def network_of(design: Design) -> Network:
    """Read the stages off a design.

    Raises:
        BadInputError: a layer or a combination of layers that StreamRTL does not build.
    """
    return _Reader(design).read()


class _Reader:
    def __init__(self, design: Design) -> None:
        self.design = design
        self.alias = {design.input.name: (design.input.name, NO_PADDING)}
        self.stages: list[Stage] = []
        self.tensors: dict[str, Tensor] = {}
        self.pending: dict[str, DesignLayer] = {}  # convolutions that wait for their concatenation

    def read(self) -> Network:
        design = self.design
        for layer in design.layers:
            self._layer(layer)
        if self.pending:
            raise self._unsupported(next(iter(self.pending.values())), "a convolution that nothing reads")
        source = design.input
        pixels = Tensor(source.name, source.shape, source.type, None, source.shape[1])
        if not self.stages or source.type.signed:
            raise BadInputError(
                f"design {design.name}: StreamRTL needs unsigned pixels and a layer, not {source.type} and "
                f"{len(self.stages)} layers; build the design again"
            )
        network = Network(design.name, pixels, tuple(self.stages), self.stages[-1].output)
        bypasses(network)  # refuses additions of other branches
        return _pitched(network)

    def _layer(self, layer: DesignLayer) -> None:
        tensors = [self.alias.get(name, (name, NO_PADDING)) for name in layer.inputs]
        names, padding = tuple(name for name, _ in tensors), tensors[0][1]
        if layer.op in (Op.CLONE, Op.ZERO_PAD):
            if not self._same_values(layer) or (padding != NO_PADDING and layer.op is Op.ZERO_PAD):
                raise self._unsupported(layer, "a copy that changes values or pads twice")
            for name in layer.outputs:
                self.alias[name] = (names[0], layer.padding if layer.op is Op.ZERO_PAD else padding)
        elif layer.op is Op.CONV:
            self._conv(layer, names[0], padding)
        elif layer.op is Op.CONCAT:
            self._expand(layer)
        else:
            self._other(layer, names, padding)

    def _conv(self, layer: DesignLayer, source: str, padding: tuple[int, int, int, int]) -> None:
        if len(set(padding)) != 1 or (self.tensors[source].border if source in self.tensors else 0):
            raise self._unsupported(
                layer, f"a {layer.kernel}x{layer.kernel} convolution with padding {padding}"
            )
        reader = next((r for r in self.design.layers if layer.outputs[0] in r.inputs), None)
        if reader is not None and reader.op is Op.CONCAT and padding[0] == layer.kernel // 2:
            self.pending[layer.outputs[0]] = layer
            return
        pixel = self.design.stream(layer.inputs[0]).type
        rows = rows_of(None, layer, pixel, layer.in_shape[2], padding[0])
        border = padding[0] if layer.kernel == 1 else 0
        self._add(layer.name, "sparse", (source,), layer, layer.outputs[0], rows, border=border)

    def _expand(self, layer: DesignLayer) -> None:
        parts = [self.pending.pop(name, None) for name in layer.inputs]
        if (
            len(parts) != 2
            or parts[0] is None
            or parts[1] is None
            or (parts[0].kernel, parts[1].kernel) != (1, 3)
        ):
            raise self._unsupported(layer, "a concatenation of other than an expand 1x1 and an expand 3x3")
        single, main = parts[0], parts[1]
        if self.alias[single.inputs[0]][0] != self.alias[main.inputs[0]][0] or (
            main.out_type != layer.out_type and (not self._same_values(layer))
        ):
            raise self._unsupported(layer, "an expand whose halves read or write differently")
        pixel = self.design.stream(main.inputs[0]).type
        rows = rows_of(single, main, pixel, main.in_shape[2])
        self._add(rows.name, "sparse", (self.alias[main.inputs[0]][0],), main, layer.outputs[0], rows)

    def _other(self, layer: DesignLayer, names: tuple[str, ...], padding: tuple[int, int, int, int]) -> None:
        kinds: dict[Op, StageKind] = {
            Op.MAX_POOL: "pool", Op.ADD: "add", Op.GLOBAL_SUM: "sum", Op.ARGMAX: "argmax"
        }  # fmt: skip
        if layer.op not in kinds:
            raise self._unsupported(layer, f"a {layer.op.value} by itself")
        types = [self.design.stream(name).type for name in layer.inputs]
        if any(t.signed for t in types):
            raise self._unsupported(layer, f"a {layer.op.value} of signed values")
        if layer.op is Op.MAX_POOL and (
            (layer.kernel, layer.stride) != (3, 2)
            or padding[0] or padding[2] or max(padding) > 1
            or not self._same_values(layer)
        ):  # fmt: skip
            raise self._unsupported(
                layer, f"a max pool {layer.kernel}x{layer.kernel} stride {layer.stride}, {padding}"
            )
        if layer.op is Op.ADD and (len(names) != 2 or layer.out_type.rounding not in ROUNDINGS):
            raise self._unsupported(layer, f"an addition of {len(names)} maps to {layer.out_type}")
        if layer.op is not Op.GLOBAL_SUM and any(self.tensors[n].border for n in names if n in self.tensors):
            raise self._unsupported(layer, f"a padded 1x1 convolution before a {layer.op.value}")
        if layer.op is not Op.MAX_POOL and padding != NO_PADDING:
            raise self._unsupported(layer, f"a padded {layer.op.value}")
        self._add(layer.name, kinds[layer.op], names, layer, layer.outputs[0], None, padding)

    def _same_values(self, layer: DesignLayer) -> bool:
        """The cast from input to output changes no code (modes may differ)."""
        to = layer.out_type
        return all(
            (t.width, t.integer, t.signed) == (to.width, to.integer, to.signed)
            for t in (self.design.stream(name).type for name in layer.inputs)
        )

    def _add(
        self, name: str, kind: StageKind, inputs: tuple[str, ...], layer: DesignLayer, output: str,
        rows: Rows | None, padding: tuple[int, int, int, int] = NO_PADDING, *, border: int = 0,
    ) -> None:  # fmt: skip
        stream = self.design.stream(output)
        height, width, channels = stream.shape
        shape = (height - 2 * border, width - 2 * border, channels)
        constants = _constants(rows) if border and rows is not None else ()
        tensor = Tensor(output, shape, stream.type, name, shape[1], border, constants)
        self.tensors[output] = tensor
        self.stages.append(Stage(name, kind, inputs, tensor, layer, rows, padding))
        self.alias[output] = (output, NO_PADDING)

    def _unsupported(self, layer: DesignLayer, what: str) -> BadInputError:
        return BadInputError(
            f"{layer.name}: StreamRTL does not build {what}; use the Vitis or Vivado backend, "
            "or another architecture"
        )


def _constants(rows: Rows) -> tuple[int, ...]:
    """What a row gives where all it sees is zero."""
    sums = FixedPoint(64, 64 - rows.fraction, True)
    return tuple(int(v) for v in requantise(np.array(rows.biases, np.int64), sums, rows.out_type))


def _pitched(network: Network) -> Network:
    """The network with the columns that each map is carried in."""
    found = pitches(network)

    def tensor(old: Tensor) -> Tensor:
        return replace(old, pitch=found[old.name])

    pooled = {stage.output.name for stage in network.stages if stage.kind == "pool"}

    def rows(stage: Stage) -> Rows | None:
        if stage.rows is None:
            return None
        return replace(stage.rows, pitch=found[stage.output.name], bursts=not pooled.isdisjoint(stage.inputs))

    stages = tuple(replace(stage, output=tensor(stage.output), rows=rows(stage)) for stage in network.stages)
    return Network(network.name, tensor(network.pixels), stages, stages[-1].output)
