"""A build with --synth: the tool's figures beside the estimates, and what a failing tool leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from synth_project import fake_tool, write_reports

from sqz_hw.errors import ToolError
from sqz_hw.flow import Watch, build
from sqz_hw.report.write import read
from sqz_hw.settings import BuildSettings


@pytest.fixture
def settings(project, tmp_path):
    return BuildSettings(
        part="xc7z020", model=str(project.model_path), images=2, output=tmp_path / "tiny", synth=True
    )


def with_tool(root: Path, monkeypatch, mode: str) -> None:
    fake_tool(root / "bin", "vitis-run", mode, vivado=True)
    write_reports(root / "bin" / "reports", vivado=True)
    monkeypatch.setenv("PATH", f"{root / 'bin'}:/usr/bin:/bin")


def test_measurements_stand_beside_the_estimates(settings, tmp_path, monkeypatch):
    with_tool(tmp_path, monkeypatch, "good")
    steps, stages = [], []
    watch = Watch(step=lambda n, total, title: steps.append(title), stage=stages.append)
    built = build(settings, watch)
    report = read(built.folder / "report" / "report.json")
    kinds = [(column["kind"], column["predicts"]) for column in report["resources"]]
    assert kinds == [("estimate", "csynth"), ("estimate", "vivado"), ("csynth", None), ("vivado", None)]
    measured = report["resources"][2]["totals"]["LUT"]
    assert measured["low"] == measured["expected"] == measured["high"] > 0
    assert [column["kind"] for column in report["latency"]] == ["estimate", "csynth"]
    assert "run the vendor's synthesis" in steps
    assert "C synthesis" in stages
    assert (built.folder / "synth" / "synth.log").is_file()


def test_a_tool_that_fails_leaves_the_verified_project(settings, tmp_path, monkeypatch):
    with_tool(tmp_path, monkeypatch, "fail")
    with pytest.raises(ToolError, match=r"HLS 200-70.*; the project is in "):
        build(settings)
    report = read(settings.output / "report" / "report.json")
    assert report["verification"]["bit_exact"] is True
    assert [column["kind"] for column in report["resources"]] == ["estimate", "estimate"]


def test_without_a_tool_nothing_is_begun(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(ToolError, match="vitis-run"):
        build(settings)
    assert not settings.output.exists()
