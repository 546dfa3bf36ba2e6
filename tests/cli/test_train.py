"""``sqz-hw train``: what its options make of the architecture, and a whole small run."""

import re

import numpy as np
import pytest
from models import TINY, random_float_model, random_images

from sqz_hw import zoo
from sqz_hw.cli import main
from sqz_hw.cli.train import given_architecture, settings_of, with_fields
from sqz_hw.errors import BadInputError, IllegalArchitectureError
from sqz_hw.model.architecture import V1_0, Architecture
from sqz_hw.model.modelfile import load, save


@pytest.fixture
def npz(tmp_path):
    np.savez(tmp_path / "d.npz", x=random_images(TINY, 24), y=np.arange(24) % 3)
    return str(tmp_path / "d.npz")


def test_fields_are_json_or_a_word():
    arch = with_fields(
        V1_0, ("pct3x3=0.25", "pools_after=[1, 2]", "ceil_pooling=false", "bypass=simple", "name=my=own")
    )
    assert (arch.pct3x3, arch.pools_after, arch.ceil_pooling) == (0.25, (1, 2), False)
    assert (arch.bypass, arch.name) == ("simple", "my=own")
    assert with_fields(V1_0, ()) == V1_0


def test_fields_are_set_together():
    """Neither of the two is legal without the other."""
    assert with_fields(V1_0, ("fire_modules=2", "pools_after=[1]")).fire_modules == 2
    with pytest.raises(IllegalArchitectureError, match="pools_after must be rising"):
        with_fields(V1_0, ("fire_modules=2",))


def test_a_field_without_a_value():
    with pytest.raises(
        IllegalArchitectureError, match=r"^--set takes field=value, such as pct3x3=0\.25, not 'freq'$"
    ):
        with_fields(V1_0, ("freq",))


TINY_OPTIONS = [
    "--bypass", "complex", "--set", "fire_modules=2", "--set", "pools_after=[1]", "--set", "base_e=8",
    "--set", "incr_e=8", "--set", "freq=1", "--set", "squeeze_ratio=0.5", "--set", "conv1_filters=8",
]  # fmt: skip


@pytest.fixture
def start(tmp_path):
    """A float model of the options' architecture, but for three classes."""
    arch = Architecture.from_dict({**TINY.to_dict(), "bypass": "complex", "classes": 3})
    save(random_float_model(arch), tmp_path / "start.safetensors")
    return arch, tmp_path / "start.safetensors"


def said(**options):
    return {"architecture": None, "width": None, "bypass": None, "changes": (), **options}


def test_a_start_brings_its_architecture(start):
    arch, _ = start
    assert given_architecture(said(), arch, 16) == arch
    same = said(architecture="tiny", width=1.0, bypass="complex", changes=("base_e=8", "pools_after=[1]"))
    assert given_architecture(same, arch, 16) == arch


@pytest.mark.parametrize(
    ("options", "size", "message"),
    [
        ({"bypass": "simple"}, 16, "--start has bypass complex, and the options say simple; leave"),
        ({"width": 0.5}, 16, "--start has width 1.0, and the options say 0.5; leave"),
        ({"architecture": "v1.1"}, 16, "--start has name tiny, and the options say v1.1; leave"),
        ({"changes": ("base_e=16",)}, 16, "--start has base_e 8, and the options say 16; leave"),
        ({}, 32, "--start takes images of 16x16, and those given are 32x32; give images of that size"),
    ],
    ids=str,
)
def test_options_that_say_something_else_than_the_start(start, options, size, message):
    with pytest.raises(BadInputError, match=f"^{re.escape(message)}"):
        given_architecture(said(**options), start[0], size)


