"""Every bad input: its one line, its exit code, and nothing of the user's lost."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sqz_hw.cli import main
from sqz_hw.model.modelfile import save

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(capfd):
    """Runs the console command; gives exit code and what it wrote to standard error."""

    def call(*arguments):
        code = main([str(a) for a in arguments])
        error = capfd.readouterr().err
        return code, error

    return call


@pytest.fixture(scope="module")
def tiny_model_path(tiny_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save(tiny_model, path)
    return path


@pytest.fixture
def build(run, tiny_model_path, tmp_path):
    def call(*arguments, part="xc7z020", model=None, output=None):
        return run(
            "build", "--part", part, "--model", model or tiny_model_path,
            "--output", output or tmp_path / "out", "--images", 2, *arguments,
        )  # fmt: skip

    return call


def one_line(error, pattern):
    lines = error.strip().splitlines()
    assert len(lines) == 1, error
    assert lines[0].startswith("error: ")
    assert re.search(pattern, lines[0]), lines[0]
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("part", "pattern"),
    [
        ("xc7z02", "not 'xc7z02'; nearest: .*xc7z020"),
        ("pynq-z3", "not 'pynq-z3'; nearest: .*pynq-z2"),
        ("", "part must be"),
    ],
)
def test_unknown_part_or_board(build, part, pattern):
    code, error = build(part=part)
    assert code == 2
    one_line(error, pattern)


def test_missing_model(build, tmp_path):
    code, error = build(model=tmp_path / "nowhere.safetensors")
    assert code == 2
    one_line(
        error, "a model must be a name of the zoo or a .safetensors file; there is no .*nowhere.safetensors"
    )


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "flipped"])
def test_corrupt_model(build, tiny_model_path, tmp_path, damage):
    data = bytearray(tiny_model_path.read_bytes())
    if damage == "flipped":
        data[12] ^= 0xFF
    content = {"truncated": data[:-100], "text": b"hello", "empty": b"", "flipped": data}[damage]
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(bytes(content))
    code, error = build(model=path)
    assert code == 2
    one_line(
        error,
        r"damaged\.safetensors must be a \.safetensors model of sqz_hw, and is damaged or something else",
    )


def test_float_model(build, tiny_model, tmp_path):
    save(replace(tiny_model, quantisation=None), tmp_path / "float.safetensors")
    code, error = build(model=tmp_path / "float.safetensors")
    assert code == 2
    one_line(error, "hardware needs a quantised model, and tiny is a float one; quantise it first")


SIZE = 16
BAD_DATA = {
    "shape": ({"x": np.zeros((3, 9, 9, 3), np.uint8), "y": np.zeros(3, int)}, "x must be N x 16 x 16 x 3 .*not 3 x 9 x 9 x 3"),
    "dtype": ({"x": np.zeros((3, SIZE, SIZE, 3)), "y": np.zeros(3, int)}, "x must be uint8 pixels of 0 to 255, not float64"),
    "labels": ({"x": np.zeros((3, SIZE, SIZE, 3), np.uint8), "y": np.zeros(2, int)}, "y must hold one label an image"),
    "float labels": ({"x": np.zeros((3, SIZE, SIZE, 3), np.uint8), "y": np.zeros(3)}, "y must be integer labels, not float64"),
    "classes": ({"x": np.zeros((3, SIZE, SIZE, 3), np.uint8), "y": np.full(3, 9)}, "labels must be between 0 and 3, not 9 to 9"),
    "keys": ({"images": np.zeros((3, SIZE, SIZE, 3), np.uint8)}, r"must hold x .* and y .*, not \['images'\]"),
    "pickled": ({"x": np.array([{}], object), "y": np.zeros(1, int)}, "holds pickled objects, which can run code"),
    "nothing": ({"x": np.zeros((0, SIZE, SIZE, 3), np.uint8), "y": np.zeros(0, int)}, "there must be at least one image, not none"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD_DATA)
def test_bad_data(build, tmp_path, fault):
    arrays, pattern = BAD_DATA[fault]
    np.savez(tmp_path / "d.npz", **arrays)
    code, error = build("--data", tmp_path / "d.npz")
    assert code == 2
    one_line(error, pattern)


def test_damaged_data(build, tmp_path):
    (tmp_path / "d.npz").write_bytes(b"PK\x03\x04 and no more")
    code, error = build("--data", tmp_path / "d.npz")
    assert code == 2
    one_line(error, r"d\.npz must be an \.npz .* damaged or something else; write it with numpy\.savez")


def test_missing_data(build, tmp_path):
    code, error = build("--data", tmp_path / "nothing.npz")
    assert code == 2
    one_line(error, "data must be 'cifar10', an .npz file or a folder of images; there is no .*nothing.npz")


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["--images", "0"], "--images: input should be greater than or equal to 1, not 0"),
        (
            ["--backend", "Quartus"],
            "--backend: input should be 'Vitis', 'Vivado' or 'StreamRTL', not 'Quartus'",
        ),
        (["--clock-mhz", "0"], "--clock-mhz: input should be greater than or equal to 1, not 0"),
        (["--clock-mhz", "nan"], "--clock-mhz: "),
        (["--fifo-margin", "-1"], "--fifo-margin: input should be greater than or equal to 0, not -1"),
        (["--result", "softmax"], "--result: input should be 'scores' or 'argmax', not 'softmax'"),
        (["--images", "many"], "'many' is not a valid integer"),
        (["--nonsense"], "No such option.*--nonsense"),
    ],
)
def test_bad_options(build, arguments, pattern):
    code, error = build(*arguments)
    assert code == 2
    one_line(error, pattern)


def test_no_compiler(build, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, error = build()
    assert code == 5
    one_line(error, r"C-simulation needs g\+\+ on the PATH, and there is none; install it")


def test_bad_input_is_said_before_a_missing_tool(build, tmp_path, monkeypatch):
    """Exit code 2 comes before 5."""
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _ = build(model=tmp_path / "nowhere.safetensors")
    assert code == 2


def test_output_that_cannot_be_written(build, tmp_path):
    (tmp_path / "file").write_text("mine")
    code, error = build(output=tmp_path / "file" / "out")
    assert code == 2
    one_line(error, r"the output folder .*/file/out cannot be written .*; choose another --output")
    assert (tmp_path / "file").read_text() == "mine"


def test_output_that_is_a_file(build, tmp_path):
    (tmp_path / "file").write_text("mine")
    code, error = build(output=tmp_path / "file")
    assert code == 2
    one_line(error, "the output must be a folder, and .*file is none; choose another --output")


def test_output_that_holds_something_else_is_not_replaced(build, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    code, error = build(output=tmp_path / "thesis")
    assert code == 2
    one_line(error, "holds something else than a build and would be replaced; choose another --output")
    assert (tmp_path / "thesis" / "chapter1.tex").read_text() == "years of work"


def test_bad_input_costs_no_earlier_result(build, project, tmp_path):
    output = shutil.copytree(project.folder, tmp_path / "out")
    before = (output / "build.json").read_bytes()
    code, _ = build("--data", tmp_path / "nothing.npz", output=output)
    assert code == 2
    assert (output / "build.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["--set", "squeeze_ratio=1.0"], r"the squeeze width must be below the expand width \(64 \+ 64 = 128\), not 128; lower SR"),
        (["--set", "pct3x3=2"], "pct3x3 must be between 0.0 and 1.0, not 2"),
        (["--set", "freq=0"], "freq must be between 1 and"),
        (["--set", "depth=3"], "architecture fields must be among .*, not depth"),
        (["--set", "freq"], "--set takes field=value, such as pct3x3=0.25, not 'freq'"),
        (["--architecture", "v2"], "architecture must be one of v1.0, v1.1, not 'v2'"),
        (["--bypass", "double"], "bypass must be one of none, simple, complex, not 'double'"),
        (["--width", "0"], "width must be above 0, not 0"),
        (["--weight-bits", "1"], "--weight-bits: input should be greater than or equal to 2, not 1"),
        (["--sparsity", "1.5"], "--sparsity: input should be less than 1, not 1.5"),
    ],
)  # fmt: skip
def test_illegal_training_options(run, tmp_path, arguments, pattern):
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "d.npz", x=rng.integers(0, 256, (20, 32, 32, 3), np.uint8), y=np.arange(20) % 4)
    code, error = run("train", "--data", tmp_path / "d.npz", "--output", tmp_path / "run", *arguments)
    assert code == 2
    one_line(error, pattern)
    assert not (tmp_path / "run").exists()


def test_help_names_every_verb(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "build" in text
    assert "train" in text


def test_a_script_without_the_venv_says_what_to_do(tmp_path):
    """A bare Python, and a checkout without .venv: one line, exit code 5."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    command = [sys.executable, "-I", "-S", str(tmp_path / "scripts" / "build_hls.py"), "--part", "xc7z020"]
    code = "import sys, runpy; sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]; "
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-c", code, str(tmp_path / "scripts"), *command[3:]]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 5
    one_line(result.stderr, r"build_hls\.py needs the project's \.venv with click.*; run 'make venv' first")


def test_a_script_runs_itself_under_the_venv(tmp_path):
    """Whatever Python it was started with, the .venv's takes over, arguments unchanged."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    fake = tmp_path / ".venv" / "bin" / "python"
    fake.write_text('#!/bin/sh\necho "venv: $@"\n')
    fake.chmod(0o755)
    command = [sys.executable, str(tmp_path / "scripts" / "build_hls.py"), "--part", "xc7z020"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == f"venv: {tmp_path / 'scripts' / 'build_hls.py'} --part xc7z020"


def test_cosim_without_synth_is_refused_before_a_build(build, tmp_path):
    code, error = build("--cosim")
    assert code == 2
    one_line(error, "--cosim needs --synth, which was not given; give both, or neither")
    assert not (tmp_path / "out").exists()
