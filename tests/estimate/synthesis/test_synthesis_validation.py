import pytest
from made_reports import GROUND_TRUTH, conv, design, relu

from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.synthesis.flow import chain_cycles
from sqz_hw.estimate.synthesis.ground_truth import parse, read
from sqz_hw.estimate.synthesis.post_synthesis import after_synthesis
from sqz_hw.estimate.synthesis.validation import check_designs, steady_interval, summary


def figures_of(*designs: object) -> dict:
    measured, skipped = parse(list(designs), "made")
    checks, more = check_designs(measured)
    return summary(checks, (*skipped, *more))


def test_a_design_as_the_model_has_it_is_within_every_bar_of_cycles_dsp_and_bram() -> None:
    figures = figures_of(design([conv(), relu()]))
    assert figures["conv_cycles"] == {"n": 1, "within_5pct": 1.0, "max_abs_pct": 0.0}
    assert figures["top_interval"] == {"n": 1, "within_10pct": 1.0}
    assert figures["dsp"] == {"n": 1, "exact_fraction": 1.0, "total_abs_pct": 0.0}
    assert (figures["bram18"]["n"], figures["bram18"]["median_abs_pct"]) == (1, 0.0)
    assert figures["lut"]["n"] == figures["ff"]["n"] == 2
    assert figures["cosim"] == {"n": 0, "within_10pct": None}


def test_errors_are_counted_where_they_are() -> None:
    figures = figures_of(design([conv(), conv(cycles=14800 * 2, DSP=4, BRAM_18K=8)]))
    assert figures["conv_cycles"] == {"n": 2, "within_5pct": 0.5, "max_abs_pct": 50.0}
    assert figures["dsp"] == {"n": 2, "exact_fraction": 0.5, "total_abs_pct": 33.33}
    assert figures["bram18"]["within_bar"] == 0.5


def test_other_kernels_and_strategies_are_kept_apart() -> None:
    figures = figures_of(design([conv()], kernels="modified"), design([relu()], strategy="latency", id="b"))
    assert figures["lut"]["n"] == 0
    assert figures["other"]["lut"]["n"] == 2
    assert figures["other"]["designs"] == ["made", "b"]


@pytest.mark.parametrize(
    ("layers", "more", "reasons"),
    [
        ([], {"top": {}}, ["no figures of single layers"]),
        ([conv()], {"top": {}}, ["interval: the core's interval_max", "totals: none are stated"]),
        (
            [conv(), {"kind": "dense"}],
            {},
            ["no csynth figures", "interval: not all convolutions", "totals: not all layers"],
        ),
        ([conv(), relu()], {}, ["totals but DSP: no list of FIFOs"]),
    ],
)
def test_what_is_not_compared_is_listed(layers: list, more: dict, reasons: list[str]) -> None:
    skipped = figures_of(design(layers, **more))["skipped"]
    assert [reason in item["reason"] for item, reason in zip(skipped, reasons, strict=True)] == [True] * len(
        reasons
    )


def test_reuse_factors_computed_from_dsp_are_listed() -> None:
    inferred = conv()
    inferred["cfg"]["reuse_factor_inferred"] = inferred["cfg"].pop("reuse_factor")
    figures = figures_of(design([inferred]))
    assert figures["dsp"]["n"] == 0
    assert figures["skipped"][0]["reason"] == "DSP: the reuse factor was computed from it"


def test_a_repository_of_the_calibration_is_predicted_without_it() -> None:
    known, unknown = (
        check_designs(parse([design([conv()], repo=repo)], "made")[0])[0][0]
        for repo in ("Keb-L/hls4ml-data", "nobody/made")
    )
    assert (known.left_out, unknown.left_out) == (True, False)
    assert known.layers[0].predicted.LUT != unknown.layers[0].predicted.LUT


def test_the_steady_interval_of_three_images_is_that_of_the_results() -> None:
    """A public report of three images; 64 output pixels of 148 cycles and 36 others of 2 are 9544."""
    cosim = {
        "latency_min": 13942, "latency_avg": 18680, "latency_max": 23011,
        "interval_min": 476, "interval_avg": 6972, "interval_max": 13468,
    }  # fmt: skip
    assert steady_interval(cosim) == 9544
    assert steady_interval({"interval_max": 5665, "interval_min": 732, "interval_avg": 5095}) == 5665
    assert steady_interval({}) is None


def test_only_pixels_that_complete_a_window_take_the_reuse_factor() -> None:
    (made,), _ = parse([design([conv()])], "made")
    latency, interval = chain_cycles([made.layers[0].facts], made.tool)
    assert interval == 64 * 148 + 36 * 2
    assert interval <= latency <= interval + 20


def test_ratios_to_vivado_are_counted_and_turn_a_range_around() -> None:
    figures = figures_of(
        design([conv()], top={"csynth": {"LUT": 3000, "FF": 300}, "vivado_synth": {"LUT": 1000, "FF": 150}})
    )
    assert figures["post_synthesis"]["resource"]["LUT"] == {"n": 1, "low": 3.0, "median": 3.0, "high": 3.0}
    assert figures["post_synthesis"]["latency"]["FF"]["n"] == 0
    after = after_synthesis("LUT", Range(1000, 2000, 4000))
    assert after.low < 1000 < after.high < 4000
    assert after.low <= after.expected < 2000


@pytest.mark.skipif(not GROUND_TRUTH.exists(), reason="the public reports are not in the repository")
def test_the_public_reports_are_within_the_bars() -> None:
    measured, skipped = read(GROUND_TRUTH)
    checks, more = check_designs(measured)
    figures = summary(checks, (*skipped, *more))
    assert figures["conv_cycles"]["n"] >= 22
    assert figures["conv_cycles"]["within_5pct"] >= 0.95
    assert figures["conv_cycles"]["max_abs_pct"] <= 15
    assert figures["top_interval"]["within_10pct"] >= 0.9
    assert figures["cosim"]["within_10pct"] >= 0.9
    assert figures["dsp"]["exact_fraction"] >= 0.9
    assert figures["dsp"]["total_abs_pct"] <= 5
    for name, bar in (("lut", 0.75), ("ff", 0.75), ("bram18", 0.75)):
        assert figures[name]["median_abs_pct"] <= 25
        assert figures[name]["within_bar"] >= bar
        assert figures[name]["coverage_90"] >= 0.85
    assert figures["lut"]["median_high_over_low"] <= 2.5
