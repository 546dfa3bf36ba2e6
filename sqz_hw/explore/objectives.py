"""What a trial is judged by: objectives with their directions, units and kinds, and constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqz_hw.errors import BadInputError
from sqz_hw.explore.candidate import Candidate
from sqz_hw.explore.settings import ExploreSettings

Direction = Literal["maximize", "minimize"]
COUNTED = "counted on the proxy's weights"
ESTIMATE = "estimate, clock assumed"


@dataclass(frozen=True)
class Objective:
    """One thing to be judged by.

    Attributes:
        name: key of the value.
        title: what to call it in tables and plots.
        unit: of the value; empty for a pure number.
        direction: which way is better.
        needs_part: it is an estimate for a part.
    """

    name: str
    title: str
    unit: str
    direction: Direction
    needs_part: bool

    def kind(self, settings: ExploreSettings) -> str:
        """How far to trust a value: the proxy, a count, or an estimate."""
        if self.name == "accuracy":
            return settings.proxy
        return ESTIMATE if self.needs_part else COUNTED

    def shown(self, value: float) -> str:
        """A value as text, with its unit."""
        if self.name == "accuracy":
            return f"{value:.2f} %"
        if self.name == "memory_bits":
            return f"{value / 1e6:.3f} Mbit"
        if self.name == "nonzero_macs":
            return f"{value / 1e6:.2f} M"
        if self.name == "lut_share":
            return f"{100 * value:.0f} %"
        return f"{value:,.0f}" + (f" {self.unit}" if self.unit else "")


OBJECTIVES: Mapping[str, Objective] = {
    o.name: o
    for o in (
        Objective("accuracy", "top-1", "%", "maximize", False),
        Objective("memory_bits", "weights as stored", "bit", "minimize", False),
        Objective("fps", "images/s", "", "maximize", True),
        Objective("lut_share", "LUT of the part", "", "minimize", True),
        Objective("latency_us", "latency", "us", "minimize", True),
        Objective("nonzero_macs", "nonzero MACs", "", "minimize", False),
    )
}
WITH_PART = ("accuracy", "memory_bits", "fps", "lut_share")
WITHOUT_PART = ("accuracy", "memory_bits", "nonzero_macs")


def chosen_objectives(text: str | None, part: str | None) -> tuple[str, ...]:
    """Names of the objectives of a search.

    Args:
        text: names with commas between, or None for the default.
        part: the part that estimates are for, or None.

    Raises:
        BadInputError: an unknown name, one that is given twice, or an estimate without a part.
    """
    if text is None:
        return WITHOUT_PART if part is None else WITH_PART
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in OBJECTIVES:
            raise BadInputError(f"--objectives must be among {', '.join(OBJECTIVES)}, not {name!r}")
        if OBJECTIVES[name].needs_part and part is None:
            raise BadInputError(
                f"--objectives: {name} is an estimate for a part, and none is named; give --part"
            )
    if len(set(names)) != len(names):
        raise BadInputError(f"--objectives: each must be given once, not {text!r}")
    return names


def violations(settings: ExploreSettings, values: Mapping[str, float]) -> dict[str, float]:
    """By how much limits are exceeded, as a share of each; at or below 0 where they are kept.

    Args:
        settings: of the search; limits that it does not set are left out.
        values: ``macs``, ``nonzero_macs`` and, once it is known, ``memory_bits``.
    """
    limits = {
        "macs": settings.max_macs,
        "nonzero_macs": settings.max_nonzero_macs,
        "memory_bits": settings.max_memory_bits,
    }
    return {
        name: values[name] / limit - 1
        for name, limit in limits.items()
        if limit is not None and name in values
    }


def excess(settings: ExploreSettings, candidate: Candidate) -> tuple[dict[str, float], str | None]:
    """Limits that a candidate breaks before it is trained, and the reason as a sentence.

    Returns:
        the violations as in :func:`violations`, and None where there is none.
    """
    values = {"macs": candidate.architecture.macs, "nonzero_macs": candidate.nonzero_macs}
    found = violations(settings, values)
    over = [name for name, share in found.items() if share > 0]
    if not over:
        return found, None
    limit = {"macs": settings.max_macs, "nonzero_macs": settings.max_nonzero_macs}
    said = [
        f"{name.replace('_', ' ')} {values[name]:,} above the limit of {limit[name]:,.0f}" for name in over
    ]
    return found, "; ".join(said)
