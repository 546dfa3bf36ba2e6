"""The table of peers is what its data say, and no figure in it lacks its kind or its source."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from sqz_hw import zoo
from sqz_hw.errors import BadInputError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import make_peers  # noqa: E402
import peers_table  # noqa: E402

PAGE = peers_table.TABLE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def peers():
    return peers_table.read_peers()


@pytest.fixture(scope="module")
def own():
    return peers_table.read_own()


def test_the_page_is_what_its_data_give(peers, own):
    assert peers_table.render(peers, own) == PAGE, "run python benchmarks/peers.py and commit what it writes"


def test_every_figure_on_the_page_has_its_kind_and_its_source(peers, own):
    sources = {int(n): text for n, text in re.findall(r"^(\d+)\. (.+)\.$", PAGE, re.MULTILINE)}
    kinds = {letter: kind for kind, letter in peers_table.LETTERS.items()}
    rows, known = peers_table.rows_and_sources(peers, own)
    cells = 0
    for row in rows:
        lines = [line for line in PAGE.splitlines() if line.startswith(f"| {row.name} |")]
        shown = [cell.strip() for line in lines for cell in line.strip("|").split("|")[1:]]
        assert len(shown) == len(peers_table.COLUMNS) == 14
        for text in shown:
            value, letter, number = re.fullmatch(r"(.+) \[([A-Z]?)(\d+)\]", text).groups()
            assert (letter == "") == (value in peers_table.ABSENT), text
            assert letter == "" or letter in kinds
            assert number != "0"
            assert int(number) in sources
            cells += 1
    assert cells == 14 * len(rows) >= 14 * 14
    assert len(sources) == len(known)
    assert sum("(second hand)" in text for text in sources.values()) == sum(
        source.seen == "quoted" for source in known.values()
    )


def test_figures_that_the_issue_names(peers):
    cells = {row.name: row.cells for row in peers.peer}
    assert (cells["hls4ml RN07"]["accuracy"].value, cells["hls4ml RN07"]["latency"].value) == (
        "83.5 %",
        "27.3 ms",
    )
    finn = cells["FINN CNV W1A1, MLPerf Tiny"]
    assert (finn["accuracy"].value, finn["latency"].value) == ("84.5 %", "1.51 ms")
    pipelined = cells["FINN CNV W1A1, pipelined"]["throughput"]
    assert (pipelined.value, pipelined.kind) == ("2,417 fps", "simulated")
    brevitas = cells["CNV W2A2, Brevitas's weights"]["accuracy"]
    assert (brevitas.value, brevitas.kind) == ("89.03 %", "trained model, in software")


def test_our_rows_are_of_the_models_that_are_shipped(own):
    found = {figures["name"]: figures["sha256"] for figures in own["models"]}
    wanted = {name: make_peers.digest(name) for name in make_peers.cifar_models()}
    assert found == wanted, f"measure again: {own['command']}"
    assert all(figures["report"]["bit_exact"] for figures in own["models"])


def test_our_row_says_what_its_report_says(own):
    figures = own["models"][0]
    report = figures["report"]
    cells = peers_table.own_row(figures).cells
    lut, fps = report["resources"]["totals"]["LUT"], report["latency"]["fps"]
    assert cells["LUT"].value == f"{lut['expected']:,} ({lut['low']:,} to {lut['high']:,})"
    assert (cells["LUT"].kind, cells["DSP"].kind, cells["clock"].kind) == (
        "estimate", "by construction", "assumed",
    )  # fmt: skip
    assert (cells["throughput"].value, cells["throughput"].kind) == (f"{fps:,.0f} fps", "estimate")
    assert (cells["accuracy"].value, cells["accuracy"].kind) == (
        f"{figures['evaluation']['top1']:.2f} %",
        "bit-exact engine",
    )
    assert f"{figures['evaluation']['images']:,} images" in cells["data"].value
    assert report["verdict"] in cells["part"].value


def test_the_row_of_verilog_is_of_the_shipped_model_and_says_what_was_simulated_and_counted(peers, own):
    figures = next(f for f in own["rtl"] if f["name"] == "cifar10-full")
    assert figures["sha256"] == make_peers.digest(figures["name"]), "build with --backend StreamRTL again"
    row = next(
        r
        for r in peers_table.rows_and_sources(peers, own)[0]
        if r.name.startswith("**cifar10-full, StreamRTL")
    )
    hls = next(
        r
        for r in peers_table.rows_and_sources(peers, own)[0]
        if r.name == f"**{figures['name']}** (this project)"
    )
    assert row.cells["accuracy"] == hls.cells["accuracy"]
    interval, mhz = figures["latency"]["interval_cycles"], figures["latency"]["clock_mhz"]
    assert row.cells["throughput"].value == f"{1e6 * mhz / interval:,.0f} fps"
    assert row.cells["throughput"].kind == "simulated"
    assert (row.cells["LUT"].value, row.cells["LUT"].kind) == (
        f"{figures['totals']['LUT']:,.0f}",
        "synthesised",
    )
    assert row.cells["clock"].kind == "assumed"


def test_a_network_of_the_authors_in_verilog_stands_with_its_kin(monkeypatch, tmp_path):
    """The authors' v1.0 is not shipped: its sizes come from the report, its accuracy was not measured."""
    options = {"options": {"target_fps": 32.0}, "inputs": {"model": {"sha256": "0" * 64}}}
    (tmp_path / "build.json").write_text(json.dumps(options))
    (tmp_path / "simulation").mkdir()
    shutil.copy(zoo.find("cifar10-small"), tmp_path / "simulation" / "model.safetensors")
    latency = {
        "kind": "rtl-simulation", "fps": 31.98, "interval_cycles": 3_126_200, "latency_cycles": 4_934_531,
        "latency_us": 49_345.31, "clock_mhz": 100.0,
    }  # fmt: skip
    totals = {"LUT": 38_000, "FF": 14_000, "DSP": 178, "BRAM36": 130}
    report = {
        "model": {
            "name": "v1.0", "architecture": "v1.0", "parameters": 1_248_424, "nonzeros": 407_480,
            "weight_bits": 8, "code_bits": 6,
        },
        "part": {"name": "xc7z020"}, "latency": [latency], "verification": {"bit_exact": True},
        "resources": [{"kind": "yosys", "totals": {k: {"expected": v} for k, v in totals.items()}}],
        "verdict": {"fits": "yes"},
    }  # fmt: skip
    monkeypatch.setattr("sqz_hw.report.write.read", lambda path: report)
    figures = make_peers.simulated(tmp_path / "report" / "report.json")
    assert figures["build"].endswith("--model v1.0.safetensors --target-fps 32 --synth")
    row = peers_table.rtl_row(figures, None)
    assert row.group == "imagenet"
    shown = {key: (cell.value, cell.kind) for key, cell in row.cells.items()}
    assert shown["accuracy"] == ("", "not measured")
    assert shown["parameters"] == ("1,248,424 (407,480 not zero)", "counted")
    assert shown["weight_bits"] == ("8, shared through 6-bit codes", "counted")
    assert shown["activation_bits"] == ("4", "counted")  # of the file that stands in for it
    assert shown["throughput"] == ("32 fps", "simulated")
    assert shown["BRAM36"] == ("130", "synthesised")
    page = peers_table.render(peers_table.read_peers(), {**peers_table.read_own(), "rtl": [figures]})
    assert page.index("| **v1.0, StreamRTL**") > page.index("## SqueezeNet and its kin")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"latency": [{"kind": "estimate"}]}, "this one has no simulated latency"),
        ({"resources": [{"kind": "estimate"}]}, "this one has no counts by Yosys"),
        ({"verification": {"bit_exact": False}}, "outputs are not bit-exact"),
    ],
)
def test_reports_that_are_not_of_counted_exact_verilog(monkeypatch, tmp_path, change, text):
    (tmp_path / "build.json").write_text('{"options": {"target_fps": null}}')
    report = {
        "model": {"name": "cifar10-full"}, "latency": [{"kind": "rtl-simulation"}],
        "resources": [{"kind": "yosys"}], "verification": {"bit_exact": True}, **change,
    }  # fmt: skip
    monkeypatch.setattr("sqz_hw.report.write.read", lambda path: report)
    with pytest.raises(BadInputError, match=text):
        make_peers.simulated(tmp_path / "report" / "report.json")


