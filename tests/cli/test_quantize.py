"""``sqz-hw quantize``: a whole run, what it says, and what it refuses."""

import json
import re

import numpy as np
import pytest
from models import TINY, random_float_model, random_images

from sqz_hw.cli import main
from sqz_hw.model.modelfile import load, save


@pytest.fixture
def place(tmp_path):
    np.savez(tmp_path / "d.npz", x=random_images(TINY, 24), y=np.arange(24) % 4)
    save(random_float_model(TINY), tmp_path / "f.safetensors")
    return tmp_path


def quantize(place, *options):
    return main(
        ["quantize", str(place / "f.safetensors"), "--calibration", str(place / "d.npz"),
         "--output", str(place / "out" / "q.safetensors"), *options]
    )  # fmt: skip


def test_a_run_and_its_scores_on_the_other_images(place, capsys):
    assert quantize(place, "--calibration-images", "16", "--code-bits", "4") == 0
    said = capsys.readouterr().out
    assert re.search(
        r"^tiny: 8-bit weights, 8-bit activations, weights shared through 4-bit codes; "
        r"calibrated on 16 images of d\.npz in \d+ s$", said, re.M,
    )  # fmt: skip
    model = load(place / "out" / "q.safetensors")
    assert (model.name, model.quantisation.code_bits) == ("q", 4)
    found = model.record["agreement"]
    assert (found["images"], found["calibration"]) == (8, False)
    assert f"same top-1 as float: {found['same_top1']:.2f} % of 8 other images" in said
    assert f"float {found['float_top1']:.2f} %, quantised {found['quantised_top1']:.2f} %" in said
    assert main(["evaluate", "--model", str(place / "out" / "q.safetensors"), "--data", str(place / "d.npz"),
                 "--engine", "golden", "--json"]) == 0  # fmt: skip
    assert json.loads(capsys.readouterr().out)["images"] == 24


def test_with_no_other_images_the_calibrations_own_are_scored_and_that_is_said(place, capsys):
    assert quantize(place, "--name", "mine") == 0
    assert "% of 24 images, those of the calibration" in capsys.readouterr().out
    model = load(place / "out" / "q.safetensors")
    assert model.name == "mine"
    assert model.record["agreement"]["calibration"] is True
    assert model.record["quantised"]["calibration_images"] == 24


def test_the_same_bytes_twice_and_no_score(place):
    for _ in range(2):
        assert quantize(place, "--score-images", "0") == 0
        model = (place / "out" / "q.safetensors").read_bytes()
        before = locals().get("before", model)
        assert model == before
    assert "agreement" not in load(place / "out" / "q.safetensors").record


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--weight-bits", "9"], "--weight-bits: input should be less than or equal to 8, not 9"),
        (["--activation-bits", "1"], "--activation-bits: input should be greater than or equal to 2, not 1"),
        (["--code-bits", "0"], "--code-bits: input should be greater than or equal to 1, not 0"),
        (["--weight-bits", "4", "--code-bits", "5"], "--code-bits: must be at most --weight-bits, 4, not 5; leave it out"),
        (["--calibration-images", "0"], "--calibration-images: input should be greater than or equal to 1, not 0"),
        (["--score-images", "-1"], "--score-images: must be 0 or more, not -1"),
        (["--name", "a/b"], "a model's name must be 1 to 100 bytes of printable text without slashes, not 'a/b'; name it otherwise when training"),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else "",
)  # fmt: skip
def test_options_out_of_range(place, capsys, options, message):
    assert quantize(place, *options) == 2
    assert capsys.readouterr().err.strip() == f"error: {message}"
    assert not (place / "out").exists()


def test_the_output_must_not_be_the_model_or_a_folder(place, capsys):
    for name, message in (
        ("f.safetensors", "--output must not be the float model itself"),
        (".", "--output must be a file, and"),
    ):
        before = (place / "f.safetensors").read_bytes()
        code = main(
            ["quantize", str(place / "f.safetensors"), "--calibration", str(place / "d.npz"),
             "--output", str(place / name)]
        )  # fmt: skip
        assert code == 2
        assert message in capsys.readouterr().err
        assert (place / "f.safetensors").read_bytes() == before


def test_a_quantised_model_is_refused(place, capsys):
    assert quantize(place, "--score-images", "0") == 0
    capsys.readouterr()
    code = main(
        ["quantize", str(place / "out" / "q.safetensors"), "--calibration", str(place / "d.npz"),
         "--output", str(place / "again.safetensors")]
    )  # fmt: skip
    assert code == 2
    assert (
        "quantisation takes a float model, and q is quantised; give the float one" in capsys.readouterr().err
    )
    assert not (place / "again.safetensors").exists()
