"""The report's dataclasses, its schema and the promises beyond it."""

import copy
import dataclasses
import json
from typing import get_args

import jsonschema
import pytest

from sqz_hw.errors import BadInputError
from sqz_hw.estimate import budget, layer_resources
from sqz_hw.estimate.ranges import Range
from sqz_hw.estimate.verdict import Fits, Verdict
from sqz_hw.report import content, sections, wording
from sqz_hw.report.content import LatencyColumn
from sqz_hw.report.timing import TIMING_NOTE
from sqz_hw.report.validate import schema, validate

FIELDS = ("schema", "model", "part", "verification", "resources", "latency", "memory", "verdict")
SECTIONS = ("model", "part", "verification", "memory", "verdict")


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_variant_obeys_the_schema(variants):
    for report in variants.values():
        validate(json.loads(json.dumps(report.to_dict())))


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_refused(report, field):
    plain = report.to_dict()
    del plain[field]
    with pytest.raises(BadInputError) as caught:
        validate(plain)
    assert str(caught.value) == f"report.json must have {field}, and has not; build the project again"


@pytest.mark.parametrize("section", SECTIONS)
def test_sections_are_strict(report, section):
    optional = {"model": {"fire_density", "shipped_bytes", "float_bytes"}, "verification": {"accuracy"}}.get(
        section, set()
    )
    for name in report.to_dict()[section]:
        plain = copy.deepcopy(report.to_dict())
        del plain[section][name]
        if name in optional:
            validate(plain)
        else:
            with pytest.raises(BadInputError, match=f"must have {name}, and has not"):
                validate(plain)
    plain = copy.deepcopy(report.to_dict())
    plain[section]["surprise"] = 1
    with pytest.raises(
        BadInputError, match=f"report.json.{section} must have known fields only, not 'surprise'"
    ):
        validate(plain)


def _set(plain, path, value):
    *way, last = path
    for step in way:
        plain = plain[step]
    plain[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schema",), 2, "report.json.schema must obey const 1, not 2"),
        (("model", "name"), 7, "report.json.model.name must be of type string, not 7"),
        (("model", "parameters"), -1, "report.json.model.parameters must obey minimum 0, not -1"),
        (
            ("verdict", "fits"),
            "maybe",
            'report.json.verdict.fits must be one of "yes", "unsure", "no", not \'maybe\'',
        ),
        (("resources", 0, "kind"), "guess", "report.json.resources[0].kind must be one of "),
        (
            ("resources", 0, "totals", "LUT"),
            5,
            "report.json.resources[0].totals.LUT must be an object with low",
        ),
        (
            ("resources", 0, "totals", "LUT", "low"),
            1e9,
            "must have low <= expected <= high, not 1000000000.0, 30500",
        ),
        (
            ("resources", 1, "totals", "LUT", "low"),
            1,
            "is measured (csynth) and must have low = expected = high",
        ),
        (("latency", 0, "fps"), float("nan"), "report.json.latency[0].fps must be a finite number, not nan"),
        (("latency", 0, "clock_status"), "guessed", 'must be one of "assumed", "met", not '),
        (("memory", "total_bits"), 3, "report.json.memory.total_bits must be the sum 1612304, not 3"),
        (
            ("verdict", "reasons"),
            [],
            f"report.json.verdict.reasons must say that {TIMING_NOTE}, and does not",
        ),
        (("verification", "accuracy", "csim", "top1"), 101, "must obey maximum 100, not 101"),
    ],
)
def test_faults_are_named_in_one_line(report, path, value, message):
    plain = report.to_dict()
    _set(plain, path, value)
    with pytest.raises(BadInputError) as caught:
        validate(plain)
    assert message in str(caught.value)
    assert str(caught.value).endswith("; build the project again")


def test_required_fields_are_those_that_schema_1_began_with():
    defs = schema()["$defs"]
    assert schema()["required"] == list(FIELDS)
    assert defs["resource_column"]["required"] == ["kind", "predicts", "tool", "totals", "layers"]
    for section in ("resource_column", "latency_column"):
        row = defs[section]["properties"]["layers"]["items"]
        assert row["required"] == ["name", "totals" if section == "resource_column" else "cycles"]


def test_an_empty_note_is_refused(variants):
    plain = copy.deepcopy(variants["rich"].to_dict())
    plain["notes"].append("")
    with pytest.raises(BadInputError, match=r"report\.json\.notes\[1\] must obey minLength 1"):
        validate(plain)


OPTIONAL = ("network", "fifos", "zeros", "budgets")


