"""The parsers of C synthesis reports, XML and text; both forms of one report say the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synth_mutation import mutated, result_or_message
from synth_project import MODULES, NESTED, write_reports
from vendor_reports import OLD_CSYNTH_RPT, csynth_rpt, csynth_xml

from sqz_hw.errors import ToolError
from sqz_hw.synth.csynth import ModuleReport, read_csynth
from sqz_hw.synth.csynth_text import parse_text
from sqz_hw.synth.csynth_xml import parse_xml
from sqz_hw.synth.solution import Solution

COUNTS = st.integers(0, 10**9)


def _write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_figure_of_the_xml(tmp_path: Path) -> None:
    report = parse_xml(_write(tmp_path, "a.xml", csynth_xml()))
    assert (report.name, report.tool, report.version) == ("myproject", "Vitis HLS", "2024.1")
    assert (report.part, report.target_ns, report.estimated_ns) == ("xc7z020-clg400-1", 10.0, 7.289)
    assert (report.latency_min, report.latency_max) == (393, 395)
    assert (report.interval_min, report.interval_max) == (390, 391)
    assert report.resources == {"BRAM18": 3, "DSP": 370, "FF": 3097, "LUT": 11875, "URAM": 0}
    assert report.available == {"BRAM18": 280, "DSP": 220, "FF": 106400, "LUT": 53200, "URAM": 0}


def test_the_two_forms_agree(tmp_path: Path) -> None:
    xml = parse_xml(_write(tmp_path, "a.xml", csynth_xml()))
    assert parse_text(_write(tmp_path, "a.rpt", csynth_rpt())) == xml


def test_vivado_hls_calls_dsp_dsp48e(tmp_path: Path) -> None:
    xml = parse_xml(_write(tmp_path, "a.xml", csynth_xml(version="2019.2", dsp="DSP48E")))
    text = parse_text(_write(tmp_path, "a.rpt", csynth_rpt(tool="Vivado HLS", version="2019.2 (Build 27)")))
    assert xml == text
    assert (xml.tool, xml.resources["DSP"]) == ("Vivado HLS", 370)


def test_the_text_of_2018(tmp_path: Path) -> None:
    """No units, no times between latency and interval, no URAM; '?' where a loop has no bound."""
    report = parse_text(_write(tmp_path, "a.rpt", OLD_CSYNTH_RPT))
    assert (report.version, report.target_ns, report.estimated_ns) == ("2018.2", 5.0, 4.368)
    assert (report.latency_min, report.latency_max, report.interval_min, report.interval_max) == (
        2132, None, 1024, None,
    )  # fmt: skip
    assert report.resources == {"BRAM18": 47, "DSP": 64, "FF": 5999, "LUT": 17899}


@pytest.mark.parametrize("word", ["undef", "?", "-", "NA", ""])
def test_no_number_is_none(tmp_path: Path, word: str) -> None:
    report = parse_xml(_write(tmp_path, "a.xml", csynth_xml(latency=(word, word), interval=(word, word))))
    assert (report.latency_min, report.latency_max, report.interval_min, report.interval_max) == (None,) * 4


@given(st.tuples(COUNTS, COUNTS), st.tuples(COUNTS, COUNTS), st.tuples(COUNTS, COUNTS, COUNTS, COUNTS))
@settings(max_examples=40, deadline=None)
def test_figures_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    latency: tuple[int, int],
    interval: tuple[int, int],
    counts: tuple[int, int, int, int],
) -> None:
    folder = tmp_path_factory.getbasetemp()
    amounts: dict[str, object] = dict(zip(("BRAM_18K", "DSP", "FF", "LUT"), counts, strict=True))
    xml = parse_xml(_write(folder, "a.xml", csynth_xml(latency=latency, interval=interval, amounts=amounts)))
    text = parse_text(
        _write(folder, "a.rpt", csynth_rpt(latency=latency, interval=interval, amounts=amounts))
    )
    assert xml == text
    assert (xml.latency_min, xml.latency_max, xml.interval_min, xml.interval_max) == (*latency, *interval)
    assert tuple(xml.resources[n] for n in ("BRAM18", "DSP", "FF", "LUT")) == counts


XML = csynth_xml()
RPT = csynth_rpt()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (XML[: len(XML) // 2], "is no whole XML"),
        ("", "is no whole XML"),
        ("not XML at all", "is no whole XML"),
        ("<profile></profile>", "has no AreaEstimates"),
        ("<html></html>", "must be a 'profile', not 'html'"),
        (XML.replace("<LUT>11875</LUT>", "<LUT>many</LUT>"), "gives LUT as 'many', which is no whole number"),
        (XML.replace("<LUT>11875</LUT>", "<LUT>-1</LUT>"), "gives LUT as '-1'"),
        (XML.replace("<LUT>11875</LUT>", "<LUT>1e99</LUT>"), "gives LUT as '1e99'"),
        (XML.replace("<LUT>11875</LUT>", ""), "has no LUT under AreaEstimates/Resources"),
        (XML.replace("2024.1", "banana"), "is of the unknown version 'banana'"),
        (XML.replace("2024.1", ""), "is of the unknown version ''"),
        (XML.replace("<TargetClockPeriod>10.00", "<TargetClockPeriod>ten"), "gives the target clock as 'ten'"),
        (XML.replace("Interval-max", "Interval-most"), "has no PerformanceEstimates/SummaryOfOverallLatency/Interval-max"),
        ("<a>" * 100 + "</a>" * 100, "nests elements deeper than 64"),
        ('<!DOCTYPE profile [<!ENTITY x "1">]>' + XML, "declares a document type"),
        ('<!DOCTYPE profile SYSTEM "file:///etc/passwd">' + XML, "declares a document type"),
        (('<!DOCTYPE p [<!ENTITY x "1">]>' + XML).encode("utf-16"), "declares a document type"),
        (b'<?xml version="1.0" encoding="cp1252"?>' + XML.encode() + b"\xff", "is no whole XML"),
    ],
)  # fmt: skip
def test_damaged_xml_is_one_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    path = _write(tmp_path, "myproject_csynth.xml", text)
    with pytest.raises(ToolError) as raised:
        parse_xml(path)
    message = str(raised.value)
    assert message.startswith(f"the report {path} ")
    assert says in message
    assert message.endswith("; run --synth again, or delete the synth folder")
    assert "\n" not in message


def test_no_entity_is_ever_expanded(tmp_path: Path) -> None:
    """A billion laughs would take minutes and gigabytes; here it must not take a second."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    text = XML.replace("<LUT>11875</LUT>", "<LUT>&l11;</LUT>")
    path = _write(tmp_path, "a.xml", f'<!DOCTYPE profile [<!ENTITY l0 "1">{laughs}]>' + text)
    with pytest.raises(ToolError, match="declares a document type"):
        parse_xml(path)


