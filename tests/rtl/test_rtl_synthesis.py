"""Gates counted by Yosys, kept by content; depth of paths from a netlist."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from sqz_hw.errors import BadInputError, ToolError
from sqz_hw.rtl import synthesis, synthesis_script
from sqz_hw.rtl.bench import library_sources
from sqz_hw.rtl.cost_memory import choose_luts
from sqz_hw.rtl.cost_products import product_cells
from sqz_hw.rtl.cost_tables import table_luts
from sqz_hw.rtl.counts import Count, total
from sqz_hw.rtl.depth import REGISTERS, lut_levels, network_levels, paths_of
from sqz_hw.rtl.depth import Path as LutPath
from sqz_hw.rtl.plan import Instance, Link, Plan
from sqz_hw.rtl.synthesis import count_plan, modules_within
from sqz_hw.rtl.tools import Program, find_yosys, run


def _missing() -> str | None:
    try:
        find_yosys()
    except ToolError as error:
        return str(error)
    return None


needs_yosys = pytest.mark.skipif(_missing() is not None, reason=str(_missing()))


def small_plan() -> Plan:
    links = (Link("a", 16), Link("b", 16), Link("c", 16), Link("d", 16))
    instances = tuple(
        Instance("sqz_fifo", name, {"WIDTH": 16, "DEPTH": 32}, {"in": (a,), "out": (b,)}, "s")
        for name, a, b in (("one", "a", "b"), ("two", "c", "d"))
    )
    return Plan("p", None, {}, links, instances, {}, {}, "a", "d", 16, 16, 1, 1)  # type: ignore[arg-type]


@needs_yosys
def test_a_queue_is_lut_ram_and_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    counts = count_plan(small_plan(), tmp_path)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert counts["one"] == counts["two"]
    assert counts["one"].lut_ram >= 12  # 32 x 16 bits: three RAM32M of four LUTs at least
    assert 0 < counts["one"].levels <= 8
    assert (counts["one"].dsp, counts["one"].bram18, counts["one"].bram36) == (0, 0, 0)
    assert len(list(tmp_path.glob("*.json"))) == 1

    def never(*_: object) -> None:
        raise AssertionError("it is in the cache")

    monkeypatch.setattr(synthesis, "_synthesise", never)
    assert count_plan(small_plan(), tmp_path) == counts
    changed = replace(small_plan().instances[0], parameters={"WIDTH": 8, "DEPTH": 32})
    with pytest.raises(AssertionError, match="it is in the cache"):
        count_plan(replace(small_plan(), instances=(changed,)), tmp_path)


NONE = [
    '{"paths": []}', "[" * 100_000, "", "null", "[]", "\xff",
    *({"lut": bad} for bad in (-5, "x", None, 1.5, True)), {"ff": None}, {"more": 1},
    *({"paths": bad} for bad in (None, 5, "abc", [1], ["abc"], [["a", "b"]], [["a", "b", -1]], [["a", 1, 1]],
                                 [["a", "b", "c"]], [["a", "b", True]])),
]  # fmt: skip
"""What a cache can hold that is no count: texts, and changes of a good one."""


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In Yosys's place: every instance has 7 LUTs; the names of those that were counted."""
    names: list[str] = []

    def count(yosys: Program, instances: list[Instance], *_: object) -> dict[str, Count]:
        names.extend(instance.name for instance in instances)
        return {instance.name: Count(lut=7, levels=2, paths=(LutPath("", "x", 2),)) for instance in instances}

    monkeypatch.setattr(synthesis, "_synthesise", count)
    monkeypatch.setattr(synthesis, "find_yosys", lambda: Program("Yosys", ("none",), {}))
    return names


@pytest.mark.parametrize("held", NONE, ids=lambda held: str(held)[:30])
def test_what_is_no_count_is_counted_anew(tmp_path: Path, stub: list[str], held: str | dict) -> None:
    counts = count_plan(small_plan(), tmp_path)
    (entry,) = tmp_path.iterdir()
    good = entry.read_bytes()
    text = held if isinstance(held, str) else json.dumps({**json.loads(good), **held})
    entry.write_text(text, encoding="latin-1")
    assert count_plan(small_plan(), tmp_path) == counts
    assert entry.read_bytes() == good
    assert count_plan(small_plan(), tmp_path) == counts
    assert stub == ["one", "one"]


