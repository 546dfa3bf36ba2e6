"""The same model on every part: does some folding fit, how fast is it, and what is short."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqz_hw.design import Design
from sqz_hw.estimate.fitting import LIKELY, SURE, fit, shortages
from sqz_hw.estimate.parts import Part, all_parts
from sqz_hw.estimate.verdict import Fits

ATTEMPTS = 16
"""Foldings tried a part, spread over all intervals: a table, not a search."""


@dataclass(frozen=True)
class Shortage:
    """A resource of which the part has less than is expected to be needed."""

    resource: str
    expected: int
    budget: int


@dataclass(frozen=True)
class PartVerdict:
    """What one part can do with a model.

    Attributes:
        part: its name.
        fits: "yes" where upper bounds fit, "unsure" where the expected amounts or only the lower
            bounds do, "no" where not even these do.
        interval: cycles between images with the folding that was found.
        short: of what the part has less than expected, the worst first.
    """

    part: str
    fits: Fits
    interval: int
    short: tuple[Shortage, ...]


def verdicts(design: Design, parts: Iterable[Part] | None = None) -> tuple[PartVerdict, ...]:
    """One verdict a part, in the order given.

    Args:
        design: with any decisions; FIFOs get the depths that exclude deadlock.
        parts: by default all that are known.
    """
    return tuple(_verdict(design, part) for part in (all_parts() if parts is None else parts))


def _verdict(design: Design, part: Part) -> PartVerdict:
    found = fit(design, part.budget, attempts=ATTEMPTS).chosen
    fits: Fits = "yes" if found.fit == SURE else "no" if found.fit > LIKELY + 1 else "unsure"
    short = shortages(found.resources, part.budget)
    return PartVerdict(
        part.name,
        fits,
        found.interval,
        tuple(Shortage(name, needed.expected, limit) for name, (needed, limit) in short.items()),
    )