@pytest.mark.parametrize("section", OPTIONAL)
def test_newer_sections_are_optional_and_strict(variants, section):
    plain = copy.deepcopy(variants["rich"].to_dict())
    if section == "network":
        plain[section][0]["surprise"] = 1
        where = "report.json.network[0]"
    else:
        plain[section]["surprise"] = 1
        where = f"report.json.{section}"
    with pytest.raises(BadInputError) as caught:
        validate(plain)
    assert (
        str(caught.value) == f"{where} must have known fields only, not 'surprise'; build the project again"
    )
    del plain[section]
    validate(plain)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("budgets", "needs", 1, "total"),
            5,
            "report.json.budgets.needs[1].total must be the sum 4620304, not 5",
        ),
        (
            ("fifos", "streams", 1, "bits"),
            1,
            "report.json.fifos.streams[1].bits must be width times depth, 3072, not 1",
        ),
        (
            ("resources", 1, "layers", 0, "parts", "logic", "LUT", "low"),
            101,
            "report.json.resources[1].layers[0].parts.logic.LUT must have low <= expected <= high, not 101, 100, 160",
        ),
        (("resources", 1, "calibration", "LUT", "coverage_90"), 1.5, "must obey maximum 1, not 1.5"),
        (("fifos", "streams", 0, "stored"), "URAM", "must be one of "),
        (("zeros", "cases", 0, "kind"), "measured", 'must be one of "counted", "assumed", not'),
        (("network", 0, "reuse_factor"), 0, "report.json.network[0].reuse_factor must obey minimum 1, not 0"),
        (
            ("latency", 0, "layers", 0, "first"),
            -1,
            "report.json.latency[0].layers[0].first must obey minimum 0",
        ),
    ],
)
def test_faults_in_newer_sections_are_named(variants, path, value, message):
    plain = copy.deepcopy(variants["rich"].to_dict())
    _set(plain, path, value)
    with pytest.raises(BadInputError) as caught:
        validate(plain)
    assert message in str(caught.value)


def test_names_in_the_schema_are_the_names_in_the_code():
    defs = schema()["$defs"]
    assert tuple(defs["resource_kind"]["enum"]) == get_args(content.ResourceKind)
    assert tuple(defs["latency_column"]["properties"]["kind"]["enum"]) == get_args(content.LatencyKind)
    assert tuple(defs["latency_column"]["properties"]["clock_status"]["enum"]) == get_args(
        content.ClockStatus
    )
    assert tuple(defs["verdict"]["properties"]["fits"]["enum"]) == get_args(Fits)
    assert tuple(defs["resource_column"]["properties"]["totals"]["required"]) == content.RESOURCES
    assert tuple(defs["fifos"]["properties"]["streams"]["items"]["properties"]["stored"]["enum"]) == get_args(
        sections.StoredIn
    )
    needs, parts = (defs["budgets"]["properties"][name]["items"] for name in ("needs", "parts"))
    assert tuple(parts["properties"]["held"]["items"]["properties"]["answer"]["enum"]) == get_args(
        budget.Answer
    )
    purposes = defs["resource_column"]["properties"]["layers"]["items"]["properties"]["parts"]["properties"]
    assert tuple(purposes) == layer_resources.PURPOSES == get_args(layer_resources.Purpose)
    defs = defs | {"need": needs, "part_memory": parts}
    for name, cls in (
        ("model", content.ModelSection),
        ("memory", content.MemorySection),
        ("latency_column", content.LatencyColumn),
        ("resource_column", content.ResourceColumn),
        ("calibration", sections.Calibration),
        ("network_layer", sections.NetworkLayer),
        ("fifos", sections.FifoSection),
        ("zeros", sections.ZerosSection),
        ("budgets", sections.BudgetSection),
        ("need", budget.MemoryNeed),
        ("part_memory", budget.PartMemory),
    ):
        names = {f.name for f in dataclasses.fields(cls)} | set(getattr(cls, "_derived", ()))
        assert set(defs[name]["properties"]) == names


def test_the_plain_report(report):
    plain = report.to_dict()
    assert plain["schema"] == 1
    assert tuple(plain) == FIELDS
    assert plain["part"]["budget"]["memory_bits"] == 140 * 36864
    assert plain["latency"][0]["fps"] == round(100e6 / 36864, 3)
    assert plain["latency"][0]["latency_us"] == 612.34
    assert plain["memory"]["total_bits"] == 1_612_304
    assert plain["resources"][0]["totals"]["FF"] is None
    assert plain["resources"][1]["totals"]["LUT"] == {"low": 60000, "expected": 60000, "high": 60000}


def test_labels_unknown_leaves_accuracy_out(variants):
    assert "accuracy" not in variants["unlabelled"].to_dict()["verification"]


def test_the_verdict_speaks_of_timing_until_a_clock_is_met(report, variants):
    assert report.to_dict()["verdict"]["reasons"][-1] == TIMING_NOTE
    assert TIMING_NOTE not in variants["clock met"].to_dict()["verdict"]["reasons"]
    for note in (TIMING_NOTE, "timing is not established: the clock of 100 MHz is assumed"):
        said = dataclasses.replace(report, verdict=Verdict("yes", (note,))).to_dict()
        validate(said)
        assert said["verdict"]["reasons"] == wording.reasons(said) == [note]


def test_impossible_numbers_are_refused():
    with pytest.raises(BadInputError, match="a range must have 0 <= low <= expected <= high, not 3, 2, 4"):
        Range(3, 2, 4)
    with pytest.raises(BadInputError, match="not nan, nan, nan"):
        Range.exactly(float("nan"))
    with pytest.raises(
        BadInputError, match="above 0 MHz and an interval of 1 cycle or more, not 0 MHz and 5"
    ):
        LatencyColumn("estimate", 0, "assumed", 5, 5, None)