def test_an_undeclared_entity_is_no_xml(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is no whole XML"):
        parse_xml(_write(tmp_path, "a.xml", XML.replace("11875", "&x;")))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no title"),
        (RPT[: RPT.index("* Version")], "has no version"),
        (RPT[: RPT.index("* Target")], "has no target device"),
        (RPT[: RPT.index("+ Timing")], "has no section on timing"),
        (RPT[: RPT.index("+ Latency")], "has no section on latency"),
        (RPT[: RPT.index("== Utilization")], "has no section on utilization"),
        (RPT[: RPT.index("|Total   ")], "has no BRAM18 in the row Total"),
        (RPT[: RPT.index("|Total   ") + 40], "is cut off in the line '|Total"),
        (RPT.replace("|    11875|", "|    1x875|"), "gives LUT total as '1x875'"),
        (RPT.replace("|    11875|", "|"), "has 5 cells under Total, and 6 in the heading"),
        (RPT.replace("2024.1 (Build", "next (Build"), "is of the unknown version"),
        (RPT.replace(" 10.00 ns|", " 10.00 furlongs|"), "gives the target clock as '10.00 furlongs'"),
        (RPT.replace("|ap_clk", " ap_clk"), "has no row for the clock"),
    ],
)
def test_damaged_text_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = _write(tmp_path, "myproject_csynth.rpt", text)
    with pytest.raises(ToolError) as raised:
        parse_text(path)
    assert says in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_and_endless_files(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be read"):
        parse_xml(tmp_path / "none.xml")
    path = tmp_path / "endless.xml"
    with path.open("wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(ToolError, match="is larger than 64 MiB"):
        parse_xml(path)


@given(st.data())
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize(("parse", "text"), [(parse_xml, XML.encode()), (parse_text, RPT.encode())])
def test_mutated_bytes_give_a_report_or_our_error(
    tmp_path_factory: pytest.TempPathFactory,
    parse: Callable[[Path], ModuleReport],
    text: bytes,
    data: st.DataObject,
) -> None:
    path = _write(tmp_path_factory.getbasetemp(), "m", mutated(text, data))
    given = result_or_message(lambda: parse(path))
    if isinstance(given, str):
        assert given.startswith(f"the report {path} ")
        assert "\n" not in given
    else:
        assert all(n is None or n >= 0 for n in given.resources.values())


def test_all_modules_are_read_and_the_text_only_where_xml_is_missing(tmp_path: Path) -> None:
    write_reports(tmp_path)
    solution = Solution(tmp_path, "myproject")
    found = read_csynth(solution)
    assert found is not None
    assert (found.top.name, found.top.latency_max) == ("myproject", 1000)
    assert set(found.modules) == {*MODULES, *NESTED}
    xml, text = solution.csynth_reports
    text.write_text("damaged, and not to be looked at")
    assert read_csynth(solution) == found
    xml.unlink()
    text.write_text(csynth_rpt())
    again = read_csynth(solution)
    assert again is not None
    assert again.top.latency_max == 395
    assert again == replace(found, top=again.top)


def test_no_reports_are_none(tmp_path: Path) -> None:
    assert read_csynth(Solution(tmp_path, "myproject")) is None
