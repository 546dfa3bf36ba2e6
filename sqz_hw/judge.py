"""Judges a finished build: do the outputs agree, does it fit, is it fast enough."""

from __future__ import annotations

import math
from pathlib import Path

from sqz_hw.errors import DoesNotFitError, OutputsDifferError
from sqz_hw.estimate.advice import Advice
from sqz_hw.estimate.fitting import Fitting
from sqz_hw.report.content import Report
from sqz_hw.settings import BuildSettings
from sqz_hw.verify.run import Outcome


def difference(outcome: Outcome) -> OutputsDifferError | None:
    """The error that names the first layer that differs, or None where every value agrees."""
    try:
        outcome.require_bit_exact()
    except OutputsDifferError as error:
        return error
    return None


def require_fit(
    report: Report, settings: BuildSettings, fitting: Fitting, advice: Advice | None, where: Path
) -> None:
    """Refuse a design that does not fit, is too slow, or (with ``strict``) is not shown to fit.

    Args:
        report: of the build.
        settings: what was asked for.
        fitting: what was chosen.
        advice: what is short and what would help, or None where everything fits.
        where: the project's folder, which stays.

    Raises:
        DoesNotFitError: the message says what is short by how much, and what would help.
    """
    name, part, verdict = report.model.name, report.part.name, report.verdict
    interval = max(fitting.chosen.interval, report.latency[0].interval_cycles)
    if not fitting.reaches_target or interval > (fitting.target_interval or interval):
        fps = math.floor(settings.clock_mhz * 1e6 / interval)
        raise DoesNotFitError(
            f"{name} must give {settings.target_fps:g} images/s, and its fastest legal folding gives "
            f"{fps:,} at {settings.clock_mhz:g} MHz; "
            "ask for fewer, raise --clock-mhz, or take a smaller model; "
            f"the project is in {where}"
        )
    if verdict.fits == "no" or (verdict.fits == "unsure" and settings.strict):
        words = "does not fit" if verdict.fits == "no" else "is not shown to fit (--strict)"
        said = [*verdict.reasons, *((*advice.short, *advice.helps) if advice is not None else ())]
        raise DoesNotFitError(f"{name} {words} on {part}: {'; '.join(said)}; the project is in {where}")
