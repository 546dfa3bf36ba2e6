"""The verdict as a value: whether a design fits a part, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fits = Literal["yes", "unsure", "no"]


@dataclass(frozen=True)
class Verdict:
    """Whether a design fits.

    Attributes:
        fits: "yes", "unsure" or "no".
        reasons: short sentences, never empty.
    """

    fits: Fits
    reasons: tuple[str, ...]
