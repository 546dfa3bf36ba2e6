"""Bypass through a 1x1 convolution: which branch is which, what its queue must hold, whole networks in Verilator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from models import TINY_ODD, random_images, random_model, tiny_architecture
from rtl.streams import needs_verilator
from rtl.whole import exact_runs

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError, OutputsDifferError
from sqz_hw.evaluate import design_of_model
from sqz_hw.rtl.bypass import Bypass, bypasses, queue_slots
from sqz_hw.rtl.core import Folding, clocks, packs
from sqz_hw.rtl.fold import solve
from sqz_hw.rtl.network import Network, network_of
from sqz_hw.rtl.plan import Plan
from sqz_hw.rtl.planner import make_plan

THREE = tiny_architecture(
    name="complex", conv1_filters=6, bypass="complex", fire_modules=3, pools_after=(1, 4)
)
"""A 1x1 convolution around each of three Fire modules: behind a pool, behind an addition, before a pool."""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """Around fire2 the map itself, around fire3 a convolution, then a padded pool; 13 x 13 pixels."""
    return design_of_model(random_model(TINY_ODD, density=0.4), tmp_path_factory.mktemp("hls"))


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return design_of_model(random_model(THREE, density=0.4), tmp_path_factory.mktemp("hls"))


def test_branches(odd: Design) -> None:
    network = network_of(odd)
    found = bypasses(network)
    assert list(found) == ["fire2_add", "fire3_add"]
    identity, convolved = found.values()
    assert identity.around is None
    assert identity.fork.name == identity.ends[1].name == odd.layer("pool1").outputs[0]
    assert [stage.name for stage in identity.through] == ["fire2_squeeze1x1", "fire2_expand"]
    assert convolved.around is not None
    assert convolved.around.name == "fire3_bypass1x1"
    assert convolved.fork.name == odd.layer("fire2_add").outputs[0]
    assert [stage.name for stage in convolved.through] == ["fire3_squeeze1x1", "fire3_expand"]
    assert [end.source for end in convolved.ends] == ["fire3_expand", "fire3_bypass1x1"]


def changed(design: Design, name: str, **fields: object) -> Design:
    layers = tuple(replace(x, **fields) if x.name == name else x for x in design.layers)
    return replace(design, layers=layers)


def test_other_branches_are_refused(odd: Design) -> None:
    def stream(name: str) -> str:
        return odd.layer(name).outputs[0]

    with pytest.raises(
        BadInputError, match="fire3_add: StreamRTL does not build an addition of maps that come from diff"
    ):
        network_of(changed(odd, "fire3_add", inputs=(stream("fire3_concat"), stream("conv1"))))
    with pytest.raises(
        BadInputError, match="fire2_add: StreamRTL does not build a bypass around other than convolutions"
    ):
        network_of(changed(odd, "fire2_add", inputs=(stream("fire2_concat"), stream("conv1"))))
    second = replace(
        odd.layer("fire3_bypass1x1"), name="second", inputs=("between",), outputs=(stream("fire3_bypass1x1"),)
    )
    first = replace(odd.layer("fire3_bypass1x1"), outputs=("between",))
    layers = [x for x in odd.layers if x.name != "fire3_bypass1x1"]
    at = next(i for i, x in enumerate(layers) if x.name == "fire3_concat")
    streams = (*odd.streams, replace(odd.stream(stream("fire3_bypass1x1")), name="between"))
    with pytest.raises(BadInputError, match="does not build a bypass through more than one 1x1 convolution"):
        network_of(replace(odd, layers=(*layers[:at], first, second, *layers[at:]), streams=streams))


def planned(network: Network, chosen: dict[str, tuple[int, int]]) -> Plan:
    """Foldings from pixels and cores of each stage."""
    foldings = {}
    for stage, rows in network.sparse:
        pixels, cores = chosen[stage.name]
        lanes = "packed" if pixels % 2 == 0 and packs(rows, range(len(rows.weights))) else "dsp"
        foldings[stage.name] = Folding(pixels, cores, 1, lanes)
    return make_plan(network, foldings)


FOLDINGS = {
    "conv1": (16, 1),
    # two rows at once beside single pixels; several cores on each branch; words halved and doubled
    "fire2_squeeze1x1": (1, 1), "fire2_bypass1x1": (16, 1), "fire2_expand": (16, 1),
    "fire3_squeeze1x1": (4, 1), "fire3_bypass1x1": (1, 3), "fire3_expand": (4, 2),
    "fire4_squeeze1x1": (2, 2), "fire4_bypass1x1": (4, 2), "fire4_expand": (8, 1),
    "conv5": (1, 1),
}  # fmt: skip


@needs_verilator
def test_convolutions_around_three_modules_are_bit_exact(three: Design, tmp_path: Path) -> None:
    plan = planned(network_of(three), FOLDINGS)
    assert {"fire2_bypass1x1", "fire3_bypass1x1_2", "fire4_bypass1x1_1"} <= {i.name for i in plan.instances}
    for found in exact_runs(three, plan, random_images(THREE, 4), tmp_path):
        assert len(found.tensors) == 18
        assert all(most <= depth for depth, most in found.queues.values())


@needs_verilator
def test_a_pool_behind_it_the_interval_and_a_queue_too_short(odd: Design, tmp_path: Path) -> None:
    network = network_of(odd)
    solution = solve(network, 2000)
    plan = make_plan(network, solution.foldings)
    rows = {stage.name: rows for stage, rows in network.sparse}
    predicted = max(clocks(core, rows[name]) for name, cores in plan.cores.items() for core in cores)
    for found in exact_runs(odd, plan, random_images(TINY_ODD, 5), tmp_path / "whole"):
        assert found.interval == pytest.approx(predicted, rel=0.02)
    queue = next(i for i in plan.instances if i.module == "sqz_reblock" and i.stage == "fire3_add")
    short = replace(queue, parameters={**queue.parameters, "SLOTS": 2})
    instances = tuple(short if i is queue else i for i in plan.instances)
    with pytest.raises(OutputsDifferError, match="it stopped moving before"):
        next(
            exact_runs(
                odd, replace(plan, instances=instances), random_images(TINY_ODD, 5), tmp_path / "short"
            )
        )


def test_the_queue_holds_what_the_window_needs_of_the_branch_before_it(three: Design) -> None:
    """Counted pixel by pixel, for all words that go together, on a map of 8 x 8."""
    network = network_of(three)
    bypass = bypasses(network)["fire3_add"]
    squeeze, expand = bypass.through
    size, width = 64, 8
    widths = (1, 2, 4, 8, 16, 32, 64)
    tried = 0
    for before in widths:
        for first in widths:
            for out in (p for p in widths if p % first == 0):
                for beside in (p for p in widths if out % p == 0):
                    foldings = {squeeze.name: Folding(first), expand.name: Folding(out)}
                    pixels = {
                        bypass.fork.name: before, squeeze.output.name: first,
                        bypass.ends[0].name: out, bypass.ends[1].name: beside,
                    }  # fmt: skip
                    room = queue_slots(bypass, foldings, pixels) * max(out, beside)
                    assert room >= most_kept(size, width, out, max(first, before)), pixels
                    tried += 1
    assert tried > 500
    with pytest.raises(
        BadInputError, match="a way around must divide the 4 of the way through, not 8; choose another"
    ):
        queue_slots(bypass, {s.name: Folding(4) for s in bypass.through}, beside_too_wide(bypass))


def most_kept(size: int, width: int, block: int, taken: int) -> int:
    """Pixels from a block's first to the last that must be there before its first word can leave."""
    kept = 0
    for first in range(0, size, block):
        seen = min(first + block - 1 + width + 1, size - 1)  # the last pixel's window: below, right
        whole = (seen // block + 1) * block  # the window's buffer counts blocks
        arrived = min(size, -(-whole // taken) * taken)
        kept = max(kept, arrived - first)
    return kept


def beside_too_wide(bypass: Bypass) -> dict[str, int]:
    squeeze = bypass.through[0]
    return {
        bypass.fork.name: 4, squeeze.output.name: 4, bypass.ends[0].name: 4, bypass.ends[1].name: 8
    }  # fmt: skip


def test_the_solver_folds_the_convolution_beside_the_module(three: Design) -> None:
    network = network_of(three)
    for interval in (1500, 3000, 8000):
        solution = solve(network, interval)
        assert set(solution.foldings) == {stage.name for stage, _ in network.sparse}
        assert solution.interval <= interval
        for bypass in bypasses(network).values():
            assert bypass.around is not None
            through, beside = (solution.foldings[s.name].pixels for s in (bypass.through[-1], bypass.around))
            assert through % beside == 0
        make_plan(network, solution.foldings)
    heavy = {**FOLDINGS, "fire4_bypass1x1": (8, 1), "fire4_expand": (4, 1)}
    with pytest.raises(BadInputError, match="fire4_bypass1x1: pixels in parallel on a way around must"):
        planned(network, heavy)
