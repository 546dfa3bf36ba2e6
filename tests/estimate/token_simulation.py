"""A dataflow simulator of its own, to prove FIFO depths: processes with blocking reads and writes.

Each layer runs the loops of its hls4ml kernel, with the kernel's own counters; nothing is
shared with ``sqz_hw.estimate.token_flow``. Words carry nothing: only their number matters.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqz_hw.design import Design, DesignLayer, Op

READ, WRITE = "read", "write"
Operation = tuple[str, str]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: finished, or stuck with these operations pending."""

    finished: bool
    blocked: tuple[tuple[str, str, str], ...]
    fullest: Mapping[str, int]


def simulate(
    design: Design,
    depths: Mapping[str, int],
    *,
    images: int = 2,
    seed: int = 0,
    held: Mapping[str, int] | None = None,
) -> Outcome:
    """Run the design on some images, in a random order of its processes.

    Args:
        design: what to run.
        depths: words of each stream.
        images: how many, one after the other.
        seed: of the order.
        held: words a layer keeps inside beyond its need, by layer; 0 where not named.
    """
    chance = random.Random(seed)  # noqa: S311
    processes = {
        layer.name: _layer(layer, images, (held or {}).get(layer.name, 0)) for layer in design.layers
    }
    processes["host in"] = iter([(WRITE, design.input.name)] * (design.input.words * images))
    processes["host out"] = iter([(READ, design.output.name)] * (design.output.words * images))
    reader = {s.name: s.sink or "host out" for s in design.streams}
    writer = {s.name: s.source or "host in" for s in design.streams}
    waiting = {name: next(process, None) for name, process in processes.items()}
    filled = dict.fromkeys(depths, 0)
    fullest = dict(filled)
    ready = list(processes)
    while ready:
        name = ready.pop(chance.randrange(len(ready)))
        for _ in range(chance.randrange(1, 30)):
            operation = waiting[name]
            if operation is None:
                break
            kind, stream = operation
            if filled[stream] == (0 if kind == READ else depths[stream]):
                break
            filled[stream] += 1 if kind == WRITE else -1
            fullest[stream] = max(fullest[stream], filled[stream])
            other = reader[stream] if kind == WRITE else writer[stream]
            if other not in ready:
                ready.append(other)
            waiting[name] = next(processes[name], None)
        else:
            ready.append(name)
    blocked = tuple((name, *operation) for name, operation in waiting.items() if operation is not None)
    return Outcome(not blocked, blocked, fullest)


def _layer(layer: DesignLayer, images: int, held: int) -> Iterator[Operation]:
    for _ in range(images):
        yield from _stalling(KERNELS[layer.op](layer), layer, held)


def _stalling(kernel: Iterator[Operation], layer: DesignLayer, held: int) -> Iterator[Operation]:
    """A pipeline that keeps ``held`` words inside until more arrive or the loop ends."""
    inside: deque[tuple[int, str]] = deque()
    iterations = 0
    for kind, stream in kernel:
        if kind == WRITE:
            inside.append((iterations + held, stream))
        else:
            yield kind, stream
            iterations += stream == layer.inputs[-1]
        while inside and inside[0][0] <= iterations:
            yield WRITE, inside.popleft()[1]
    for _, stream in inside:
        yield WRITE, stream


def _window(layer: DesignLayer) -> Iterator[Operation]:
    """``compute_output_buffer_2d``: pX, pY count pixels, sX, sY strides."""
    height, width, _ = layer.in_shape
    shift = layer.kernel - 1
    s_y = 0
    for p_y in range(height):
        s_x = 0
        for p_x in range(width):
            yield READ, layer.inputs[0]
            if s_x - shift == 0 and s_y - shift == 0 and p_y > shift - 1 and p_x > shift - 1:
                yield WRITE, layer.outputs[0]
            s_x = s_x - layer.stride + 1 if s_x - shift == 0 else s_x + 1
        s_y = s_y - layer.stride + 1 if s_y - shift == 0 else s_y + 1


def _zero_pad(layer: DesignLayer) -> Iterator[Operation]:
    """``zeropad2d_cl``."""
    top, bottom, left, right = layer.padding
    read, write = (READ, layer.inputs[0]), (WRITE, layer.outputs[0])
    out_width = layer.out_shape[1]
    yield from [write] * (top * out_width)
    for _row in range(layer.in_shape[0]):
        yield from [write] * left
        for _column in range(layer.in_shape[1]):
            yield read
            yield write
        yield from [write] * right
    yield from [write] * (bottom * out_width)


def _word_for_word(layer: DesignLayer) -> Iterator[Operation]:
    """``relu``, ``clone_stream``, ``concatenate3d_2``, ``add``: read each input, write each output."""
    for _ in range(layer.in_shape[0] * layer.in_shape[1]):
        for stream in layer.inputs:
            yield READ, stream
        for stream in layer.outputs:
            yield WRITE, stream


def _global_sum(layer: DesignLayer) -> Iterator[Operation]:
    yield from [(READ, layer.inputs[0])] * (layer.in_shape[0] * layer.in_shape[1])
    yield WRITE, layer.outputs[0]


KERNELS = {
    Op.CONV: _window,
    Op.MAX_POOL: _window,
    Op.ZERO_PAD: _zero_pad,
    Op.RELU: _word_for_word,
    Op.CLONE: _word_for_word,
    Op.CONCAT: _word_for_word,
    Op.ADD: _word_for_word,
    Op.ARGMAX: _word_for_word,
    Op.GLOBAL_SUM: _global_sum,
}
