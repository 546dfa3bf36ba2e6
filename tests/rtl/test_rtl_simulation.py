"""A whole network in Verilator: every tensor, several frames, stalls, a reset in mid-frame; lint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models import TINY, random_images, random_model
from rtl.streams import needs_verilator

from sqz_hw.evaluate import design_of_model
from sqz_hw.rtl import bench
from sqz_hw.rtl.core import Folding, packs
from sqz_hw.rtl.generate import write_rtl
from sqz_hw.rtl.network import network_of
from sqz_hw.rtl.plan import make_plan
from sqz_hw.rtl.simulate import compile_plan, run_images
from sqz_hw.verify.golden import GoldenModel

pytestmark = needs_verilator


def test_a_network_with_a_bypass_is_bit_exact_in_every_tensor(tmp_path: Path) -> None:
    design = design_of_model(random_model(TINY, density=0.4), tmp_path / "hls")
    network = network_of(design)
    foldings = {}
    for stage, rows in network.sparse:
        pixels = 4 if rows.taps == 1 else min(8, rows.width)
        lanes = "packed" if packs(rows, range(len(rows.weights))) else "dsp"
        foldings[stage.name] = Folding(pixels, 2 if rows.taps == 9 else 1, 2, lanes)
    plan = make_plan(network, foldings)
    sources = write_rtl(plan, tmp_path / "rtl")
    bench.lint("sqz_top", sources, {}, tmp_path / "lint")
    accelerator = compile_plan(
        plan, sources, tmp_path / "rtl" / "memory", tmp_path / "build", probes=True, optimise="-O0"
    )
    images = random_images(TINY, 4)
    wanted = GoldenModel(design).run(images)
    for p_valid, p_ready in ((1000, 1000), (500, 400)):
        found = run_images(accelerator, images, tmp_path / "run", p_valid=p_valid, p_ready=p_ready)
        assert set(found.tensors) >= {stage.output.name for stage in network.stages}
        for name, codes in found.tensors.items():
            np.testing.assert_array_equal(codes, wanted[name], err_msg=name)
        np.testing.assert_array_equal(found.outputs, wanted[network.result.name].reshape(len(images), -1))
        assert all(most <= depth for depth, most in found.queues.values())
    slowest = max(blocks_clocks(plan).values())
    assert found.interval == pytest.approx(slowest, rel=0.02)


def blocks_clocks(plan) -> dict[str, int]:
    from sqz_hw.rtl.core import clocks

    rows = {stage.name: rows for stage, rows in plan.network.sparse}
    return {name: max(clocks(core, rows[name]) for core in cores) for name, cores in plan.cores.items()}
