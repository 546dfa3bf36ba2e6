import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from synth_project import fake_tool, write_project, write_reports

from sqz_hw.errors import BadInputError, OutputsDifferError, ToolError
from sqz_hw.synth.process import LONGEST_LINE
from sqz_hw.synth.run import SynthRun, run_synthesis
from sqz_hw.synth.stages import Stage
from sqz_hw.synth.tools import SynthTool, find_tool


def _setup(
    root: Path, mode: str, name: str = "vitis-run", *, cosim: bool = False, vivado: bool = False
) -> SynthTool:
    write_project(root / "build")
    fake_tool(root / "bin", name, mode, vivado=vivado)
    if mode != "early":
        write_reports(root / "bin" / "reports", cosim=cosim, vivado=vivado)
    return find_tool("Vivado" if name == "vivado_hls" else "Vitis", {"PATH": str(root / "bin")})


def _run(root: Path, tool: SynthTool, **options: object) -> tuple[SynthRun, list[str], list[Stage]]:
    lines: list[str] = []
    stages: list[Stage] = []
    run = run_synthesis(
        root / "build",
        tool,
        on_line=lines.append,
        on_stage=stages.append,
        **options,  # type: ignore[arg-type]
    )
    return run, lines, stages


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or before it was read
        return False


def _gone(pids: list[int], seconds: float = 15.0) -> bool:
    until = time.monotonic() + seconds
    while any(map(_alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(_alive, pids))


def _pids(path: Path, seconds: float = 30.0) -> list[int]:
    until = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return [int(word) for word in path.read_text().split()]


def test_it_runs_on_a_copy_and_says_how_far_it_is(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "good", vivado=True)
    before = _bytes(tmp_path / "build" / "hls")
    run, lines, stages = _run(tmp_path, tool)
    assert _bytes(tmp_path / "build" / "hls") == before
    assert run.folder == tmp_path / "build" / "synth"
    assert run.notes == ()
    assert run.stages == ("C synthesis", "hardware synthesis")
    assert stages[-1] == Stage("C synthesis", done=True, seconds=3723)
    assert Stage("hardware synthesis", module="relu_config4_s") in stages
    assert run.log.read_text().splitlines() == lines
    assert lines[1] == "***** C/RTL SYNTHESIS *****"
    assert run.seconds > 0


def test_the_tool_sees_the_options_and_no_input(tmp_path: Path) -> None:
    run, _, _ = _run(tmp_path, _setup(tmp_path, "good", vivado=True))
    seen = json.loads((run.folder / "seen.json").read_text())
    assert seen["arguments"] == ["--mode", "hls", "--tcl", "build_prj.tcl"]
    assert seen["stdin"] == ""
    words = seen["options"].split()
    chosen = dict(zip(words[4:-1:2], words[5:-1:2], strict=True))
    assert chosen == {
        "reset": "1", "csim": "0", "synth": "1", "cosim": "0", "validation": "0", "export": "0",
        "vsynth": "1", "fifo_opt": "0",
    }  # fmt: skip


def test_vivado_hls_is_called_with_its_options_as_arguments(tmp_path: Path) -> None:
    run, _, _ = _run(tmp_path, _setup(tmp_path, "good", "vivado_hls"))
    arguments = json.loads((run.folder / "seen.json").read_text())["arguments"]
    assert arguments[:2] == ["-f", "build_prj.tcl"]
    assert len(arguments) == 3


def test_vivado_reports_timing_as_well(tmp_path: Path) -> None:
    run, _, _ = _run(tmp_path, _setup(tmp_path, "good", vivado=True))
    script = (run.folder / "vivado_synth.tcl").read_text().splitlines()
    assert script == [
        "report_utilization -file vivado_synth.rpt",
        "source [file join $tcldir vivado_timing.tcl]",
    ]
    assert "report_timing_summary -file vivado_timing.rpt" in (run.folder / "vivado_timing.tcl").read_text()


def test_without_vivado_its_step_is_left_out_and_said(tmp_path: Path) -> None:
    run, _, _ = _run(tmp_path, _setup(tmp_path, "good"))
    assert run.notes == ("Vivado's synthesis was left out: vivado is not on the PATH",)
    assert "vsynth     0" in (run.folder / "build_opt.tcl").read_text()


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "good")
    run, _, _ = _run(tmp_path, tool)
    (run.folder / "left_over").write_text("")
    again, _, _ = _run(tmp_path, tool)
    assert not (again.folder / "left_over").exists()


def test_a_failure_names_the_last_error_and_the_log(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "fail")
    with pytest.raises(ToolError) as raised:
        _run(tmp_path, tool)
    log = tmp_path / "build" / "synth" / "synth.log"
    assert str(raised.value) == (
        "vitis-run failed with exit code 1: "
        f"ERROR: [HLS 200-70] Compilation errors found: 'data_t' does not name a type; see {log}"
    )
    assert "'data_t' does not name a type" in log.read_text()


def test_the_log_can_be_kept_elsewhere(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "fail")
    log = tmp_path / "kept.log"
    with pytest.raises(ToolError, match=f"see {log}$"):
        _run(tmp_path, tool, log=log)
    assert "HLS 200-70" in log.read_text()
    with pytest.raises(BadInputError, match="cannot be written"):
        _run(tmp_path, tool, log=tmp_path)


def test_a_crash_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="failed with exit code 139"):
        _run(tmp_path, _setup(tmp_path, "crash"))


