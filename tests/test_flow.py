"""The build: steps, folders, exit codes, and what a stopped or failed build leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from sqz_hw import flow
from sqz_hw.errors import DoesNotFitError, OutputsDifferError
from sqz_hw.estimate.parts import resolve
from sqz_hw.flow import Watch, build
from sqz_hw.report.validate import schema
from sqz_hw.report.write import read
from sqz_hw.settings import BuildSettings


@pytest.fixture
def settings(project, tmp_path):
    """Settings that build the tiny model into a copy of its last good project."""
    output = tmp_path / "tiny"
    shutil.copytree(project.folder, output)
    return BuildSettings(part="xc7z020", model=str(project.model_path), images=10, output=output)


def test_the_output_has_what_is_promised(project):
    names = {p.name for p in project.folder.iterdir()}
    assert names == {"hls", "csim", "report", "build.json", "build.log"}
    assert {p.name for p in (project.folder / "report").iterdir()} == {
        "report.json",
        "report.md",
        "report.html",
    }
    csim = {p.name for p in (project.folder / "csim").iterdir()}
    assert {"libmyproject.so", "inputs.npy", "outputs.npy", "csim.log", "design.json"} <= csim
    record = json.loads((project.folder / "build.json").read_text())
    assert set(record) == {"schema", "inputs", "versions", "options", "seconds"}
    assert record["inputs"]["images"]["count"] == 10
    assert record["seconds"]["verify"] > 0


def test_the_report_is_of_the_promised_schema_and_true(project):
    report = read(project.folder / "report" / "report.json")
    Draft202012Validator(schema()).validate(report)
    model = project.model
    assert report["model"]["parameters"] == model.architecture.parameters
    assert report["model"]["macs"] == model.architecture.macs
    kernels = [v for k, v in model.weights.items()]
    assert report["model"]["nonzeros"] == sum(int(np.count_nonzero(v)) for v in kernels)
    assert report["verification"]["compared"] == ["qkeras", "golden", "csim"]
    assert report["verification"]["bit_exact"] is True
    assert "accuracy" not in report["verification"]
    assert report["part"]["budget"]["BRAM36"] == resolve("xc7z020").bram36
    assert report["verdict"]["fits"] == "yes"
    assert [column["predicts"] for column in report["resources"]] == ["csynth", "vivado"]
    for name in ("LUT", "FF", "DSP", "BRAM18"):
        amount = report["resources"][1]["totals"][name]
        assert 0 <= amount["low"] <= amount["expected"] <= amount["high"] <= report["part"]["budget"][name]
    bits = sum(v.size * (6 if k.endswith("kernel") else 12) for k, v in model.weights.items())
    assert report["memory"]["weights_bits"] == bits
    assert report["model"]["dense_bytes"] == -(-bits // 8)


def test_labels_give_accuracy_of_each_engine(settings, tmp_path, tiny_model):
    rng = np.random.default_rng(3)
    size = tiny_model.architecture.input_size
    np.savez(tmp_path / "d.npz", x=rng.integers(0, 256, (12, size, size, 3), np.uint8), y=np.arange(12) % 4)
    built = build(settings.model_copy(update={"data": str(tmp_path / "d.npz"), "images": 9}))
    report = read(built.folder / "report" / "report.json")
    assert report["verification"]["images"] == 9
    scores = np.load(built.folder / "csim" / "outputs.npy")
    top1 = round(100 * float((scores.argmax(axis=1) == np.arange(9) % 4).mean()), 4)
    assert report["verification"]["accuracy"]["csim"]["top1"] == top1
    assert report["verification"]["accuracy"]["qkeras"] == report["verification"]["accuracy"]["csim"]
    assert report["verification"]["accuracy"]["csim"]["top5"] is None


def test_steps_and_images_are_told(settings):
    steps, images = [], []
    build(
        settings,
        Watch(lambda n, total, title: steps.append((n, total)), lambda done, total: images.append(done)),
    )
    assert steps == [(n, 5) for n in range(1, 6)]  # the vendor's synthesis is run only if it is asked for
    assert images == list(range(1, 11))


def test_a_failing_step_leaves_the_last_good_project(settings, monkeypatch):
    before = (settings.output / "build.json").read_bytes()

    def broken(state):
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(flow, "STEPS", (*flow.STEPS[:2], ("break", broken)))
    with pytest.raises(RuntimeError):
        build(settings)
    assert (settings.output / "build.json").read_bytes() == before
    assert [p.name for p in settings.output.parent.iterdir()] == [settings.output.name]


KILL_ME = """
import sys, time
from pathlib import Path
from sqz_hw import flow
from sqz_hw.settings import BuildSettings
def wait(state):
    Path(sys.argv[3]).write_text("here")
    time.sleep(120)
