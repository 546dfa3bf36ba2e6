"""Metaparameters: the paper's numbers, section 5.1's formulas, and refusals."""

import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.errors import BadInputError, IllegalArchitectureError
from sqz_hw.model.architecture import V1_0, V1_1, Architecture, FireModule, named, small_stem
from sqz_hw.model.layers import Kind

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

TABLE_1_PARAMETERS = {
    "conv1": 14_208, "fire2": 11_920, "fire3": 12_432, "fire4": 45_344, "fire5": 49_440, "fire6": 104_880,
    "fire7": 111_024, "fire8": 188_992, "fire9": 197_184, "conv10": 513_000,
}  # fmt: skip
"""Table 1 of the paper, column "#parameter before pruning"."""


def test_parameters_are_the_papers():
    assert V1_0.parameters == 1_248_424 == sum(TABLE_1_PARAMETERS.values())
    assert V1_1.parameters == 1_235_496


def test_parameters_of_each_layer_are_table_1s():
    counted = dict.fromkeys(TABLE_1_PARAMETERS, 0)
    for spec in V1_0.layers:
        if spec.parameters:
            counted[spec.fire or spec.name] += spec.parameters
    assert counted == TABLE_1_PARAMETERS


def test_macs_are_the_authors():
    """Their README says 1.72 GFLOPS an image (two operations a MAC) for v1.0."""
    assert round(2 * V1_0.macs / 1e9, 2) == 1.72


def test_fire_modules_are_table_1s():
    widths = [(f.name, f.squeeze, f.expand1x1, f.expand3x3) for f in V1_0.fires]
    assert widths == [
        ("fire2", 16, 64, 64),
        ("fire3", 16, 64, 64),
        ("fire4", 32, 128, 128),
        ("fire5", 32, 128, 128),
        ("fire6", 48, 192, 192),
        ("fire7", 48, 192, 192),
        ("fire8", 64, 256, 256),
        ("fire9", 64, 256, 256),
    ]
    assert V1_1.fires == V1_0.fires


@pytest.mark.skipif(not SHARED.is_dir(), reason="the authors' weights are not in ../shared")
def test_v1_1_has_the_layers_of_the_authors_own_weights():
    with np.load(SHARED / "squeezenet_v1.1_8bit.npz") as arrays:
        kernels = [(str(name), arrays[f"{name}/kernel"].shape) for name in arrays["layer_names"]]
    specs = [(s.safe_name, (s.kernel, s.kernel, s.in_shape[2], s.out_shape[2])) for s in V1_1.convolutions]
    assert specs == kernels


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


