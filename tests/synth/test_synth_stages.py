import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sqz_hw.synth.stages import Stage, is_error, stage_of


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("***** C SIMULATION *****", Stage("C simulation")),
        ("***** C/RTL SYNTHESIS *****", Stage("C synthesis")),
        ("***** C/RTL SYNTHESIS COMPLETED IN 1h2m3s *****", Stage("C synthesis", True, 3723)),
        ("***** VIVADO SYNTHESIS COMPLETED IN 0h0m59s *****", Stage("Vivado synthesis", True, 59)),
        ("***** C/RTL SIMULATION *****", Stage("C/RTL co-simulation")),
        ("INFO: [HLS 200-10] Starting hardware synthesis ...", Stage("hardware synthesis")),
        ("INFO: [HLS 200-10] Starting code transformations ...", Stage("code transformations")),
        ("Starting C synthesis ...", Stage("C synthesis")),
        ("Starting synth_design", Stage("Vivado: synth_design")),
        ("Running synthesis: 45%", Stage("synthesis", percent=45)),
        ("Running synthesis: 145%", Stage("synthesis")),
        (
            "INFO: [HLS 200-42] -- Implementing module 'add_config9_s' ",
            Stage("hardware synthesis", module="add_config9_s"),
        ),
        (
            "INFO: [HLS 200-10] -- Generating RTL for module 'myproject' ",
            Stage("RTL generation", module="myproject"),
        ),
    ],
)
def test_stages(line: str, stage: Stage) -> None:
    assert stage_of(line) == stage


@pytest.mark.parametrize(
    "line",
    [
        "",
        "INFO: [SYN 201-201] Setting up clock 'default' with a period of 5ns.",
        "****** Vivado v2024.1 (64-bit)",
    ],
)
def test_other_lines_are_no_stage(line: str) -> None:
    assert stage_of(line) is None


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("ERROR: [HLS 200-70] Compilation errors", True),
        ("  ERROR: Test failed", True),
        ("FATAL_ERROR: Vivado Simulator kernel has encountered an exception", True),
        ("INFO: done with 0 errors", False),
        ("CRITICAL WARNING: [Common 17-1]", False),
        ("ERRORS", False),
    ],
)
def test_errors(line: str, error: bool) -> None:
    assert is_error(line) == error


@given(st.text(max_size=200))
@example(" ")
@example("Starting scheduling")
def test_any_line_is_read(line: str) -> None:
    stage = stage_of("***** " + line + " *****")
    assert stage is None or stage.title
    cut_off = stage_of("-- Implementing module '" + line)  # it may name a stage, but no module
    assert cut_off is None or cut_off.module is None or "'" in line
