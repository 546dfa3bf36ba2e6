"""Exchanging one stage's folding after the other where no prices lead into a budget."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from sqz_hw.rtl.choices import Choice
from sqz_hw.rtl.core import Folding
from sqz_hw.rtl.cost import Cost
from sqz_hw.rtl.exchange import exchanged
from sqz_hw.rtl.fold import Way


def choice(lut: float, dsp: int, fill: float = 0.0, units: int = 1) -> Choice:
    return Choice(Folding(4, 1, units, "dsp" if dsp else "lut"), 100, Cost(lut, 0.0, dsp, 0.0), fill, 4)


def way_of(*choices: Choice) -> Way:
    cost = Cost()
    for one in choices:
        cost = cost + one.cost
    return Way(
        0.0, cost, sum(one.fill for one in choices), tuple((f"s{i}", one) for i, one in enumerate(choices))
    )


def excess_of(lut: float, dsp: float, latency: float = 1e9):
    def excess(way: Way) -> float:
        shares = way.cost.lut / lut, way.cost.dsp / dsp, way.latency / latency
        return sum(max(0.0, share - 1.0) for share in shares)

    return excess


def test_some_stages_take_the_other_kind_of_lane() -> None:
    """At any price all four stages are of one kind: 400 LUTs, or 16 slices. Two of each keep to both."""
    in_luts, in_slices = choice(100.0, 0), choice(20.0, 4)
    excess = excess_of(250.0, 9.0)
    for start in (in_luts, in_slices):
        found = exchanged(way_of(*[start] * 4), lambda name, now: [in_luts, in_slices], excess)
        assert excess(found) == 0.0
        assert found.cost == way_of(*(one for _, one in found.choices)).cost
        assert [name for name, _ in found.choices] == ["s0", "s1", "s2", "s3"]


def test_latency_counts_as_well() -> None:
    slow, quick = choice(10.0, 0, fill=50.0), choice(12.0, 0, fill=10.0, units=2)
    found = exchanged(way_of(slow, slow), lambda name, now: [slow, quick], excess_of(100.0, 1.0, 165.0))
    assert sorted(one.fill for _, one in found.choices) == [10.0, 50.0]
    assert found.latency == 160.0


def test_what_no_exchange_helps_stays() -> None:
    way = way_of(choice(100.0, 0))
    assert exchanged(way, lambda name, now: [choice(120.0, 0)], excess_of(50.0, 1.0)) == way
    assert exchanged(way, lambda name, now: [], excess_of(50.0, 1.0)) == way
    within = way_of(choice(40.0, 0))
    assert exchanged(within, lambda name, now: [choice(1.0, 0)], excess_of(50.0, 1.0)) == within


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 9)), min_size=1, max_size=5), st.data())
def test_it_never_ends_further_out(costs: list[tuple[int, int]], data: st.DataObject) -> None:
    options = [choice(float(lut), dsp) for lut, dsp in costs]
    start = way_of(*data.draw(st.lists(st.sampled_from(options), min_size=1, max_size=4)))
    excess = excess_of(data.draw(st.floats(1.0, 200.0)), data.draw(st.floats(1.0, 20.0)))
    found = exchanged(start, lambda name, now: options, excess)
    assert excess(found) <= excess(start)
    assert all(one in options for _, one in found.choices)


def test_what_a_budget_leaves_is_used() -> None:
    """Of four stages in LUTs two become slices, as nine are there; that within a budget costs less."""
    in_luts, in_slices = choice(100.0, 0), choice(20.0, 4)
    excess = excess_of(1000.0, 9.0)

    def price(way: Way) -> float:
        return math.inf if excess(way) > 0.0 else way.cost.lut

    found = exchanged(way_of(*[in_luts] * 4), lambda name, now: [in_luts, in_slices], price)
    assert (found.cost.lut, found.cost.dsp) == (240.0, 8)
