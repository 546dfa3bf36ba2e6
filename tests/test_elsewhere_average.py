"""The mean of networks' weights: against NumPy, and what has no mean."""

import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts" / "elsewhere"))

from average import main, mean

from sqz_hw import zoo
from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import V1_1, small_stem
from sqz_hw.model.modelfile import Model, load, save

ARCH = small_stem(V1_1, width=0.25, pools_after=(1,), input_size=12, fire_modules=2)


def drawn(seed: int, arch=ARCH, name: str = "drawn") -> Model:
    rng = np.random.default_rng(seed)
    weights = {}
    for spec in arch.convolutions:
        kernel = rng.normal(size=(spec.kernel, spec.kernel, spec.in_shape[2], spec.out_shape[2])).astype(
            np.float32
        )
        kernel[..., 0] = 0  # as pruned
        weights[f"{spec.name}/kernel"] = kernel
        weights[f"{spec.name}/bias"] = rng.normal(size=spec.out_shape[2]).astype(np.float32)
    return Model(name, arch, weights, None, {"seed": seed})


def test_every_weight_is_the_mean_and_zeros_stay():
    models = [drawn(seed) for seed in range(3)]
    found = mean(models, "m")
    for key, value in found.weights.items():
        assert value.dtype == np.float32
        assert np.array_equal(value, np.mean([m.weights[key].astype(float) for m in models], 0).astype("f4"))
        if key.endswith("kernel"):
            assert not value[..., 0].any()
    assert found.record["mean_of"] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]


def test_files_in_a_file_out_the_same_bytes_each_time(tmp_path):
    for seed in range(2):
        save(drawn(seed), tmp_path / f"{seed}.safetensors")
    for out in ("a", "b"):
        arguments = ["--name", "m", "--output", str(tmp_path / f"{out}.safetensors")]
        done = CliRunner().invoke(main, [*arguments, *(str(tmp_path / f"{s}.safetensors") for s in range(2))])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert load(tmp_path / "a.safetensors").name == "m"


@pytest.mark.parametrize(
    ("models", "text"),
    [
        (lambda: [drawn(0)], r"a mean needs two networks or more, not 1; name more files"),
        (
            lambda: [drawn(0), drawn(1, small_stem(V1_1, width=0.5, input_size=12), "wider")],
            r"wider must have the architecture of drawn, and has another",
        ),
        (
            lambda: [load(zoo.find("cifar10-small")), drawn(0)],
            r"cifar10-small must be a float network, and is quantised; give its float file",
        ),
    ],
)
def test_networks_without_a_mean(models, text):
    with pytest.raises(BadInputError, match=text):
        mean(models(), "m")


def test_a_bad_file_costs_one_line(tmp_path):
    done = CliRunner().invoke(
        main,
        ["--name", "m", "--output", str(tmp_path / "m.safetensors"), str(tmp_path / "absent.safetensors")],
    )
    assert done.exit_code == 2
    assert done.output.startswith("error: ")
    assert done.output.count("\n") == 1
    assert not (tmp_path / "m.safetensors").exists()
