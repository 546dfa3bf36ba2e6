"""A plan: the instances and links that the top level's template prints (``planner`` makes it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqz_hw.rtl.core import Core, Folding
from sqz_hw.rtl.network import Network, Tensor

Memory = tuple[int, tuple[int, ...]]
"""Bits of a word, and the words."""
Foldings = Mapping[str, Folding]
BRAM_FROM_BITS = 6144
"""A memory of more bits goes to block RAM where that is left to the plan."""


@dataclass(frozen=True)
class Link:
    """A stream between two instances: valid, ready and data wires.

    Attributes:
        name: prefix of the wires.
        width: bits of the data.
        tensor: the tensor whose words it carries, if it carries a whole one; for probes.
        data: the wire of another link that its data are, or None for its own.
    """

    name: str
    width: int
    tensor: str | None = None
    pixels: int = 1
    data: str | None = None


@dataclass(frozen=True)
class Instance:
    """A module of the library, with its parameters and links.

    Attributes:
        module, name: of the library, of the instance.
        parameters: values.
        streams: links by the prefix of the module's ports; several are joined, the first lowest.
        clocked: it has clk and rst.
        stage: the stage it belongs to.
    """

    module: str
    name: str
    parameters: Mapping[str, int | str]
    streams: Mapping[str, tuple[str, ...]]
    stage: str
    clocked: bool = True


@dataclass(frozen=True)
class Plan:
    """The whole accelerator.

    Attributes:
        name: of the design.
        network: its stages.
        foldings: of the sparse stages.
        links, instances: the top level.
        memories: contents by file name.
        cores: the sparse cores by stage.
        in_link, out_link: the streams to the outside.
        out_bits: of a value out.
        words_in, words_out: of an image.
    """

    name: str
    network: Network
    foldings: Foldings
    links: tuple[Link, ...]
    instances: tuple[Instance, ...]
    memories: Mapping[str, Memory]
    cores: Mapping[str, tuple[Core, ...]]
    in_link: str
    out_link: str
    in_bits: int
    out_bits: int
    words_in: int
    words_out: int
    pixels: Mapping[str, int] = field(default_factory=dict)


def pool_pixels(source: Tensor, output: Tensor, pixels: int) -> int:
    """Pixels of the words that a pool takes: as they come, or whole rows where no two of them make one."""
    halves = pixels % 2 == 0 and source.pitch % pixels == 0 and 2 * output.pitch == source.pitch
    return pixels if halves else source.pitch


def pool_parameters(source: Tensor, output: Tensor, pixels: int) -> dict[str, int | str]:
    """Of the pool between two tensors, with words of so many pixels."""
    height, width, channels = source.shape
    bits = source.pitch * channels * source.type.width
    return {
        "B": source.type.width, "W": source.pitch, "WIDTH": width, "H": height, "C": channels, "P": pixels,
        "WOUT": output.pitch, "HOUT": output.shape[0], "BLOCK_RAM": int(bits > BRAM_FROM_BITS),
    }  # fmt: skip


def reblock_parameters(tensor: Tensor, before: int, pixels: int, slots: int) -> dict[str, int | str]:
    """Of a queue of blocks of a tensor that changes their size."""
    bits = slots * tensor.shape[2] * max(before, pixels) * tensor.type.width
    return {
        "B": tensor.type.width, "C": tensor.shape[2], "PIN": before, "POUT": pixels, "SLOTS": slots,
        "BLOCK_RAM": int(bits > BRAM_FROM_BITS),
    }  # fmt: skip
