"""The validate and fit commands as a user meets them."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "estimate" / "synthesis"))
from made_reports import conv, design, relu

from sqz_hw.cli import main

KEYS = {"conv_cycles", "top_interval", "cosim", "dsp", "bram18", "lut", "ff", "skipped"}


@pytest.fixture
def designs(tmp_path: Path) -> Path:
    path = tmp_path / "designs.json"
    made = [design([conv(LUT=8000 + i), relu(64, 4 + i)], id=f"d{i}", repo=f"a/{i % 2}") for i in range(10)]
    path.write_text(json.dumps([*made, {"id": "odd [bold]", "top": {}}]))
    return path


def test_json_has_the_promised_keys(designs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(designs), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures) >= KEYS
    assert set(figures["lut"]) == {
        "n",
        "kind",
        "median_abs_pct",
        "within_bar",
        "coverage_90",
        "median_high_over_low",
    }
    assert figures["conv_cycles"]["n"] == 10
    assert [(item["design"], item["reason"][:10]) for item in figures["skipped"]] == [
        ("odd [bold]", "the design"),
        *((f"d{i}", "totals but") for i in range(10)),
    ]


def test_tables_have_every_layer_and_n(designs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(designs)]) == 0
    shown = capsys.readouterr().out
    assert "d9" in shown
    assert "14800 / 14800 +0.0%" in shown
    assert "designs (n = 10)" in shown
    assert "odd [bold]" in shown


@pytest.mark.parametrize("text", ["{}", "[]", "nothing"])
def test_a_file_of_another_schema_is_exit_code_2(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.json").write_text(text)
    assert main(["validate", str(tmp_path / "x.json")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_fit_writes_where_it_is_told(
    designs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = json.loads(designs.read_text())
    made[0]["top"]["vivado_synth"] = {"LUT": 500, "FF": 800}
    designs.write_text(json.dumps(made))
    assert main(["fit", str(designs), "--output", str(tmp_path)]) == 0
    assert {"calibration.json", "calibration_rows.csv", "calibration.png"} <= {
        p.name for p in tmp_path.iterdir()
    }
    assert main(["fit", str(designs), "--output", str(tmp_path / "none")]) == 2
    assert "to a folder that exists" in capsys.readouterr().err


def test_a_fit_that_a_build_could_not_use_is_refused_and_changes_nothing(
    designs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main(["fit", str(designs), "--output", str(tmp_path)]) == 2  # no figures of Vivado's synthesis
    error = capsys.readouterr().err
    assert "a Resource design with Vivado's synthesis beside csynth" in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_picture_that_cannot_be_written_is_one_line_and_changes_nothing(
    designs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = json.loads(designs.read_text())
    made[0]["top"]["vivado_synth"] = {"LUT": 500, "FF": 800}
    designs.write_text(json.dumps(made))
    (tmp_path / "folder.png").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    figure = str(tmp_path / "folder.png")
    assert main(["fit", str(designs), "--output", str(tmp_path), "--figure", figure]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == before