def test_a_tool_that_ends_well_without_a_report_has_failed(tmp_path: Path) -> None:
    with pytest.raises(
        ToolError, match=r"no report of C synthesis \(myproject_csynth.xml\); ERROR: \[HLS 200-101"
    ):
        _run(tmp_path, _setup(tmp_path, "early"))


@pytest.mark.parametrize(("option", "title"), [("cosim", "co-simulation"), ("vsynth", "Vivado's synthesis")])
def test_a_step_that_left_no_report_has_failed(tmp_path: Path, option: str, title: str) -> None:
    tool = _setup(tmp_path, "good", vivado=True)
    (tmp_path / "bin" / "reports" / "vivado_synth.rpt").unlink()
    with pytest.raises(ToolError, match=f"there is no report of {title}"):
        _run(tmp_path, tool, **{"vsynth": False, option: True})


def test_a_tool_that_hangs_is_stopped_with_its_children(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "hang")
    began = time.monotonic()
    with pytest.raises(ToolError, match="vitis-run was stopped after 2 s, before it was done"):
        _run(tmp_path, tool, timeout_s=2.0)
    assert time.monotonic() - began < 20
    assert _gone(_pids(tmp_path / "build" / "synth" / "pids.txt"))


def test_an_exception_from_outside_stops_the_tool(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "hang")
    pids: list[int] = []

    def interrupt(line: str) -> None:
        if "relu_config4_s" in line:
            pids.extend(_pids(tmp_path / "build" / "synth" / "pids.txt"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_synthesis(tmp_path / "build", tool, on_line=interrupt)
    assert len(pids) == 2
    assert _gone(pids)


def test_the_tool_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    _setup(tmp_path, "hang")
    program = (
        "import sys; from pathlib import Path; from sqz_hw.synth.run import run_synthesis;"
        "from sqz_hw.synth.tools import find_tool;"
        "run_synthesis(Path(sys.argv[1]), find_tool('Vitis', {'PATH': sys.argv[2]}), on_line=lambda line: None)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "build"), str(tmp_path / "bin")])
    try:
        pids = _pids(tmp_path / "build" / "synth" / "pids.txt")
        assert all(map(_alive, pids))
        os.kill(parent.pid, signal.SIGKILL)
    finally:
        parent.kill()
        parent.wait()
    assert _gone(pids)


def test_what_the_tool_leaves_in_the_background_holds_nothing_up(tmp_path: Path) -> None:
    began = time.monotonic()
    _run(tmp_path, _setup(tmp_path, "background"))
    assert time.monotonic() - began < 30


def test_a_flood_is_kept_whole_and_passed_on_in_bounded_lines(tmp_path: Path) -> None:
    run, lines, _ = _run(tmp_path, _setup(tmp_path, "flood"))
    assert sum("flood" in line for line in lines) == 100_000
    assert max(map(len, lines)) <= LONGEST_LINE
    assert any(line.startswith("after") for line in lines)
    assert run.log.read_bytes().count(b"x" * 3_000_000) == 1


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "good")
    (tmp_path / "bin" / "vitis-run").write_text("#!/nowhere/python\n")
    with pytest.raises(
        ToolError, match=r"exit code 127: ERROR: .*vitis-run could not be started: No such file"
    ):
        _run(tmp_path, tool)


def test_co_simulated_outputs_are_compared(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "good", cosim=True)
    run, _, _ = _run(tmp_path, tool, cosim=True)
    results = tmp_path / "bin" / "reports" / "tb_data" / "rtl_cosim_results.log"
    results.write_text("1.5 -2 \n0.25 4 \n")
    with pytest.raises(
        OutputsDifferError, match=r"image 1, value 1: 4 instead of 3; see .*rtl_cosim_results.log"
    ):
        _run(tmp_path, tool, cosim=True)
    results.write_text("1.5 -2 \n0.25 \n")
    with pytest.raises(OutputsDifferError, match="image 1, value 1: nothing instead of 3"):
        _run(tmp_path, tool, cosim=True)
    results.write_text("1.5 -2 \n")
    with pytest.raises(OutputsDifferError, match="put out 1 results, C-simulation 2"):
        _run(tmp_path, tool, cosim=True)
    results.write_text("")
    with pytest.raises(ToolError, match="is empty"):
        _run(tmp_path, tool, cosim=True)
    assert run.folder.name == "synth"


def test_a_failed_co_simulation_is_a_failure(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "good", cosim=True)
    report = tmp_path / "bin/reports/myproject_prj/solution1/sim/report/myproject_cosim.rpt"
    report.write_text(report.read_text().replace("Pass", "Fail"))
    with pytest.raises(ToolError, match="the co-simulation failed"):
        _run(tmp_path, tool, cosim=True)


@pytest.mark.parametrize("missing", ["build_prj.tcl", "vivado_synth.tcl", "project.tcl"])
def test_a_folder_that_is_no_project_is_refused(tmp_path: Path, missing: str) -> None:
    tool = _setup(tmp_path, "good")
    (tmp_path / "build" / "hls" / missing).unlink()
    with pytest.raises(BadInputError, match=missing):
        _run(tmp_path, tool)


def test_a_folder_without_hls_is_refused(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "good")
    with pytest.raises(BadInputError, match="with hls in it"):
        run_synthesis(tmp_path / "bin", tool, on_line=lambda line: None)


def test_what_is_in_the_way_is_not_removed(tmp_path: Path) -> None:
    tool = _setup(tmp_path, "good")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("")
    (tmp_path / "build" / "synth").symlink_to(elsewhere)
    with pytest.raises(BadInputError, match="is in the way"):
        _run(tmp_path, tool)
    assert (elsewhere / "mine").exists()