def test_a_good_count_is_taken_as_it_is(tmp_path: Path, stub: list[str]) -> None:
    count_plan(small_plan(), tmp_path)
    (entry,) = tmp_path.iterdir()
    other = Count(lut=3, ff=0, levels=9, paths=(LutPath("a", "", 9),))
    entry.write_text(json.dumps(asdict(other)))
    assert count_plan(small_plan(), tmp_path) == {"one": other, "two": other}
    assert stub == ["one"]


def test_a_folder_in_a_counts_place_is_replaced_or_warned_of(tmp_path: Path, stub: list[str]) -> None:
    counts = count_plan(small_plan(), tmp_path)
    (entry,) = tmp_path.iterdir()
    entry.unlink()
    entry.mkdir()
    assert count_plan(small_plan(), tmp_path) == counts
    assert entry.is_file()
    entry.unlink()
    entry.mkdir()
    (entry / "users").write_text("kept")
    with pytest.warns(
        UserWarning,
        match=r"the count of one must be kept in .*\.json, and cannot \(Is a directory\); move what is in the way",
    ):
        assert count_plan(small_plan(), tmp_path) == counts
    assert (entry / "users").read_text() == "kept"
    assert list(tmp_path.iterdir()) == [entry]


@pytest.mark.parametrize("cache", ["file", "file/below"])
def test_a_cache_that_cannot_be_written_is_said_at_the_start(
    tmp_path: Path, stub: list[str], cache: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        BadInputError,
        match=r"counts must be kept in the folder .*/file.*, and it cannot be written \(.+\); "
        "move what is in the way, make room, or let HOME name another folder",
    ):
        count_plan(small_plan(), tmp_path / cache)
    assert stub == []


def python(code: str) -> Program:
    """A stub in Yosys's place; its script is its one argument."""
    return Program("Yosys", (sys.executable, "-c", code), {})


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "import sys; sys.exit('no memory')",
            r"Yosys must end without error, not with exit code 1: no memory",
        ),
        ("", "Yosys must write its counts, not FileNotFoundError"),
    ],
)
def test_a_failed_yosys_leaves_the_folder_that_its_message_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, text: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(synthesis, "find_yosys", lambda: python(code))
    with pytest.raises(ToolError, match=text) as caught:
        count_plan(small_plan(), tmp_path / "cache")
    folder = Path(str(caught.value).rpartition("; see ")[2])
    assert folder.parent == tmp_path
    assert {"synth.ys", "batch.sv"} <= {path.name for path in folder.iterdir()}


def test_no_room_for_yosyss_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(synthesis, "find_yosys", lambda: python(""))
    with pytest.raises(
        ToolError, match=r"Yosys must have room for its files, and .*gone.* cannot be written .*TMPDIR"
    ):
        count_plan(small_plan(), tmp_path / "cache")


def test_a_program_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"Yosys must end within 2 s, and was stopped then; see /see"):
        run(python(SLEEPS), [str(tmp_path / "pids")], tmp_path, timeout=2, see=Path("/see"))
    assert gone(tmp_path / "pids")


SLEEPS = (
    "import os, subprocess, sys, time; child = subprocess.Popen(['sleep', '60']);"
    "open(sys.argv[1] + '.new', 'w').write(f'{os.getpid()} {child.pid}');"
    "os.rename(sys.argv[1] + '.new', sys.argv[1]); time.sleep(60)"
)
"""Starts another process, writes both numbers, and sleeps."""


def gone(pids: Path) -> bool:
    """Whether the processes of SLEEPS end within seconds."""
    numbers = pids.read_text().split()
    for _ in range(100):
        states = [Path(f"/proc/{number}/stat") for number in numbers]
        if all(not s.is_file() or s.read_text().rpartition(")")[2].split()[0] == "Z" for s in states):
            return len(numbers) == 2
        time.sleep(0.1)
    return False


def test_a_signal_kills_the_yosys_that_runs(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from rtl.test_rtl_synthesis import python, small_plan, SLEEPS; import sqz_hw.cli.main;"
        "from sqz_hw.rtl import synthesis; main = sys.modules['sqz_hw.cli.main'];"
        "pids = repr(sys.argv[2] + '/pids');"
        "synthesis.find_yosys = lambda: python(f'import sys; sys.argv = [0, {pids}];' + SLEEPS);"
        "main.cli.main = lambda **_: synthesis.count_plan(small_plan(), Path(sys.argv[2]) / 'cache');"
        "sys.exit(main.main([]))"
    )
    tests, scratch = Path(__file__).parents[1], tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tests), str(tmp_path)],
        env={**os.environ, "TMPDIR": str(scratch)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for _ in range(600):
            if (tmp_path / "pids").is_file() or process.poll() is not None:
                break
            time.sleep(0.1)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=50)
        assert (process.returncode, said.strip()) == (130, "stopped")
        assert time.monotonic() - began < 20
        assert gone(tmp_path / "pids")
        assert list(scratch.iterdir()) == []
    finally:
        process.kill()


