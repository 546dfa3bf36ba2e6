"""A small network with all that the authors' v1.0 has: 7x7/2 stem, odd maps, shared weights, 8 bits, padded conv10."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models import random_images, random_model
from rtl.streams import needs_verilator
from rtl.whole import exact_runs

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.parts import resolve
from sqz_hw.evaluate import design_of_model
from sqz_hw.model.architecture import V1_0
from sqz_hw.model.modelfile import Model
from sqz_hw.rtl.accelerator import accelerate
from sqz_hw.rtl.core import Folding
from sqz_hw.rtl.network import network_of
from sqz_hw.rtl.planner import make_plan

ARCHITECTURE = replace(
    V1_0, name="tiny-v1.0", input_size=35, classes=6, conv1_filters=8, base_e=12, incr_e=4, freq=1,
    squeeze_ratio=0.5, fire_modules=2, pools_after=(1, 2),
)  # fmt: skip


def shared(model: Model, levels: int = 8) -> Model:
    """The model with its 8-bit weights on multiples of ``levels`` codes: few different values a layer."""
    assert model.quantisation is not None
    weights = dict(model.weights)
    for name, to in model.quantisation.weights.items():
        step = levels * to.lsb
        weights[f"{name}/kernel"] = (np.trunc(weights[f"{name}/kernel"] / step) * step).astype(np.float32)
    return replace(model, weights=weights)


@pytest.fixture(scope="session")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    model = random_model(ARCHITECTURE, weight_bits=8, activation_bits=8, density=0.4)
    return design_of_model(shared(model), tmp_path_factory.mktemp("hls"))


def test_maps_share_columns_that_halve(design: Design) -> None:
    network = network_of(design)
    shapes = {stage.name: (stage.output.shape[1], stage.output.pitch) for stage in network.stages}
    assert shapes["conv1"] == (15, 16)
    assert shapes["pool1"] == shapes["fire2_expand"] == (7, 8)
    assert shapes["pool2"] == shapes["fire3_expand"] == (3, 4)
    last = network.stages[-2]
    assert (last.name, last.output.shape, last.output.pitch) == ("conv4", (3, 3, 6), 4)
    assert last.output.border == 1
    assert len(last.output.constants) == 6
    assert all(rows.books is not None and rows.code_bits < 8 for _, rows in network.sparse)


@needs_verilator
def test_bit_exact_from_pixels_to_scores(design: Design, tmp_path: Path) -> None:
    network = network_of(design)
    pixels = {"conv1": 8, "fire2_squeeze1x1": 4, "fire2_expand": 8, "fire3_squeeze1x1": 2, "fire3_expand": 4}
    foldings = {
        stage.name: Folding(pixels.get(stage.name, 2), 2 if rows.taps > 1 else 1, 1, "dsp", lut_rom=True)
        for stage, rows in network.sparse
    }
    plan = make_plan(network, foldings)
    assert len(list(exact_runs(design, plan, random_images(ARCHITECTURE, 4), tmp_path))) == 2


def test_the_solver_folds_it_without_cutting_words(design: Design) -> None:
    found = accelerate(design, resolve("xc7z020"), target_fps=3000)
    modules = {instance.module for instance in found.plan.instances}
    assert "sqz_space_to_depth" in modules
    assert "sqz_reblock" not in modules
    assert found.solution.interval <= 33_334


def test_a_border_is_for_a_global_sum_only(design: Design) -> None:
    layers = tuple(x for x in design.layers if x.name != "pool4")
    streams = tuple(s for s in design.streams if s.source != "pool4")
    network = network_of(replace(design, layers=layers, streams=streams))
    foldings = {stage.name: Folding(1, 1, 1, "dsp") for stage, _ in network.sparse}
    with pytest.raises(BadInputError, match="StreamRTL ends in a global sum or an arg max, not in a map"):
        make_plan(network, foldings)
