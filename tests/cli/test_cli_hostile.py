"""Input made to do harm: names that are paths, devices for files, designs that contradict themselves."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from sqz_hw.cli import main
from sqz_hw.errors import BadInputError
from sqz_hw.model import datasets, modelfile
from sqz_hw.verify.compiler import compile_project

ROOT = Path(__file__).resolve().parents[2]
SIZE = 16


@pytest.fixture
def run(capfd):
    """Runs the console command; gives exit code and what it wrote to standard error."""

    def call(*arguments):
        code = main([str(a) for a in arguments])
        return code, capfd.readouterr().err

    return call


@pytest.fixture(scope="module")
def model_path(tiny_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    modelfile.save(tiny_model, path)
    return path


@pytest.fixture
def changed(model_path, tmp_path):
    """A copy of the model file with other metadata."""

    def make(**changes):
        meta = json.loads(metadata(model_path))
        path = tmp_path / "changed.safetensors"
        save_file(load_file(model_path), path, {modelfile.METADATA_KEY: json.dumps({**meta, **changes})})
        return path

    return make


def metadata(path):
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return header["__metadata__"][modelfile.METADATA_KEY]


def one_line(error, text):
    lines = error.strip().splitlines()
    assert len(lines) == 1, error
    assert lines[0].startswith("error: ")
    assert text in lines[0]
    assert lines[0].isprintable()


@pytest.mark.parametrize(
    "name", ["../../evil", "/evil", "a\\b", "", "n" * 300, "red\x1b[31m", "two\nlines", 5]
)
def test_a_model_name_that_is_no_folder_name(run, changed, tmp_path, monkeypatch, name):
    """The default output folder is called after the model."""
    monkeypatch.chdir(tmp_path)
    code, error = run("build", "--part", "xc7z020", "--model", changed(name=name))
    assert code == 2
    one_line(error, "a model's name must be 1 to 100 bytes of printable text without slashes, not ")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["changed.safetensors"]


def test_a_bad_name_is_refused_before_training(run, tmp_path):
    code, error = run("train", "--data", tmp_path / "d.npz", "--output", tmp_path / "run", "--name", "a/b")
    assert code == 2
    one_line(error, "printable text without slashes, not 'a/b'; name it otherwise when training")


def test_other_preprocessing_than_hardware_does(run, changed):
    """Hardware would compute something else than the model's author meant."""
    code, error = run(
        "build", "--part", "xc7z020", "--model", changed(preprocessing={"channels": "BGR", "scale": "x/256"})
    )
    assert code == 2
    one_line(error, "the preprocessing must be {'channels': 'RGB', 'scale': 'x/256'}, which hardware does")


@pytest.mark.parametrize("output", ["made/..", "made/../../home", "."])
def test_output_that_leads_back_to_the_users_files(run, model_path, tmp_path, monkeypatch, output):
    """``made`` is not there yet, so ``made/..`` seems to be nowhere."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("years of work")
    monkeypatch.chdir(home)
    code, error = run("build", "--part", "xc7z020", "--model", model_path, "--output", output)
    assert code == 2
    one_line(error, "holds something else than a build and would be replaced; choose another --output")
    assert (home / "thesis.tex").read_text() == "years of work"


def test_notes_beside_a_build_are_not_replaced(run, project, model_path, tmp_path):
    output = shutil.copytree(project.folder, tmp_path / "out")
    (output / "notes.txt").write_text("mine")
    code, error = run("build", "--part", "xc7z020", "--model", model_path, "--output", output)
    assert code == 2
    one_line(error, "or move notes.txt elsewhere")
    assert (output / "notes.txt").read_text() == "mine"


def test_output_that_is_a_link(run, model_path, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("link", "loop"):
        code, error = run("build", "--part", "xc7z020", "--model", model_path, "--output", tmp_path / name)
        assert code == 2
        one_line(error, "the output must be a folder, ")


@pytest.mark.parametrize("source", ["", "/dev/zero", "/dev/null"])
def test_data_that_is_no_file(run, model_path, source):
    code, error = run("build", "--part", "xc7z020", "--model", model_path, "--data", source)
    assert code == 2
    one_line(error, "data must be ")


def test_a_pipe_for_data(run, model_path, tmp_path):
    """Opening it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    code, error = run("build", "--part", "xc7z020", "--model", model_path, "--data", tmp_path / "pipe")
    assert code == 2
    one_line(error, "data must be an .npz file or a folder of images, and ")


