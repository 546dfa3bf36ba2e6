"""A whole network in Verilator: every tensor, several frames, stalls, a reset in mid-frame; lint."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from models import TINY, random_images, random_model
from rtl.streams import needs_verilator
from rtl.whole import exact_runs

from sqz_hw.errors import OutputsDifferError, ToolError
from sqz_hw.evaluate import design_of_model
from sqz_hw.rtl import bench, simulate
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


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> bench.Simulation:
    folder = tmp_path_factory.mktemp("queue")
    return bench.compile_module(
        "sqz_fifo", bench.library_sources(), {"WIDTH": 8, "DEPTH": 4}, bench.Ports(8, 8), folder / "build", folder,
        optimise="-O0",
    )  # fmt: skip


def test_one_that_moves_but_takes_too_many_clocks_is_no_difference(
    queue: bench.Simulation, tmp_path: Path
) -> None:
    words = [np.zeros((500, 8), np.uint8)]
    with pytest.raises(
        ToolError,
        match=r"500 words must leave the module within 200 clocks, and \d+ did, while it went on moving; "
        f"simulate fewer images; see {tmp_path}",
    ):
        bench.simulate(queue, words, 500, tmp_path, max_cycles=200)
    assert len(bench.simulate(queue, words, 500, tmp_path).words[0]) == 500


def test_one_that_stops_moving_is_a_difference(queue: bench.Simulation, tmp_path: Path) -> None:
    words = [np.zeros((500, 8), np.uint8)]
    with pytest.raises(
        OutputsDifferError,
        match=f"501 words must leave the module, and it stopped moving before; see {tmp_path}",
    ):
        bench.simulate(queue, words, 501, tmp_path, idle_limit=1000)


def test_one_that_takes_too_long_is_said_with_its_words_folder(
    queue: bench.Simulation, tmp_path: Path
) -> None:
    words = [np.zeros((500, 8), np.uint8)]
    with pytest.raises(
        ToolError, match=f"the simulation must end within 1 s, and was stopped then; see {tmp_path}"
    ):
        bench.simulate(queue, words, 501, tmp_path, idle_limit=10**12, max_cycles=10**12, timeout=1)


@pytest.mark.parametrize(("count", "p_valid"), [(1, 1000), (100_000, 1000), (100_000, 250)])
def test_limits_grow_with_images_and_stalls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, p_valid: int
) -> None:
    asked: dict[str, float] = {}

    def stop(*_: object, **limits: float) -> None:
        asked.update(limits)
        raise ToolError("asked")

    monkeypatch.setattr(simulate.bench, "simulate", stop)
    monkeypatch.setattr(simulate, "clocks", lambda core, rows: 200_000)
    pixels = SimpleNamespace(shape=(4, 4, 3))
    stage = SimpleNamespace(name="a")
    network = SimpleNamespace(pixels=pixels, sparse=[(stage, None)])
    plan = SimpleNamespace(network=network, cores={"a": [None]}, words_in=16, words_out=1)
    accelerator = simulate.Accelerator(plan, None, False)  # type: ignore[arg-type]
    with pytest.raises(ToolError, match="asked"):
        simulate.run_images(accelerator, np.zeros((count, 4, 4, 3), np.uint8), tmp_path, p_valid=p_valid)
    needed = count * 200_000 * 1000 // p_valid
    assert asked["max_cycles"] >= max(10**9, 5 * needed)
    assert asked["timeout"] >= max(3600, needed / 1000)
    assert (asked["timeout"] == 3600) == (count == 1)
