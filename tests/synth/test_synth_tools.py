from pathlib import Path

import pytest

from sqz_hw.errors import BadInputError, ToolError
from sqz_hw.synth.options import command, options_for
from sqz_hw.synth.tools import find_tool


def _program(folder: Path, *names: str) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("backend", "there", "chosen"),
    [
        ("Vitis", ("vitis-run", "vitis_hls", "vivado_hls"), "vitis-run"),
        ("Vitis", ("vitis_hls", "vivado_hls"), "vitis_hls"),
        ("Vivado", ("vitis-run", "vitis_hls", "vivado_hls"), "vivado_hls"),
    ],
)
def test_the_best_tool_for_the_backend_is_found(
    tmp_path: Path, backend: str, there: tuple[str, ...], chosen: str
) -> None:
    tool = find_tool(backend, _program(tmp_path, *there))
    assert (tool.name, tool.path, tool.command_style) == (chosen, tmp_path / chosen, chosen)
    assert tool.vivado is None


def test_release_is_read_off_the_folder_and_nothing_is_run(tmp_path: Path) -> None:
    folder = tmp_path / "Vitis" / "2024.2" / "bin"
    assert find_tool("Vitis", _program(folder, "vitis-run")).version == "2024.2"
    linked = tmp_path / "links"
    linked.mkdir()
    (linked / "vitis-run").symlink_to(folder / "vitis-run")
    assert find_tool("Vitis", {"PATH": str(linked)}).version == "2024.2"
    assert find_tool("Vitis", _program(tmp_path / "plain", "vitis-run")).version is None


def test_vivado_is_found_beside(tmp_path: Path) -> None:
    assert find_tool("Vitis", _program(tmp_path, "vitis-run", "vivado")).vivado == tmp_path / "vivado"


def test_the_processes_own_path_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", _program(tmp_path, "vivado_hls")["PATH"])
    assert find_tool("Vivado").path == tmp_path / "vivado_hls"


@pytest.mark.parametrize(
    ("backend", "names"), [("Vitis", "vitis-run or vitis_hls"), ("Vivado", "vivado_hls")]
)
@pytest.mark.parametrize("environment", [{}, {"PATH": ""}, {"PATH": "nowhere"}])
def test_a_missing_tool_is_one_line_that_says_what_to_do(
    backend: str, names: str, environment: dict[str, str]
) -> None:
    with pytest.raises(ToolError) as raised:
        find_tool(backend, environment)
    assert str(raised.value) == (
        f"--synth needs the vendor's tool for the {backend} backend, and the PATH has no {names}; "
        "source the tool's settings64.sh in this shell, or leave --synth off: the estimates stay"
    )
    assert raised.value.exit_code == 5


def test_a_file_that_is_no_program_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "vitis-run").write_text("")
    (tmp_path / "vitis_hls").mkdir()
    with pytest.raises(ToolError):
        find_tool("Vitis", {"PATH": str(tmp_path)})


def test_other_backends_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"Vitis and Vivado, not StreamRTL; leave --synth off"):
        find_tool("StreamRTL", {})


def test_commands_are_those_of_hls4ml(tmp_path: Path) -> None:
    options = options_for(cosim=False, vsynth=True)
    for name, rest in (
        ("vitis-run", ["--mode", "hls", "--tcl", "build_prj.tcl"]),
        ("vitis_hls", ["-f", "build_prj.tcl"]),
    ):
        tool = find_tool("Vitis", _program(tmp_path / name, name))
        assert command(tool, options) == [str(tmp_path / name / name), *rest]


def test_vivado_hls_gets_all_options_in_one_argument_in_the_scripts_order(tmp_path: Path) -> None:
    """The script looks for ``synth=`` in each argument: ``vsynth=`` in one of its own would match too."""
    tool = find_tool("Vivado", _program(tmp_path, "vivado_hls"))
    *_, last = command(tool, options_for(cosim=False, vsynth=False))
    assert last == "reset=1 csim=0 synth=1 cosim=0 validation=0 export=0 vsynth=0 fifo_opt=0"


def test_co_simulation_comes_with_the_tools_own_c_simulation() -> None:
    options = dict(options_for(cosim=True, vsynth=True).pairs())
    assert options == {
        "reset": 1, "csim": 1, "synth": 1, "cosim": 1, "validation": 0, "export": 0, "vsynth": 1, "fifo_opt": 0,
    }  # fmt: skip
