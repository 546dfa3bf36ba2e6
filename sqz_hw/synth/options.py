"""Tells hls4ml's build script which steps to run, and the vendor's tool to run it.

hls4ml 1.3.0 has two ways (``backends/vitis/vitis_backend.py``, ``backends/vivado/vivado_backend.py``):
the Vitis script sources ``build_opt.tcl``; the Vivado script reads ``name=value`` pairs from its
arguments. There it must be one argument with the pairs in hls4ml's order: the script looks for
``synth=`` anywhere in an argument, and ``vsynth=`` holds that too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from sqz_hw.errors import BadInputError
from sqz_hw.synth.tools import SynthTool

SCRIPT = "build_prj.tcl"
VIVADO_SCRIPT = "vivado_synth.tcl"
TIMING_SCRIPT = "vivado_timing.tcl"


@dataclass(frozen=True)
class BuildOptions:
    """Steps of hls4ml's ``build_prj.tcl``, in its order."""

    reset: bool = True
    csim: bool = False
    synth: bool = True
    cosim: bool = False
    validation: bool = False
    export: bool = False
    vsynth: bool = False
    fifo_opt: bool = False

    def pairs(self) -> list[tuple[str, int]]:
        """Names and 0 or 1, in the script's order."""
        return [(name, int(value)) for name, value in asdict(self).items()]


def options_for(*, cosim: bool, vsynth: bool) -> BuildOptions:
    """The steps for a synthesis.

    Co-simulation comes with the tool's own C-simulation: its outputs are what the RTL's are compared with.
    """
    return BuildOptions(csim=cosim, cosim=cosim, vsynth=vsynth)


def write_options(folder: Path, options: BuildOptions) -> None:
    """Write ``build_opt.tcl``, and have the Vivado step report timing as well.

    Args:
        folder: the copy of the HLS project that is to be synthesised.
        options: which steps to run.

    Raises:
        BadInputError: the folder is no project of hls4ml, or cannot be written.
    """
    for name in (SCRIPT, VIVADO_SCRIPT):
        if not (folder / name).is_file():
            raise BadInputError(
                f"--synth needs an HLS project with {name}, and {folder} has none; build it again"
            )
    lines = ["array set opt {", *(f"    {name:<10} {value}" for name, value in options.pairs()), "}", ""]
    source = f"source [file join $tcldir {TIMING_SCRIPT}]\n"
    try:
        (folder / "build_opt.tcl").write_text("\n".join(lines), encoding="utf-8")
        timing = files("sqz_hw.synth").joinpath("tcl", TIMING_SCRIPT).read_text(encoding="utf-8")
        (folder / TIMING_SCRIPT).write_text(timing, encoding="utf-8")
        script = (folder / VIVADO_SCRIPT).read_text(encoding="utf-8")
        if source not in script:
            (folder / VIVADO_SCRIPT).write_text(script.rstrip("\n") + "\n" + source, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"the options of the synthesis cannot be written into {folder} ({error}); make room"
        ) from error


def command(tool: SynthTool, options: BuildOptions) -> list[str]:
    """The command that runs ``build_prj.tcl`` in the current folder, as a list of arguments."""
    if tool.command_style == "vitis-run":
        return [str(tool.path), "--mode", "hls", "--tcl", SCRIPT]
    if tool.command_style == "vitis_hls":
        return [str(tool.path), "-f", SCRIPT]
    return [str(tool.path), "-f", SCRIPT, " ".join(f"{name}={value}" for name, value in options.pairs())]