flow.STEPS = (*flow.STEPS[:2], ("wait", wait))
flow.build(BuildSettings(part="xc7z020", model=sys.argv[1], images=1, output=Path(sys.argv[2])))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_build_leaves_the_last_good_project_and_the_next_one_clears_up(settings, tmp_path, how):
    before = (settings.output / "build.json").read_bytes()
    flag = tmp_path / "reached"
    command = [sys.executable, "-c", KILL_ME, settings.model, str(settings.output), str(flag)]
    # a suite in the background of a shell has SIGINT ignored, and children inherit that
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not flag.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, how)
    process.wait()
    assert (settings.output / "build.json").read_bytes() == before
    left = [p.name for p in settings.output.parent.iterdir() if p.name.endswith(".partial")]
    assert bool(left) == (how is signal.SIGKILL)
    build(settings)
    assert not [p for p in settings.output.parent.iterdir() if p.name.startswith(".")]


def test_outputs_that_differ_keep_both_projects(settings, monkeypatch, tiny_model):
    """The reference is given another weight: C-simulation must be said to differ, by layer."""
    from sqz_hw.hls import convert

    before = (settings.output / "build.json").read_bytes()
    kernel = tiny_model.weights["fire3/squeeze1x1/kernel"].copy()
    lsb = tiny_model.quantisation.weights["fire3/squeeze1x1"].lsb
    kernel[0, 0, 0, 0] += lsb if kernel[0, 0, 0, 0] <= 0 else -lsb
    other = replace(tiny_model, weights={**tiny_model.weights, "fire3/squeeze1x1/kernel": kernel})
    original = convert.qkeras_network
    calls = []

    def third_time_another(model, **options):
        calls.append(model)
        return original(model if len(calls) < 3 else other, **options)

    monkeypatch.setattr(convert, "qkeras_network", third_time_another)
    with pytest.raises(OutputsDifferError, match=r"differs first in fire3_squeeze1x1: .* see .*tiny-differs"):
        build(settings)
    assert (settings.output / "build.json").read_bytes() == before
    kept = settings.output.with_name("tiny-differs")
    assert read(kept / "report" / "report.json")["verification"]["bit_exact"] is False


def on_a_part(monkeypatch, **changes):
    """The xc7z020 with other amounts."""
    monkeypatch.setattr(flow, "resolve", lambda text: replace(resolve("xc7z020"), **changes))


def test_strict_refuses_what_is_not_shown_to_fit(settings, monkeypatch):
    on_a_part(monkeypatch, lut=7_000)
    assert build(settings).report.verdict.fits == "unsure"
    with pytest.raises(
        DoesNotFitError,
        match=r"tiny is not shown to fit \(--strict\) on xc7z020: LUT: .* expected, the part has 7,000; .*; "
        r"a larger part: .*; pruning does not help: these kernels ignore zeros; the project is in ",
    ):
        build(settings.model_copy(update={"strict": True}))


def test_what_does_not_fit_is_written_all_the_same(settings, monkeypatch):
    on_a_part(monkeypatch, lut=100)
    with pytest.raises(
        DoesNotFitError,
        match=r"tiny does not fit on xc7z020: LUT: at least [\d,]+ needed, the part has 100; .*short by [\d,]+; .*",
    ):
        build(settings)
    assert read(settings.output / "report" / "report.json")["verdict"]["fits"] == "no"


def test_a_target_takes_the_smallest_folding_that_reaches_it(settings):
    fastest = build(settings).report
    modest = build(settings.model_copy(update={"target_fps": 2000.0})).report
    assert 2000 <= modest.latency[0].fps < fastest.latency[0].fps
    few, many = (r.resources[1].totals["DSP"].expected for r in (modest, fastest))
    assert few < many


def test_a_target_that_no_folding_reaches_is_refused_and_the_project_written(settings):
    with pytest.raises(
        DoesNotFitError,
        match=r"tiny must give 1e\+06 images/s, and its fastest legal folding gives [\d,]+ at 100 MHz; ask for "
        r"fewer, raise --clock-mhz, or take a smaller model; the project is in ",
    ):
        build(settings.model_copy(update={"target_fps": 1e6}))
    assert (settings.output / "report" / "report.json").is_file()


def test_an_unchanged_project_is_not_compiled_again(settings):
    first = (settings.output / "csim" / "libmyproject.so").stat().st_mtime_ns
    build(settings)
    assert (settings.output / "csim" / "libmyproject.so").stat().st_mtime_ns == first