def test_data_that_unpacks_without_end(run, model_path, tmp_path):
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("x.npy", b"little")
    data = bytearray(bomb.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")  # its size, by the directory
    many = data[at : data.rindex(b"PK\x05\x06")] * 5
    end = bytearray(data[data.rindex(b"PK\x05\x06") :])
    end[8:12] = (5).to_bytes(2, "little") * 2
    end[12:16] = len(many).to_bytes(4, "little")
    bomb.write_bytes(bytes(data[:at] + many + end))
    code, error = run("build", "--part", "xc7z020", "--model", model_path, "--data", bomb)
    assert code == 2
    one_line(error, "bomb.npz must unpack to at most 16 GiB, not 20.0 GiB; give fewer images")


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (np.full(3, 2**64 - 1, np.uint64), "labels must be class numbers, not 18446744073709551615"),
        (np.arange(3).astype("m8[s]"), "y must be integer labels, not timedelta64[s]"),
    ],
)
def test_odd_labels(run, model_path, tmp_path, labels, text):
    np.savez(tmp_path / "d.npz", x=np.zeros((3, SIZE, SIZE, 3), np.uint8), y=labels)
    code, error = run("build", "--part", "xc7z020", "--model", model_path, "--data", tmp_path / "d.npz")
    assert code == 2
    one_line(error, text)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("pipe", "1.png must be a readable image (OSError); remove or replace it"),
        ("strip", "1.png must be at most 64 times as long as it is wide, not 1 x 60000 pixels"),
    ],
)
def test_odd_images(run, model_path, tmp_path, fault, text):
    (tmp_path / "set" / "cat").mkdir(parents=True)
    file = tmp_path / "set" / "cat" / "1.png"
    if fault == "pipe":
        os.mkfifo(file)
    else:
        Image.new("RGB", (1, 60000)).save(file)
    code, error = run("build", "--part", "xc7z020", "--model", model_path, "--data", tmp_path / "set")
    assert code == 2
    one_line(error, text)


def test_hidden_files_are_no_images(tmp_path):
    """A Mac leaves ``._1.png`` beside ``1.png``."""
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (SIZE, SIZE)).save(tmp_path / "cat" / "1.png")
    (tmp_path / "cat" / "._1.png").write_bytes(b"resource fork")
    assert len(datasets.load(str(tmp_path), SIZE)) == 1


@pytest.fixture
def copied(project, tmp_path):
    return shutil.copytree(project.folder, tmp_path / "tiny")


def _relu_first(design):
    design["layers"].reverse()


def _no_sum(design):
    design["layers"] = [layer for layer in design["layers"] if layer["op"] != "global_sum"]


def _two_inputs(design):
    design["streams"][2]["source"] = None


def _no_layers(design):
    design["layers"] = design["streams"] = []


def _reads_nothing(design):
    design["layers"][2]["inputs"] = []


def _short_bias(design):
    conv = next(layer["conv"] for layer in design["layers"] if layer["conv"])
    conv["bias"] = {"shape": [0], "int32_base64": ""}


def _odd_name(design):
    old = design["streams"][2]["name"]
    design.update(json.loads(json.dumps(design).replace(f'"{old}"', '"a b"')))


def _huge(design):
    design["streams"][0]["shape"] = [10**6, 10**6, 3]


def _other_size(design):
    design["streams"][0]["shape"] = [64, 64, 3]


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (_relu_first, "the design is damaged: "),
        (_no_sum, "there must be one global_sum, not 0; build the project again"),
        (_two_inputs, "there must be one stream without a source, not 2"),
        (_no_layers, "there must be one stream without a source, not 0"),
        (_reads_nothing, "must read and write a stream"),
        (_short_bias, "build the design again"),
        (_odd_name, "the name of a stream must be one of C++, not 'a b'"),
        (_huge, "must have 1 to 268,435,456 values"),
        (_other_size, "the design must take images of its model, 16 x 16 x 3, not 64 x 64 x 3"),
    ],
)
def test_a_design_that_contradicts_itself(run, copied, damage, text):
    path = copied / "csim" / "design.json"
    design = json.loads(path.read_text())
    damage(design)
    path.write_text(json.dumps(design))
    code, error = run("verify", copied, "--images", 1)
    assert code == 2
    one_line(error, text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--images", "9" * 30], "--images: must be 1000000 or less, not 999"),
        (["--workers", "300"], "--workers: must be 256 or less, not 300"),
        (["--data", ""], "there is no ''"),
    ],
)
def test_verify_options(run, project, arguments, text):
    code, error = run("verify", project.folder, *arguments)
    assert code == 2
    one_line(error, text)


