"""A whole network in Verilator: every tensor, several frames, stalls, a reset in mid-frame; lint."""

from __future__ import annotations

from pathlib import Path

import pytest
from models import TINY, random_images, random_model
from rtl.streams import needs_verilator
from rtl.whole import exact_runs

from sqz_hw.evaluate import design_of_model
from sqz_hw.rtl.core import Folding, packs
from sqz_hw.rtl.network import network_of
from sqz_hw.rtl.planner import make_plan

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
    for found in exact_runs(design, plan, random_images(TINY, 4), tmp_path):
        assert all(most <= depth for depth, most in found.queues.values())
    slowest = max(blocks_clocks(plan).values())
    assert found.interval == pytest.approx(slowest, rel=0.02)


def blocks_clocks(plan) -> dict[str, int]:
    from sqz_hw.rtl.core import clocks

    rows = {stage.name: rows for stage, rows in plan.network.sparse}
    return {name: max(clocks(core, rows[name]) for core in cores) for name, cores in plan.cores.items()}
