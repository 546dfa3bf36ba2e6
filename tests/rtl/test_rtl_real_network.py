"""The authors' ImageNet v1.0 in Verilator, one real image from pixels to scores, and its place on two parts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from rtl.streams import needs_verilator

from sqz_hw.design import Design
from sqz_hw.estimate.parts import resolve
from sqz_hw.evaluate import design_of_model
from sqz_hw.model.architecture import V1_0
from sqz_hw.model.calibration import calibrate
from sqz_hw.model.compression.sharing import share_weights
from sqz_hw.model.modelfile import Model
from sqz_hw.model.quantisation import quantise
from sqz_hw.model.readers.importing import import_weights
from sqz_hw.rtl.accelerator import accelerate
from sqz_hw.rtl.fold import Budget
from sqz_hw.rtl.generate import write_rtl
from sqz_hw.rtl.simulate import compile_plan, run_images
from sqz_hw.verify.golden import GoldenModel

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the authors' weights are not in ../shared"),
]


def images(count: int) -> np.ndarray:
    sys.path.insert(0, str(DATA))
    import load_imagenet

    return load_imagenet.load(DATA / "imagenet_dev_packed.npz")["x"][300 : 300 + count]


def quantised(bits: int) -> Model:
    """Shared weights on 8-bit grids, types from two images: quick, not accurate."""
    model = share_weights(import_weights(DATA / "compressed_SqueezeNet.net", V1_0, name="v1.0"), bits)
    arch = model.architecture
    types = calibrate(
        arch, model.weights, images(2), weight_bits=8, bias_bits=16, activation_bits=8, score_bits=8
    )
    weights = {}
    for spec in arch.convolutions:
        for what, to in (("kernel", types.weights[spec.name]), ("bias", types.biases[spec.name])):
            key = f"{spec.name}/{what}"
            weights[key] = quantise(model.weights[key], to).astype(np.float32)
    return Model("v1.0", arch, weights, types, {})


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return design_of_model(quantised(6), tmp_path_factory.mktemp("hls"))


@pytest.mark.parametrize(("part", "fps"), [("xck26", 150), ("xc7z020", 30)])
def test_it_fits_by_the_cost_model(design: Design, part: str, fps: int) -> None:
    found = accelerate(design, resolve(part), target_fps=fps)
    budget = Budget.of(resolve(part).budget)
    assert found.solution.interval <= 1e8 / fps
    assert found.cost.lut <= budget.lut
    assert found.cost.ff <= budget.ff
    assert found.cost.dsp <= budget.dsp
    assert found.cost.tiles <= budget.tiles


@needs_verilator
def test_bit_exact_in_every_tensor(design: Design, tmp_path: Path) -> None:
    plan = accelerate(design, resolve("xck26"), target_fps=150).plan
    sources = write_rtl(plan, tmp_path / "rtl")
    accelerator = compile_plan(plan, sources, tmp_path / "rtl" / "memory", tmp_path / "build", probes=True)
    found = run_images(accelerator, images(1), tmp_path / "run")
    wanted = GoldenModel(design).run(images(1), keep=list(found.tensors))
    assert len(found.tensors) == 23
    for name, codes in found.tensors.items():
        np.testing.assert_array_equal(codes, wanted[name], err_msg=name)
    np.testing.assert_array_equal(found.outputs, wanted[plan.network.result.name].reshape(1, -1))
