"""The resources of one layer, as estimates, measurements and reports name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sqz_hw.estimate.ranges import Range

Purpose = Literal["weights", "line_buffer", "window", "fifo", "logic"]
PURPOSES: tuple[Purpose, ...] = ("weights", "line_buffer", "window", "fifo", "logic")
"""What a layer's resources are for; a FIFO counts with the layer that writes it."""


@dataclass(frozen=True)
class LayerResources:
    """Resources of one layer.

    Attributes:
        name: the layer.
        totals: by resource (LUT, FF, DSP, BRAM18, BRAM36, URAM); None or left out where not known.
        parts: the same by what they are for (:data:`PURPOSES`), where that is known.
    """

    _optional: ClassVar[tuple[str, ...]] = ("parts",)

    name: str
    totals: Mapping[str, Range | None]
    parts: Mapping[Purpose, Mapping[str, Range | None]] | None = None
