"""The benchmarks of StreamRTL on bad input: one line and an exit code, and earlier results stay."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import TINY, random_images, random_model
from rtl.streams import needs_verilator

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError, DoesNotFitError
from sqz_hw.estimate.parts import resolve
from sqz_hw.evaluate import design_of_model
from sqz_hw.model import modelfile
from sqz_hw.rtl.accelerator import accelerate
from sqz_hw.rtl.bench import Ports, Simulation
from sqz_hw.rtl.simulate import Accelerator, run_images

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import rtl_common  # noqa: E402
import rtl_cost  # noqa: E402
import rtl_imagenet  # noqa: E402
import rtl_network  # noqa: E402
import rtl_recount  # noqa: E402
import rtl_sparse  # noqa: E402

COUNTS = BENCHMARKS / "rtl_counts.json"
Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """The error of a benchmark that ends with a code, its only line on stderr."""

    def run(main: rtl_common.Main, *words: object, code: int = 2) -> str:
        capsys.readouterr()
        assert main([str(word) for word in words]) == code
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        return error

    return run


@pytest.fixture
def usage(capsys: pytest.CaptureFixture[str]) -> Refused:
    """What argparse says to words that are no usage."""

    def run(main: rtl_common.Main, *words: object) -> str:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        assert stopped.value.code == 2
        return capsys.readouterr().err

    return run


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    modelfile.save(random_model(TINY, density=0.4), path)
    return path


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return design_of_model(random_model(TINY, density=0.4), tmp_path_factory.mktemp("hls"))


@pytest.fixture(scope="module")
def design_file(design: Design, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("design") / "design.json"
    path.write_text(design.to_json())
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "three.npz"
    np.savez(path, x=random_images(TINY, 3), y=np.arange(3))
    return path


def rows(count: int = 3, **fields: object) -> list[dict[str, Any]]:
    return [{**row, **fields} for row in json.loads(COUNTS.read_text())[1 : 1 + count]]


def written(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def without(name: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != name} for row in rows()]


def lacking(parameter: str) -> list[dict[str, Any]]:
    some = rows()
    del some[0]["parameters"][parameter]
    return some


# ---- files of counts ----
@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[{", r"a counts.json is needed, and .*c.json is damaged or something else .*; count it again"),
        ("\udcff", "is something else"),
        ({"rows": []}, "c.json must be a list of counted modules, not an object; count it again"),
        ("3", "must be a list of counted modules, not 3"),
        ([], "c.json must hold at least one counted module, and is empty; count it again"),
        ([3], "module 1 of 1 must be an object, not 3"),
        (without("small"), r"module 1 of 3 \(conv1_0\) must have a number 'small', not None; count it again"),
        (without("medium"), "must have a number 'medium'"),
        (rows(lut="many"), "must have a number 'lut', not 'many'"),
        (rows(ff=-1), "must have a number 'ff', not -1"),
        (rows(parameters=[1]), "must have 'parameters' that are integers or texts"),
        (rows(tables={"a": "b"}), "must have 'tables' that are numbers"),
        (rows(family="ecp5"), "must be of the family xc7 or xcup, not 'ecp5'"),
        (rows(module="sqz_other"), "must hold modules of StreamRTL's library, and has none"),
        (lacking("TOTAL"), "conv1_0 must have all parameters of sqz_sparse_core, and 'TOTAL' is missing"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_counts(content: object, says: str, tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "c.json"
    if content == "\udcff":
        path.write_bytes(b"\xff\xfe")
    else:
        written(path, content)
    error = refused(rtl_cost.main, path, "--package")
    assert re.search(says, error), error


def test_a_file_of_counts_that_is_not_there(tmp_path: Path, refused: Refused) -> None:
    for main in (rtl_cost.main, rtl_recount.main):
        error = refused(main, tmp_path / "none.json")
        assert "none.json: No such file or directory; check the path" in error


def test_files_of_one_name_are_all_read(tmp_path: Path) -> None:
    paths = [
        written(tmp_path / name / "simulation" / "counts.json", rows(n)) for name, n in (("a", 1), ("b", 2))
    ]
    other = written(tmp_path / "c" / "simulation" / "counts.json", rows(3))
    found = rtl_cost.read_all([*paths, other, tmp_path / "a" / ".." / "c" / "simulation" / "counts.json"])
    assert {name: len(some) for name, some in found.items()} == {
        "a/simulation/counts.json": 1, "b/simulation/counts.json": 2, "c/simulation/counts.json": 3,
    }  # fmt: skip
    assert list(rtl_cost.read_all([COUNTS])) == ["rtl_counts.json"]


def test_a_fit_takes_the_7_series_only(refused: Refused) -> None:
    other = BENCHMARKS / "rtl_counts_chosen_xck26.json"
    error = refused(rtl_cost.main, COUNTS, other)
    assert (
        "a fit needs modules of the 7 series (xc7), and conv1_regroup in rtl_counts_chosen_xck26.json"
        in error
    )
    assert "is of xcup; leave that file out, or judge it with --package" in error
    with pytest.raises(BadInputError, match="a fit needs modules of the 7 series"):
        rtl_cost.fit(rtl_cost.read(other))
    assert rtl_cost.main([str(other), "--package"]) == 0


def test_nothing_is_left_to_judge(
    tmp_path: Path, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(rtl_cost.main, COUNTS, "--package")
    assert "all 95 are like some of it: nothing is left to judge; give counts of other networks" in error
    assert rtl_cost.main([str(written(tmp_path / "one.json", rows(1)))]) == 0
    out = capsys.readouterr().out
    assert "every second group: nothing to judge, all modules are of one group" in out
    assert "-100.0 %" not in out
    assert "--apart needs two files or more, and one.json is one" in refused(
        rtl_cost.main, tmp_path / "one.json", "--apart"
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "COUNTS.json is needed, one or more"),
        (["--sweep", "99"], "argument --sweep: invalid choice: 99 (choose from"),
        (["--sweep", "-1"], "argument --sweep: invalid choice: -1 (choose from"),
        (
            ["--sweep", "1", "--write"],
            "--sweep counts modules of its own: give it no COUNTS.json and no other",
        ),
        (["--sweep", "1", str(COUNTS)], "--sweep counts modules of its own"),
        (
            [str(COUNTS), "--package", "--write"],
            "--package fits nothing: give it without --write and --apart",
        ),
        ([str(COUNTS), "--package", "--apart"], "--package fits nothing"),
    ],
)
def test_no_option_of_rtl_cost_is_ignored(words: list[str], says: str, usage: Refused) -> None:
    assert says in usage(rtl_cost.main, *words)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "must hold at least one counted module, and is empty"),
        ("[{", "is damaged or something else"),
        ({}, "must be a list of counted modules, not an object"),
        (rows(module="sqz_other"), "must hold modules of StreamRTL's library with all their parameters"),
        (lacking("TOTAL"), "with all their parameters, and does not (KeyError('TOTAL'))"),
        ([*rows(1), *rows(1, family="xcup")], "must be of one family, not of xc7 and xcup; split it"),
    ],
)
def test_what_cannot_be_counted_again(
    content: object, says: str, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is counted, and without a change to the files."""
    monkeypatch.setattr("sqz_hw.rtl.synthesis.count_plan", lambda *_: pytest.fail("counted"))
    good, bad = written(tmp_path / "good.json", without("small")), written(tmp_path / "bad.json", content)
    before = good.read_bytes(), bad.read_bytes()
    assert says in refused(rtl_recount.main, good, bad)
    assert (good.read_bytes(), bad.read_bytes()) == before


