"""Decisions about the hardware: folding and FIFO depths. Chosen by ``estimate``, obeyed by ``hls``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Decisions:
    """What is chosen, by name; what is not named keeps hls4ml's default.

    Attributes:
        reuse_factors: by convolution layer, at least 1.
        fifo_depths: words by stream, at least 1.
    """

    reuse_factors: Mapping[str, int] = field(default_factory=dict)
    fifo_depths: Mapping[str, int] = field(default_factory=dict)
