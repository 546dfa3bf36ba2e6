"""Compares a C-simulation with other engines, layer by layer, element by element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design, Stream
from sqz_hw.verify.csim import Trace

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Map = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """One value that differs.

    Attributes:
        engine: which engine disagrees with C-simulation.
        image: its number.
        row, column, channel: where.
        wanted, given: what the engine and C-simulation computed, in the hardware's LSBs.
    """

    engine: str
    image: int
    row: int
    column: int
    channel: int
    wanted: float
    given: float


@dataclass(frozen=True, eq=False)
class LayerComparison:
    """One layer over all images.

    Attributes:
        name: the layer.
        elements: values that C-simulation computed and that were compared.
        mismatches: those that any other engine computed differently.
        max_abs_error_lsb: largest difference, in units of the hardware's last bit.
        first: the first difference, or None.
        where: mismatches by place in the map, height x width, over all images and channels.
    """

    name: str
    elements: int
    mismatches: int
    max_abs_error_lsb: float
    first: Difference | None
    where: Map


@dataclass
class Comparison:
    """Adds up differences as images come in.

    Args:
        design: the hardware.
        engines: names of the engines that C-simulation is compared with.
    """

    design: Design
    engines: tuple[str, ...]
    images: int = 0
    layers: dict[str, LayerComparison] = field(default_factory=dict)
    not_compared: set[str] = field(default_factory=set)

    def add(self, trace: Trace, others: Mapping[str, Mapping[str, Values | Codes]]) -> None:
        """Compare one image.

        Args:
            trace: what C-simulation computed, integer codes by stream.
            others: by engine, codes by stream name (height x width x channels). Codes may be
                reals: what a float engine computed in units of the stream's last bit.
        """
        self.images += 1
        for name, streams in tensors(self.design):
            for stream in streams:
                wanted = {engine: others[engine].get(stream.name) for engine in self.engines}
                self._one(name, trace.image, trace.codes[stream.name], wanted)

    def _one(self, name: str, image: int, codes: Codes, wanted: Mapping[str, Values | Codes | None]) -> None:
        wrong = np.zeros(codes.shape, bool)
        largest, first = 0.0, self.layers[name].first if name in self.layers else None
        for engine, values in wanted.items():
            if values is None:
                self.not_compared.add(f"{name} ({engine})")
                continue
            values = values.reshape(codes.shape)
            if np.array_equal(values, codes):
                continue
            differs = values != codes
            wrong |= differs
            error = np.abs(codes[differs] - np.asarray(values[differs], np.float64))
            largest = max(largest, float(error.max()))
            if first is None:
                row, column, channel = (int(i) for i in np.argwhere(differs)[0])
                given = float(codes[row, column, channel])
                first = Difference(
                    engine, image, row, column, channel, float(values[row, column, channel]), given
                )
        before = self.layers.get(name)
        where = wrong.sum(axis=2, dtype=np.int64)
        self.layers[name] = LayerComparison(
            name,
            codes.size + (before.elements if before else 0),
            int(wrong.sum()) + (before.mismatches if before else 0),
            max(largest, before.max_abs_error_lsb if before else 0.0),
            first,
            where + (before.where if before else 0),
        )

    @property
    def bit_exact(self) -> bool:
        """True if every layer was compared with every engine and no value differed."""
        compared = self.images > 0 and not self.not_compared
        return compared and all(layer.mismatches == 0 for layer in self.layers.values())

    def first_difference(self) -> LayerComparison | None:
        """The first layer in dataflow order that differs."""
        return next((row for row in self.rows() if row.mismatches), None)

    def rows(self) -> list[LayerComparison]:
        """All layers in dataflow order."""
        return [self.layers[name] for name, _ in tensors(self.design) if name in self.layers]


def tensors(design: Design) -> list[tuple[str, list[Stream]]]:
    """The design's input and every layer, with the streams that hold its output, in dataflow order."""
    layers = [(layer.name, [design.stream(name) for name in layer.outputs]) for layer in design.layers]
    return [(design.input.name, [design.input]), *layers]


def by_stream(design: Design, values: Mapping[str, Values]) -> dict[str, Values]:
    """Real values by reference layer name to codes by stream name (in LSBs, not rounded).

    Args:
        design: the hardware.
        values: height x width x channels, by the ``reference`` of a design layer or the input's name.
    """
    codes: dict[str, Values] = {}
    source = design.input
    if source.name in values:
        codes[source.name] = values[source.name] * 2.0**source.type.fraction
    for layer in design.layers:
        found = values.get(layer.reference or layer.name)
        if found is not None:
            codes.update(dict.fromkeys(layer.outputs, found * 2.0**layer.out_type.fraction))
    return codes


def describe(layer: LayerComparison) -> str:
    """One line about where and how a layer differs."""
    first = layer.first
    if first is None:
        return f"{layer.name}: {layer.elements:,} values, all equal"
    return (
        f"{layer.name}: {layer.mismatches:,} of {layer.elements:,} values differ, first from {first.engine} "
        f"in image {first.image} at row {first.row}, column {first.column}, channel {first.channel}: "
        f"wanted {first.wanted:g}, given {first.given:g} (in LSBs)"
    )
