from dataclasses import replace

import numpy as np
import pytest
from designs import Net, Tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from sqz_hw.design import ConvParameters, Design, Op
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis.facts import Kind
from sqz_hw.estimate.synthesis.from_design import KINDS, facts_of, tool_facts_of, top_weight_bits
from sqz_hw.estimate.synthesis.layer import estimate_layer
from sqz_hw.fixed_point import FixedPoint


def net_of(net: Net, last: Tensor) -> Design:
    net.argmax(net.sum(last))
    return net.design()


@pytest.fixture(scope="module")
def made() -> Design:
    net = Net(9, 9, 4)
    x = net.pool(net.conv_relu(net.input, 8, kernel=3, pad=1))
    return net_of(net, net.fire(x, bypass="simple"))


def test_every_op_has_a_kind() -> None:
    assert set(KINDS) == set(Op)


def test_every_layer_of_a_design_can_be_estimated(made: Design) -> None:
    tool = tool_facts_of(made)
    assert {layer.op for layer in made.layers} == set(Op)
    for layer in made.layers:
        estimate = estimate_layer(facts_of(made, layer), tool)
        assert estimate.cycles_worst >= layer.out_shape[0] * layer.out_shape[1]
        assert estimate.LUT.high > 0


def test_a_convolutions_facts_are_the_designs(made: Design) -> None:
    layer, conv = made.convolutions[0]
    facts = facts_of(made, layer, "dsp")
    assert (facts.kind, facts.kernel_height, facts.multiplier) == (Kind.CONV, 3, "dsp")
    assert facts_of(made, layer).multiplier == conv.multiplier
    assert (facts.n_in, facts.n_out, facts.multipliers) == (conv.n_in, conv.n_out, conv.multipliers)
    assert (facts.in_height, facts.in_width, facts.in_lanes) == layer.in_shape
    assert facts.in_bits == made.stream(layer.inputs[0]).type.width


def test_overlapping_pools_are_told_from_hls4mls(made: Design) -> None:
    layer = next(layer for layer in made.layers if layer.op is Op.MAX_POOL)
    assert facts_of(made, replace(layer, kernel=3, stride=2)).kind is Kind.OVERLAPPING_POOL
    assert facts_of(made, replace(layer, kernel=2, stride=2)).kind is Kind.POOL


def test_the_tool_follows_the_backend_and_the_part(made: Design) -> None:
    vitis = tool_facts_of(replace(made, backend="Vitis", part="xc7z020", clock_mhz=100.0))
    assert (vitis.name, vitis.version, vitis.clock_ns, vitis.dsp) == ("Vitis HLS", "2024.2", 10.0, "DSP48E1")
    assert tool_facts_of(replace(made, backend="Vivado")).version == "2019.2"
    assert tool_facts_of(made, "Vitis HLS", "2023.2").version == "2023.2"
    with pytest.raises(BadInputError, match="for the backends Vitis and Vivado, not for 'Quartus'"):
        tool_facts_of(replace(made, backend="Quartus"))


def significant_bits(value: int) -> int:
    """By trial: the fewest bits of two's complement that hold it."""
    return next(bits for bits in range(1, 70) if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(2, 12),
    st.integers(0, 2**32),
    st.data(),
)
def test_top_weight_bits_are_those_of_the_last_slice(
    kernel: int, inputs: int, outputs: int, bits: int, seed: int, data: st.DataObject
) -> None:
    weights = np.random.default_rng(seed).integers(
        -(2 ** (bits - 1)), 2 ** (bits - 1), (kernel, kernel, inputs, outputs)
    )
    count = kernel * kernel * inputs * outputs
    rf = data.draw(st.sampled_from([d for d in range(1, count + 1) if count % d == 0]))
    number = FixedPoint(bits, 1, True)
    conv = ConvParameters(weights, np.zeros(outputs, np.int64), number, number, number, rf)
    in_order = [
        int(weights[i, j, c, o])
        for o in range(outputs)
        for i in range(kernel)
        for j in range(kernel)
        for c in range(inputs)
    ]
    assert top_weight_bits(conv) == max(significant_bits(value) for value in in_order[-rf:])
