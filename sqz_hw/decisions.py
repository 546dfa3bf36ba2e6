"""Decisions about the hardware: folding, multipliers, FIFOs. Chosen by ``estimate``, obeyed by ``hls``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqz_hw.design import Design, DesignLayer, Multiplier, Storage, Stream


@dataclass(frozen=True)
class Decisions:
    """What is chosen, by name; what is not named keeps hls4ml's default.

    Attributes:
        reuse_factors: by convolution layer, at least 1.
        fifo_depths: words by stream, at least 1.
        multipliers: what builds the products of a convolution layer; not named: the tool's choice.
        fifo_storage: what holds a stream's words; not named: the tool's choice.
    """

    reuse_factors: Mapping[str, int] = field(default_factory=dict)
    fifo_depths: Mapping[str, int] = field(default_factory=dict)
    multipliers: Mapping[str, Multiplier] = field(default_factory=dict)
    fifo_storage: Mapping[str, Storage] = field(default_factory=dict)


def with_decisions(design: Design, decisions: Decisions) -> Design:
    """The design that a conversion with these decisions would give; what is not named stays.

    Args:
        design: with any decisions.
        decisions: names that the design does not have are ignored, as in a conversion.
    """

    def layer(old: DesignLayer) -> DesignLayer:
        if old.conv is None:
            return old
        conv = replace(
            old.conv,
            reuse_factor=decisions.reuse_factors.get(old.name, old.conv.reuse_factor),
            multiplier=decisions.multipliers.get(old.name, old.conv.multiplier),
        )
        return replace(old, conv=conv)

    def stream(old: Stream) -> Stream:
        depth = decisions.fifo_depths.get(old.name, old.depth)
        return replace(old, depth=depth, storage=decisions.fifo_storage.get(old.name, old.storage))

    return replace(
        design,
        layers=tuple(layer(old) for old in design.layers),
        streams=tuple(stream(old) for old in design.streams),
    )
