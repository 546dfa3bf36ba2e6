"""The pipeline's timeline and what limits its speed."""

import copy
import re

import pytest

from sqz_hw.report.timeline import TEXT_COLUMNS, limits, text_bar, timeline


@pytest.fixture
def rich(variants):
    return copy.deepcopy(variants["rich"].to_dict())


def test_bars_run_from_first_to_last(rich):
    layers = rich["latency"][0]["layers"]
    found = timeline(rich)
    assert (found.kind, found.timed, len(found.rows)) == ("estimate", True, len(layers))
    end = max(row["last"] for row in layers)
    assert found.cycles == end
    for row, bar in zip(layers, found.rows, strict=True):
        assert bar.start == pytest.approx(100 * row["first"] / end, abs=1e-3)
        assert bar.start + bar.width == pytest.approx(100 * row["last"] / end, abs=2e-3)
        assert bar.times == f"cycle {row['first']:,} to {row['last']:,}"
        assert sum(s.width for s in bar.steady) == pytest.approx(100, abs=0.01)
        assert [s.bits for s in bar.steady] == [row["busy"], row["starved"], row["blocked"]]
    assert [bar.name for bar in found.rows if bar.slowest] == [rich["latency"][0]["bottleneck"]]


def test_layers_that_only_pass_words_on_are_minor(rich):
    bars = {bar.name: bar for bar in timeline(rich).rows}
    assert not bars["conv1"].minor
    assert not bars["pool1"].minor
    assert bars["fire2_concat"].minor
    del rich["network"]
    assert not any(bar.minor for bar in timeline(rich).rows)


def test_without_times_bars_are_cycles(variants):
    found = timeline(variants["full"].to_dict())
    assert (found.timed, found.cycles) == (False, 36_864)
    assert [(bar.start, bar.width) for bar in found.rows[:3]] == [(0, 100), (0, 50), (0, 25)]
    assert not found.rows[0].steady
    assert timeline(variants["bare"].to_dict()).rows == ()


def test_bars_in_characters(rich):
    for bar in timeline(rich).rows:
        text = text_bar(bar)
        assert re.fullmatch(r"\.*#+\.*", text)
        assert len(text) == TEXT_COLUMNS
        assert abs(text.count("#") - max(1, TEXT_COLUMNS * bar.width / 100)) <= 1


def test_what_limits_the_speed(rich):
    for i, row in enumerate(rich["latency"][0]["layers"]):
        row["cycles"] = 100 - i
    rich["latency"][0] |= {"bottleneck": "conv1", "interval_cycles": 1000}
    layers = rich["latency"][0]["layers"]
    conv1 = next(row for row in layers if row["name"] == "conv1")
    conv1 |= {"cycles": 1000, "busy": 900, "starved": 75, "blocked": 25}
    for row in rich["network"]:
        if row["multipliers"] is not None:
            row |= {"multipliers": 2, "macs": 1000, "nonzero_macs": 250}
    found = limits(rich)
    reuse = next(row["reuse_factor"] for row in rich["network"] if row["name"] == "conv1")
    assert found[0] == (
        f"bottleneck: conv1, 1,000 cycles an image, with reuse factor {reuse:,} (2 multipliers side by side)"
    )
    assert found[1] == "next slowest: conv1_pad with 100 cycles (10 % of it); 0 other layers within 10 %"
    assert found[2] == ("in a steady interval conv1 is busy 90 %, waits for input 7.5 % and for room 2.5 %")
    count = sum(row["multipliers"] is not None for row in rich["network"])
    assert found[3] == (
        f"multipliers: {2 * count} in all; 50 % of their cycles do a multiplication, "
        "12 % one with a weight that is not zero"
    )


def test_less_is_said_where_less_is_known(variants):
    assert limits(variants["bare"].to_dict()) == []
    assert limits(variants["full"].to_dict()) == [
        "bottleneck: conv1, 36,864 cycles an image",
        "next slowest: pool1 with 18,432 cycles (50 % of it); 0 other layers within 10 %",
    ]


def test_a_column_that_knows_when_layers_work_is_preferred(rich):
    rich["latency"][1] |= {"kind": "csynth", "layers": [{"name": "conv1", "cycles": 100}]}
    assert timeline(rich).kind == "estimate"
    assert limits(rich)[0].startswith(f"bottleneck: {rich['latency'][0]['bottleneck']}, ")
    for row in rich["latency"][0]["layers"]:
        del row["first"], row["last"]
    assert timeline(rich).kind == "csynth"
