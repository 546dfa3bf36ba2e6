"""Which parts hold a model's memory, at which weight widths: bits against bits.

Holding is not fitting: a memory takes whole blocks of given shapes, and the logic has to fit as
well. This answers the first question only: are there enough bits on the part at all?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.memory import MemoryMap, memory_map
from sqz_hw.estimate.parts import BRAM36_BITS, URAM_BITS, Part, all_parts

WEIGHT_BITS = (4, 6, 8)
"""Weight widths that are asked for unless others are named."""

LUT_RAM_BITS = 64
"""Bits of one LUT used as RAM (64 x 1: UG474 for 7 series, UG574 for UltraScale+)."""

LUTS_FOR_RAM: Mapping[str, int] = MappingProxyType(
    {
        "xc7z010": 6_000,
        "xc7z020": 17_400,
        "xc7z045": 70_400,
        "xc7a35t": 9_600,
        "xc7a100t": 19_000,
        "xc7a200t": 46_200,
        "xczu3eg": 28_800,
        "xck26": 57_600,
        "xczu7ev": 101_760,
        "xczu9eg": 144_000,
        "xcu250": 791_040,
        "xcvu9p": 591_840,
        "xcvu13p": 791_040,
    }
)
"""LUTs that can be RAM: "LUT as Memory, Available" in public Vivado utilization reports.

xcvu13p is the same die as xcu250. A part that is not named has no such report here, and its
LUT RAM is left out.
"""

Answer = Literal["block RAM", "with URAM", "with LUT RAM", "no"]


@dataclass(frozen=True)
class MemoryNeed:
    """Bits that a design keeps on chip.

    Attributes:
        weight_bits: bits of a weight.
        weights: bits of all weights, dense, zeros included.
        biases: bits of all biases, at their own widths.
        line_buffers, fifos: as designed.
    """

    _derived: ClassVar[tuple[str, ...]] = ("total",)

    weight_bits: int
    weights: int
    biases: int
    line_buffers: int
    fifos: int

    @property
    def total(self) -> int:
        """Bits of everything."""
        return self.weights + self.biases + self.line_buffers + self.fifos


@dataclass(frozen=True)
class Held:
    """Whether a part holds a need.

    Attributes:
        weight_bits: bits of a weight.
        answer: the memories it takes: block RAM alone, URAM as well, LUT RAM as well, or "no".
        short_bits: bits that are missing where the answer is "no", else 0.
    """

    weight_bits: int
    answer: Answer
    short_bits: int


@dataclass(frozen=True)
class PartMemory:
    """A part's memory, and whether it holds the model at each weight width.

    Attributes:
        part: the part's short name.
        block_ram_bits, uram_bits: 36,864 bits a BRAM36, 294,912 a URAM block.
        lut_ram_bits: 64 for each of :data:`LUTS_FOR_RAM`, all of them; None where not known.
        held: one answer a weight width.
    """

    part: str
    block_ram_bits: int
    uram_bits: int
    lut_ram_bits: int | None
    held: tuple[Held, ...]


@dataclass(frozen=True)
class MemoryBudget:
    """What a model needs at each weight width, and which parts hold it."""

    needs: tuple[MemoryNeed, ...]
    parts: tuple[PartMemory, ...]


def memory_budget(
    design: Design,
    memories: MemoryMap | None = None,
    weight_bits: Sequence[int] = WEIGHT_BITS,
    parts: Sequence[Part] | None = None,
) -> MemoryBudget:
    """Which parts hold a design with its weights at each of some widths.

    Biases, line buffers and FIFOs stay as designed: their widths follow the activations.

    Args:
        design: the design, with its FIFO depths.
        memories: its memory map, if it has been made already.
        weight_bits: the widths, each at least 1.
        parts: the parts; by default all of ``parts.toml``.

    Raises:
        BadInputError: a width below 1.
    """
    wrong = [bits for bits in weight_bits if bits < 1]
    if wrong:
        raise BadInputError(f"a weight must have 1 bit or more, not {wrong[0]}; give another width")
    memories = memory_map(design) if memories is None else memories
    needs = tuple(_need(design, memories, bits) for bits in weight_bits)
    chosen = all_parts() if parts is None else parts
    return MemoryBudget(needs, tuple(_part_memory(part, needs) for part in chosen))


def _need(design: Design, memories: MemoryMap, weight_bits: int) -> MemoryNeed:
    convolutions = [conv for _, conv in design.convolutions]
    return MemoryNeed(
        weight_bits=weight_bits,
        weights=weight_bits * sum(conv.n_in * conv.n_out for conv in convolutions),
        biases=sum(conv.n_out * conv.bias_type.width for conv in convolutions),
        line_buffers=memories.line_buffer_bits,
        fifos=memories.fifo_bits,
    )


def _part_memory(part: Part, needs: Sequence[MemoryNeed]) -> PartMemory:
    block_ram, uram = part.bram36 * BRAM36_BITS, part.uram * URAM_BITS
    luts = LUTS_FOR_RAM.get(part.name)
    lut_ram = None if luts is None else luts * LUT_RAM_BITS
    held = tuple(_held(need, block_ram, uram, lut_ram or 0) for need in needs)
    return PartMemory(part.name, block_ram, uram, lut_ram, held)


def _held(need: MemoryNeed, block_ram: int, uram: int, lut_ram: int) -> Held:
    stages: tuple[tuple[Answer, int], ...] = (
        ("block RAM", block_ram),
        ("with URAM", block_ram + uram),
        ("with LUT RAM", block_ram + uram + lut_ram),
    )
    for answer, bits in stages:
        if need.total <= bits:
            return Held(need.weight_bits, answer, 0)
    return Held(need.weight_bits, "no", need.total - stages[-1][1])
