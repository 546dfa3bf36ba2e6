"""A point as a network: its work counted, its legality, and the commands that train and build it."""

import shlex

import pytest
from explore_stubs import TINY_FIELDS, settings
from models import random_weights

from sqz_hw.cli.train import command as train
from sqz_hw.cli.train import with_fields
from sqz_hw.errors import BadInputError, IllegalArchitectureError
from sqz_hw.explore.candidate import Candidate, base_architecture, build_command, candidate_of, train_command
from sqz_hw.explore.objectives import excess
from sqz_hw.explore.proxy import largest
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.model.architecture import V1_1, named, small_stem

CIFAR = ExploreSettings(architecture="v1.1", data="my data.npz", part="xc7z020")


def test_what_is_not_searched_is_the_base_architectures():
    candidate = candidate_of(CIFAR, {"pools_after": [1, 4, 8], "density": 0.33})
    assert candidate.architecture == small_stem(V1_1, pools_after=(1, 4, 8))
    assert (candidate.weight_bits, candidate.activation_bits, candidate.target_fps) == (6, 6, None)
    assert Candidate.from_dict(candidate.to_dict()) == candidate


def test_large_images_keep_their_stem():
    arch = base_architecture(ExploreSettings(architecture="v1.0", input_size=227, classes=1000))
    assert arch == named("v1.0")


@pytest.mark.parametrize("density", [0.01, 0.33, 0.5, 1.0])
def test_nonzero_macs_are_those_of_pruned_weights(density):
    """Against a count over kernels that are pruned to the density."""
    candidate = candidate_of(settings(), {**TINY_FIELDS, "density": density})
    weights = random_weights(candidate.architecture)
    macs = 0
    for spec in candidate.architecture.convolutions:
        kernel = weights[f"{spec.name}/kernel"]
        macs += int(largest(kernel, candidate.kept(spec)).sum()) * spec.out_shape[0] * spec.out_shape[1]
        if spec.fire:
            assert abs(candidate.kept(spec) - density * kernel.size) <= 1
    assert candidate.nonzero_macs == macs
    assert (density < 1) == (macs < candidate.architecture.macs)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight_bits": 9}, "weight_bits must be a whole number from 2 to 8, not 9"),
        ({"activation_bits": 2.5}, "activation_bits must be a whole number from 2 to 16, not 2.5"),
        ({"weight_bits": True}, "weight_bits must be a whole number from 2 to 8, not True"),
        ({"density": 0}, "density must be above 0 and at most 1, not 0"),
        ({"density": "half"}, "density must be above 0 and at most 1, not 'half'"),
        ({"target_fps": -1}, "target_fps must be above 0, or null, not -1"),
    ],
)
def test_hardware_fields_out_of_range(values, message):
    with pytest.raises(BadInputError) as caught:
        candidate_of(settings(), {**TINY_FIELDS, **values})
    assert str(caught.value) == message


def test_an_illegal_architecture():
    with pytest.raises(IllegalArchitectureError, match=r"^freq must be a whole number, not 1\.5$"):
        candidate_of(CIFAR, {"freq": 1.5})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"width": 0.5, "bypass": "simple", "pools_after": [1, 4, 8]},
        {"base_e": 64, "incr_e": 96, "freq": 3, "pct3x3": 0.25, "squeeze_ratio": 0.5, "fire_modules": 5, "pools_after": [2, 4]},
        {"density": 0.35, "weight_bits": 4, "activation_bits": 5, "target_fps": 250.0, "ceil_pooling": False},
    ],
)  # fmt: skip
def test_the_commands_are_exact(values):
    """``train.py`` and ``build_hls.py`` take them, and make the very candidate of them."""
    candidate = candidate_of(CIFAR, values)
    arguments = shlex.split(train_command(CIFAR, candidate, "runs/x"))
    assert arguments[:2] == ["python", "scripts/train.py"]
    options = train.make_context("train", arguments[2:]).params
    assert options["data"] == "my data.npz"
    shape = {"input_size": 32, "classes": 10, "width": options["width"], "bypass": options["bypass"]}
    base = with_fields(named(options["architecture"]), options["changes"])
    arch = with_fields(small_stem(base, **shape), options["changes"])
    assert arch == candidate.architecture
    assert options["sparsity"] == pytest.approx(1 - candidate.density)
    assert (options["weight_bits"], options["activation_bits"]) == (
        candidate.weight_bits,
        candidate.activation_bits,
    )
    assert (options["bias_bits"], options["score_bits"], options["seed"]) == (12, 8, 1)
    build = shlex.split(build_command(CIFAR, candidate, "runs/x"))
    assert build[:6] == [
        "python",
        "scripts/build_hls.py",
        "--part",
        "xc7z020",
        "--model",
        "runs/x/model.safetensors",
    ]
    assert ("--target-fps" in build) == (candidate.target_fps is not None)


def test_no_build_without_a_part():
    assert build_command(settings(), candidate_of(settings(), TINY_FIELDS), "x") is None


def test_limits_before_training():
    candidate = candidate_of(CIFAR, {})
    macs = candidate.architecture.macs
    assert excess(CIFAR, candidate) == ({}, None)
    broken, said = excess(
        CIFAR.model_copy(update={"max_macs": macs / 2, "max_nonzero_macs": macs}), candidate
    )
    assert broken["macs"] == pytest.approx(1.0)
    assert broken["nonzero_macs"] < 0
    assert said == f"macs {macs:,} above the limit of {macs / 2:,.0f}"
