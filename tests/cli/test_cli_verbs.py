"""The verbs that read a model or a project: evaluate and verify."""

import json
import re
import shutil

import numpy as np
import pytest
from models import random_float_model

from sqz_hw.cli import main
from sqz_hw.model.modelfile import save


@pytest.fixture(scope="module")
def data(project, tmp_path_factory):
    size, classes = project.model.architecture.input_size, project.model.architecture.classes
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("data") / "d.npz"
    images = np.load(project.folder / "csim" / "inputs.npy")
    x = np.concatenate([images, rng.integers(0, 256, (6, size, size, 3), np.uint8)])
    np.savez(path, x=x, y=np.arange(len(x)) % classes)
    return path


def run(capfd, *arguments):
    code = main([str(a) for a in arguments])
    return code, capfd.readouterr()


def test_all_engines_but_float_give_the_same_accuracy(project, data, capfd):
    found = {}
    for engine in ("qkeras", "golden", "csim"):
        code, said = run(
            capfd, "evaluate", "--model", project.model_path, "--data", data, "--engine", engine, "--json"
        )
        assert code == 0
        found[engine] = json.loads(said.out)
        assert set(found[engine]) == {"engine", "images", "top1", "top5", "images_per_s"}
        assert found[engine]["engine"] == engine
        assert found[engine]["images"] == 16
    assert found["qkeras"]["top1"] == found["golden"]["top1"] == found["csim"]["top1"]
    assert found["csim"]["top5"] is None


def test_the_float_engine_takes_the_companion(project, data, capfd, tmp_path):
    path = shutil.copy(project.model_path, tmp_path / "m.safetensors")
    code, said = run(capfd, "evaluate", "--model", path, "--data", data, "--engine", "float")
    assert code == 2
    assert re.search(
        r"error: the float engine needs a float model, .* no m-float\.safetensors beside it", said.err
    )
    save(random_float_model(project.model.architecture), tmp_path / "m-float.safetensors")
    code, said = run(
        capfd, "evaluate", "--model", path, "--data", data, "--engine", "float", "--images", 5, "--json"
    )
    assert code == 0
    assert json.loads(said.out)["images"] == 5


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["--engine", "vhdl"], "the engine must be one of float, qkeras, golden, csim, rtl, not 'vhdl'"),
        (["--engine", "golden", "--images", "0"], "--images: must be 1 or more, not 0"),
    ],
)
def test_bad_evaluations(project, data, capfd, arguments, pattern):
    code, said = run(capfd, "evaluate", "--model", project.model_path, "--data", data, *arguments)
    assert code == 2
    assert re.search(pattern, said.err)


def test_a_project_is_verified_again_and_stays_as_it_is(project, data, capfd, tmp_path):
    folder = shutil.copytree(project.folder, tmp_path / "p")
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    code, said = run(capfd, "verify", folder, "--data", data, "--images", 16, "--adversarial")
    assert code == 0, said.err
    found = re.search(
        r"bit-exact: qkeras, golden and csim agree on all ([\d,]+) values of (\d+) tensors, (\d+) images",
        said.out,
    )
    assert int(found[3]) > 16 + 40
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("types", ["bundled", "fast"])
def test_a_changed_project_is_found_out(project, capfd, tmp_path, types):
    folder = shutil.copytree(project.folder, tmp_path / "p")
    weights = sorted((folder / "hls" / "firmware" / "weights").glob("w*.txt"))[0]
    values = weights.read_text().split(", ")
    values[0] = repr(float(values[0]) + 0.5)
    weights.write_text(", ".join(values))
    code, said = run(capfd, "verify", folder, "--images", 4, "--types", types)
    assert code == 3
    assert re.search(
        r"error: C-simulation must equal qkeras and golden in every layer, and differs first in \w+: ",
        said.err,
    )
    assert list((folder / "csim").glob("difference-*.png"))


def test_unknown_types(project, capfd):
    code, said = run(capfd, "verify", project.folder, "--types", "slow")
    assert code == 2
    assert "--types: must be one of auto, bundled, fast, not 'slow'" in said.err


def test_a_folder_that_is_no_project(capfd, tmp_path):
    code, said = run(capfd, "verify", tmp_path)
    assert code == 2
    assert re.search(
        r"error: a project must be a folder that build_hls\.py wrote, and .* has no csim/design\.json; build it again",
        said.err,
    )