LANES = """
module batch (
    input wire clk, input wire rst, input wire signed [4:0] weight, input wire first, input wire capture,
    input wire [11:0] pixels, output wire captured, output wire [33:0] sums, output wire [1:0] carry
);
  sqz_lanes #(.P(2), .B(6), .VALUE(5), .SUM(17), .PACK(1), .SPLIT(18)) lanes (.*);
endmodule
"""


@needs_yosys
def test_ultrascale_slices_take_the_lanes_registers_and_adder(tmp_path: Path) -> None:
    """As on the 7 series: left in the fabric are the sums that wait, and what is beside them in the pipeline."""
    (library,) = [path for path in library_sources() if path.stem == "sqz_lanes"]
    shutil.copyfile(synthesis_script.DSP48E2, tmp_path / synthesis_script.DSP48E2.name)
    (tmp_path / "lanes.sv").write_text(LANES)
    script = [
        f"read_verilog -sv -defer {library}", "read_verilog -sv lanes.sv", "hierarchy -check -top batch",
        *synthesis_script.mapping("xcup"), "tee -q -o stat.json stat -json -tech xilinx", "write_json netlist.json",
    ]  # fmt: skip
    (tmp_path / "s.ys").write_text("\n".join(script) + "\n")
    run(find_yosys(), ["s.ys"], tmp_path)
    cells = json.loads((tmp_path / "netlist.json").read_text())["modules"]["batch"]["cells"].values()
    kinds = Counter(about["type"] for about in cells)
    (slice_,) = [about for about in cells if about["type"].startswith("DSP")]
    assert slice_["type"] == "DSP48E2"
    registers = {name: int(slice_["parameters"][name], 2) for name in ("AREG", "BREG", "MREG", "PREG")}
    assert registers == {"AREG": 0, "BREG": 2, "MREG": 1, "PREG": 1}
    assert [kind for kind in kinds if kind.startswith(("LUT", "CARRY"))] == []
    assert 34 <= kinds["FDRE"] <= 45  # two sums of 17 bits that wait; the first of three of a weight


ALONE = """
module batch (
    input wire clk, input wire rst, input wire en, input wire [10:0] address, output wire [7:0] data,
    input wire [3:0] select, input wire [16*9-1:0] words, output wire [8:0] word,
    input wire [7:0] a, input wire [7:0] b, output wire [7:0] larger,
    input wire [5:0] pixel, input wire [3:0] magnitude, output wire [9:0] product
);
  sqz_table #(.WIDTH(8), .WORDS(2048), .FILE("table.mem")) a_table (.*);
  sqz_choose #(.WIDTH(9), .N(16)) a_choice (.*);
  sqz_larger #(.WIDTH(8)) a_maximum (.*);
  sqz_product #(.B(6), .M(4)) a_product (.*);
endmodule
"""


@needs_yosys
@pytest.mark.parametrize("family", ["xc7", "xcup"])
def test_what_is_mapped_by_itself_takes_what_the_cost_model_says(tmp_path: Path, family: str) -> None:
    draw = np.random.default_rng(2)
    drawn = [int(word) for word in draw.integers(0, 256, 2048)]
    (tmp_path / "table.mem").write_text("".join(f"{word:02x}\n" for word in drawn))
    shutil.copyfile(synthesis_script.DSP48E2, tmp_path / synthesis_script.DSP48E2.name)
    (tmp_path / "alone.sv").write_text(ALONE)
    script = [
        f"read_verilog -sv -defer {' '.join(map(str, library_sources()))}", "read_verilog -sv alone.sv",
        "hierarchy -check -top batch", *synthesis_script.mapping(family), "write_json netlist.json",
    ]  # fmt: skip
    (tmp_path / "s.ys").write_text("\n".join(script) + "\n")
    run(find_yosys(), ["s.ys"], tmp_path)
    cells = json.loads((tmp_path / "netlist.json").read_text())["modules"]["batch"]["cells"]
    kinds = {
        part: Counter(about["type"] for name, about in cells.items() if f"a_{part}." in name)
        for part in ("table", "choice", "maximum", "product")
    }
    luts = {
        part: sum(n for kind, n in found.items() if kind.startswith("LUT")) for part, found in kinds.items()
    }
    assert luts["table"] in (table_luts((8, tuple(drawn))), table_luts((8, tuple(drawn))) + 1)  # its reset
    assert kinds["choice"]["LUT6"] == luts["choice"]
    assert luts["choice"] == 9 * choose_luts(16)
    assert kinds["maximum"]["LUT3"] == 7
    small, medium = product_cells(6, 4)
    assert kinds["product"]["LUT2"] == small
    assert kinds["product"]["LUT3"] + kinds["product"]["LUT4"] == medium
    assert luts["product"] == small + medium


