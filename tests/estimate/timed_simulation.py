"""The token simulator with a clock: when each word moves, given step times and FIFO depths.

Slow and plain, to check ``sqz_hw.estimate.dataflow`` against: processes are the kernels' own
loops, and the step times are written down here once more, from the kernels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from token_simulation import KERNELS, READ, WRITE

from sqz_hw.design import Design, DesignLayer, Op

DELAY, END = "delay", "end"
FILL = 4
"""Cycles for a word to pass a pipeline, and to empty it after an image."""
ROW = 6
"""Cycles to enter a padded row."""
Action = tuple[str, int]


@dataclass
class Clocked:
    """What happened: the cycle in which each word can first be read, and is; processes that are stuck."""

    arrived: dict[str, list[int]] = field(default_factory=dict)
    read: dict[str, list[int]] = field(default_factory=dict)
    ended: dict[str, list[int]] = field(default_factory=dict)
    stuck: list[str] = field(default_factory=list)


def clocked(
    design: Design, depths: Mapping[str, int] | None, images: int, overhead: int, fill: int = FILL
) -> Clocked:
    """Run some images, back to back; one pixel arrives each cycle if it can.

    Args:
        design: what to run.
        depths: words of each stream; None: no bound.
        images: how many, one after the other.
        overhead: cycles a convolution takes for a pixel beyond its reuse factor.
        fill: cycles for a word to pass a layer's pipeline.
    """
    seen = Clocked({s.name: [] for s in design.streams}, {s.name: [] for s in design.streams})
    processes = {layer.name: layer_actions(layer, images, overhead, fill) for layer in design.layers}
    ties = {layer.name: (layer.inputs, layer.outputs, fill) for layer in design.layers}
    processes["in"] = iter([(DELAY, 1), (WRITE, 0)] * (design.input.words * images))
    processes["out"] = iter([(READ, 0)] * (design.output.words * images))
    ties |= {"in": ((), (design.input.name,), 0), "out": ((design.output.name,), (), 0)}
    seen.ended = {name: [] for name in processes}
    clocks = dict.fromkeys(processes, 0)
    waiting = {name: next(process, None) for name, process in processes.items()}
    moved = True
    while moved:
        moved = False
        for name, process in processes.items():
            inputs, outputs, late = ties[name]
            while waiting[name] is not None:
                kind, cycles = waiting[name]
                now = clocks[name]
                if kind == READ:
                    if any(len(seen.arrived[s]) <= len(seen.read[s]) for s in inputs):
                        break
                    now = max([now, *(seen.arrived[s][len(seen.read[s])] for s in inputs)])
                    for s in inputs:
                        seen.read[s].append(now)
                elif kind == WRITE:
                    freed = {s: len(seen.arrived[s]) - depths[s] for s in outputs} if depths else {}
                    if any(n >= len(seen.read[s]) for s, n in freed.items()):
                        break
                    room = [seen.read[s][n] + 2 - late for s, n in freed.items() if n >= 0]
                    now = max([now, *room])
                    for s in outputs:
                        seen.arrived[s].append(now + late)
                elif kind == END:
                    now += cycles
                    seen.ended[name].append(now)
                else:
                    now += cycles
                clocks[name], waiting[name], moved = now, next(process, None), True
    seen.stuck = [name for name, action in waiting.items() if action is not None]
    return seen


def layer_actions(layer: DesignLayer, images: int, overhead: int, fill: int) -> Iterator[Action]:
    """What a layer does, in order: READ of all inputs, DELAY, WRITE to all outputs, END of an image."""
    for _ in range(images):
        yield from KERNEL_ACTIONS.get(layer.op, _reading)(layer, overhead)
        yield END, fill


def _reading(layer: DesignLayer, overhead: int) -> Iterator[Action]:
    """A step a word read: a convolution adds its reuse factor where it has a window to compute."""
    step = {Op.CONV: overhead, Op.ARGMAX: layer.in_shape[2]}.get(layer.op, 1)
    if layer.op is Op.MAX_POOL and layer.stride >= layer.kernel:
        step = 2
    for kind, stream in KERNELS[layer.op](layer):
        if kind == READ and stream == layer.inputs[-1]:
            yield READ, 0
            yield DELAY, step
        if kind == WRITE and stream == layer.outputs[-1]:
            yield DELAY, layer.conv.reuse_factor if layer.conv else 0
            yield WRITE, 0


def _padding(layer: DesignLayer, overhead: int) -> Iterator[Action]:
    """A step a word written, more for the first of a row."""
    written, pixel = 0, False
    for kind, _ in KERNELS[layer.op](layer):
        if kind == READ:
            pixel = True
            continue
        if pixel:
            yield READ, 0
        yield DELAY, 1 if written % layer.out_shape[1] else 1 + ROW
        yield WRITE, 0
        written, pixel = written + 1, False


KERNEL_ACTIONS = {Op.ZERO_PAD: _padding}


def output_times(design: Design, depths: Mapping[str, int] | None, images: int, overhead: int) -> list[int]:
    """The cycle in which each word leaves the design.

    Raises:
        RuntimeError: the design is deadlocked.
    """
    seen = clocked(design, depths, images, overhead)
    if seen.stuck:
        raise RuntimeError("the design is deadlocked")
    return seen.read[design.output.name]
