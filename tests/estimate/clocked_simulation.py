"""A simulator that counts cycle by cycle: registers and counters, no times to add up.

The hardware that ``sqz_hw.estimate.dataflow`` stands for where a word arrives with the end of its
operation (no pipeline between): each process decides what it does in a cycle from what the FIFOs
hold when the cycle begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from timed_simulation import END, READ, WRITE, Action, layer_actions

from sqz_hw.design import Design

QUIET = 200
"""Cycles without a word moving after which the design is taken to be deadlocked."""


@dataclass
class Operation:
    """Perhaps a read, some cycles, perhaps a write."""

    reads: bool = False
    cycles: int = 0
    writes: bool = False


@dataclass
class Process:
    """A layer or the host, and the operation that it is at."""

    operations: Iterator[Operation]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    at: Operation | None = None


def leaving_times(design: Design, depths: Mapping[str, int], images: int, overhead: int) -> list[int] | None:
    """The first cycle in which each word can leave the design, None if some never do."""
    processes = [
        Process(_operations(layer_actions(layer, images, overhead, 0)), layer.inputs, layer.outputs)
        for layer in design.layers
    ]
    pixels, results = design.input.words * images, design.output.words * images
    processes.append(
        Process(iter([Operation(cycles=1, writes=True) for _ in range(pixels)]), (), (design.input.name,))
    )
    processes.append(
        Process(iter([Operation(reads=True) for _ in range(results)]), (design.output.name,), ())
    )
    for process in processes:
        process.at = next(process.operations, None)
    held = dict.fromkeys(depths, 0)
    left: list[int] = []
    cycle = quiet = 0
    while len(left) < results and quiet < QUIET:
        before = dict(held)
        for process in processes:
            if process.at is not None and _cycle(process, before, held, depths):
                process.at = next(process.operations, None)
        left += [cycle] * (before[design.output.name] > held[design.output.name])
        quiet = 0 if before != held else quiet + 1
        cycle += 1
    return left if len(left) == results else None


def _cycle(process: Process, before: dict[str, int], held: dict[str, int], depths: Mapping[str, int]) -> bool:
    """One cycle of a process; true if its operation is over."""
    at = process.at
    assert at is not None
    if at.reads:
        if any(before[name] == 0 for name in process.inputs):
            return False
        for name in process.inputs:
            held[name] -= 1
        at.reads = False
    at.cycles = max(0, at.cycles - 1)
    if at.cycles or not at.writes:
        return at.cycles == 0
    if any(before[name] >= depths[name] for name in process.outputs):
        return False
    for name in process.outputs:
        held[name] += 1
    return True


def _operations(actions: Iterable[Action]) -> Iterator[Operation]:
    at = Operation()
    for kind, cycles in actions:
        if kind in (READ, END) and at != Operation():
            yield at
            at = Operation()
        if kind == READ:
            at.reads = True
        elif kind == WRITE:
            at.writes = True
            yield at
            at = Operation()
        else:
            at.cycles += cycles
