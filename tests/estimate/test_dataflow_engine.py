import numpy as np
import pytest
from designs import Net, fire_design

from sqz_hw.design import Design
from sqz_hw.errors import ToolError
from sqz_hw.estimate import dataflow_engine
from sqz_hw.estimate.dataflow import depth_array, engine_for
from sqz_hw.estimate.dataflow_engine import Engine
from sqz_hw.estimate.fifo import safe_depths

TOOL = "Vitis HLS 2024.2"


@pytest.fixture
def fresh_library():
    """No library loaded before; the real one again after."""
    dataflow_engine._library.cache_clear()
    yield
    dataflow_engine._library.cache_clear()


def chain() -> Design:
    net = Net(4, 4)
    net.conv(net.conv(net.input, 4, rf=3, name="a"), 4, rf=8, name="b")
    return net.design()


def test_words_by_hand():
    """A pixel a cycle until the port's two words are full; each is read when the one before it is
    done, from the seventh on when the other layer has made room for that."""
    run = Engine(chain(), TOOL).run(np.array([2, 2, 2]), 2)
    assert run.images == 2
    assert run.arrived[0][:5].tolist() == [1, 2, 3, 11, 19]
    assert run.read[0][:7].tolist() == [1, 9, 17, 25, 33, 41, 50]
    assert run.arrived[1][:3].tolist() == [13, 21, 29]
    assert run.read[1][:3].tolist() == [13, 26, 39]
    assert run.high_water.tolist() == [2, 2, 1]


def test_a_period_is_sustained_from_the_slowest_layer_on():
    design = chain()
    engine, depths = Engine(design, TOOL), np.array([2, 2, 2])
    slowest = 16 * 13 + 4
    for period, kept in ((slowest - 1, False), (slowest, True), (slowest + 5, True)):
        taken, run = engine.sustains(depths, period, 6)
        assert (taken > 0) == kept
        if kept:
            words = run.arrived[2][: 16 * taken].reshape(taken, 16)
            assert np.all(words[-1] - words[-2] == period)


def test_what_is_sustained_holds_for_good():
    """A hundred images back to back fall no further behind than those released a period apart."""
    design = fire_design(9, pooled=True)
    engine = engine_for(design, None)
    depths = 2 * depth_array(design, safe_depths(design))
    period = next(p for p in range(100, 10**5) if engine.sustains(depths, p, 8)[0] > 0)
    run = engine.run(depths, 100)
    out = [stream.sink is None for stream in design.streams].index(True)
    last = run.arrived[out][design.output.words - 1 :: design.output.words]
    assert last[-1] <= last[0] + 99 * period
    assert last[-1] > last[0] + 99 * (period - 1)


def test_deeper_than_an_image_needs_more_alike():
    """A FIFO of three images: an image depends on the one three before it."""
    design = chain()
    taken, _ = Engine(design, TOOL).sustains(np.array([2, 48, 2]), 16 * 13 + 4, 9)
    shallow, _ = Engine(design, TOOL).sustains(np.array([2, 16, 2]), 16 * 13 + 4, 9)
    assert taken == shallow + 2


def test_a_deadlock_is_found_by_both():
    design = fire_design(12)
    engine, depths = engine_for(design, None), np.full(len(design.streams), 2)
    assert engine.run(depths, 2).images == 0
    assert engine.sustains(depths, 10**6, 4)[0] == -1


def test_without_a_compiler(monkeypatch, fresh_library):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        ToolError, match=r"needs g\+\+ on the PATH, and there is none; install it \(Debian: apt"
    ):
        engine_for(chain(), None)


def test_with_a_compiler_that_fails(monkeypatch, fresh_library, tmp_path):
    source = tmp_path / "dataflow.cpp"
    source.write_text("not C++\n")
    monkeypatch.setattr(dataflow_engine, "SOURCE", source)
    with pytest.raises(
        ToolError, match=r"g\+\+ must compile dataflow.cpp, and failed \(.*error.*\); install"
    ):
        engine_for(chain(), None)


def test_with_a_compiler_that_never_ends(monkeypatch, fresh_library):
    monkeypatch.setattr(dataflow_engine, "SECONDS", 0.0)
    with pytest.raises(
        ToolError, match=r"g\+\+ could not compile dataflow.cpp: .*timed out.*; see that it works"
    ):
        engine_for(chain(), None)
