"""What would help a design that does not fit: a larger part by name, fewer bits, less width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqz_hw.design import Design
from sqz_hw.estimate.fitting import LIKELY, SURE, Fitting, fit, fit_of, shortages
from sqz_hw.estimate.parts import Part, all_parts
from sqz_hw.estimate.resources import estimate_resources
from sqz_hw.estimate.scaling import with_bits, with_width

FEWER_BITS = 4
WIDTHS = (0.75, 0.5, 0.25, 0.125)
PRUNING = "pruning does not help: these kernels ignore zeros"


@dataclass(frozen=True)
class Advice:
    """What a design lacks on a part, and what would help.

    Attributes:
        short: a sentence for each resource whose expected amount is above the budget.
        helps: sentences: a larger part, fewer bits, less width, pruning.
    """

    short: tuple[str, ...]
    helps: tuple[str, ...]


def advise(design: Design, part: Part, fitting: Fitting, target_fps: float | None = None) -> Advice:
    """Say what is short and by how much, and what would help.

    Args:
        design: the design before it was fitted.
        part: the part that it should fit.
        fitting: what ``fitting.fit`` chose for it.
        target_fps: images a second wanted, or None.
    """
    resources = fitting.chosen.resources
    short = tuple(
        f"{name}: {needed.expected:,} expected ({needed.low:,} to {needed.high:,}), the part has {limit:,}: "
        f"short by {needed.expected - limit:,}"
        for name, (needed, limit) in shortages(resources, part.budget).items()
    )
    helps = [
        _larger_part(fitting, part),
        _bits(fitting, part.budget),
        _width(design, part.budget, target_fps),
    ]
    return Advice(short, (*(text for text in helps if text), PRUNING))


def _larger_part(fitting: Fitting, part: Part) -> str:
    larger = sorted(
        (other for other in all_parts() if other.budget["LUT"] > part.budget["LUT"]),
        key=lambda other: (other.budget["LUT"], other.name),
    )
    found = {other.name: fit_of(fitting.chosen.resources, other.budget) for other in larger}
    sure = next((name for name, fits in found.items() if fits == SURE), None)
    likely = next((name for name, fits in found.items() if fits == LIKELY), None)
    names = [f"{sure} (even at its upper bounds)"] if sure else []
    if likely and (sure is None or list(found).index(likely) < list(found).index(sure)):
        names.insert(0, f"{likely} (by the expected amounts)")
    return f"a larger part: as it is, it fits {' or '.join(names)}" if names else ""


def _bits(fitting: Fitting, budget: Mapping[str, int]) -> str:
    narrow = with_bits(fitting.chosen.design, FEWER_BITS, FEWER_BITS)
    resources = estimate_resources(narrow)
    text = f"fewer bits: with {FEWER_BITS}-bit weights and activations"
    return f"{text} it {_outcome(fit_of(resources, budget), shortages(resources, budget))}"


def _width(design: Design, budget: Mapping[str, int], target_fps: float | None) -> str:
    for width in WIDTHS:
        found = fit(with_width(design, width), budget, target_fps=target_fps)
        if found.chosen.fit in (SURE, LIKELY) and found.reaches_target:
            return f"less width: with {width:g} of the channels it {_outcome(found.chosen.fit, {})}"
    return f"less width: not even {WIDTHS[-1]:g} of the channels would be expected to fit"


def _outcome(fits: int, short: Mapping[str, object]) -> str:
    if fits == SURE:
        return "fits, even at its upper bounds"
    if fits == LIKELY:
        return "is expected to fit"
    return f"is still short of {' and '.join(short)}"