# ---- rtl_network ----
def table_of(folder: Path) -> None:
    """A build as an earlier run left it."""
    record = written(folder / "build.json", {"seconds": {}})
    assert record.is_file()
    written(folder / "report" / "report.json", {"notes": []})
    written(folder / "simulation" / "counts.json", rows())


def test_only_the_build_of_this_run_is_shown(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    table_of(tmp_path / "out")
    options = argparse.Namespace(
        part="xc7z020", model="m", data=None, images=1, target_fps=None, output=tmp_path / "out"
    )

    def too_large(settings: object, watch: object) -> None:
        raise DoesNotFitError("too large")

    def placed(settings: object, watch: object) -> None:
        (tmp_path / "out").rename(tmp_path / "earlier")
        table_of(tmp_path / "out")
        raise DoesNotFitError("too large; the project is in out")

    monkeypatch.setattr("sqz_hw.flow.build", too_large)
    assert "too large" in refused(rtl_network.main, "--output", tmp_path / "out", code=4)
    with pytest.raises(DoesNotFitError):
        rtl_network.build(options, tmp_path / "none")
    monkeypatch.setattr("sqz_hw.flow.build", placed)
    short = rtl_network.build(options, tmp_path / "out")
    assert short is not None
    assert short.exit_code == 4


def test_rtl_network_refuses_in_one_line(tmp_path: Path, refused: Refused) -> None:
    assert "--target-fps" in refused(rtl_network.main, "--target-fps", "nan", "--output", tmp_path / "out")
    assert "--images" in refused(rtl_network.main, "--images", 0, "--output", tmp_path / "out")
    assert "there is no nope" in refused(rtl_network.main, "--model", "nope", "--output", tmp_path / "out")
    error = refused(rtl_network.main, "--reuse", "--output", tmp_path / "out")
    assert "a StreamRTL build with --synth is needed; " in error
    assert "report.json: No such file or directory" in error
    table_of(tmp_path / "out")
    error = refused(rtl_network.main, "--reuse", "--output", tmp_path / "out")
    assert "is of another kind (KeyError('resources')); build it again, without --reuse" in error
    (tmp_path / "out" / "simulation" / "counts.json").unlink()
    error = refused(rtl_network.main, "--reuse", "--output", tmp_path / "out")
    assert "a counts.json is needed" in error
    written(tmp_path / "out" / "report" / "report.json", "{")
    error = refused(rtl_network.main, "--reuse", "--output", tmp_path / "out")
    assert "is damaged or something else" in error


def test_how_far_a_prediction_is_off() -> None:
    assert [rtl_network.off(*pair) for pair in ((11, 10), (0, 0), (1, 0))] == ["+10.0 %", "exact", "of none"]


# ---- rtl_sparse ----
def test_rtl_sparse_refuses_in_one_line(model_file: Path, refused: Refused) -> None:
    assert "there is no nope" in refused(rtl_sparse.main, "--model", "nope")
    error = refused(rtl_sparse.main, "--frames", 0)
    assert "--frames: at least one image is needed, not 0; give 3 or more" in error
    assert "no folding takes at most" in refused(rtl_sparse.main, "--model", model_file, "--target-fps", 1e8)


def test_a_dense_folding_is_found_or_missed(design: Design) -> None:
    network = accelerate(design, resolve("xc7z020"), target_fps=10_000).plan.network
    found = rtl_sparse.fastest_dense(network, 10_000, 128, "xc7")  # conv1 is not that fast
    assert 768 <= found.interval <= 1024  # values of an image, one a clock; 8 times 128
    with pytest.raises(
        BadInputError, match="at most the 0 lanes of the sparse one, and none was found up to 8"
    ):
        rtl_sparse.fastest_dense(network, 0, 10_000, "xc7")


# ---- rtl_imagenet ----
@pytest.fixture
def nothing_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("accelerate", "design_of"):
        monkeypatch.setattr(rtl_imagenet, name, lambda *_, **__: pytest.fail("folded"))


@pytest.mark.usefixtures("nothing_is_folded")
def test_rtl_imagenet_reads_everything_first(
    model_file: Path, design_file: Path, data: Path, tmp_path: Path, refused: Refused
) -> None:
    out = ("--output", tmp_path / "new" / "out")
    none = tmp_path / "none"
    for model in (model_file, design_file):
        assert "there is no" in refused(rtl_imagenet.main, model, "--data", f"{none}.npz", *out)
        error = refused(rtl_imagenet.main, model, "--data", data, "--first", 9000, *out)
        assert "at least one image is needed, and three.npz has none from --first 9000 on: it has 3" in error
        error = refused(rtl_imagenet.main, model, "--data", data, "--part", "nope", *out)
        assert "nope" in error
    assert "there is no" in refused(rtl_imagenet.main, none, "--data", data, *out)
    assert "a design.json is needed" in refused(rtl_imagenet.main, f"{none}.json", "--data", data, *out)
    for wrong in (data, written(tmp_path / "wrong.json", "{")):
        refused(rtl_imagenet.main, wrong, "--data", data, *out)
    assert not (tmp_path / "new").exists()


def test_rtl_imagenets_usage(data: Path, usage: Refused) -> None:
    assert "--data is needed, or --no-simulation" in usage(rtl_imagenet.main, "m")
    for words in (["--images", "0"], ["--first", "-1"]):
        assert "at least one image is needed" in usage(rtl_imagenet.main, "m", "--data", data, *words)


@needs_verilator
def test_rtl_imagenets_results_are_of_one_run(
    design_file: Path, data: Path, tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def files(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    fast = [str(w) for w in (design_file, "--output", out, "--no-simulation", "--target-fps", 10_000)]
    assert rtl_imagenet.main(fast) == 0
    first = files(out)
    assert first["design.json"].decode() == design_file.read_text()
    assert not any(name.startswith("build/") for name in first)
    written(out / "rtl" / "memory" / "old.mem", "0\n")
    kept = files(out)
    for rate in ("0", "nan", "-3", "inf"):
        error = refused(
            rtl_imagenet.main, design_file, "--output", out, "--no-simulation", f"--target-fps={rate}"
        )
        assert f"target_fps must be a finite number of images a second above 0, not {rate}; leave it" in error
    monkeypatch.setattr(rtl_imagenet.bench, "lint", lambda *_: (_ for _ in ()).throw(BadInputError("lint")))
    refused(rtl_imagenet.main, *fast)
    monkeypatch.undo()
    assert files(out) == kept
    assert rtl_imagenet.main([str(out / "design.json"), *fast[1:]]) == 0  # an earlier run's own
    assert files(out) == first
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    written(out / "notes.txt", "mine")
    error = refused(rtl_imagenet.main, *fast)
    assert "holds something else than earlier results (notes.txt) and would be replaced" in error
    assert (out / "notes.txt").read_text() == "mine"


@needs_verilator
def test_results_that_differ_lie_beside_earlier_ones(
    design_file: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [str(w) for w in (design_file, "--data", data, "--first", 1, "--output", tmp_path / "out")]
    words += ["--target-fps", "10000"]
    assert rtl_imagenet.main(words) == 0
    assert (tmp_path / "out" / "build" / "bench").is_file()
    before = (tmp_path / "out" / "design.json").stat().st_ino
    monkeypatch.setattr(rtl_imagenet, "compare", lambda *_: 3)
    monkeypatch.setattr(rtl_imagenet, "compile_plan", lambda *_, **__: None)
    monkeypatch.setattr(
        rtl_imagenet, "run_images", lambda *_, **__: argparse.Namespace(outputs=np.zeros((1, 4)))
    )
    monkeypatch.setattr(rtl_imagenet, "show_run", lambda *_: None)
    assert rtl_imagenet.main(words) == 3
    assert (tmp_path / "out" / "design.json").stat().st_ino == before
    assert (tmp_path / "out-differs" / "rtl" / "sqz_top.sv").is_file()


# ---- the package ----
@pytest.mark.parametrize("rate", [0.0, -3.0, float("nan"), float("inf")])
def test_a_target_is_a_positive_number(design: Design, rate: float) -> None:
    with pytest.raises(
        BadInputError, match=r"must be a finite number of images a second above 0, not .*; leave"
    ):
        accelerate(design, resolve("xc7z020"), target_fps=rate)


def test_a_simulation_needs_an_image(design: Design, tmp_path: Path) -> None:
    plan = accelerate(design, resolve("xc7z020"), target_fps=10_000).plan
    compiled = Accelerator(plan, Simulation(tmp_path, tmp_path, tmp_path, Ports(8, 8)), probes=False)
    with pytest.raises(
        BadInputError, match="a simulation needs at least one image, not none; give more images"
    ):
        run_images(compiled, random_images(TINY, 1)[:0], tmp_path)
    with pytest.raises(BadInputError, match=r"images must be uint8, N x 16 x 16 x 3, not .*; resize them"):
        run_images(compiled, np.zeros((0, 8, 8, 3), np.uint8), tmp_path)


def test_ctrl_c_and_a_full_disk_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(argv: list[str] | None) -> int:
        raise KeyboardInterrupt

    def full(argv: list[str] | None) -> int:
        raise OSError(28, "No space left on device", "counts.json")

    assert rtl_common.one_line(stopped)(None) == 130
    assert rtl_common.one_line(full)(None) == 2
    assert capsys.readouterr().err == (
        "stopped\nerror: counts.json cannot be written (No space left on device); make room\n"
    )
