from dataclasses import replace

import pytest
from designs import Net, design_of_architecture, fire_design
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, TINY_ODD, tiny_architecture

from sqz_hw.design import Design, Op
from sqz_hw.design_check import require_dataflow
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import estimate_cycles
from sqz_hw.estimate.fifo import safe_depths
from sqz_hw.estimate.resources import estimate_resources
from sqz_hw.estimate.scaling import with_bits, with_width
from sqz_hw.estimate.topology import check_dataflow
from sqz_hw.fixed_point import FixedPoint

NETWORKS = {
    "simple bypass": design_of_architecture(TINY),
    "complex bypass, uneven expands": design_of_architecture(TINY_ODD),
    "complex bypass, three modules": design_of_architecture(
        tiny_architecture(bypass="complex", fire_modules=3, pct3x3=0.25, base_e=6, incr_e=2)
    ),
}
networks = st.sampled_from(list(NETWORKS.values()))


@settings(max_examples=60, deadline=None)
@given(networks, st.floats(0.01, 3))
def test_shapes_stay_consistent(design: Design, factor: float):
    scaled = with_width(design, factor)
    check_dataflow(scaled)
    require_dataflow(scaled)
    assert scaled.input == design.input
    assert scaled.output.shape == design.output.shape
    for old, layer in zip(design.layers, scaled.layers, strict=True):
        sources = [scaled.stream(name).shape for name in layer.inputs]
        assert layer.in_shape == sources[0]
        assert all(scaled.stream(name).shape == layer.out_shape for name in layer.outputs)
        assert (layer.name, layer.in_shape[:2], layer.out_shape[:2]) == (
            old.name, old.in_shape[:2], old.out_shape[:2],
        )  # fmt: skip
        channels = [shape[2] for shape in sources]
        if layer.conv is not None:
            assert layer.conv.weights.shape == (layer.kernel, layer.kernel, channels[0], layer.out_shape[2])
            assert layer.conv.bias.shape == (layer.out_shape[2],)
        elif layer.op is Op.CONCAT:
            assert layer.out_shape[2] == sum(channels)
        elif layer.op is Op.ADD:
            assert channels[0] == channels[1] == layer.out_shape[2]
        else:
            assert layer.out_shape[2] == channels[0]
    assert safe_depths(scaled).keys() == safe_depths(design).keys()
    assert estimate_cycles(scaled).interval > 0


@pytest.mark.parametrize("design", NETWORKS.values(), ids=NETWORKS)
def test_all_of_the_channels_are_the_same_network(design):
    same = with_width(design, 1.0)
    assert same.streams == design.streams
    for old, new in zip(design.layers, same.layers, strict=True):
        assert (old.in_shape, old.out_shape) == (new.in_shape, new.out_shape)
        if old.conv is not None:
            assert old.conv.weights.shape == new.conv.weights.shape


def test_half_by_hand():
    net = Net(8, 8, 3)
    x = net.conv(net.input, 8, 3, name="conv1")
    s = net.conv(x, 5, name="squeeze")
    both = net.concat(net.conv(s, 6, name="e1"), net.conv(s, 1, name="e3"))
    net.argmax(net.sum(net.conv(both, 10, name="conv10")))
    scaled = with_width(net.design(), 0.5)
    shapes = {layer.name: conv.weights.shape for layer, conv in scaled.convolutions}
    assert shapes == {
        "conv1": (3, 3, 3, 4),
        "squeeze": (1, 1, 4, 2),
        "e1": (1, 1, 2, 3),
        "e3": (1, 1, 2, 1),
        "conv10": (1, 1, 4, 10),
    }
    assert scaled.output.shape == (1, 1, 1)


def test_a_convolution_beside_a_concatenation_follows_it():
    """Half of 3 and of 3 is 2 and 2, and half of 6 is 3: the bypass gets 4."""
    net = Net(4, 4, 3)
    x = net.conv(net.input, 4)
    merged = net.concat(net.conv(x, 3), net.conv(x, 3))
    net.sum(net.conv(net.add(net.relu(net.conv(x, 6, name="bypass")), merged), 2))
    scaled = with_width(net.design(), 0.5)
    assert scaled.layer("bypass").conv.n_out == 4
    require_dataflow(scaled)


@pytest.mark.parametrize("factor", [0, -0.5, float("nan")])
def test_no_width_is_refused(factor):
    with pytest.raises(BadInputError) as caught:
        with_width(fire_design(), factor)
    assert str(caught.value) == f"a width must be above 0, not {factor}; give 0.5 for half the channels"


@settings(max_examples=40, deadline=None)
@given(networks, st.integers(1, 10), st.integers(1, 10))
def test_nothing_is_wider_than_the_bits_given(design, weights, activations):
    narrow = with_bits(design, weights, activations)
    check_dataflow(narrow)
    assert narrow.input == design.input
    for old, new in zip(design.streams, narrow.streams, strict=True):
        assert new.shape == old.shape
        assert new.type.integer == old.type.integer, "only low bits are dropped"
        assert new.type.width == (old.type.width if old is design.input else min(old.type.width, activations))
    for old, layer in zip(design.layers, narrow.layers, strict=True):
        assert layer.out_type == narrow.stream(layer.outputs[0]).type
        if layer.conv is not None:
            assert layer.conv.weight_type.width == min(old.conv.weight_type.width, weights)
            assert 2 <= layer.conv.accum_type.width <= old.conv.accum_type.width
            assert layer.conv.weights.shape == old.conv.weights.shape
    wide, few = (estimate_resources(d).totals for d in (design, narrow))
    assert all(few[name].expected <= wide[name].expected for name in wide)


def test_sums_narrow_with_their_products_by_hand():
    """Weights of 6 bits, activations of 6 (the image of 8), sums of 20."""
    net = Net(4, 4)
    net.conv(net.conv(net.input, 4, name="first"), 4, name="second")
    narrow = with_bits(net.design(), 4, 3)
    assert narrow.layer("first").conv.accum_type.width == 20 - 2
    assert narrow.layer("second").conv.accum_type.width == 20 - 2 - 3


def test_as_many_bits_as_there_are_change_nothing():
    design = fire_design(8, "complex")
    assert with_bits(design, 6, 6) == design


def test_signed_tensors_and_the_index_of_a_class_keep_their_bits():
    net = Net(4, 4)
    net.argmax(net.sum(net.conv(net.input, 40, name="conv10"), name="sum"), name="argmax")
    design = net.design()
    scores = FixedPoint(9, 4, True)
    design = replace(
        design,
        layers=tuple(replace(la, out_type=scores) if la.name == "conv10" else la for la in design.layers),
        streams=tuple(replace(s, type=scores) if s.source == "conv10" else s for s in design.streams),
    )
    narrow = with_bits(design, 2, 2)
    assert [stream.type.width for stream in narrow.streams] == [8, 9, 2, 6]
    assert narrow.layer("conv10").out_type == scores


@pytest.mark.parametrize("bits", [(0, 4), (4, 0), (-1, 1)])
def test_less_than_a_bit_is_refused(bits):
    with pytest.raises(BadInputError) as caught:
        with_bits(fire_design(), *bits)
    assert str(caught.value) == (
        f"weights and activations need at least 1 bit, not {bits[0]} and {bits[1]}; give more"
    )
