"""Families of parts, as Yosys names them."""

from __future__ import annotations

from sqz_hw.estimate.parts import Part

FAMILIES = ("xc7", "xcup")
_SEVEN_SERIES = ("zynq-7000", "artix-7", "kintex-7")


def family_of(part: Part) -> str:
    """``xc7`` (7 series) or ``xcup`` (UltraScale+)."""
    return "xc7" if part.family in _SEVEN_SERIES else "xcup"
