"""A cycle-level simulation of the dataflow, word by word: latency, interval, stalls, deadlocks.

What is simulated:

* A layer is a process that does the operations of ``cycles.layer_program`` one after the other.
  One that reads begins when the process is free and every input holds a word, and takes a word
  of each in that cycle. It ends after its cycles; a word that it completes arrives in every
  output FIFO ``cycles.latency_of`` later. The next image begins ``PIPELINE_CYCLES`` after the
  last operation.
* A FIFO of depth D has room for word n in the cycle after the one that reads word n - D. A word
  is written in the cycle before it can be read, so D = 2 passes a word each cycle. An operation
  whose word would find no room ends later, by what is missing; the layer does nothing else
  meanwhile. What a pipeline could read while its end is stopped is not counted as room.
* The host offers a pixel each cycle, images back to back, and takes every result at once.

These are max-plus recurrences of the operations' times, solved exactly: bounded FIFOs are
streams back that hold D words at first (Baccelli, Cohen, Olsder and Quadrat, "Synchronization
and Linearity", 1992, section 2.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import tool_for
from sqz_hw.estimate.dataflow_engine import Array, Engine, Run
from sqz_hw.estimate.topology import check_dataflow

IMAGES = 3


@dataclass(frozen=True)
class LayerTiming:
    """When a layer works, in cycles.

    ``busy``, ``starved`` and ``blocked`` add up to the time between its being ready for the last
    image and its being ready for one more.

    Attributes:
        name: the design's layer.
        first, last: of the first image, when its first word is read (padding that comes before any
            pixel does not count) and when its last one has arrived.
        busy: with the last image.
        starved: waiting for a word, in the last image.
        blocked: waiting for room in a FIFO, in the last image.
    """

    name: str
    first: int
    last: int
    busy: int
    starved: int
    blocked: int


@dataclass(frozen=True)
class StreamTiming:
    """How a FIFO is used.

    Attributes:
        name: the design's stream.
        high_water: most words in it at once, in the whole run.
        depth: words it holds, 0 for no bound.
        stalls: cycles in which its writer waits for room in it, in the last image.
    """

    name: str
    high_water: int
    depth: int
    stalls: int


@dataclass(frozen=True)
class Simulation:
    """What a run shows. Where the design is deadlocked, ``deadlock`` says all and the rest is 0 or empty.

    Attributes:
        latency: cycles from the first image's first pixel in to its last result out.
        interval: cycles between the last words out of the last two images. The steady state, but
            where a slow branch joins one of longer latency it may take more images to show.
        bottleneck: the busiest layer, the first of equals.
        layers: in dataflow order.
        streams: in the design's order.
        deadlock: layers of which each waits for the next, and the last for the first; or empty.
    """

    latency: int
    interval: int
    bottleneck: str
    layers: tuple[LayerTiming, ...]
    streams: tuple[StreamTiming, ...]
    deadlock: tuple[str, ...]

    def fps(self, clock_mhz: float) -> float:
        """Images a second at a clock; 0 where the design is deadlocked."""
        return clock_mhz * 1e6 / self.interval if self.interval else 0.0


def simulate(
    design: Design,
    *,
    depths: Mapping[str, int] | None = None,
    unbounded: bool = False,
    images: int = IMAGES,
    tool: str | None = None,
    held: Mapping[str, int] | None = None,
) -> Simulation:
    """Run some images through a design.

    Args:
        design: what to run.
        depths: words of some or all streams; the others, or by default all, have the design's own.
        unbounded: no FIFO is ever full; not together with ``depths``.
        images: back to back, at least 2.
        tool: a key of ``cycles.CONV_OVERHEAD``; by default that of the design's backend.
        held: words that a layer's pipeline keeps inside until more arrive, by layer; 0 where not
            named, and at most ``token_flow.HELD_WORDS``.

    Raises:
        BadInputError: an argument out of range, or a design that is not in dataflow order.
        ToolError: g++ is missing or failed.
    """
    if images < 2:
        raise BadInputError(f"a simulation must have 2 images or more, not {images}; give a larger number")
    if unbounded and depths is not None:
        raise BadInputError(
            "a simulation takes either FIFO depths or unbounded FIFOs, not both; leave one out"
        )
    if unbounded:
        chosen = np.zeros(len(design.streams), np.int64)
    else:
        chosen = depth_array(design, {s.name: s.depth for s in design.streams} | dict(depths or {}))
    return simulation_of(design, chosen, engine_for(design, tool, held).run(chosen, images))


def engine_for(design: Design, tool: str | None, held: Mapping[str, int] | None = None) -> Engine:
    """The engine of a design that has been checked.

    Raises:
        BadInputError: no layers, not in dataflow order, an unknown tool, or ``held`` names no layer
            of the design or less than 0 words.
        ToolError: g++ is missing or failed.
    """
    if not design.layers:
        raise BadInputError(
            f"design {design.name} must have at least one layer, and has none; build it again"
        )
    check_dataflow(design)
    names = {layer.name for layer in design.layers}
    for name, words in (held or {}).items():
        if name not in names or words < 0:
            raise BadInputError(
                f"words held must be 0 or more for layers of {design.name}, not {words} for {name}; "
                "leave it out or correct it"
            )
    return Engine(design, tool_for(design, tool), held)


def depth_array(design: Design, depths: Mapping[str, int]) -> Array:
    """Depths in the order of the design's streams.

    Raises:
        BadInputError: an unknown stream, or a depth below 1.
    """
    unknown = sorted(set(depths) - {stream.name for stream in design.streams})
    if unknown:
        raise BadInputError(f"{unknown[0]} is no stream of design {design.name}; name one that it has")
    for name, depth in depths.items():
        if depth < 1:
            raise BadInputError(f"the FIFO {name} must hold 1 word or more, not {depth}; give it a depth")
    return np.array([depths[stream.name] for stream in design.streams], np.int64)


def simulation_of(design: Design, depths: Array, run: Run) -> Simulation:
    """What a finished run of the engine shows.

    Args:
        design: what was run.
        depths: words of each stream, 0 for no bound.
        run: of at least 2 images.
    """
    if run.images < len(run.ended):
        return Simulation(0, 0, "", (), (), _circle(design, run))
    place = {stream.name: i for i, stream in enumerate(design.streams)}
    layers: list[LayerTiming] = []
    seen = {design.input.name: 0}
    busy = np.diff(run.ended, axis=0)[-1] - run.starved[-1] - run.blocked[-1]
    for i, layer in enumerate(design.layers):
        read, written = place[layer.inputs[0]], place[layer.outputs[0]]
        words = design.streams[written].words
        first = max(int(run.read[read][0]), *(seen[name] for name in layer.inputs))
        seen.update(dict.fromkeys(layer.outputs, first))
        layers.append(
            LayerTiming(
                layer.name,
                first,
                int(run.arrived[written][words - 1]),
                int(busy[i]),
                int(run.starved[-1][i]),
                int(run.blocked[-1][i]),
            )
        )
    streams = tuple(
        StreamTiming(stream.name, int(run.high_water[i]), int(depths[i]), int(run.stalls[-1][i]))
        for i, stream in enumerate(design.streams)
    )
    out = run.arrived[place[design.output.name]][design.output.words - 1 :: design.output.words]
    bottleneck = max(layers, key=lambda timing: timing.busy).name
    return Simulation(int(out[0]), int(out[-1] - out[-2]), bottleneck, tuple(layers), streams, ())


def _circle(design: Design, run: Run) -> tuple[str, ...]:
    """Processes that wait for each other: from any that is stuck, follow what it waits for."""
    at = int(np.flatnonzero(run.waits_for >= 0)[0])
    seen: list[int] = []
    while at not in seen:
        seen.append(at)
        at = int(run.waits_for[at])
    return tuple(design.layers[i].name for i in seen[seen.index(at) :])
