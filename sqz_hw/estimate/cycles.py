"""Clock cycles by first principles: each layer, the interval between images, one image's latency.

What it rests on (csynth's worst cases, tool by tool, are in ``synthesis.cycles``):

* Resource convolutions are not pipelined over pixels: a pixel that completes a window takes
  RF + c cycles, any other pixel c cycles. c is 5 for Vitis HLS 2024.2 and 11 for Vivado HLS
  2019.2, read off public synthesis reports. Those charge RF + c for every pixel, their worst
  case; co-simulation charges it only for output pixels, as here. What the others take is
  not known as well: c is on the safe side.
* All other layers take one word a cycle, with these allowances: a stock pool two cycles (seen
  with Vivado HLS 2019.2), a zero_pad some cycles a row for entering and leaving its inner
  loops (0 to 4.4 seen), an argmax one cycle a class, and every layer a few cycles to fill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design, DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.token_flow import Words, operations, words_needed
from sqz_hw.estimate.topology import check_dataflow

CONV_OVERHEAD: Mapping[str, int] = MappingProxyType({"Vitis HLS 2024.2": 5, "Vivado HLS 2019.2": 11})
"""c: cycles a pixel of a Resource convolution takes beyond its reuse factor, by tool."""

TOOL_OF_BACKEND: Mapping[str, str] = MappingProxyType(
    {"Vitis": "Vitis HLS 2024.2", "Vivado": "Vivado HLS 2019.2"}
)
"""The tool whose cycles are predicted for a design's backend unless another is named."""

PIPELINE_CYCLES = 4
"""Cycles between reading a word and writing what it completes, in a pipelined layer."""
PAD_ROW_CYCLES = 6
"""Allowance for the loops of one padded row."""
STOCK_POOL_CYCLES = 2
"""Cycles a word of a pool whose windows do not overlap (hls4ml's kernel)."""
READS, WRITES = 1, 2
"""What an operation of a :class:`Program` does, as ``cpp/dataflow.cpp`` knows it."""


@dataclass(frozen=True)
class CycleEstimate:
    """Clock cycles of a design.

    Attributes:
        layers: (name, cycles it is busy with one image), in dataflow order.
        interval: cycles between two images, those of the busiest layer. Exact with FIFOs without
            bound and with the depths of ``fifo_search.smallest_depths`` (``dataflow.simulate``
            gives the same); full FIFOs may add to it with any others.
        latency: cycles from an image's first pixel in to its last result out, with an empty
            design, one pixel arriving each cycle, and no FIFO ever full.
        bottleneck: name of the busiest layer, the first of equals.
    """

    layers: tuple[tuple[str, int], ...]
    interval: int
    latency: int
    bottleneck: str


def conv_overhead(tool: str) -> int:
    """Cycles c that a pixel of a Resource convolution takes beyond its reuse factor.

    Raises:
        BadInputError: the tool is not one of :data:`CONV_OVERHEAD`.
    """
    if tool not in CONV_OVERHEAD:
        raise BadInputError(
            f"cycles are known for {' and '.join(CONV_OVERHEAD)}, not for {tool!r}; name one of them"
        )
    return CONV_OVERHEAD[tool]


def tool_for(design: Design, tool: str | None = None) -> str:
    """The named tool, else the one for the design's backend.

    Raises:
        BadInputError: an unknown tool, or a backend that has none.
    """
    if tool is None:
        if design.backend not in TOOL_OF_BACKEND:
            raise BadInputError(
                f"cycles are known for the backends {' and '.join(TOOL_OF_BACKEND)}, "
                f"not for {design.backend!r}; name a tool: {' or '.join(CONV_OVERHEAD)}"
            )
        tool = TOOL_OF_BACKEND[design.backend]
    conv_overhead(tool)
    return tool


def conv_cycles(input_pixels: int, output_pixels: int, reuse_factor: int, overhead: int) -> int:
    """Cycles of a Resource convolution: output pixels x (RF + c) + other input pixels x c.

    Args:
        input_pixels: words it reads an image, padding included.
        output_pixels: words it writes an image.
        reuse_factor: RF.
        overhead: c, of :func:`conv_overhead`.
    """
    return output_pixels * (reuse_factor + overhead) + (input_pixels - output_pixels) * overhead


def overhead_of(layer: DesignLayer, tool: str) -> int:
    """Cycles c that a pixel of this layer takes beyond its reuse factor; 0 where it is no convolution.

    The one place to look when overheads come to differ from layer to layer.

    Raises:
        BadInputError: the tool is not one of :data:`CONV_OVERHEAD`.
    """
    overhead = conv_overhead(tool)
    return overhead if layer.op is Op.CONV else 0


def latency_of(layer: DesignLayer) -> int:
    """Cycles from the end of the operation that completes a word to its arrival in the FIFO."""
    return PIPELINE_CYCLES


