"""The design: its own checks, and its JSON whole and damaged."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op, Stream
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint

PIXEL = FixedPoint(8, 0, False)
SUM = FixedPoint(20, 6, True)


def small_design() -> Design:
    """3x3 convolution of an 5x4 RGB image after padding, then ReLU."""
    rng = np.random.default_rng(1)
    conv = ConvParameters(
        weights=rng.integers(-32, 32, (3, 3, 3, 2)),
        bias=np.array([-(2**31), 2**31 - 1]),
        weight_type=FixedPoint(6, 1, True),
        bias_type=FixedPoint(32, 8, True),
        accum_type=SUM,
        reuse_factor=4,
    )
    streams = (
        Stream("image", (5, 4, 3), PIXEL, 20, None, "pad"),
        Stream("padded", (7, 6, 3), PIXEL, 1, "pad", "conv1"),
        Stream("sums", (5, 4, 2), SUM, 7, "conv1", "relu"),
        Stream("scores", (5, 4, 2), FixedPoint(6, 2, False, "RND_CONV", "SAT"), 20, "relu", None),
    )
    layers = (
        DesignLayer(
            "pad", Op.ZERO_PAD, ("image",), ("padded",), (5, 4, 3), (7, 6, 3), PIXEL, padding=(1, 1, 1, 1)
        ),
        DesignLayer(
            "conv1",
            Op.CONV,
            ("padded",),
            ("sums",),
            (7, 6, 3),
            (5, 4, 2),
            SUM,
            3,
            1,
            conv=conv,
            reference="conv1",
        ),
        DesignLayer("relu", Op.RELU, ("sums",), ("scores",), (5, 4, 2), (5, 4, 2), streams[3].type),
    )
    return Design("small", "xc7z020", "Vitis", 100.0, layers, streams)


DESIGN = small_design()
TEXT = DESIGN.to_json()


def test_json_round_trip():
    again = Design.from_json(TEXT)
    assert again == DESIGN
    assert again.to_json() == TEXT
    ((_, conv),) = again.convolutions
    ((_, before),) = DESIGN.convolutions
    assert conv.weights.dtype == np.int64
    np.testing.assert_array_equal(conv.weights, before.weights)
    np.testing.assert_array_equal(conv.bias, before.bias)
    with pytest.raises(ValueError, match="read-only"):
        conv.weights[0] = 1


def test_a_built_project_holds_its_design(project):
    path = project.folder / "csim" / "design.json"
    assert Design.from_json(path.read_text()).to_json() == path.read_text()


def test_counts_of_a_convolution():
    ((_, conv),) = DESIGN.convolutions
    assert (conv.n_in, conv.n_out) == (27, 2)
    assert conv.multipliers == 14  # ceil(54 / 4)
    assert conv.nonzeros == sum(int(w) != 0 for w in conv.weights.flat)


def test_counts_of_a_stream():
    stream = DESIGN.stream("sums")
    assert (stream.width_bits, stream.words, stream.bits) == (40, 20, 280)
    assert DESIGN.input.name == "image"
    assert DESIGN.output.name == "scores"


def test_equality_looks_at_the_weights():
    ((layer, conv),) = DESIGN.convolutions
    weights = conv.weights.copy()
    weights[2, 2, 2, 1] += 1
    other = replace(conv, weights=weights)
    assert other != conv
    assert replace(conv, weights=conv.weights.copy()) == conv
    assert hash(replace(conv, weights=conv.weights.copy())) == hash(conv)
    assert conv != "conv"
    layers = tuple(replace(x, conv=other) if x is layer else x for x in DESIGN.layers)
    assert replace(DESIGN, layers=layers) != DESIGN


def test_unknown_names():
    for find in (DESIGN.layer, DESIGN.stream):
        with pytest.raises(KeyError, match="nothing"):
            find("nothing")


def test_names_must_be_unique_and_known():
    with pytest.raises(BadInputError, match=r"^design small: names of layers and of streams must be unique$"):
        replace(DESIGN, streams=(*DESIGN.streams, DESIGN.streams[0]))
    with pytest.raises(BadInputError, match=r"^design small: names of layers and of streams must be unique$"):
        replace(DESIGN, layers=(*DESIGN.layers, DESIGN.layers[0]))
    with pytest.raises(BadInputError, match=r"^design small: relu uses scores, which is no stream of it$"):
        replace(DESIGN, streams=DESIGN.streams[:3])


def test_weight_codes_beyond_32_bits_are_refused():
    layer, conv = DESIGN.convolutions[0]
    wide = replace(layer, conv=replace(conv, bias=np.array([0, 2**31])))
    design = replace(DESIGN, layers=tuple(wide if x is layer else x for x in DESIGN.layers))
    with pytest.raises(BadInputError, match=r"^weight codes must fit in 32 bits$"):
        design.to_json()


def paths(value, at=()):
    """Places of all values in JSON."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*at, key))


