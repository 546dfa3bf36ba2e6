"""Exchanges the folding of one stage after the other: into a budget, and within it to what costs less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqz_hw.rtl.choices import Choice
    from sqz_hw.rtl.fold import Way

LEAST = 1e-9
"""What an exchange must gain."""


def exchanged(
    way: Way, alternatives: Callable[[str, Choice], Sequence[Choice]], burden: Callable[[Way], float]
) -> Way:
    """The way after exchanges, each of which takes most off its burden, until there is none or none helps.

    Words between stages stay as they are, so that an exchange changes nothing but its stage.

    Args:
        way: all choices made.
        alternatives: of a stage's choice, by the stage's name.
        burden: how far a way is beyond a budget, or what it costs; none below 0.
    """
    left = burden(way)
    while left > 0.0:
        others = [
            _with(way, place, other)
            for place, (name, choice) in enumerate(way.choices)
            for other in alternatives(name, choice)
        ]
        if not others:
            return way
        best = min(others, key=burden)
        if burden(best) > left - LEAST:
            return way
        way, left = best, burden(best)
    return way


def _with(way: Way, place: int, other: Choice) -> Way:
    name, choice = way.choices[place]
    return way._replace(
        cost=way.cost - choice.cost + other.cost,
        fill=way.fill - choice.fill + other.fill,
        choices=(*way.choices[:place], (name, other), *way.choices[place + 1 :]),
    )