def test_a_start_skips_the_float_stage_unless_it_is_asked_for():
    options = {"memory_budget": None, "part": None}
    assert (settings_of(options, True).float_epochs, settings_of(options, False).float_epochs) == (0, 26)
    assert settings_of({**options, "float_epochs": 3}, True).float_epochs == 3
    budget = settings_of({**options, "memory_budget": "60%", "part": "xc7z020"}, False)
    assert budget.memory_bits == 3_096_576


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--float-epochs", "0"], "--float-epochs 0 needs a network to start from; give --start FILE"),
        (
            ["--teacher", "none", "--distill-weight", "0.3"],
            "--distill-weight needs a teacher; give --teacher FILE",
        ),
        (
            ["--teacher", "none", "--teacher", "self"],
            "--teacher none must stand alone, not beside self; leave it or them out",
        ),
        (
            ["--teacher", "self", "--teacher", "self"],
            "--teacher must name each teacher once, not self, self; leave one out",
        ),
        (
            ["--teacher", "nowhere.safetensors"],
            "--teacher must be a .safetensors model file, and there is no nowhere.safetensors; check the path",
        ),
        (["--part", "xc7z020"], "--part is what --memory-budget is a share of; give both, such as 60%"),
        (["--memory-budget", "60%"], "--memory-budget 60% is a share of a part's memory; give --part"),
        (
            ["--precision", "float16"],
            "Invalid value for '--precision': 'float16' is not one of 'float32', 'bfloat16'",
        ),
        (["--density", "0"], "--density: input should be greater than 0, not 0.0"),
        (["--sparsity", "0.5", "--density", "0.5"], "--sparsity prunes every Fire kernel alike"),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else "",
)
def test_options_of_the_recipe_that_cannot_be(npz, tmp_path, capsys, options, message):
    output = tmp_path / "run"
    base = ["train", "--data", npz, "--output", str(output), "--validation-images", "4", "--batch-size", "8"]
    code = main([*base, *TINY_OPTIONS, *options])
    assert code == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (["--set", "input_size=32"], r"--set input_size must be the images' size, 16, not 32; leave it out"),
        (
            ["--set", "classes=2"],
            r"d\.npz: labels must be between 0 and 1, not 0 to 2; give data of the model's own",
        ),
        (["--validation-images", "24"], r"d\.npz: 24 validation images must be fewer than the 24 images"),
        (["--batch-size", "0"], r"--batch-size: input should be greater than or equal to 1, not 0"),
    ],
    ids=["size", "classes", "validation", "batch"],
)
def test_options_that_do_not_fit_the_data(npz, tmp_path, capsys, options, pattern):
    code = main(["train", "--data", npz, "--output", str(tmp_path / "run"), *TINY_OPTIONS, *options])
    assert code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.match("^error: " + pattern, line)
    assert not (tmp_path / "run").exists()


def test_a_whole_run_in_the_current_folder(npz, tmp_path, monkeypatch, capsys):
    """Named after the folder; the accuracy table is of the test data; a second run needs --resume."""
    here = tmp_path / "my-net"
    here.mkdir()
    monkeypatch.chdir(here)
    options = [
        "--data", npz, "--test-data", npz, "--output", ".", *TINY_OPTIONS, "--batch-size", "8",
        "--validation-images", "4", "--float-epochs", "1", "--prune-epochs", "1", "--qat-epochs", "1",
        "--weight-bits", "4", "--density", "0.5",
    ]  # fmt: skip
    assert main(["train", *options]) == 0
    out = capsys.readouterr().out
    model = load(zoo.find("."))
    assert f"my-net: {model.architecture.parameters:,} parameters" in out
    assert re.search(r"density: loss increase of each layer alone; validation loss \d\.\d{4}", out)
    assert re.search(r"fire2/squeeze1x1 ( +[+-]\d\.\d{4}){6} +\d\.\d{3}\n", out)
    assert f"{model.record['stored_bits']:,} bits" in out
    assert re.search(
        r"top-1 on 24 test images: float \d+\.\d\d %, pruned \d+\.\d\d %, quantised \d+\.\d\d %", out
    )
    arch = model.architecture
    assert (model.name, arch.input_size, arch.classes, arch.bypass, arch.fire_modules) == (
        "my-net",
        16,
        3,
        "complex",
        2,
    )
    assert {t.width for t in model.quantisation.weights.values()} == {4}
    assert model.density() <= 0.51
    assert model.record["training_images"] == 20
    assert main(["train", *options]) == 2
    assert "give --resume to go on with it" in capsys.readouterr().err