@pytest.mark.parametrize(
    ("base_e", "incr_e", "freq", "pct", "ratio"),
    [
        (128, 128, 2, "0.5", "0.125"),
        (64, 32, 3, "0.25", "0.5"),
        (96, 0, 1, "0.99", "0.15"),
        (50, 7, 4, "0.01", "0.75"),
    ],
)
def test_widths_follow_section_5_1(base_e, incr_e, freq, pct, ratio):
    """e_i = base_e + incr_e * floor(i / freq); e_3x3 = pct * e; s = SR * e."""
    arch = Architecture(
        base_e=base_e, incr_e=incr_e, freq=freq, pct3x3=float(pct), squeeze_ratio=float(ratio), fire_modules=8
    )
    for i, fire in enumerate(arch.fires):
        e = base_e + incr_e * (i // freq)
        assert fire.name == f"fire{i + 2}"
        assert fire.expand == e
        assert fire.expand3x3 == half_up(Fraction(pct) * e)
        assert fire.expand1x1 == e - fire.expand3x3
        assert fire.squeeze == half_up(Fraction(ratio) * e)


def test_halves_round_up_and_decimal_shares_are_exact():
    assert Architecture(base_e=50, incr_e=0, pct3x3=0.29, squeeze_ratio=0.5).fires[0].expand3x3 == 15  # 14.5
    assert replace(V1_0, width=0.15625).fires[0].squeeze == 3  # 2.5


def test_the_width_multiplier_scales_all_but_input_and_classes():
    half = replace(V1_0, width=0.5)
    assert half.layers[0].out_shape == (227, 227, 3)
    assert half.convolutions[0].out_shape[2] == 48
    assert half.convolutions[-1].out_shape[2] == 1000
    assert [(f.squeeze, f.expand1x1, f.expand3x3) for f in half.fires] == [
        (f.squeeze // 2, f.expand1x1 // 2, f.expand3x3 // 2) for f in V1_0.fires
    ]


def test_a_tiny_multiplier_leaves_one_channel_everywhere():
    least = replace(V1_0, width=1e-9)
    assert {(f.squeeze, f.expand1x1, f.expand3x3) for f in least.fires} == {(1, 1, 1)}
    assert least.convolutions[0].out_shape[2] == 1


def test_small_stem_keeps_the_map():
    arch = small_stem(V1_1, classes=10)
    assert arch.convolutions[0].out_shape == (32, 32, 64)
    assert arch.name == "v1.1"


def test_names():
    assert named("v1.0") is V1_0
    assert named("v1.1") is V1_1
    with pytest.raises(
        IllegalArchitectureError, match=r"^architecture must be one of v1\.0, v1\.1, not 'v2'$"
    ):
        named("v2")


SQUEEZE = "the squeeze width must be below the expand width"
POOLS = "pools_after must be rising layer numbers between 1 (conv1) and 9 (fire9)"


@pytest.mark.parametrize(
    ("widths", "text"),
    [
        ((128, 64, 64), f"fire2: {SQUEEZE} (64 + 64 = 128), not 128; lower SR"),
        ((129, 64, 64), f"fire2: {SQUEEZE} (64 + 64 = 128), not 129; lower SR"),
        ((0, 64, 64), "fire2: squeeze must have at least 1 channel, not 0; "
                      "raise base_e, SR or the width multiplier, or move pct3x3 away from 0 and 1"),
        ((8, 0, 64), "fire2: expand1x1 must have at least 1 channel, not 0; raise base_e"),
        ((8, 64, 0), "fire2: expand3x3 must have at least 1 channel, not 0; raise base_e"),
    ],
)  # fmt: skip
def test_illegal_fire_modules_are_refused(widths, text):
    with pytest.raises(IllegalArchitectureError, match="^" + re.escape(text)):
        FireModule("fire2", *widths)


def test_a_squeeze_one_below_the_expand_is_legal():
    assert FireModule("fire2", 127, 64, 64).expand == 128


ILLEGAL = [
    ({"input_size": 0}, "input_size must be between 1 and 4096, not 0"),
    ({"input_size": 4097}, "input_size must be between 1 and 4096, not 4097"),
    ({"input_size": 227.0}, "input_size must be a whole number, not 227.0"),
    ({"input_size": True}, "input_size must be a whole number, not True"),
    ({"classes": 0}, "classes must be between 1 and 65536, not 0"),
    ({"classes": "10"}, "classes must be a whole number, not '10'"),
    ({"base_e": 1}, "base_e must be between 2 and 65536, not 1"),
    ({"incr_e": -1}, "incr_e must be between 0 and 65536, not -1"),
    ({"freq": 0}, "freq must be between 1 and 64, not 0"),
    ({"fire_modules": 0}, "fire_modules must be between 1 and 64, not 0"),
    ({"fire_modules": 65}, "fire_modules must be between 1 and 64, not 65"),
    ({"conv1_filters": 0}, "conv1_filters must be between 1 and 65536, not 0"),
    ({"conv1_kernel": 16}, "conv1_kernel must be between 1 and 15, not 16"),
    ({"conv1_stride": 0}, "conv1_stride must be between 1 and 8, not 0"),
    ({"conv1_padding": -1}, "conv1_padding must be between 0 and 7, not -1"),
    ({"conv10_padding": 8}, "conv10_padding must be between 0 and 7, not 8"),
    ({"pct3x3": 1.01}, "pct3x3 must be between 0.0 and 1.0, not 1.01"),
    ({"pct3x3": float("nan")}, "pct3x3 must be between 0.0 and 1.0, not nan"),
    ({"pct3x3": None}, "pct3x3 must be a number, not None"),
    ({"pct3x3": 0.0}, "fire2: expand3x3 must have at least 1 channel, not 0; raise base_e"),
    ({"pct3x3": 1.0}, "fire2: expand1x1 must have at least 1 channel, not 0; raise base_e"),
    ({"squeeze_ratio": -0.1}, "squeeze_ratio must be between 0.0 and 1.0, not -0.1"),
    ({"squeeze_ratio": 0.0}, "fire2: squeeze must have at least 1 channel, not 0; raise base_e"),
    ({"squeeze_ratio": 1.0}, f"fire2: {SQUEEZE} (64 + 64 = 128), not 128; lower SR"),
    ({"width": 0.0}, "width must be above 0, not 0.0"),
    ({"width": 17}, "width must be between 0.0 and 16.0, not 17"),
    ({"width": float("inf")}, "width must be between 0.0 and 16.0, not inf"),
    ({"width": "half"}, "width must be a number, not 'half'"),
    ({"width": 1e-9, "pct3x3": 1e-3}, "fire2: expand3x3 must have at least 1 channel, not 0"),
    ({"ceil_pooling": 1}, "ceil_pooling must be true or false, not 1"),
    ({"name": ""}, "name must be a text, not ''"),
    ({"bypass": "double"}, "bypass must be one of none, simple, complex, not 'double'"),
    ({"pools_after": (1, 1)}, f"{POOLS}, not [1, 1]"),
    ({"pools_after": (4, 1)}, f"{POOLS}, not [4, 1]"),
    ({"pools_after": (0,)}, f"{POOLS}, not [0]"),
    ({"pools_after": (10,)}, f"{POOLS}, not [10]"),
    ({"pools_after": "148"}, "pools_after must be a list of layer numbers, not '148'"),
    ({"pools_after": (1.0,)}, "pools_after must be a list of layer numbers, not (1.0,)"),
    ({"input_size": 6}, "conv1: the 7x7 window needs a map of at least 7 pixels, not 6; enlarge input_size"),
    ({"input_size": 7}, "pool1: the 3x3 pool needs a map of at least 2 pixels, not 1; enlarge input_size"),
    ({"input_size": 9, "ceil_pooling": False}, "pool1: the 3x3 pool needs a map of at least 3 pixels, not 2"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "text"), ILLEGAL, ids=[f"{c}" for c, _ in ILLEGAL])
def test_illegal_metaparameters_are_refused(changes, text):
    with pytest.raises(IllegalArchitectureError, match="^" + re.escape(text)) as caught:
        replace(V1_0, **changes)
    assert isinstance(caught.value, BadInputError)
    assert caught.value.exit_code == 2


METAPARAMETERS = st.fixed_dictionaries(
    {
        "input_size": st.integers(1, 80),
        "classes": st.integers(1, 12),
        "base_e": st.integers(0, 40),
        "incr_e": st.integers(-1, 20),
        "freq": st.integers(0, 4),
        "pct3x3": st.floats(-0.1, 1.1),
        "squeeze_ratio": st.floats(0.0, 1.0),
        "fire_modules": st.integers(0, 6),
        "conv1_filters": st.integers(0, 20),
        "conv1_kernel": st.integers(1, 7),
        "conv1_stride": st.integers(1, 3),
        "conv1_padding": st.integers(0, 4),
        "pools_after": st.lists(st.integers(1, 7), unique=True, max_size=4).map(sorted).map(tuple),
        "ceil_pooling": st.booleans(),
        "conv10_padding": st.integers(0, 2),
        "bypass": st.sampled_from(["none", "simple", "complex"]),
        "width": st.floats(0.05, 2.0),
    }
)


@settings(max_examples=300, deadline=None)
@given(METAPARAMETERS)
def test_random_metaparameters_are_refused_or_give_a_consistent_network(values):
    try:
        arch = Architecture(**values)
    except IllegalArchitectureError:
        return
    assert_consistent(arch)
    assert Architecture.from_dict(json.loads(json.dumps(arch.to_dict()))) == arch


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_most_networks_near_a_legal_one_are_legal_and_consistent(data):
    """The test above refuses most of its networks; here hardly any."""
    modules = data.draw(st.integers(1, 6))
    arch = Architecture(
        input_size=data.draw(st.integers(20, 64)),
        classes=data.draw(st.integers(1, 12)),
        base_e=data.draw(st.integers(8, 40)),
        incr_e=data.draw(st.integers(0, 20)),
        freq=data.draw(st.integers(1, 4)),
        pct3x3=data.draw(st.floats(0.1, 0.9)),
        squeeze_ratio=data.draw(st.floats(0.1, 0.8)),
        fire_modules=modules,
        conv1_filters=data.draw(st.integers(1, 20)),
        conv1_kernel=data.draw(st.integers(1, 5)),
        conv1_stride=data.draw(st.integers(1, 2)),
        conv1_padding=data.draw(st.integers(0, 3)),
        pools_after=data.draw(st.sampled_from([(), (1,), (1, modules + 1)])),
        ceil_pooling=data.draw(st.booleans()),
        conv10_padding=data.draw(st.integers(0, 2)),
        bypass=data.draw(st.sampled_from(["none", "simple", "complex"])),
    )
    assert_consistent(arch)


def windows(size: int, kernel: int, stride: int) -> int:
    """Window positions, counted one by one."""
    return len(range(0, size - kernel + 1, stride))


def assert_consistent(arch: Architecture) -> None:
    """Every layer's shape, parameters and MACs follow from its inputs' shapes."""
    shapes = {}
    for spec in arch.layers:
        inputs = [shapes[name] for name in spec.inputs]  # a KeyError: read before written
        h, w, c = spec.out_shape
        assert min(spec.out_shape) >= 1
        assert spec.name not in shapes
        if spec.kind is Kind.INPUT:
            assert spec.out_shape == (arch.input_size, arch.input_size, 3)
        elif spec.kind in (Kind.CONV, Kind.MAX_POOL):
            ((in_h, in_w, in_c),) = inputs
            top, bottom, left, right = spec.padding
            assert h == windows(in_h + top + bottom, spec.kernel, spec.stride)
            assert w == windows(in_w + left + right, spec.kernel, spec.stride)
            if spec.kind is Kind.CONV:
                weights = spec.kernel**2 * in_c * c
                assert (spec.parameters, spec.macs) == (weights + c, h * w * weights)
            else:
                assert (c, top, left) == (in_c, 0, 0)
                assert bottom <= 1
                rounded = math.ceil if arch.ceil_pooling else math.floor
                assert h == rounded((in_h - 3) / 2) + 1
        elif spec.kind is Kind.CONCAT:
            assert spec.out_shape == (*inputs[0][:2], sum(s[2] for s in inputs))
        elif spec.kind is Kind.ADD:
            assert inputs == [spec.out_shape] * 2
        elif spec.kind is Kind.GLOBAL_AVERAGE:
            assert spec.out_shape == (1, 1, arch.classes)
        else:
            assert inputs == [spec.out_shape]
        if spec.kind is not Kind.CONV:
            assert spec.parameters == spec.macs == 0
        shapes[spec.name] = spec.out_shape
    assert all(f.squeeze < f.expand for f in arch.fires)
    assert arch.parameters == sum(s.parameters for s in arch.layers)
    read = {name for spec in arch.layers for name in spec.inputs}
    assert set(shapes) - read == {arch.layers[-1].name}


@pytest.mark.parametrize("arch", [V1_0, V1_1, small_stem(V1_0, bypass="complex", width=0.3, pct3x3=0.7)])
def test_json_round_trip(arch):
    again = Architecture.from_dict(json.loads(json.dumps(arch.to_dict())))
    assert again == arch
    assert again.layers == arch.layers
    assert hash(again) == hash(arch)


def test_unknown_fields_are_refused():
    with pytest.raises(
        IllegalArchitectureError,
        match=r"^architecture fields must be among base_e, bypass, .*, width, not sr, zoom$",
    ):
        Architecture.from_dict({"zoom": 1, "sr": 2})
