"""A chain of layers clocked by words: what RTL simulation gives for one image and between images.

A layer begins a word when it has arrived and the word before is done. csynth charges a
Resource convolution's full cycles for every input pixel; here only a pixel that completes a
window takes RF + c, the others c0. (Vivado HLS 2018.2: one cycle more for each word written,
exactly so in the two designs that there are.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sqz_hw.estimate.synthesis.cycles import conv_overheads, worst_cycles
from sqz_hw.estimate.synthesis.facts import Kind, LayerFacts, ToolFacts

Words = npt.NDArray[np.int64]

FILL = 3
"""Cycles from the last word read to the word written."""


def chain_cycles(layers: Sequence[LayerFacts], tool: ToolFacts) -> tuple[int, int]:
    """(latency of one image in an empty design, interval between images) of a chain, no FIFO ever full."""
    written: Words | None = None
    busiest = 1
    for layer in layers:
        needed, steps = _steps(layer, tool)
        if written is None or len(written) != layer.in_words:
            first = 0 if written is None else int(written[-1]) - layer.in_words
            written = np.arange(1, layer.in_words + 1, dtype=np.int64) + max(0, first)
        started = np.concatenate([[0], written])[needed if layer.kind is Kind.ZERO_PAD else slice(1, None)]
        done = np.cumsum(steps)
        done += np.maximum.accumulate(started - (done - steps))
        written = (done if layer.kind is Kind.ZERO_PAD else done[needed - 1]) + FILL
        busiest = max(busiest, int(steps.sum()))
    return (int(written[-1]) if written is not None else 0), busiest


def _steps(layer: LayerFacts, tool: ToolFacts) -> tuple[Words, Words]:
    """(input words that each output needs, cycles of each step). A pad steps by output words."""
    needed = _needed(layer)
    if layer.kind is Kind.ZERO_PAD:
        count = layer.out_words
        each = max(1, (worst_cycles(layer, tool) - 3) // count)
        steps: Words = np.full(count, each, np.int64)
        return needed, steps
    steps = np.full(layer.in_words, 1, np.int64)
    if layer.kind is Kind.CONV and layer.strategy == "resource":
        overhead, other = conv_overheads(layer, tool)
        steps[:] = other
        writing = 1 if not tool.is_vitis and tool.year < 2019 else 0
        steps[needed - 1] = layer.reuse_factor + overhead + writing
        return needed, steps
    spare = worst_cycles(layer, tool) - layer.in_words
    if layer.kind in (Kind.DENSE, Kind.SOFTMAX, Kind.ARGMAX):
        steps[-1] += max(0, spare)
    else:
        steps[:] = max(1, worst_cycles(layer, tool) // layer.in_words) if layer.in_words > 8 else 1
    return needed, steps


def _needed(layer: LayerFacts) -> Words:
    """How many input words have arrived when each output word can be made."""
    rows, columns = np.arange(layer.out_height), np.arange(layer.out_width)
    if layer.kind is Kind.ZERO_PAD:
        top = (layer.out_height - layer.in_height) // 2
        left = (layer.out_width - layer.in_width) // 2
        row, column = np.clip(rows - top, -1, layer.in_height - 1), columns - left
        inside = np.clip(column + 1, 0, layer.in_width)
        last = (rows - top >= layer.in_height)[:, None]
        words = np.where(row[:, None] < 0, 0, row[:, None] * layer.in_width + inside[None, :])
        return np.asarray(np.where(last, layer.in_words, words).ravel(), dtype=np.int64)
    if layer.kind in (Kind.CONV, Kind.POOL, Kind.OVERLAPPING_POOL):
        row = rows * _stride(layer.in_height, layer.out_height, layer.kernel_height) + layer.kernel_height - 1
        column = (
            columns * _stride(layer.in_width, layer.out_width, layer.kernel_width) + layer.kernel_width - 1
        )
        row, column = np.minimum(row, layer.in_height - 1), np.minimum(column, layer.in_width - 1)
        return np.asarray((row[:, None] * layer.in_width + column[None, :]).ravel() + 1, dtype=np.int64)
    if layer.out_words == layer.in_words:
        return np.arange(1, layer.in_words + 1, dtype=np.int64)
    return np.full(layer.out_words, layer.in_words, np.int64)


def _stride(inputs: int, outputs: int, kernel: int) -> int:
    return max(1, (inputs - kernel) // (outputs - 1)) if outputs > 1 else 1
