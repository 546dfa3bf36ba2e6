"""The token simulator with a clock: when each word leaves, given step times and FIFO depths.

Exact for processes that do one step at a time. Step times are written down here once more,
from the kernels, so that the estimates are checked against something that is not themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from token_simulation import KERNELS, READ, WRITE

from sqz_hw.design import Design, DesignLayer, Op

DELAY = "delay"


def output_times(design: Design, depths: Mapping[str, int], images: int, overhead: int) -> list[int]:
    """The cycle in which each word leaves the design; one pixel arrives each cycle if it can.

    Args:
        design: what to run.
        depths: words of each stream.
        images: how many, one after the other.
        overhead: cycles a convolution takes for a pixel beyond its reuse factor.
    """
    processes: dict[str, Iterator[tuple[str, str | int]]] = {
        layer.name: _timed(layer, images, overhead) for layer in design.layers
    }
    processes["in"] = iter([(WRITE, design.input.name)] * (design.input.words * images))
    processes["out"] = iter([(READ, design.output.name)] * (design.output.words * images))
    ends = {s.name: (s.source or "in", s.sink or "out") for s in design.streams}
    written: dict[str, list[int]] = {name: [] for name in ends}
    read: dict[str, list[int]] = {name: [] for name in ends}
    waiting = {name: next(process, None) for name, process in processes.items()}
    clocks = dict.fromkeys(processes, 0)
    ready = set(processes)
    while ready:
        name = ready.pop()
        now, operation = clocks[name], waiting[name]
        while operation is not None:
            kind, what = operation
            if kind == DELAY:
                now += int(what)
            else:
                stream = str(what)
                mine, others, lag = (read, written, 0) if kind == READ else (written, read, depths[stream])
                partner = len(mine[stream]) - lag
                if partner >= len(others[stream]):
                    break
                now = max(now, others[stream][partner] + 1) if partner >= 0 else now
                mine[stream].append(now)
                ready.add(ends[stream][0 if kind == READ else 1])
            operation = next(processes[name], None)
        clocks[name], waiting[name] = now, operation
        ready.discard(name)
    if any(operation is not None for operation in waiting.values()):
        raise RuntimeError("the design is deadlocked")
    return read[design.output.name]


def _timed(layer: DesignLayer, images: int, overhead: int) -> Iterator[tuple[str, str | int]]:
    reuse_factor = layer.conv.reuse_factor if layer.conv else 0
    for _ in range(images):
        for kind, stream in KERNELS[layer.op](layer):
            if kind == WRITE and reuse_factor:
                yield DELAY, reuse_factor
            yield kind, stream
            if layer.op is Op.ZERO_PAD:
                if kind == WRITE:
                    yield DELAY, 1
            elif kind == READ and stream == layer.inputs[-1]:
                yield DELAY, overhead if layer.conv else 1
