"""The smallest FIFO depths that cost no cycle: found by simulation, never below ``fifo.safe_depths``.

``safe_depths`` excludes deadlock, not stalls: a pool passes a row of words on in one go and then
none for a row, a padded row feeds one branch of a Fire module and not the other. How many words
even this out is found by simulation. One run proves a choice of depths for good: images are
released a target interval apart, and once two of them move alike, all that follow do. (Times
only fall when a FIFO deepens or a word comes earlier, so images back to back fall no further
behind than these.)

Whether a pipeline lets its words go when no more come depends on the tool's choice of pipeline
("stp", "flp", "frp" in UG1399), which is not known before synthesis. So the depths have to do
for both extremes: layers that keep nothing inside, and layers that keep all they can
(``token_flow.HELD_WORDS``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sqz_hw.design import Design, Stream
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.dataflow import IMAGES, Simulation, depth_array, engine_for, simulation_of
from sqz_hw.estimate.dataflow_engine import Array, Engine, Run
from sqz_hw.estimate.fifo import MIN_DEPTH, safe_depths
from sqz_hw.estimate.token_flow import HELD_WORDS

LATENCY_TOLERANCE = 0.01
"""Share by which one image may take longer than with FIFOs without bound."""
MORE_IMAGES = 5
"""Images after those that FIFOs without bound take to settle, after which a choice is given up."""


@dataclass(frozen=True)
class DepthChoice:
    """FIFO depths and what they do.

    Attributes:
        depths: words by stream, in the order of ``design.streams``.
        simulation: of the design with these depths.
        bits: of all FIFOs; the streams at the design's edge are ports and do not count.
    """

    depths: Mapping[str, int]
    simulation: Simulation
    bits: int


def smallest_depths(
    design: Design,
    margin: int = 0,
    tool: str | None = None,
    latency_tolerance: float = LATENCY_TOLERANCE,
    stalling: bool = True,
) -> DepthChoice:
    """Depths of as few bits as a search finds, with the interval of FIFOs without bound.

    The interval is that of the busiest layer, exactly; the design cannot deadlock, because no
    depth is below ``safe_depths`` without a margin. Widest words go first, so that what must be
    held ends where words are narrow. Before the margin, no depth can be lowered alone without
    losing one or the other or the latency's tolerance.

    Args:
        design: its depths do not matter.
        margin: words to add to each FIFO that needs more than ``MIN_DEPTH``, up to the whole map.
        tool: a key of ``cycles.CONV_OVERHEAD``; by default that of the design's backend.
        latency_tolerance: share by which the first image may take longer, 0 or more.
        stalling: keep the interval also where every pipeline keeps words inside until more arrive.

    Returns:
        the choice; its simulation is that of pipelines that keep nothing inside.

    Raises:
        BadInputError: a negative margin or tolerance, or a design that is not in dataflow order.
        ToolError: g++ is missing or failed.
    """
    if margin < 0:
        raise BadInputError(f"the FIFO margin must be 0 words or more, not {margin}; give a larger one")
    if latency_tolerance < 0:
        raise BadInputError(
            f"the latency tolerance must be 0 or more, not {latency_tolerance}; give a larger share"
        )
    held = {layer.name: HELD_WORDS[layer.op] for layer in design.layers}
    flowing = engine_for(design, tool)
    oracles = [_Oracle(design, flowing, latency_tolerance)]
    if stalling:
        oracles.append(_Oracle(design, engine_for(design, tool, held), latency_tolerance))
    depths = _smallest(design, oracles)
    for i, stream in enumerate(design.streams):
        if depths[i] > MIN_DEPTH:
            depths[i] = max(int(depths[i]), min(int(depths[i]) + margin, stream.words))
    run = flowing.run(depths, IMAGES)
    chosen = {stream.name: int(depths[i]) for i, stream in enumerate(design.streams)}
    return DepthChoice(chosen, simulation_of(design, depths, run), fifo_bits(design, chosen))


def fifo_bits(design: Design, depths: Mapping[str, int]) -> int:
    """Bits of all FIFOs with these depths, ports at the design's edge left out."""
    return sum(depths[s.name] * s.width_bits for s in design.streams if not _is_port(s))


def _is_port(stream: Stream) -> bool:
    return stream.source is None or stream.sink is None


def _smallest(design: Design, oracles: Sequence[_Oracle]) -> Array:
    """Lowers one depth after the other, ports first, then the widest words, from where nothing stalls."""
    lowest = depth_array(design, safe_depths(design, margin=0))
    depths = np.maximum(lowest, [stream.words for stream in design.streams])
    for oracle in oracles:
        depths = np.maximum(depths, oracle.never_full)
    order = sorted(enumerate(design.streams), key=lambda item: (not _is_port(item[1]), -item[1].width_bits))
    for i, _ in order:
        depths[i] = _least(depths, i, int(lowest[i]), oracles)
    return depths


def _least(depths: Array, i: int, lowest: int, oracles: Sequence[_Oracle]) -> int:
    """The least depth of one stream, the others as they are: up in steps that double, then bisected."""

    def keeps(depth: int) -> bool:
        tried = depths.copy()
        tried[i] = depth
        return all(oracle.keeps(tried) for oracle in oracles)

    below, above, step = lowest - 1, lowest, 1
    while above < depths[i] and not keeps(above):
        below, above, step = above, min(above + step, int(depths[i])), 2 * step
    while above - below > 1:
        middle = (below + above) // 2
        if keeps(middle):
            above = middle
        else:
            below = middle
    return above


class _Oracle:
    """Whether depths keep the interval and, nearly, the latency that FIFOs without bound have.

    Without bound the interval is what the busiest layer takes, and images released so far apart
    settle after at most one for each process: waits that lead a process back to the operation
    that it began with, some images later, take no more than those images' intervals.

    Attributes:
        never_full: depths that no image released an interval after the one before ever fills.
    """

    def __init__(self, design: Design, engine: Engine, latency_tolerance: float) -> None:
        self._engine = engine
        self._out = [stream.sink is None for stream in design.streams].index(True)
        self._last = design.output.words - 1
        unbounded = np.zeros(len(design.streams), np.int64)
        taken, free = engine.sustains(unbounded, engine.period, engine.processes + 2)
        self._images = taken + MORE_IMAGES
        self._latency = int(self._first(free) * (1 + latency_tolerance))
        self.never_full = free.high_water

    def keeps(self, depths: Array) -> bool:
        """One run, by :meth:`Engine.sustains`."""
        taken, run = self._engine.sustains(depths, self._engine.period, self._images)
        return taken > 0 and self._first(run) <= self._latency

    def _first(self, run: Run) -> int:
        """Cycles after which the first image is out."""
        return int(run.arrived[self._out][self._last])
