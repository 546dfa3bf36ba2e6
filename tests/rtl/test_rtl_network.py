"""Stages, folding and plan of whole designs; what StreamRTL does not build is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from models import TINY, random_model

from sqz_hw.design import Design, Op
from sqz_hw.errors import BadInputError, DoesNotFitError
from sqz_hw.estimate.parts import resolve
from sqz_hw.evaluate import design_of_model
from sqz_hw.rtl.accelerator import accelerate
from sqz_hw.rtl.core import Folding, make_cores
from sqz_hw.rtl.fold import Budget, solve
from sqz_hw.rtl.generate import write_rtl
from sqz_hw.rtl.network import network_of
from sqz_hw.rtl.planner import make_plan


@pytest.fixture(scope="session")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return design_of_model(random_model(TINY, density=0.4), tmp_path_factory.mktemp("hls"))


def test_stages_of_a_design(design: Design) -> None:
    network = network_of(design)
    assert [(s.name, s.kind) for s in network.stages] == [
        ("conv1", "sparse"), ("pool1", "pool"), ("fire2_squeeze1x1", "sparse"), ("fire2_expand", "sparse"),
        ("fire2_add", "add"), ("fire3_squeeze1x1", "sparse"), ("fire3_expand", "sparse"), ("conv4", "sparse"),
        ("pool4", "sum"),
    ]  # fmt: skip
    nonzeros = sum(conv.nonzeros for _, conv in design.convolutions)
    assert sum(rows.nonzeros for _, rows in network.sparse) == nonzeros


def test_every_stage_keeps_to_the_interval(design: Design) -> None:
    network = network_of(design)
    solution = solve(network, 3000)
    assert solution.interval <= 3000
    assert set(solution.foldings) == {stage.name for stage, _ in network.sparse}
    plan = make_plan(network, solution.foldings)
    for name, cores in plan.cores.items():
        rows = next(rows for stage, rows in network.sparse if stage.name == name)
        assert sum(core.entries.useful for core in cores) == rows.nonzeros
    readers = [link for i in plan.instances for p, links in i.streams.items() if p != "out" for link in links]
    writers = [link for i in plan.instances for p, links in i.streams.items() if p == "out" for link in links]
    assert len(set(readers)) == len(readers)
    assert len(set(writers)) == len(writers)
    assert set(readers) | {plan.out_link} == set(writers) | {plan.in_link}


def test_a_target_is_reached_or_refused(design: Design) -> None:
    found = accelerate(design, resolve("xc7z020"), target_fps=20_000)
    assert found.solution.interval <= 5_000
    for fps, clocks in ((1e8, "1"), (1e9, "0.100")):
        with pytest.raises(
            BadInputError, match=f"no folding takes at most {clocks} clocks an image; ask for"
        ):
            accelerate(design, resolve("xc7z020"), target_fps=fps)
    with pytest.raises(
        DoesNotFitError, match=r"needs a folding within LUT 100,.* ask for fewer images a second"
    ):
        solve(network_of(design), 3000, Budget(100, 1e6, 1e3, 1e3))


@pytest.mark.parametrize("part", ["xc7z010", "xc7z020"])
def test_without_a_target_it_is_as_fast_as_fits(design: Design, part: str) -> None:
    """conv1, before a pool, must be faster than the interval that the search ends at: it was refused once."""
    found = accelerate(design, resolve(part))
    assert Budget.of(resolve(part).budget).holds(found.cost)
    assert found.solution.interval < 2_000


@pytest.mark.parametrize("wanted", [2_000, 2_777, 3_001, 4_111, 6_500, 9_999])
def test_no_plan_is_slower_than_asked_by_its_own_clocks(design: Design, wanted: int) -> None:
    """The solver prices a stage before its channels are dealt out; what counts is the plan that is made."""
    found = accelerate(design, resolve("xc7z020"), target_fps=design.clock_mhz * 1e6 / wanted)
    assert found.solution.interval <= wanted


def test_a_plan_slower_than_asked_is_made_again(design: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def solved(network: Any, interval: float, budget: Any, family: str) -> Any:
        asked.append(interval)
        slower = 1.3 if len(asked) == 1 else 1.0  # too slow at first
        return solve(network, interval * slower, budget, family=family)

    monkeypatch.setattr("sqz_hw.rtl.accelerator._solved", solved)
    found = accelerate(design, resolve("xc7z020"), target_fps=design.clock_mhz * 1e6 / 3_000)
    assert len(asked) > 1
    assert asked[1] < asked[0]
    assert found.solution.interval <= 3_000


def test_the_same_plan_gives_the_same_bytes(design: Design, tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b"):
        network = network_of(Design.from_json(design.to_json()))
        write_rtl(make_plan(network, solve(network, 3000).foldings), tmp_path / name)
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        texts.append([(p.relative_to(tmp_path / name), p.read_bytes()) for p in files])
    assert texts[0] == texts[1]


def test_foldings_that_no_core_has_are_refused(design: Design) -> None:
    rows = {stage.name: rows for stage, rows in network_of(design).sparse}["fire2_expand"]
    with pytest.raises(BadInputError, match="must divide a row of 8 or be whole rows of the map, not 3"):
        make_cores(rows, Folding(3, 1, 1, "dsp"), 1)
    with pytest.raises(BadInputError, match="words of 8 pixels cannot fill blocks of 4"):
        make_cores(rows, Folding(4, 1, 2), 8)
    with pytest.raises(BadInputError, match="packed lanes come in pairs, not 1"):
        make_cores(rows, Folding(1, 1, 1), 1)


def test_strides_and_strange_padding_are_refused(design: Design) -> None:
    def changed(name: str, **fields: object) -> Design:
        layers = tuple(replace(x, **fields) if x.name == name else x for x in design.layers)
        return replace(design, layers=layers)

    pad = next(layer for layer in design.layers if layer.op is Op.ZERO_PAD)
    with pytest.raises(
        BadInputError, match=r"conv1: StreamRTL does not build a 3x3 convolution with padding"
    ):
        network_of(changed(pad.name, padding=(2, 1, 1, 1)))
    with pytest.raises(
        BadInputError, match=r"conv1: StreamRTL computes 1x1 .* not 3x3 of stride 2 with padding 1"
    ):
        network_of(changed("conv1", stride=2))
