import json
from pathlib import Path

import numpy as np
import pytest
from made_reports import conv, design, relu

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis import calibration
from sqz_hw.estimate.synthesis.calibration import calibrate, calibration_without, content_of
from sqz_hw.estimate.synthesis.ground_truth import parse
from sqz_hw.estimate.synthesis.least_squares import fit_log_sum
from sqz_hw.estimate.synthesis.refit import fitted, refit
from sqz_hw.estimate.synthesis.rows import read_rows, rows_of, write_rows


def test_the_fit_finds_weights_that_made_the_figures() -> None:
    random = np.random.default_rng(1)
    terms = random.uniform(1, 100, (60, 3))
    real = terms @ np.array([2.0, 0.0, 0.5])
    real[:5] *= 8  # outliers
    found = fit_log_sum(terms, real, np.ones(60))
    assert found == pytest.approx([2.0, 0.0, 0.5], abs=0.05)


def test_weights_are_never_negative() -> None:
    random = np.random.default_rng(2)
    terms = random.uniform(0, 10, (40, 4))
    assert (fit_log_sum(terms, random.uniform(1, 1000, 40), np.ones(40)) >= 0).all()


def test_the_shipped_calibration_is_that_of_the_shipped_rows() -> None:
    content = content_of(calibration.FILE)
    made = json.loads(json.dumps(fitted(read_rows())))
    assert made == {key: content[key] for key in made}


def test_rows_survive_the_file(tmp_path: Path) -> None:
    rows = rows_of(parse([design([conv(), relu()])], "made")[0])
    assert len(rows) == 2
    write_rows(rows, tmp_path / "rows.csv")
    assert read_rows(tmp_path / "rows.csv") == rows
    write_rows(read_rows(), tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_bytes() == Path(calibration.FILE).with_name(
        "calibration_rows.csv"
    ).read_bytes()


@pytest.mark.parametrize("text", ["repo,commit\na,b\n", "\x00\n\x00\n", "repo\nx\n"])
def test_damaged_rows_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"calibration rows must be .*; make it again"):
        read_rows(path)


def test_rows_with_an_impossible_layer_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        calibration.FILE.with_name("calibration_rows.csv").read_text().replace("resource", "fast", 1)
    )
    with pytest.raises(BadInputError, match="strategy must be resource or latency, not 'fast'"):
        read_rows(path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"fits": {}}'])
def test_a_damaged_calibration_is_refused(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text)
    monkeypatch.setattr(calibration, "FILE", path)
    calibration.shipped.cache_clear()
    try:
        with pytest.raises(BadInputError, match=r"calibration.json must be .*; make it again"):
            calibration.shipped()
    finally:
        calibration.shipped.cache_clear()


def test_each_repository_is_predicted_within_the_bars_by_a_fit_without_it() -> None:
    """The bars on stock Resource layers: median error, share within 40 % (LUT) and 30 % (FF), coverage."""
    rows = [row for row in read_rows() if row.counts]
    assert len(rows) > 80
    assert len({row.repo for row in rows}) == 3
    for resource, bar in (("LUT", 0.40), ("FF", 0.30)):
        errors, covered = [], []
        for row in rows:
            real = row.lut if resource == "LUT" else row.ff
            each = calibration_without(row.repo).estimate(resource, row.layer, row.tool)
            errors.append(abs(each.expected / real - 1))
            covered.append(each.low <= real <= each.high)
        assert np.median(errors) <= 0.25
        assert np.mean(np.array(errors) <= bar) >= 0.75
        assert np.mean(covered) >= 0.85


def test_a_left_out_repository_leaves_no_trace() -> None:
    rows = read_rows()
    without = [row for row in rows if row.repo != "Keb-L/hls4ml-data"]
    assert calibration_without("Keb-L/hls4ml-data") == calibrate(without)
    assert calibrate(without) != calibrate(rows)


def test_a_group_without_rows_is_estimated_by_structure_with_a_wide_interval() -> None:
    rows = read_rows()
    row = next(row for row in rows if row.counts and row.layer.kind.value == "zeropad")
    each = calibrate([]).estimate("LUT", row.layer, row.tool)
    assert each.high >= 2.9 * each.expected
    assert each.low <= each.expected / 2.9


def test_a_refit_is_the_same_bytes_and_asks_for_enough(tmp_path: Path) -> None:
    rows = [
        design([conv(LUT=8000 + 17 * i), relu(64, 4 + i)], repo=f"a/{i % 3}", id=str(i)) for i in range(12)
    ]
    rows[0]["top"]["vivado_synth"] = {"LUT": 500, "FF": 800}
    (tmp_path / "designs.json").write_text(json.dumps(rows))
    names = ("calibration.json", "calibration_rows.csv", "picture.png")
    made = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        refit(tmp_path / "designs.json", folder, folder / "picture.png")
        made.append([(folder / name).read_bytes() for name in names])
    assert made[0] == made[1]
    (tmp_path / "few.json").write_text(json.dumps(rows[:2]))
    with pytest.raises(BadInputError, match="a fit needs 20 layers"):
        refit(tmp_path / "few.json", tmp_path, tmp_path / "picture.png")
