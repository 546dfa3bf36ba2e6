from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synth_mutation import mutated, result_or_message
from vendor_reports import timing, utilization

from sqz_hw.errors import ToolError
from sqz_hw.synth.timing import parse_timing
from sqz_hw.synth.vivado import parse_utilization


def _write(folder: Path, text: str | bytes, name: str = "vivado_synth.rpt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_figure_of_a_7_series_report(tmp_path: Path) -> None:
    report = parse_utilization(_write(tmp_path, utilization()))
    assert (report.lut, report.lut_logic, report.lut_memory, report.ff) == (35992, 31140, 4852, 38984)
    assert (report.bram_tiles, report.ramb36, report.ramb18, report.bram18) == (69.5, 69, 1, 139)
    assert (report.dsp, report.uram) == (212, 0)
    heading = report.heading
    assert (heading.version, heading.design, heading.device) == ("2024.1", "myproject", "xc7z020clg400-1")
    assert (heading.state, heading.stage, heading.routed) == ("Optimized", "after synthesis", False)


def test_ultrascale_names(tmp_path: Path) -> None:
    report = parse_utilization(_write(tmp_path, utilization(ultrascale=True, uram=12, tiles=2)))
    assert (report.lut, report.ff, report.bram18, report.uram) == (35992, 38984, 4, 12)


@pytest.mark.parametrize(
    ("state", "stage"),
    [
        ("Synthesized", "after synthesis"),
        ("Optimized", "after synthesis"),
        ("Fully Placed", "after placement"),
        ("Physopt postPlace", "after placement"),
        ("Routed", "after routing"),
        ("Physopt postRoute", "after routing"),
        ("Elaborated", "in the state Elaborated"),
    ],
)
def test_states(tmp_path: Path, state: str, stage: str) -> None:
    assert parse_utilization(_write(tmp_path, utilization(state=state))).heading.stage == stage


def test_a_later_state_ranks_higher(tmp_path: Path) -> None:
    ranks = [
        parse_utilization(_write(tmp_path, utilization(state=state))).heading.rank
        for state in ("Elaborated", "Synthesized", "Optimized", "Fully Placed", "Routed")
    ]
    assert ranks == sorted(set(ranks))


@given(*[st.integers(0, 10**6)] * 4, st.integers(0, 10**4))
@settings(max_examples=40, deadline=None)
def test_figures_come_back(
    tmp_path_factory: pytest.TempPathFactory, lut: int, ff: int, dsp: int, uram: int, halves: int
) -> None:
    text = utilization(lut=lut, ff=ff, dsp=dsp, uram=uram, tiles=halves / 2, ultrascale=True)
    report = parse_utilization(_write(tmp_path_factory.getbasetemp(), text))
    assert (report.lut, report.ff, report.dsp, report.uram) == (lut, ff, dsp, uram)
    assert report.bram18 == halves


TEXT = utilization()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no line Tool Version at its top"),
        (TEXT.replace("| Design       :", "| Designer     :"), "has no line Design at its top"),
        (TEXT[: TEXT.index("| Slice LUTs")], "has no number of CLB LUTs or Slice LUTs"),
        (TEXT[: TEXT.index("2. Memory\n-")], "has no number of Block RAM Tile"),
        (TEXT[: TEXT.index("| DSPs")], "has no number of DSPs"),
        (TEXT[: TEXT.index("| Slice LUTs") + 37], "is cut off in the line '| Slice LUTs*"),
        (utilization(lut="35k992"), "gives Slice LUTs as '35k992', which is no whole number"),
        (utilization(lut="-5"), "gives Slice LUTs as '-5'"),
        (utilization(tiles="69.3"), "no number of Block RAM Tile, or one that is no half: 69.3"),
        (utilization(tiles="?"), "has no number of Block RAM Tile"),
        (utilization(version="v.next"), "is of the unknown version 'v.next'"),
        (TEXT.replace("|          Site Type         |  Used", "|          Site Type         |  Rest"), "no number of CLB LUTs"),
    ],
)  # fmt: skip
def test_damage_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ToolError) as raised:
        parse_utilization(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)


def test_blanks_and_line_ends_make_no_difference(tmp_path: Path) -> None:
    for parse, text in ((parse_utilization, TEXT), (parse_timing, timing())):
        expected = parse(_write(tmp_path, text))
        assert parse(_write(tmp_path, text.replace("\n", "  \n"))) == expected
        assert parse(_write(tmp_path, text.replace("\n", "\r\n"))) == expected


def test_timing(tmp_path: Path) -> None:
    report = parse_timing(_write(tmp_path, timing()))
    assert (report.wns_ns, report.whs_ns, report.periods_ns) == (2.587, 0.069, {"ap_clk": 10.0})
    assert report.all_met
    assert report.meets(10.0)


@pytest.mark.parametrize(
    ("options", "met"),
    [
        ({}, True),
        ({"wns": "0.000"}, True),
        ({"wns": "-0.001", "sentence": "Timing constraints are not met."}, False),
        ({"wns": "-0.001"}, False),
        ({"period": "12.000"}, False),
        ({"period": None}, False),
        ({"wns": "NA", "sentence": "There are no user specified timing constraints."}, False),
        ({"whs": "-0.3", "sentence": "Timing constraints are not met."}, True),
        ({"whs": "-0.3", "sentence": "Timing constraints are not met.", "state": "Routed"}, False),
        ({"state": "Routed"}, True),
    ],
)
def test_a_clock_is_met_only_if_it_is_shown(tmp_path: Path, options: dict[str, str], met: bool) -> None:
    assert parse_timing(_write(tmp_path, timing(**options))).meets(10.0) is met


def test_a_clock_slower_than_asked_shows_nothing(tmp_path: Path) -> None:
    report = parse_timing(_write(tmp_path, timing(period="3.333")))
    assert report.meets(1000 / 300)
    assert not report.meets(3.2)


def test_before_2022_only_the_files_name_says_routed(tmp_path: Path) -> None:
    text = timing(state=None)
    assert parse_timing(_write(tmp_path, text, "top_timing_summary_routed.rpt")).heading.routed
    assert not parse_timing(_write(tmp_path, text, "vivado_timing.rpt")).heading.routed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no line Tool Version"),
        (timing()[: timing().index("    WNS(ns)")], "has no Design Timing Summary"),
        (timing()[: timing().index("2.587") + 20], "numbers in its Design Timing Summary, not 12"),
        (timing(wns="fast"), "gives WNS as 'fast', which is no number"),
        (timing(period="soon"), "gives the period of ap_clk as 'soon'"),
    ],
)
def test_damaged_timing_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ToolError) as raised:
        parse_timing(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_bytes_give_a_report_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = _write(folder, mutated(TEXT.encode(), data))
    given = result_or_message(lambda: parse_utilization(path))
    if isinstance(given, str):
        assert given.startswith(f"the report {path} ")
        assert "\n" not in given
    else:
        assert min(given.lut, given.ff, given.dsp, given.bram18, given.uram) >= 0
    path = _write(folder, mutated(timing().encode(), data))
    given_timing = result_or_message(lambda: parse_timing(path))
    if isinstance(given_timing, str):
        assert given_timing.startswith(f"the report {path} ")
        assert "\n" not in given_timing
    elif given_timing.meets(10.0):
        assert given_timing.wns_ns is not None
        assert given_timing.wns_ns >= 0
