"""The files and the terminal view."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from sqz_hw.errors import BadInputError
from sqz_hw.report import wording
from sqz_hw.report.figures import budget_bars, layer_rows, memory_map
from sqz_hw.report.terminal import summary
from sqz_hw.report.timing import TIMING_NOTE
from sqz_hw.report.write import read, to_html, to_markdown, write

VERDICTS = {"yes": "fits: xc7z020", "unsure": "may or may not fit: xc7z020", "no": "does not fit: xc7z020"}
VOID = {"meta", "br"}


def _terminal(report, width=80, **options):
    console = Console(width=width, record=True, file=None, quiet=True, **options)
    with console.capture() as capture:
        console.quiet = False
        console.print(summary(report.to_dict()))
    return capture.get()


class _Checker(HTMLParser):
    """Collects tags and fails on ill-nested ones."""

    def __init__(self):
        super().__init__()
        self.stack, self.tags, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href")]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def test_the_three_files(report, tmp_path):
    plain = write(report, tmp_path / "report")
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
    ]
    assert read(tmp_path / "report" / "report.json") == plain == json.loads(json.dumps(report.to_dict()))


def test_same_report_same_bytes(variants, tmp_path):
    for report in variants.values():
        write(report, tmp_path / "a")
        write(report, tmp_path / "b" / "deeper")
        for path in (tmp_path / "a").iterdir():
            assert path.read_bytes() == (tmp_path / "b" / "deeper" / path.name).read_bytes()
            assert str(tmp_path).encode() not in path.read_bytes()


def test_what_cannot_be_written_or_read(report, tmp_path):
    (tmp_path / "file").write_text("{")
    with pytest.raises(BadInputError, match=r"cannot be written .*; choose another place"):
        write(report, tmp_path / "file")
    with pytest.raises(BadInputError, match="must be JSON, and is damaged"):
        read(tmp_path / "file")
    with pytest.raises(BadInputError, match=r"cannot be read .*; build the project first"):
        read(tmp_path / "nothing")
    (tmp_path / "file").write_text("[]")
    with pytest.raises(BadInputError, match=r"report\.json must be of type object, not \[\]"):
        read(tmp_path / "file")


def test_html_is_well_formed_and_stands_alone(variants):
    for report in variants.values():
        html = to_html(report.to_dict())
        checker = _Checker()
        checker.feed(html)
        assert not checker.stack
        assert not checker.links
        assert "script" not in checker.tags
        assert not re.search(r"https?:|url\(|@import", html)
        assert "undefined" not in html


def test_html_escapes_what_others_named(variants):
    html = to_html(variants["hostile"].to_dict())
    assert "<script>" not in html
    assert "&lt;script&gt;alert(" in html
    assert "<img" not in html
    assert "&lt;b&gt;|x" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_html_shows_kinds_figures_and_the_note(report):
    html = to_html(report.to_dict())
    assert "estimate of what vivado reports, by sqz_hw 0.1.0" in html
    assert "csynth, by Vitis HLS 2023.2" in html
    assert '<h2>Memory map <span class="kind">estimate</span></h2>' in html
    assert TIMING_NOTE in html
    assert 'class="map"' in html
    assert html.count('class="slow"') == 1
    assert "21,000 to 41,000, expected 30,500, of 53,200; high is 2.0 times low" in html
    assert "not estimated; the part has 106,400" in html
    assert "resources: estimate of what vivado reports, by sqz_hw 0.1.0, expected" in html


def test_markdown_has_the_tables(report):
    text = to_markdown(report.to_dict())
    assert "| LUT | 21,000 | 30,500 | 41,000 | 2.0 | 53,200 | 57 % |" in text
    assert "| DSP | 150 | 180 | 240 | 1.6 | 220 | 82 % (high end over) |" in text
    assert "| FF | | not estimated | | | 106,400 | - |" in text
    assert "| LUT | 60,000 | 60,000 | 60,000 | - | 53,200 | 113 % **over** |" in text
    assert "| estimate | 100 MHz (assumed) | 61,234 | 612 us | 36,864 | 2,713 | `conv1` |" in text
    assert "| weights | 1,204,000 | 1.15 Mib | 23 % |" in text
    assert "| `conv1` | 131,072 | 0 | 0 |" in text
    assert "Kind: **estimate of what vivado reports, by sqz_hw 0.1.0**" in text
    assert f"- {TIMING_NOTE}" in text
    assert "| layer | cycles | weights | line buffer | FIFO | LUT | DSP | differ |" in text
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


def test_markdown_has_every_section(variants):
    text = to_markdown(variants["rich"].to_dict())
    for heading in (
        "## Resources", "## Estimate and measurement", "## Speed", "### Pipeline: the first image, layer by layer",
        "## Memory", "### Which parts hold this model", "## Network", "## Verification", "## Zeros", "## FIFOs",
        "## Model", "## Layers", "### LUT by what it is for", "### FF by what it is for",
    ):  # fmt: skip
        assert f"\n{heading}\n" in text, heading
    assert "| LUT | 14 | 23.5 % | 86 % | 2.4 |" in text
    assert "| `conv1` | LUT | 328 | 55 to 730 | 400 | csynth, Vitis HLS 2023.2 | -18.0 % | yes |" in text
    assert "- Vivado gives no slack: no clock was constrained" in text
    assert "| LUT | 66,000 | 40,000 to 99,000 | 60,000 | csynth, Vitis HLS 2023.2 | +10.0 % | yes |" in text
    assert "| `xcu50` | 977 Kib | 0 | not known | no: short by 2.12 Mib | no: short by 3.45 Mib |" in text
    assert "AlexNet beside it: 240 MB (Iandola et al. 2016, arXiv 1602.07360, table 2)." in text
    assert "| weights and biases not zero | 49,382 (counted) | 123,456 (assumed) |" in text
    assert "| `fire2_squeeze1x1` | conv | 15×15×16 | `ap_ufixed<6,2>` | 15×15×4 |" in text
    assert re.search(r"^conv1 +\.*#+\.* +\d", text, re.MULTILINE)
    assert "\n\n\n" not in text.replace("\n\n\n|", "\n\n|")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table
        assert re.fullmatch(r"\|[-:|]+\|", table.splitlines()[1]), table


def test_markdown_keeps_hostile_names_in_their_cells(variants):
    text = to_markdown(variants["hostile"].to_dict())
    assert text.startswith("# `<script>")
    assert "`<b>\\|x`" in text
    assert "\\<img src=x" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_terminal_shows_every_variant(variants, width):
    for report in variants.values():
        text = _terminal(report, width)
        assert max(map(len, text.splitlines())) <= width
        assert "\x1b" not in text


def test_terminal_contains_the_verdict_and_its_reasons(variants):
    for name, report in variants.items():
        if name != "large part":
            assert VERDICTS[report.verdict.fits] in _terminal(report)
    text = _terminal(variants["too large"])
    assert "- 300 DSP are expected, and the part has 220" in text
    assert f"- {TIMING_NOTE}" in text
    assert TIMING_NOTE not in _terminal(variants["clock met"])


def test_terminal_lines(report, variants):
    text = " ".join(_terminal(report, 100).split())
    assert "bit-exact: golden and csim agree on all 917,504 values of 7 tensors, 32 images" in text
    assert "accuracy on 32 images: csim top-1 88.2 %; golden top-1 88.2 %, top-5 99.1 %" in text
    assert "resources: estimate of what vivado reports, by sqz_hw 0.1.0" in text
    assert "estimate: latency 61,234 cycles (612 us), an image every 36,864 cycles (2,713 images/s)" in text
    assert "not compared: softmax" in text
    assert "not estimated" in text
    assert "accuracy was not measured" in _terminal(variants["unlabelled"])
    assert "outputs differ: golden and csim disagree on 12 of 4,106 values in 1 of 2 tensors" in " ".join(
        _terminal(variants["differs"]).split()
    )
    assert "not verified: nothing was compared" in _terminal(variants["nothing compared"])


def test_use_bars_show_the_budget(variants):
    text = _terminal(variants["too large"])
    bar = next(line for line in text.splitlines() if line.startswith("DSP"))
    drawn = bar.split()[-1]
    assert "|" in drawn[:-1]
    assert {"█", "▓", "░"} <= set(drawn)


def test_figures(variants):
    large = variants["too large"].to_dict()
    bars = {bar.name: bar for bar in budget_bars(large, large["resources"][0])}
    assert (bars["DSP"].state, bars["DSP"].mark, bars["DSP"].high) == ("over", 55, 100)
    assert bars["LUT"].state == "unknown"
    assert "URAM" not in bars
    drawn = memory_map(large)
    assert drawn.over_bits == large["memory"]["total_bits"] - large["memory"]["budget_bits"]
    assert sum(segment.width for segment in drawn.segments) == pytest.approx(100, abs=0.01)
    full = variants["full"].to_dict()
    assert [row["name"] for row in layer_rows(full)] == [row["name"] for row in full["latency"][0]["layers"]]


def test_memory_beyond_block_ram_lies_in_luts_if_the_design_fits(variants):
    large = variants["too large"].to_dict()
    over = wording.bits(large["memory"]["total_bits"] - large["memory"]["budget_bits"])
    said = f"{over} more than the part's block RAM and URAM hold"
    assert wording.beyond_memory(large) == said
    fits = {**large, "verdict": {"fits": "yes", "reasons": ["x"]}}
    assert wording.beyond_memory(fits) == f"{said}; the rest lies in LUTs"
    assert wording.memory(fits) == f"{wording.memory(large)}; the rest lies in LUTs"
    assert wording.beyond_memory(variants["full"].to_dict()) == ""
    quoted = said.replace("'", "&#39;")
    assert f'<p class="over">{quoted} (the line marks their 4.92 Mib).</p>' in to_html(large)
    assert f"**{said}.**" in to_markdown(large)


def test_numbers_in_words():
    assert wording.bits(1024.0) == wording.bits(1024)  # JSON's 1e3 is an integer for a schema
    assert [wording.bits(n) for n in (0, 96, 1024, 36864, 5_160_960)] == [
        "0",
        "96 bits",
        "1 Kib",
        "36 Kib",
        "4.92 Mib",
    ]
    assert [wording.duration(us) for us in (0, 8.2, 12_340, 2.5e6)] == ["0 us", "8.2 us", "12.3 ms", "2.5 s"]
    assert [wording.significant(n) for n in (0.01234, 1, 99.96, 12_345)] == ["0.0123", "1", "100", "12,345"]
    assert [wording.count(n) for n in (None, 1234, 70.5)] == ["not estimated", "1,234", "70.5"]
    assert [wording.percent(*n) for n in ((1, 400), (1, 2), (1, 0), (None, 5))] == ["0.2 %", "50 %", "-", "-"]
    assert wording.plural(1, "image") == "1 image"


def test_views_do_not_change_the_report(report):
    plain = report.to_dict()
    before = json.dumps(plain)
    to_html(plain), to_markdown(plain), summary(plain)
    assert json.dumps(plain) == before
    assert dataclasses.is_dataclass(report)


def test_bytes_over_the_air_stand_beside_float_and_alexnet(report):
    wanted = (
        "24,000 bytes to ship (Deep Compression), 20.6 times fewer than as float32, "
        "10,000 times fewer than AlexNet's 240 MB"
    )
    assert wording.shipped(report.to_dict()) == wanted
