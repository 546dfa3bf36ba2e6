"""Decisions as JSON, and both decisions at once: folding and FIFO depths."""

from __future__ import annotations

from typing import Any

from sqz_hw.decisions import Decisions
from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.fifo import MARGIN, safe_depths
from sqz_hw.estimate.reuse import choose_reuse_factors

__all__ = ["Decisions", "decide", "decisions_from_dict", "decisions_to_dict"]

_FIELDS = ("reuse_factors", "fifo_depths")


def decide(
    design: Design,
    dsp_budget: int,
    *,
    tool: str | None = None,
    target_interval: int = 0,
    fifo_margin: int = MARGIN,
) -> Decisions:
    """Reuse factors for the fastest pipeline within a budget, and FIFO depths that cannot deadlock.

    Args:
        design: a design with any reuse factors and depths.
        dsp_budget: multipliers allowed in all, each counted as one DSP.
        tool: a key of ``CONV_OVERHEAD``; by default that of the design's backend.
        target_interval: cycles an image that are fast enough.
        fifo_margin: words added to each FIFO in which words pile up.

    Raises:
        BadInputError: an impossible argument or design.
    """
    folding = choose_reuse_factors(design, dsp_budget, tool, target_interval)
    return Decisions(dict(folding.reuse_factors), safe_depths(design, fifo_margin))


def decisions_to_dict(decisions: Decisions) -> dict[str, dict[str, int]]:
    """Plain values for JSON, in the decisions' own order."""
    return {field: dict(getattr(decisions, field)) for field in _FIELDS}


def decisions_from_dict(plain: dict[str, Any]) -> Decisions:
    """Inverse of :func:`decisions_to_dict`.

    Raises:
        BadInputError: a missing or unknown field, or a value that is no whole number above 0.
    """
    if not isinstance(plain, dict) or sorted(plain) != sorted(_FIELDS):
        given = ", ".join(sorted(plain)) or "nothing" if isinstance(plain, dict) else repr(plain)
        raise BadInputError(f"decisions must have {' and '.join(_FIELDS)}, not {given}; choose them again")
    for field in _FIELDS:
        if not isinstance(plain[field], dict):
            raise BadInputError(
                f"{field} must map names to whole numbers, not be {plain[field]!r}; choose them again"
            )
        for name, value in plain[field].items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise BadInputError(
                    f"{field} of {name} must be a whole number of at least 1, not {value!r}; choose it again"
                )
    return Decisions(dict(plain["reuse_factors"]), dict(plain["fifo_depths"]))