def test_an_unknown_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="the family must be one of xc7, xcup, not 'ice40'"):
        count_plan(small_plan(), tmp_path, "ice40")


def test_totals_add_up_and_keep_the_deepest_path() -> None:
    whole = total([Count(lut=3, bram18=1, levels=5), Count(lut=4, bram36=1, levels=2)])
    assert whole == Count(lut=7, bram18=1, bram36=1, levels=5)
    assert whole.tiles == 1.5


def cell(kind: str, **ports: tuple[str, list[int]]) -> dict:
    return {
        "type": kind,
        "port_directions": {name: direction for name, (direction, _) in ports.items()},
        "connections": {name: bits for name, (_, bits) in ports.items()},
    }


def test_levels_of_a_netlist() -> None:
    cells = {
        "r": cell("FDRE", D=("input", [5]), Q=("output", [1])),
        "a": cell("LUT2", I0=("input", [1]), O=("output", [2])),
        "carry": cell("CARRY4", DI=("input", [2]), O=("output", [3])),
        "m": cell("RAM32M", ADDRA=("input", [3]), DIA=("input", [9]), DOA=("output", [4])),
        "b": cell("LUT6", I0=("input", [4]), O=("output", [5])),
    }
    assert lut_levels({"cells": cells}, "m") == 3
    cells["b"]["connections"]["O"] = [1]
    cells["r"]["connections"]["Q"] = [7]
    with pytest.raises(ToolError, match="its netlist must have no combinational loop"):
        lut_levels({"cells": cells}, "m")


def test_paths_from_port_to_port() -> None:
    cells = {
        "r": cell("FDRE", D=("input", [5]), Q=("output", [1])),
        "a": cell("LUT2", I0=("input", [1]), I1=("input", [2]), O=("output", [3])),
        "b": cell("LUT2", I0=("input", [3]), O=("output", [4])),
        "c": cell("LUT1", I0=("input", [6]), O=("output", [5])),
    }
    ports = {
        "clk": {"direction": "input", "bits": [99]},
        "out_ready": {"direction": "input", "bits": [2, 6]},
        "in_ready": {"direction": "output", "bits": [4]},
        "out_valid": {"direction": "output", "bits": [1]},
    }
    assert set(paths_of({"cells": cells, "ports": ports}, "m")) == {
        LutPath("out_ready[0]", "in_ready", 2),
        LutPath("out_ready[1]", REGISTERS, 1),
        LutPath(REGISTERS, "in_ready", 2),
        LutPath(REGISTERS, "out_valid", 0),
    }


def test_paths_are_joined_from_module_to_module() -> None:
    links = tuple(Link(name, 8) for name in ("a", "b", "c"))
    instances = tuple(
        Instance("m", name, {}, {"in": (i,), "out": (o,)}, "s")
        for name, i, o in (("one", "a", "b"), ("two", "b", "c"))
    )
    plan = Plan("p", None, {}, links, instances, {}, {}, "a", "c", 8, 8, 1, 1)  # type: ignore[arg-type]
    first = (LutPath(REGISTERS, "out_valid", 2), LutPath("out_ready", REGISTERS, 1))
    second = (LutPath("in_valid", "in_ready", 3), LutPath(REGISTERS, REGISTERS, 4))
    # two LUTs to the valid of b, three on to its ready, one to a register of the first
    assert network_levels(plan, {"one": first, "two": second}) == (6, "b > b > one")
    assert network_levels(plan, {"one": (), "two": second}) == (4, "two")
    with pytest.raises(ToolError, match="the accelerator must have no combinational loop"):
        network_levels(plan, {"one": (LutPath("out_ready", "out_valid", 1),), "two": second})


def test_a_module_is_kept_by_its_own_sources_alone() -> None:
    texts = {"a": "b b1 (); // c", "b": "", "c": "a a1 ();", "bc": ""}
    assert list(modules_within("a", texts)) == ["a", "b", "c"]
    assert list(modules_within("b", texts)) == ["b"]
