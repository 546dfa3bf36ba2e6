import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_reports import conv, design, relu

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis.ground_truth import parse, read
from sqz_hw.estimate.synthesis.validation import check_designs, summary

JUNK = st.sampled_from(
    [
        None,
        "",
        "x",
        "\ud800\x1b[31m",
        -1,
        0,
        1,
        2**70,
        1e400,
        float("nan"),
        1.5,
        True,
        [],
        {},
        [[]],
        ["a"],
        {"a": 1},
    ]
)


def test_a_design_is_read() -> None:
    (made,), skipped = parse([design([conv(), relu()])], "made")
    layer = made.layers[0].facts
    assert skipped == ()
    assert made.counts
    assert made.whole
    assert (layer.n_in, layer.n_out, layer.multipliers, layer.in_words, layer.kernel_width) == (
        72,
        16,
        8,
        100,
        3,
    )
    assert made.layers[0].figures == {"LUT": 8541, "FF": 3061, "DSP": 8, "BRAM18": 4}


def test_inferred_reuse_factors_do_not_serve_dsp() -> None:
    inferred = conv()
    inferred["cfg"]["reuse_factor_inferred"] = inferred["cfg"].pop("reuse_factor")
    (made,), _ = parse([design([inferred])], "made")
    assert made.layers[0].facts.reuse_factor == 144
    assert made.layers[0].dsp_is_circular


def test_missing_types_are_hls4mls_default() -> None:
    untyped = conv()
    del untyped["types"]
    (made,), _ = parse([design([untyped])], "made")
    assert (made.layers[0].facts.in_bits, made.layers[0].facts.in_lanes) == (16, 8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kind": "fft"}, "no model of a layer of kind 'fft'"),
        ({"csynth": None}, "no csynth figures"),
        ({"types": {"weight": ["16", 6]}}, "the weight type must be [width, integer, signed], not ['16', 6]"),
        ({"cfg": {**conv()["cfg"], "strategy": "unrolled"}}, "must be resource or latency, not unrolled"),
        ({"cfg": 3}, "n_chan must be a whole number from 1 on, not None"),
    ],
)
def test_a_layer_that_cannot_be_used_is_skipped_with_its_reason(change: dict[str, Any], reason: str) -> None:
    (made,), (skipped,) = parse([design([{**conv(), **change}, relu()])], "made")
    assert len(made.layers) == 1
    assert not made.whole
    assert reason in skipped.reason
    assert skipped.to_dict()["design"] == "made"
    assert skipped.layer is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"io_type": "io_parallel"}, "must be io_stream, not 'io_parallel'"),
        ({"tool": None}, "must be Vivado HLS or Vitis HLS"),
        ({"clock_ns": "5"}, "clock_ns must be a number, not '5'"),
        ({"part": None}, "names no part"),
        ({"strategy": "fast"}, "must be resource or latency, not fast"),
    ],
)
def test_a_design_that_cannot_be_used_is_skipped_with_its_reason(change: dict[str, Any], reason: str) -> None:
    designs, (skipped,) = parse([design([conv()], **change)], "made")
    assert designs == ()
    assert reason in skipped.reason


def test_figures_that_are_not_stated_are_listed() -> None:
    partial = conv()
    del partial["csynth"]["latency_max"], partial["csynth"]["FF"]
    partial["csynth"]["LUT"] = "8541"
    (made,), (skipped,) = parse([design([partial])], "made")
    assert made.layers[0].figures == {"DSP": 8, "BRAM18": 4}
    assert skipped.to_dict() == {
        "design": "made", "layer": "0: conv2d", "reason": "not stated by csynth: cycles, LUT, FF",
    }  # fmt: skip


FIFO = {"width_bits": 32, "depth": 1024, "n_fifos": 8, "BRAM_18K": 16, "FF": 528}


@pytest.mark.parametrize("row", [3, {**FIFO, "depth": None}, {**FIFO, "n_fifos": "8"}, {**FIFO, "depth": -1}])
def test_a_lost_fifo_takes_the_totals_with_it_and_is_listed(row: Any) -> None:
    designs, skipped = parse([design([conv(), relu()], fifos=[FIFO, row, FIFO])], "made")
    checks, more = check_designs(designs)
    figures = summary(checks, (*skipped, *more))
    assert designs[0].fifos == ()
    assert figures["design_totals"]["BRAM18"]["n"] == 0
    assert figures["design_totals"]["DSP"]["n"] == 1
    listed = figures["skipped"]
    assert listed[0]["layer"] == "fifo 1"
    assert listed[0]["reason"].startswith("a FIFO")
    assert listed[1]["reason"].startswith("totals but DSP:")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[1, 2]", "3", '{"designs": []}', "[" * 100_000, "[1" + "0" * 5000 + "]"]
)
def test_a_file_that_is_not_the_schema_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "designs.json"
    path.write_text(text)
    with pytest.raises(BadInputError, match=r"designs\.json (must|holds)"):
        read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="must be a readable JSON file"):
        read(tmp_path / "none.json")
    with pytest.raises(BadInputError, match="must be a readable JSON file"):
        read(tmp_path)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damage_never_ends_in_a_traceback(data: st.DataObject) -> None:
    made = design(
        [conv(), relu()],
        fifos=[{"width_bits": 16, "depth": 100, "n_fifos": 2, "BRAM_18K": 2, "FF": 70}],
    )
    made["top"]["cosim"] = {"latency_min": 9000, "interval_max": 9000}
    made = copy.deepcopy(made)
    for _ in range(data.draw(st.integers(1, 3))):
        node: Any = made
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(node[key], dict | list) and data.draw(st.integers(0, 3)):
                node = node[key]
                continue
            node[key] = copy.deepcopy(data.draw(JUNK))
            break
    try:
        designs, skipped = parse([made, design([conv()])], "made")
    except BadInputError:
        return
    checks, more = check_designs(designs)
    json.dumps(summary(checks, (*skipped, *more)), allow_nan=False)