def test_verify_a_path_that_none_can_be(run):
    code, error = run("verify", "p" * 5000)
    assert code == 2
    one_line(error, "File name too long")


def test_a_library_that_is_gone_or_cut_is_compiled_again(copied):
    library = copied / "csim" / "libmyproject.so"
    whole = library.read_bytes()
    assert not compile_project(copied / "hls", copied / "csim").compiled
    library.write_bytes(whole[:100])
    assert compile_project(copied / "hls", copied / "csim").compiled
    assert library.stat().st_size > 100


@pytest.mark.parametrize("text", ["base_e=" + "9" * 5000, "pools_after=" + "[" * 5000])
def test_endless_architecture_values(run, tmp_path, text):
    code, error = run("train", "--data", "none", "--output", tmp_path / "run", "--set", text)
    assert code == 2
    one_line(error, "must be a")


def test_rate_without_end(run, tmp_path):
    code, error = run("train", "--data", "none", "--output", tmp_path / "run", "--float-rate", "inf")
    assert code == 2
    one_line(error, "--float-rate: input should be a finite number, not inf")


def test_too_few_images_leave_no_folder(run, tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros((3, SIZE, SIZE, 3), np.uint8), y=np.arange(3))
    code, error = run(
        "train", "--data", tmp_path / "d.npz", "--output", tmp_path / "run", "--validation-images", 0
    )
    assert code == 2
    one_line(error, "a batch of 128 must not exceed the 3 training images; lower --batch-size")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 1", "g++ must know C++17 or later, and "),
        ('case "$*" in *fsyntax-only*) exit 0;; esac; printf "\\033[31m\\377 error" >&2; exit 3', "failed with exit code 3"),
    ],
)  # fmt: skip
def test_a_compiler_that_fails(tmp_path, monkeypatch, project, script, text):
    _fake_compiler(tmp_path, monkeypatch, script)
    with pytest.raises(Exception, match="g") as caught:
        compile_project(project.folder / "hls", tmp_path / "csim")
    assert getattr(caught.value, "exit_code", None) == 5
    assert text in str(caught.value)
    assert str(caught.value).isprintable()


def test_sigterm_ends_the_compiler_and_its_children(tmp_path, monkeypatch, project):
    """g++ is a driver: killing it alone would leave the compiler proper behind."""
    _fake_compiler(tmp_path, monkeypatch, f"sleep 60 & echo $! > {tmp_path}/child; wait")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from sqz_hw.cli import main as m; "
        "from pathlib import Path; from sqz_hw.verify.compiler import compile_project; "
        "import importlib; cli = importlib.import_module('sqz_hw.cli.main'); "
        "cli.cli.main = lambda **_: compile_project(Path(sys.argv[2]), Path(sys.argv[3])); sys.exit(m([]))"
    )
    command = [sys.executable, "-c", program, str(ROOT), str(project.folder / "hls"), str(tmp_path / "csim")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    child = tmp_path / "child"
    deadline = time.monotonic() + 20
    while not (child.exists() and child.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 130
    assert error.strip() == "stopped"
    assert not Path(f"/proc/{child.read_text().strip()}/exe").exists()


def _fake_compiler(folder, monkeypatch, script):
    (folder / "bin").mkdir()
    compiler = folder / "bin" / "g++"
    compiler.write_text(f"#!/bin/sh\n{script}\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (OSError(28, "No space left on device", "/x"), "/x cannot be written (No space left on device); make room"),
        (OSError("2304 requested and 0 written"), "a file cannot be written (2304 requested and 0 written)"),
        (MemoryError(), "it needs more memory than there is; give fewer images or a smaller network"),
    ],
)  # fmt: skip
def test_no_room(run, model_path, monkeypatch, fault, text):
    def full(path):
        raise fault

    monkeypatch.setattr(modelfile, "load", full)
    code, error = run("build", "--part", "xc7z020", "--model", model_path)
    assert code == 2
    one_line(error, text)


def test_a_message_is_printable_and_has_an_end():
    text = str(BadInputError("red \x1b[31m and \x00" + "x" * 10_000))
    assert text.startswith("red \\x1b[31m and \\x00xxx")
    assert text.isprintable()
    assert len(text) < 2100


def test_no_verb(run):
    code, error = run()
    assert code == 2
    one_line(error, "Missing command.")


def test_a_name_as_long_as_allowed(tiny_model):
    assert replace(tiny_model, name="n" * 100).name == "n" * 100