def with_value(plain, at, value):
    if not at:
        return value
    copy = dict(plain) if isinstance(plain, dict) else list(plain)
    copy[at[0]] = with_value(plain[at[0]], at[1:], value)
    return copy


def fields(plain):
    """Places of all fields of objects."""
    return [at for at in paths(plain) if at and isinstance(at[-1], str)]


PLAIN = json.loads(TEXT)


def refused(plain) -> bool:
    try:
        Design.from_json(json.dumps(plain))
    except BadInputError as error:
        return "\n" not in str(error)
    return False


def test_every_field_is_needed():
    taken = set()
    for at in fields(PLAIN):
        holder = PLAIN
        for key in at[:-1]:
            holder = holder[key]
        less = {key: value for key, value in holder.items() if key != at[-1]}
        if not refused(with_value(PLAIN, at[:-1], less)):
            taken.add(at[-1])
    assert taken == {"rounding", "saturation", "storage", "multiplier"}  # left out, they are TRN and WRAP


LEGAL = {
    "null": (None, {"source", "sink", "reference", "conv"}),
    "number": (1.5, {"clock_mhz"}),
    "negative": (-1, {"integer"}),
    "infinity": (float("inf"), set()),
    "list": ([], {"inputs", "outputs", "layers"}),
    "object": ({"a": 1}, set()),
    "true": (True, {"signed", "schema"}),  # in Python, true is 1
    "text": ("x", {"name", "part", "backend", "reference", "source", "sink"}),
}


@pytest.mark.parametrize("what", LEGAL)
def test_a_value_of_another_type_is_refused_wherever_it_stands(what):
    value, legal = LEGAL[what]
    places = [at for at in paths(PLAIN) if not refused(with_value(PLAIN, at, value))]
    assert {at[-1] for at in places} == legal


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "null", "{}", '{"schema": 1}', TEXT[:-1], TEXT[: len(TEXT) // 2], "[" * 100_000],
    ids=lambda text: text[:12],
)
def test_what_is_no_design_is_refused(text):
    with pytest.raises(
        BadInputError, match=r"^a design must be JSON as this program writes it .*; build it again$"
    ):
        Design.from_json(text)


def test_another_schema_is_refused():
    with pytest.raises(BadInputError, match=r"^a design must have schema 1, not 2; build it again$"):
        Design.from_json(TEXT.replace('"schema": 1', '"schema": 2'))


def test_damaged_weights_are_refused():
    code = re.search(r'"int32_base64": "([^"]*)"', TEXT)[1]
    for damaged in (code[:-4], code[:-1], "%" + code[1:], ""):
        with pytest.raises(BadInputError, match="build it again"):
            Design.from_json(TEXT.replace(code, damaged))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(TEXT) - 1), st.characters(codec="ascii")), min_size=1, max_size=3)
)
def test_damaged_text_is_refused_or_is_another_design(changes):
    letters = list(TEXT)
    for place, letter in changes:
        letters[place] = letter
    try:
        design = Design.from_json("".join(letters))
    except BadInputError:
        return
    assert Design.from_json(design.to_json()) == design