@dataclass(frozen=True, eq=False)
class Program:
    """What a process does with one image, one operation after the other.

    Attributes:
        cycles: int32, that each operation takes between its read and its write.
        kinds: uint8, :data:`READS`, :data:`WRITES`, or both added up.
    """

    cycles: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.uint8]

    @classmethod
    def of_host(cls, *, writes: int = 0, reads: int = 0) -> Program:
        """The outside: it writes a word a cycle, or reads each as soon as it is there."""
        kinds = np.array([WRITES] * writes + [READS] * reads, np.uint8)
        return cls((kinds == WRITES).astype(np.int32), kinds)


def layer_program(layer: DesignLayer, overhead: int, held: int = 0) -> Program:
    """A layer's operations and their cycles; they add up to its busy cycles less :data:`PIPELINE_CYCLES`.

    Args:
        layer: any layer of a design.
        overhead: c, of :func:`overhead_of`.
        held: words kept inside until more arrive, see ``token_flow.operations``.

    Raises:
        BadInputError: the layer's shapes do not fit its kernel.
    """
    steps = _step_cycles(layer, words_needed(layer), overhead)
    done = operations(layer, held)
    reads, writes = done.read >= 0, done.write >= 0
    if layer.op is Op.ZERO_PAD:
        cycles = np.where(writes, steps[done.write], 0)
    else:
        cycles = np.where(reads, steps[done.read], 1)
    kinds = READS * reads.astype(np.uint8) + WRITES * writes.astype(np.uint8)
    return Program(cycles.astype(np.int32), kinds.astype(np.uint8))


def layer_cycles(layer: DesignLayer, overhead: int) -> int:
    """Cycles a layer is busy with one image.

    Raises:
        BadInputError: the layer's shapes do not fit its kernel.
    """
    return int(_step_cycles(layer, words_needed(layer), overhead).sum()) + PIPELINE_CYCLES


def estimate_cycles(design: Design, tool: str | None = None) -> CycleEstimate:
    """Cycles of a design with the reuse factors that it has.

    The latency follows the words: a layer begins a word when it has arrived and the word
    before it is done, and writes an output when the last word it needs is done. Exact for
    these step times as long as no FIFO is full.

    Args:
        design: the design.
        tool: a key of :data:`CONV_OVERHEAD`; by default that of the design's backend.

    Raises:
        BadInputError: an unknown tool or backend, a design without layers or out of dataflow order.
    """
    tool = tool_for(design, tool)
    if not design.layers:
        raise BadInputError(
            f"design {design.name} must have at least one layer, and has none; build it again"
        )
    check_dataflow(design)
    written = {design.input.name: np.arange(1, design.input.words + 1, dtype=np.int64)}
    busy: list[tuple[str, int]] = []
    for layer in design.layers:
        needed = words_needed(layer)
        steps = _step_cycles(layer, needed, overhead_of(layer, tool))
        times = _write_times(layer, needed, steps, [written[name] for name in layer.inputs])
        written.update(dict.fromkeys(layer.outputs, times))
        busy.append((layer.name, int(steps.sum()) + PIPELINE_CYCLES))
    bottleneck, interval = max(busy, key=lambda item: item[1])
    return CycleEstimate(tuple(busy), interval, int(written[design.output.name][-1]), bottleneck)


def _step_cycles(layer: DesignLayer, needed: Words, overhead: int) -> Words:
    """Cycles of each step: one an input word, but one an output word for a zero_pad."""
    height, width, channels = layer.in_shape
    if layer.op is Op.ZERO_PAD:
        steps = np.ones(layer.out_shape[:2], np.int64)
        steps[:, 0] += PAD_ROW_CYCLES
        return steps.ravel()
    each = {Op.CONV: overhead, Op.ARGMAX: channels}.get(layer.op, 1)
    if layer.op is Op.MAX_POOL and layer.stride >= layer.kernel:
        each = STOCK_POOL_CYCLES
    steps = np.full(height * width, each, np.int64)
    if layer.conv is not None:
        steps[needed - 1] += layer.conv.reuse_factor
    return steps


def _write_times(layer: DesignLayer, needed: Words, steps: Words, inputs: list[Words]) -> Words:
    """The cycle in which each output word is written, from those in which the inputs were."""
    arrived = inputs[0] if len(inputs) == 1 else np.maximum(*inputs)
    arrived = np.concatenate([[0], arrived])
    started_after = arrived[needed] if layer.op is Op.ZERO_PAD else arrived[1:]
    done = np.cumsum(steps)
    done += np.maximum.accumulate(started_after - (done - steps))
    if layer.op is not Op.ZERO_PAD:
        done = done[needed - 1]
    times: Words = done + PIPELINE_CYCLES
    return times
