"""What a finished build is refused for, message by message."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from estimate.designs import fire_design

from sqz_hw.errors import DoesNotFitError, OutputsDifferError
from sqz_hw.estimate.advice import Advice
from sqz_hw.estimate.fitting import Fitting, fit
from sqz_hw.estimate.resources import RESOURCES
from sqz_hw.estimate.verdict import Verdict
from sqz_hw.judge import difference, require_fit
from sqz_hw.settings import BuildSettings
from sqz_hw.verify.compare import Comparison
from sqz_hw.verify.run import Outcome

WHERE = Path("hls_projects") / "tiny-xc7z020"
ADVICE = Advice(
    ("LUT: 9 expected (5 to 20), the part has 7: short by 2",), ("a larger part: it", "pruning does not help")
)
SETTINGS = BuildSettings(part="xc7z020", model="tiny")
FITS = fit(fire_design(), dict.fromkeys(RESOURCES, 10**9))


def report(fits, *reasons, interval=1):
    return SimpleNamespace(
        latency=(SimpleNamespace(interval_cycles=interval),),
        model=SimpleNamespace(name="tiny"),
        part=SimpleNamespace(name="xc7z020"),
        verdict=Verdict(fits, reasons or ("why",)),
    )


def refusal(found, settings=SETTINGS, fitting=FITS, advice=ADVICE):
    with pytest.raises(DoesNotFitError) as caught:
        require_fit(found, settings, fitting, advice, WHERE)
    assert caught.value.exit_code == 4
    return str(caught.value)


@pytest.mark.parametrize("advice", [None, ADVICE])
def test_what_fits_passes(advice):
    for settings in (SETTINGS, SETTINGS.model_copy(update={"strict": True})):
        assert require_fit(report("yes"), settings, FITS, advice, WHERE) is None


def test_what_may_fit_passes_unless_strict():
    require_fit(report("unsure"), SETTINGS, FITS, ADVICE, WHERE)
    strict = SETTINGS.model_copy(update={"strict": True})
    assert refusal(report("unsure", "LUT: 5 to 20 needed", "timing"), strict) == (
        "tiny is not shown to fit (--strict) on xc7z020: LUT: 5 to 20 needed; timing; "
        "LUT: 9 expected (5 to 20), the part has 7: short by 2; a larger part: it; pruning does not help; "
        f"the project is in {WHERE}"
    )


@pytest.mark.parametrize("strict", [False, True])
def test_what_does_not_fit_is_refused(strict):
    settings = SETTINGS.model_copy(update={"strict": strict})
    assert refusal(report("no", "LUT: at least 8 needed"), settings) == (
        "tiny does not fit on xc7z020: LUT: at least 8 needed; "
        "LUT: 9 expected (5 to 20), the part has 7: short by 2; a larger part: it; pruning does not help; "
        f"the project is in {WHERE}"
    )


def test_without_advice_the_reasons_stand_alone():
    assert refusal(report("no", "LUT: at least 8 needed"), advice=None) == (
        f"tiny does not fit on xc7z020: LUT: at least 8 needed; the project is in {WHERE}"
    )


@pytest.mark.parametrize(
    ("interval", "clock", "rate", "said"),
    [
        (3_000, 100.0, 40_000.0, "its fastest legal folding gives 33,333 at 100 MHz"),
        (1_000_001, 100.0, 100.0, "its fastest legal folding gives 99 at 100 MHz"),
        (400, 142.5, 1e6, "its fastest legal folding gives 356,250 at 142.5 MHz"),
    ],
)
@pytest.mark.parametrize("fits", ["yes", "unsure", "no"])
def test_a_target_out_of_reach_is_refused_whatever_fits(interval, clock, rate, said, fits):
    """The rate given is never above the real one: 99.9999 is not the 100 that were asked for."""
    fitting = Fitting(replace(FITS.chosen, interval=interval), 1, False)
    settings = SETTINGS.model_copy(update={"target_fps": rate, "clock_mhz": clock})
    assert refusal(report(fits), settings, fitting) == (
        f"tiny must give {rate:g} images/s, and {said}; "
        "ask for fewer, raise --clock-mhz, or take a smaller model; "
        f"the project is in {WHERE}"
    )


def test_a_target_that_is_reached_passes():
    settings = SETTINGS.model_copy(update={"target_fps": 10.0})
    require_fit(report("yes"), settings, Fitting(FITS.chosen, 10_000_000, True), None, WHERE)


def test_equal_outputs_are_no_difference():
    outcome = Outcome(Comparison(fire_design(), ("golden",)), {}, None)
    assert difference(outcome) is None


def test_a_difference_is_given_back_as_an_error():
    outcome = Outcome(Comparison(fire_design(), ("golden",)), {}, None, "weights/w2.txt is not the design's")
    found = difference(outcome)
    assert isinstance(found, OutputsDifferError)
    assert found.exit_code == 3
    assert str(found) == (
        "no output of these images differs, but the project's weights must be the design's: "
        "weights/w2.txt is not the design's; build the project again"
    )


def test_a_target_is_judged_by_the_simulated_interval():
    fitting = replace(FITS, target_interval=100_000)
    settings = SETTINGS.model_copy(update={"target_fps": 1000.0})
    assert require_fit(report("yes", interval=100_000), settings, fitting, None, WHERE) is None
    assert "its fastest legal folding gives 999 at 100 MHz" in refusal(
        report("yes", interval=100_001), settings, fitting
    )
