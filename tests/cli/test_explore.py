"""``sqz-hw explore``: a whole search of tiny networks, and what its options refuse."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sqz_hw.cli import main
from sqz_hw.cli.train import command as train_command
from sqz_hw.cli.train import with_fields
from sqz_hw.model.architecture import named, small_stem

TINY = [
    "--fix", "conv1_filters=8", "--fix", "base_e=8", "--fix", "incr_e=8", "--fix", "freq=1",
    "--fix", "fire_modules=2", "--fix", "pools_after=[1]", "--search", "squeeze_ratio", "--search", "weight_bits",
    "--search", "target_fps",
]  # fmt: skip
PROXY = [
    "--proxy-images",
    "96",
    "--proxy-epochs",
    "8",
    "--proxy-validation-images",
    "48",
    "--proxy-batch",
    "16",
]


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """Three classes by colour, 16 x 16."""
    rng = np.random.default_rng(1)
    y = np.arange(160) % 3
    x = rng.integers(0, 120, (160, 16, 16, 3))
    x[np.arange(160), :, :, y] += 100
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(path, x=x.astype(np.uint8), y=y)
    return str(path)


def one_line(capsys):
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_a_whole_search(npz, tmp_path, capsys):
    """A real training; everything is written and labelled, and the printed command trains the best."""
    out = tmp_path / "out"
    options = ["--data", npz, "--output", str(out), "--part", "xc7z020", *TINY, *PROXY]
    assert main(["explore", *options, "--trials", "1"]) == 0
    said = capsys.readouterr().out
    made = json.loads((out / "explore.json").read_text())
    assert made["counts"]["complete"] == 1
    assert made["proxy"] == "proxy, 8 epochs on 96 images, judged on 48 other training images"
    kinds = {o["name"]: o["kind"] for o in made["objectives"]}
    assert kinds == {
        "accuracy": "proxy, 8 epochs on 96 images",
        "memory_bits": "counted on the proxy's weights",
        "fps": "estimate, clock assumed",
        "lut_share": "estimate, clock assumed",
    }
    complete = [t for t in made["trials"] if t["state"] == "complete"]
    for trial in complete:
        values = {name: v["value"] for name, v in trial["values"].items()}
        assert values["fps"] >= trial["point"]["target_fps"]
        assert values["latency_us"] > 0
        assert 0 < values["lut_share"] < 1
        assert trial["feasible"]
        assert "xc7z020: yes" in trial["notes"]
        for name, value in trial["values"].items():
            assert value["kind"] == kinds.get(name, value["kind"])
    best = next(t for t in made["trials"] if t["number"] == made["best"])
    assert best["values"]["accuracy"]["value"] == max(t["values"]["accuracy"]["value"] for t in complete)
    assert best["values"]["accuracy"]["value"] > 60  # chance: 33
    assert best["train"] in said
    assert best["build"] in said
    assert made["best"] in made["pareto"]
    assert "accuracy: proxy, 8 epochs on 96 images" in said
    assert (out / "pareto.png").read_bytes().startswith(b"\x89PNG")
    text = (out / "explore.md").read_text()
    assert "top-1 (proxy, 8 epochs on 96 images)" in text
    assert best["train"] in text
    times = json.loads((out / "times.json").read_text())
    assert set(times) == {str(t["number"]) for t in complete}
    assert all(set(t) == {"host", "pid", "seconds", "started", "peak_mb"} for t in times.values())
    assert not re.search(r'"(pid|seconds|host)"', (out / "explore.json").read_text())
    _trains_the_same_network(best)
    assert main(["explore", *options, "--trials", "1"]) == 2
    assert "give --resume to go on with it" in one_line(capsys)


def _trains_the_same_network(trial):
    """``train.py`` makes of the command what the trial was about."""
    python, script, *arguments = shlex.split(trial["train"])
    assert (python, script) == ("python", "scripts/train.py")
    options = train_command.make_context("train", arguments).params
    shape = {"input_size": 16, "classes": 3, "width": options["width"], "bypass": options["bypass"]}
    arch = with_fields(
        small_stem(with_fields(named(options["architecture"]), options["changes"]), **shape),
        options["changes"],
    )
    candidate = trial["candidate"]
    assert json.loads(json.dumps(arch.to_dict())) == candidate["architecture"]
    assert options["weight_bits"] == candidate["weight_bits"]
    assert options["activation_bits"] == candidate["activation_bits"]
    assert options["sparsity"] == pytest.approx(1 - candidate["density"])


@pytest.mark.slow
def test_the_same_search_again(npz, tmp_path):
    """One worker, one seed: the same bytes; trials and times of other machines are not in them."""
    made = []
    for name in ("a", "b"):
        options = ["--data", npz, "--output", str(tmp_path / name), "--part", "xc7z020", *TINY, *PROXY]
        assert main(["explore", *options, "--trials", "3"]) == 0
        made.append(
            [(tmp_path / name / file).read_bytes() for file in ("explore.json", "explore.md", "pareto.png")]
        )
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--fix", "width"], "--fix takes field=value, such as width=0.5, not 'width'"),
        (["--fix", "depth=3"], "fields of the space must be among base_e, incr_e"),
        (["--fix", "target_fps=100"], "target_fps needs a part to be estimated for, and none is named; give --part"),
        (["--search", "fire_modules"], "--search takes fields of the space, base_e, incr_e"),
        (["--search", "freq", "--fix", "freq=2"], "a search needs a field that varies, and all are fixed; leave out"),
        (["--objectives", "accuracy,beauty"], "--objectives must be among accuracy, memory_bits, fps, lut_share"),
        (["--objectives", "accuracy,fps"], "--objectives: fps is an estimate for a part, and none is named; give --part"),
        (["--objectives", "accuracy,accuracy"], "--objectives: each must be given once, not 'accuracy,accuracy'"),
        (["--part", "xc9"], "part must be a known part or board, not 'xc9'"),
        (["--architecture", "v2"], "architecture must be one of v1.0, v1.1, not 'v2'"),
        (["--proxy-images", "200"], "d.npz: --proxy-images and --proxy-validation-images together must be at most the "
         "160 images, not 2,200; lower one of them"),
        (["--proxy-epochs", "0"], "--proxy-epochs: input should be greater than or equal to 1, not 0"),
        (["--minutes", "0"], "--minutes: must be above 0 and at most 1000000, not 0.0"),
        (["--minutes", "nan"], "--minutes: must be above 0 and at most 1000000, not nan"),
        (["--max-macs", "nan"], "--max-macs: input should be a finite number, not nan"),
        (["--scheduler", "tcp://127.0.0.1:9", "--workers", "2"], "--workers are processes of this machine, --scheduler"),
        (["--space", "none.json"], "--space: none.json cannot be read (No such file or directory); check the path"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(npz, tmp_path, capsys, monkeypatch, options, line):
    monkeypatch.chdir(tmp_path)
    small = [] if "--proxy-images" in options else ["--proxy-images", "96", "--proxy-validation-images", "48"]
    assert main(["explore", "--data", npz, "--output", "out", *small, *options]) == 2
    assert one_line(capsys).startswith(f"error: {line}")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", r"--space: s\.json must be a JSON file, and is not \("),
        ("[1]", r"--space: s\.json must hold an object of fields, not list"),
        ('{"depth": 3}', r"fields of the space must be among .+, not 'depth'"),
        ('{"freq": {"low": 1}}', r'freq must be a value, \{"choices": \[\.\.\.\]\} or \{"low": \.\.\., "high"'),
        ('{"freq": {"low": 3, "high": 1}}', r"freq: low must be below high, step above 0"),
        ('{"freq": {"low": 1, "high": NaN}}', r"freq: low, high and step must be numbers"),
        ('{"freq": {"low": 1, "high": 8, "step": 1, "log": true}}', r"freq takes step or log, not both"),
        ('{"freq": {"choices": []}}', r"freq: choices must be a list of different values, not \[\]"),
        ('{"pools_after": {"pools": 0, "low": 1, "high": 3}}', r"pools_after: pools must be 1 to 8, and 1 <= low"),
        ('{"freq": 2}', r"a search needs a field that varies, and all are fixed; leave out a --fix"),
        ("[" * 100_000, r"--space: s\.json must be a JSON file, and is not \("),
    ],
)  # fmt: skip
def test_a_space_file_that_is_none(npz, tmp_path, capsys, monkeypatch, text, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.json").write_text(text)
    small = ["--proxy-images", "96", "--proxy-validation-images", "48"]
    assert main(["explore", "--data", npz, "--output", "out", "--space", "s.json", *small]) == 2
    assert re.match(f"error: {line}", one_line(capsys))


def test_a_space_in_which_nothing_is_legal(npz, tmp_path, capsys):
    """Said in one line, without a traceback; the reason is that of the last point."""
    options = [
        "--data",
        npz,
        "--output",
        str(tmp_path / "out"),
        "--fix",
        "fire_modules=2",
        "--search",
        "weight_bits",
    ]
    assert main(["explore", *options, *PROXY, "--trials", "1"]) == 2
    assert re.match(
        r"error: no point of this space could be trained, and the last one was pruned: illegal: pools_after must be "
        r"rising layer numbers between 1 \(conv1\) and 3 \(fire3\), not \[1, 4, 8\]$",
        one_line(capsys),
    )
    made = json.loads((tmp_path / "out" / "explore.json").read_text())
    assert made["counts"] == {"complete": 0, "failed": 0, "pruned": 20}


def ended(group: int, seconds: float = 10) -> bool:
    """Whether no process of the group is left; one that has ended may wait to be reaped by its new parent."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_resume_ends_as_if_never_stopped(npz, tmp_path):
    """A real interrupt to the whole process group, as a terminal sends it; no process is left."""
    options = ["--data", npz, "--part", "xc7z020", *TINY, *PROXY, "--trials", "3"]
    assert main(["explore", "--output", str(tmp_path / "whole"), *options]) == 0
    stopped = tmp_path / "stopped"
    command = [sys.executable, "-m", "sqz_hw.cli.main", "explore", "--output", str(stopped), *options]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )  # fmt: skip
    until = time.monotonic() + 600
    journal = stopped / "study.journal"
    while time.monotonic() < until and not (journal.exists() and '"outcome"' in journal.read_text()):
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "stopped"
    assert ended(process.pid)
    kept = json.loads((stopped / "explore.json").read_text())
    assert 1 <= kept["counts"]["complete"] < 3
    assert kept["ended_early"] == "stopped"
    assert main(["explore", "--output", str(stopped), *options, "--resume"]) == 0
    for file in ("explore.json", "explore.md", "pareto.png"):
        assert (stopped / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
