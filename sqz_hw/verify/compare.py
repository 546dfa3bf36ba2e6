"""Compares a C-simulation with a reference, layer by layer, element by element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.verify.csim import Trace

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LayerComparison:
    """One layer over all images.

    Attributes:
        name: the layer.
        elements: values compared.
        mismatches: values that differ.
        max_abs_error_lsb: largest difference, in units of the hardware's last bit.
        first: of the first difference: image, (row, column, channel), wanted and given, in LSBs.
    """

    name: str
    elements: int = 0
    mismatches: int = 0
    max_abs_error_lsb: float = 0.0
    first: tuple[int, tuple[int, int, int], float, float] | None = None


@dataclass
class Comparison:
    """Adds up differences as images come in; ``layers`` in dataflow order.

    Args:
        design: the hardware.
    """

    design: Design
    images: int = 0
    layers: dict[str, LayerComparison] = field(default_factory=dict)
    not_compared: set[str] = field(default_factory=set)

    def add(self, trace: Trace, reference: Mapping[str, Values]) -> None:
        """Compare one image.

        Args:
            trace: what the hardware computed, integer codes by stream.
            reference: what it should have, real values by layer name (the ``reference`` of a
                design layer, and the design's input stream), height x width x channels.
        """
        self.images += 1
        source = self.design.input
        self._one(source.name, trace.image, source.type, trace.codes[source.name], reference.get(source.name))
        for layer in self.design.layers:
            wanted = reference.get(layer.reference or layer.name)
            for stream in layer.outputs:
                self._one(layer.name, trace.image, layer.out_type, trace.codes[stream], wanted)

    def _one(
        self, name: str, image: int, to: FixedPoint, codes: npt.NDArray[np.int32], wanted: Values | None
    ) -> None:
        if wanted is None:
            self.not_compared.add(name)
            return
        expected = np.asarray(wanted, np.float64).reshape(codes.shape) * 2.0**to.fraction
        error = np.abs(codes - expected)
        wrong = error != 0
        before = self.layers.get(name, LayerComparison(name))
        first = before.first
        if first is None and wrong.any():
            row, column, channel = (int(i) for i in np.argwhere(wrong)[0])
            place = (row, column, channel)
            first = (image, place, float(expected[place]), float(codes[place]))
        self.layers[name] = LayerComparison(
            name,
            before.elements + codes.size,
            before.mismatches + int(wrong.sum()),
            max(before.max_abs_error_lsb, float(error.max(initial=0.0))),
            first,
        )

    @property
    def bit_exact(self) -> bool:
        """True if every layer was compared and no value differed."""
        compared = self.images > 0 and not self.not_compared
        return compared and all(layer.mismatches == 0 for layer in self.layers.values())

    def first_difference(self) -> LayerComparison | None:
        """The first layer in dataflow order that differs."""
        order = [self.design.input.name, *(layer.name for layer in self.design.layers)]
        return next((self.layers[n] for n in order if n in self.layers and self.layers[n].mismatches), None)

    def rows(self) -> Iterable[LayerComparison]:
        """All layers in dataflow order."""
        order = [self.design.input.name, *(layer.name for layer in self.design.layers)]
        return [self.layers[name] for name in order if name in self.layers]


def describe(layer: LayerComparison) -> str:
    """One line about where and how a layer differs."""
    if layer.first is None:
        return f"{layer.name}: {layer.elements:,} values, all equal"
    image, (row, column, channel), wanted, given = layer.first
    return (
        f"{layer.name}: {layer.mismatches:,} of {layer.elements:,} values differ, first in image {image} "
        f"at row {row}, column {column}, channel {channel}: wanted {wanted:g}, given {given:g} (in LSBs)"
    )
