"""The layer list: the paper's table 1 and figure 2."""

from dataclasses import replace

import pytest

from sqz_hw.model.architecture import V1_0, V1_1, Architecture
from sqz_hw.model.layers import Kind

TABLE_1 = {
    "data": (227, 227, 3),
    "conv1": (111, 111, 96),
    "pool1": (55, 55, 96),
    "fire2/concat": (55, 55, 128),
    "fire3/concat": (55, 55, 128),
    "fire4/concat": (55, 55, 256),
    "pool4": (27, 27, 256),
    "fire5/concat": (27, 27, 256),
    "fire6/concat": (27, 27, 384),
    "fire7/concat": (27, 27, 384),
    "fire8/concat": (27, 27, 512),
    "pool8": (13, 13, 512),
    "fire9/concat": (13, 13, 512),
    "conv10": (13, 13, 1000),
    "pool10": (1, 1, 1000),
}


def shapes(arch: Architecture) -> dict[str, tuple[int, int, int]]:
    return {spec.name: spec.out_shape for spec in arch.layers}


def test_feature_maps_are_table_1s():
    made = shapes(replace(V1_0, conv10_padding=0))
    assert {name: made[name] for name in TABLE_1} == TABLE_1


def test_the_authors_v1_0_pads_conv10():
    assert shapes(V1_0)["conv10"] == (15, 15, 1000)


def test_v1_1_in_caffe():
    made = shapes(V1_1)
    assert made["conv1"] == (113, 113, 64)
    assert [made[f"pool{i}"][0] for i in (1, 3, 5)] == [56, 28, 14]
    assert made["conv10"] == (14, 14, 1000)


def test_order_and_names_are_the_authors():
    names = [s.name for s in V1_0.layers]
    assert names[:12] == [
        "data", "conv1", "relu_conv1", "pool1",
        "fire2/squeeze1x1", "fire2/relu_squeeze1x1", "fire2/expand1x1", "fire2/relu_expand1x1",
        "fire2/expand3x3", "fire2/relu_expand3x3", "fire2/concat", "fire3/squeeze1x1",
    ]  # fmt: skip
    assert names[-3:] == ["conv10", "relu_conv10", "pool10"]
    assert [n for n in names if n.startswith("pool")] == ["pool1", "pool4", "pool8", "pool10"]
    assert V1_0.layers[10].inputs == ("fire2/relu_expand1x1", "fire2/relu_expand3x3")


def added(arch: Architecture) -> dict[str, tuple[str, ...]]:
    return {s.fire or "": s.inputs for s in arch.layers if s.kind is Kind.ADD}


def test_simple_bypass_goes_around_3_5_7_and_9():
    """Figure 2, middle: where the numbers of channels agree, the module's input is added to its output."""
    arch = replace(V1_0, bypass="simple")
    assert added(arch) == {
        "fire3": ("fire2/concat", "fire3/concat"),
        "fire5": ("pool4", "fire5/concat"),
        "fire7": ("fire6/concat", "fire7/concat"),
        "fire9": ("pool8", "fire9/concat"),
    }
    assert arch.parameters == V1_0.parameters
    assert arch.layers[-4].name == "fire9/relu_add"


def test_complex_bypass_goes_around_all_with_1x1_convolutions_at_the_others():
    """Figure 2, right."""
    arch = replace(V1_0, bypass="complex")
    sources = {fire: inputs[0] for fire, inputs in added(arch).items()}
    assert sources == {
        "fire2": "fire2/relu_bypass1x1",
        "fire3": "fire2/relu_add",
        "fire4": "fire4/relu_bypass1x1",
        "fire5": "pool4",
        "fire6": "fire6/relu_bypass1x1",
        "fire7": "fire6/relu_add",
        "fire8": "fire8/relu_bypass1x1",
        "fire9": "pool8",
    }
    bypasses = {
        s.fire: (s.kernel, s.inputs, s.in_shape[2], s.out_shape[2])
        for s in arch.convolutions
        if s.name.endswith("/bypass1x1")
    }
    assert bypasses == {
        "fire2": (1, ("pool1",), 96, 128),
        "fire4": (1, ("fire3/relu_add",), 128, 256),
        "fire6": (1, ("fire5/relu_add",), 256, 384),
        "fire8": (1, ("fire7/relu_add",), 384, 512),
    }
    extra = (96 + 1) * 128 + (128 + 1) * 256 + (256 + 1) * 384 + (384 + 1) * 512
    assert arch.parameters == V1_0.parameters + extra


def test_no_bypass_adds_nothing():
    assert added(V1_0) == {}


@pytest.mark.parametrize(
    ("size", "ceil", "pooled", "zeros"),
    [(6, True, 3, 1), (6, False, 2, 0), (7, True, 3, 0), (7, False, 3, 0), (2, True, 1, 1), (3, True, 1, 0)],
)
def test_caffes_ceil_mode(size, ceil, pooled, zeros):
    arch = Architecture(
        input_size=size, conv1_kernel=1, conv1_stride=1, pools_after=(1,), ceil_pooling=ceil, fire_modules=1
    )
    pool = next(s for s in arch.layers if s.name == "pool1")
    assert pool.out_shape[:2] == (pooled, pooled)
    assert pool.padding == (0, zeros, 0, zeros)


def test_safe_names_are_legal_everywhere_and_unique():
    names = [s.safe_name for s in replace(V1_0, bypass="complex").layers]
    assert all(name.isidentifier() for name in names)
    assert len(set(names)) == len(names)
