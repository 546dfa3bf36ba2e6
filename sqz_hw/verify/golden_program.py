"""A design as a list of steps to run on batches, without what nobody asked to see.

Layers that the wanted streams do not depend on are left out. A convolution and the ReLU
after it become one step, and both of a Fire module's expand layers write straight into
their concatenation, wherever the streams between are not wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import numpy as np

from sqz_hw.design import Design, DesignLayer, Op, Stream
from sqz_hw.verify.convolution import Convolution
from sqz_hw.verify.float_requantise import Array, Conversion, carrier
from sqz_hw.verify.golden_layers import operator

Run = Callable[[list[Array], Array | None], Array]
"""From the inputs' codes, and where the result has to go (None: anywhere), to the result."""


@dataclass(frozen=True)
class Place:
    """A slice of channels of a stream's array.

    Attributes:
        stream: which.
        first, last: channels, ``last`` excluded.
        complete: true for the step that fills the last slice.
    """

    stream: Stream
    first: int
    last: int
    complete: bool


@dataclass(frozen=True)
class Step:
    """One or more layers run at once.

    Attributes:
        inputs, outputs: names of streams; each output is the same array.
        run: the computation.
        place: where the result goes instead of an array of its own, or None.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    run: Run
    place: Place | None = None


@dataclass(frozen=True)
class Program:
    """Steps in dataflow order, and the names of the streams that they are there to compute."""

    steps: tuple[Step, ...]
    wanted: frozenset[str]


def program(design: Design, wanted: Collection[str]) -> Program:
    """Steps that compute the wanted streams, in dataflow order.

    Args:
        design: the hardware.
        wanted: names of streams of it.

    Raises:
        BadInputError: some layer cannot be computed exactly, or the design contradicts itself.
    """
    layers = list(_needed(design, set(wanted)))
    fused = {
        layer.name: after
        for layer in layers
        if layer.op is Op.CONV
        and layer.outputs[0] not in wanted
        and (after := _sink(design, layer)) is not None
        and after.op is Op.RELU
    }
    ends = {layer.outputs[0]: layer.name for layer in layers if layer.op is Op.CONV}
    ends |= {relu.outputs[0]: conv for conv, relu in fused.items()}
    concats = {
        layer.name: layer
        for layer in layers
        if layer.op is Op.CONCAT
        and all(name in ends and name not in wanted and _keeps(design, name, layer) for name in layer.inputs)
    }
    skipped = {relu.name for relu in fused.values()} | set(concats)
    places = dict(_places(design, list(concats.values()), ends))
    steps = []
    for layer in layers:
        if layer.name in skipped:
            continue
        if layer.op is not Op.CONV:
            steps.append(Step(layer.inputs, layer.outputs, _ignoring_place(operator(layer, design))))
            continue
        relu = fused.get(layer.name)
        pixel = design.stream(layer.inputs[0]).type
        convolution = Convolution(layer, pixel, None if relu is None else relu.out_type)
        place = places.get(layer.name)
        outputs = layer.outputs if relu is None else relu.outputs
        if place is not None:
            outputs = (place.stream.name,) if place.complete else ()
        steps.append(Step(layer.inputs, outputs, _first_input(convolution), place))
    return Program(tuple(steps), frozenset(wanted))


def allocate(place: Place, images: int) -> Array:
    """An array for the whole stream that a place is in."""
    return np.empty((images, *place.stream.shape), carrier(place.stream.type))


def _needed(design: Design, wanted: set[str]) -> Iterator[DesignLayer]:
    """Layers that some wanted stream depends on."""
    needed = set(wanted)
    for layer in reversed(design.layers):
        if needed.intersection(layer.outputs):
            needed.update(layer.inputs)
    return (layer for layer in design.layers if needed.intersection(layer.outputs))


def _sink(design: Design, layer: DesignLayer) -> DesignLayer | None:
    name = design.stream(layer.outputs[0]).sink
    return None if name is None else design.layer(name)


def _keeps(design: Design, name: str, concat: DesignLayer) -> bool:
    """True if a concatenation copies the codes of one of its inputs as they are."""
    source, to = design.stream(name).type, concat.out_type
    return Conversion(source, to).identity and carrier(source) == carrier(to)


def _places(design: Design, concats: list[DesignLayer], ends: dict[str, str]) -> Iterator[tuple[str, Place]]:
    """Where each convolution that ends in a concatenation has to put its channels."""
    order = {layer.name: number for number, layer in enumerate(design.layers)}
    for concat in concats:
        whole = design.stream(concat.outputs[0])
        last_run = max((ends[name] for name in concat.inputs), key=order.__getitem__)
        first = 0
        for name in concat.inputs:
            last = first + design.stream(name).shape[2]
            yield ends[name], Place(whole, first, last, ends[name] == last_run)
            first = last


def _ignoring_place(run: Callable[[list[Array]], Array]) -> Run:
    return lambda inputs, out: run(inputs)


def _first_input(run: Callable[[Array, Array | None], Array]) -> Run:
    return lambda inputs, out: run(inputs[0], out)
