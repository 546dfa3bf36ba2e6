"""``sqz-hw train``: what its options make of the architecture, and a whole small run."""

import re

import numpy as np
import pytest
from models import TINY, random_images

from sqz_hw import zoo
from sqz_hw.cli import main
from sqz_hw.cli.train import with_fields
from sqz_hw.errors import IllegalArchitectureError
from sqz_hw.model.architecture import V1_0
from sqz_hw.model.modelfile import load


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
        "--weight-bits", "4", "--sparsity", "0.5",
    ]  # fmt: skip
    assert main(["train", *options]) == 0
    out = capsys.readouterr().out
    model = load(zoo.find("."))
    assert f"my-net: {model.architecture.parameters:,} parameters" in out
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
