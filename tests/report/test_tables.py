"""Rows that take more than a lookup."""

import copy

import pytest

from sqz_hw.report import tables, wording


@pytest.fixture
def rich(variants):
    return copy.deepcopy(variants["rich"].to_dict())


def test_float_qkeras_and_hardware(rich, variants):
    found = tables.agreement(rich)
    assert [(row.engine, row.top1) for row in found.rows] == [
        ("float", 88.8), ("qkeras", 88.2), ("golden", 88.2), ("csim", 88.2),
    ]  # fmt: skip
    assert found.rows[0].agreement == "same top class on 96.9 % of the images"
    assert {row.agreement for row in found.rows[1:]} == {"every value the same"}
    assert found.best is found.rows[-1]
    silent = tables.agreement(variants["unlabelled"].to_dict())
    assert silent.best is None
    assert [row.engine for row in silent.rows] == ["golden", "csim"]
    differs = tables.agreement(variants["differs"].to_dict())
    assert {row.agreement for row in differs.rows} == {"values differ"}
    assert tables.agreement(variants["nothing compared"].to_dict()).rows == ()


def test_with_and_without_pruning(rich):
    rows = dict(tables.zeros_rows(rich))
    assert rows["weights and biases not zero"] == ["49,382 (counted)", "123,456 (assumed)"]
    assert rows["weights, stored compressed"] == ["29.4 KiB", "121 KiB"]
    assert rows["multiplications an image"][0] == rows["multiplications an image"][1]
    assert rows["cycles an image (estimate)"] == ["36,864 (2,713 images/s)"] * 2
    assert rows["cycles of an engine for nonzeros only (bound)"] == ["at least 17,000", "at least 36,000"]
    assert "ignore zeros" in wording.zeros(rich)
    rich["zeros"]["skipped"] = True
    assert wording.zeros(rich) == "These kernels skip multiplications by zero."


def test_deep_fifos_come_first(rich):
    deep, rest = tables.deep_fifos(rich)
    assert len(deep) + len(rest) == len(rich["fifos"]["streams"])
    assert all(row["depth"] > 2 for row in deep)
    assert all(row["depth"] == 2 for row in rest)
    assert any(row["stored"] == "port" for row in rest)
    row = next(row for row in rest if row["stored"] != "port")
    row["stalls"] = 3
    assert row in tables.deep_fifos(rich)[0]


def test_fifos_in_words(rich):
    streams = rich["fifos"]["streams"]
    held = [row for row in streams if row["stored"] != "port"]
    text = wording.fifos(rich)
    assert text.startswith(f"{len(held)} FIFOs hold {wording.bits(sum(row['bits'] for row in held))}; ")
    assert text.endswith(
        "; 1 of them fill up and make their writer wait, layer4_out longest (5 cycles an image)"
    )
    for row in streams:
        row["stalls"] = 0
    assert wording.fifos(rich).endswith("; none of them makes its writer wait")
    for row in streams:
        row["stalls"] = row["high_water"] = None
    assert wording.fifos(rich).endswith("are expected in block RAM")


def test_resources_by_what_they_are_for(rich, variants):
    found = {table.resource: table for table in tables.purposes(rich)}
    assert list(found) == ["LUT", "FF", "BRAM18"]
    assert found["LUT"].heads == ["weights", "line buffers", "FIFOs", "logic"]
    assert found["FF"].heads == ["windows", "logic"]
    rows = dict(found["LUT"].rows)
    assert rows["conv1"] == ["200 (0 to 500)", "20 (10 to 30)", "8 (5 to 40)", "100 (40 to 160)"]
    assert rows["pool1"] == ["-", "-", "8 (5 to 40)", "100 (40 to 160)"]
    assert dict(found["FF"].rows)["conv1"] == ["54", "60 (30 to 90)"]
    layers = len(rich["network"])
    sums = {segment.label: segment.bits for segment in found["LUT"].segments}
    assert (sums["logic"], sums["FIFOs"]) == (100 * layers, 8 * layers)
    assert sum(segment.width for segment in found["LUT"].segments) == pytest.approx(100, abs=0.01)
    assert tables.purposes(variants["full"].to_dict()) == []
    assert tables.purposes(variants["bare"].to_dict()) == []


def test_small_words():
    assert wording.interval({"low": 1, "expected": 2, "high": 3000}) == "1 to 3,000"
    assert wording.interval({"low": 2, "expected": 2, "high": 2}) == "-"
    assert wording.spread({"low": 20, "expected": 30, "high": 50}) == "high is 2.5 times low"
    assert wording.spread({"low": 0, "expected": 30, "high": 50}) == "low is 0, so the interval has no ratio"
    assert [wording.ratio({"low": low, "high": 50}) for low in (0, 20, 50)] == ["-", "2.5", "-"]
    assert [wording.signed(x) for x in (None, 0.0, 12.34, -3.0)] == ["-", "0.0 %", "+12.3 %", "-3.0 %"]
    assert [wording.known(x) for x in (None, 1234, "x")] == ["-", "1,234", "x"]
    assert [wording.yes_no(x) for x in (True, False, None)] == ["yes", "no", "-"]
    assert wording.megabytes(240_000_000) == "240 MB"
    assert wording.held({"answer": "no", "short_bits": 2**20}) == "no: short by 1 Mib"
    assert wording.held({"answer": "with URAM", "short_bits": 0}) == "with URAM"
