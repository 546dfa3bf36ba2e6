"""hls4ml's own build scripts, run by tclsh with the vendor's commands stood in for: our options reach them."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from synth_project import write_project

from sqz_hw.synth.options import command, options_for, write_options
from sqz_hw.synth.tools import SynthTool

TCLSH = shutil.which("tclsh")
COMMANDS = (
    "open_project set_top add_files open_solution config_array_partition config_compile set_part config_schedule "
    "create_clock set_clock_uncertainty csim_design csynth_design cosim_design export_design synth_design "
    "opt_design report_utilization report_timing_summary get_ports"
)
STUBS = f"""
foreach name {{{COMMANDS}}} {{
    proc $name {{args}} "puts \\"CALL $name \\$args\\"; return x"
}}
proc exec {{args}} {{ puts "CALL exec $args"; uplevel #0 {{source vivado_synth.tcl}} }}
"""
PROJECT = """set project_name "myproject"
set backend "vitis"
set part "xc7z020clg400-1"
set clock_period 10.0
set clock_uncertainty 27%
set version "1.0.0"
set maximum_size 4096
"""


def _templates() -> Path:
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "templates"


def _calls(root: Path, backend: str, *, vsynth: bool) -> list[str]:
    folder = write_project(root) / "hls"
    templates = _templates()
    shutil.copyfile(templates / backend / "build_prj.tcl", folder / "build_prj.tcl")
    shutil.copyfile(templates / "vivado" / "vivado_synth.tcl", folder / "vivado_synth.tcl")
    (folder / "project.tcl").write_text(PROJECT)
    (folder / "myproject_prj/solution1/syn/verilog").mkdir(parents=True)
    options = options_for(cosim=False, vsynth=vsynth)
    write_options(folder, options)
    style = "vitis_hls" if backend == "vitis" else "vivado_hls"
    arguments = command(SynthTool(style, Path(style), None, style, None), options)[1:]
    (folder / "stubs.tcl").write_text(STUBS)
    words = " ".join(f"{{{word}}}" for word in arguments)
    (folder / "run.tcl").write_text(f"source stubs.tcl\nset argv [list {words}]\nsource build_prj.tcl\n")
    done = subprocess.run(
        [str(TCLSH), "run.tcl"], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return re.findall(r"^CALL (\w+)", done.stdout, re.MULTILINE)


@pytest.mark.skipif(TCLSH is None, reason="tclsh is not installed")
@pytest.mark.parametrize("backend", ["vitis", "vivado"])
def test_the_script_runs_the_steps_that_are_asked_for(tmp_path: Path, backend: str) -> None:
    c_only = _calls(tmp_path / "a", backend, vsynth=False)
    assert "csynth_design" in c_only
    assert not {"csim_design", "cosim_design", "export_design", "exec"} & set(c_only)
    both = _calls(tmp_path / "b", backend, vsynth=True)
    assert both[: len(c_only)] == c_only
    assert both[len(c_only) :] == [
        "exec", "add_files", "synth_design", "opt_design", "report_utilization",
        "get_ports", "create_clock", "report_timing_summary",
    ]  # fmt: skip