def test_a_report_away_from_its_build(monkeypatch, tmp_path):
    monkeypatch.setattr("sqz_hw.report.write.read", lambda path: {})
    with pytest.raises(BadInputError, match=r"--rtl needs .*build\.json as well; give the report where"):
        make_peers.simulated(tmp_path / "report" / "report.json")


CELL = 'DSP = ["0", "simulated", "issue-7"]\n'


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ('DSP = ["0", "simulated"]\n', "DSP"),
        ('DSP = ["0", "guessed", "issue-7"]\n', "Input should be 'measured on board'"),
        ('DSP = ["0", "not measured", "issue-7"]\n', "of kind 'not measured' cannot have the value '0'"),
        ('DSP = ["", "simulated", "issue-7"]\n', "of kind 'simulated' cannot have the value ''"),
        ('DSP = ["0", "simulated", "nowhere"]\n', "sources must be those that the cells name; see issue-7, nowhere"),
        ("", "FINN CNV W1A1, pipelined must have the columns network, data, "),
    ],
)  # fmt: skip
def test_a_figure_without_kind_or_source_is_refused(tmp_path, change, text):
    data = peers_table.PEERS.read_text(encoding="utf-8")
    assert data.count(CELL) == 1
    path = tmp_path / "peers.toml"
    path.write_text(data.replace(CELL, change), encoding="utf-8")
    with pytest.raises(BadInputError, match=r"^peers\.toml must hold the table's data: ") as caught:
        peers_table.read_peers(path)
    assert text in str(caught.value)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_peers, "TABLE", tmp_path / "peers.md")
    monkeypatch.setattr(make_peers, "PICTURE", tmp_path / "peers.png")
    assert make_peers.main([]) == 0
    assert (tmp_path / "peers.md").read_text(encoding="utf-8") == PAGE
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")
    assert make_peers.main(["--measure"]) == 2
    assert capsys.readouterr().err == (
        "error: --measure needs --data, labelled images that no choice was made on\n"
    )


def test_missing_figures_of_our_own(tmp_path):
    with pytest.raises(
        BadInputError, match=r"own\.json must be readable .*; run peers\.py --measure --data DATA"
    ):
        peers_table.read_own(tmp_path / "own.json")
