from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from designs import Net, design_of_architecture, fire_design, with_depths, with_reuse_factors
from timed_simulation import output_times

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import (
    CONV_OVERHEAD,
    READS,
    WRITES,
    Program,
    conv_cycles,
    estimate_cycles,
    latency_of,
    layer_cycles,
    layer_program,
    overhead_of,
)
from sqz_hw.estimate.fifo import safe_depths
from sqz_hw.estimate.fifo_search import smallest_depths
from sqz_hw.estimate.reuse import choose_reuse_factors
from sqz_hw.model.architecture import Architecture, small_stem

VITIS, VIVADO = 5, 11
PUBLIC_REPORTS = [
    # Vivado HLS 2019.2.1, stock line buffer convolutions: side with padding, side out, RF, csynth cycles.
    (34, 32, 9, 23120),
    (18, 16, 72, 26892),
    (10, 8, 36, 4700),
    (6, 4, 36, 1692),
    (34, 32, 72, 95948),
]
"""Facts from a public hls4ml autoencoder's synthesis reports."""


def small_network(bypass: str = "none", budget: int = 220) -> Design:
    arch = small_stem(
        Architecture(fire_modules=4, pools_after=(1, 3), width=0.25, bypass=bypass), input_size=16
    )
    design = design_of_architecture(arch)
    folding = choose_reuse_factors(design, budget)
    return with_reuse_factors(design, dict(folding.reuse_factors))


def timed(design: Design, depths: Mapping[str, int] | None, images: int = 4) -> tuple[int, int]:
    """Latency of the first image and interval of the last, by simulation."""
    ends = output_times(design, depths, images, VITIS)[design.output.words - 1 :: design.output.words]
    return ends[0], ends[-1] - ends[-2]


@pytest.mark.parametrize(("side", "out", "rf", "reported"), PUBLIC_REPORTS)
def test_a_report_charges_every_pixel_and_we_only_those_that_compute(side, out, rf, reported):
    assert side**2 * (rf + VIVADO) == reported
    cycles = conv_cycles(side**2, out**2, rf, VIVADO)
    assert cycles == reported - (side**2 - out**2) * rf


def test_a_strided_convolution_pays_its_reuse_factor_only_for_outputs():
    net = Net(9, 9)
    net.conv(net.input, 4, 3, 2, rf=18, name="conv1")
    (layer,) = net.design().layers
    assert layer_cycles(layer, VITIS) == 16 * (18 + 5) + 65 * 5 + 4


def test_cycles_by_tool_and_by_backend():
    net = Net(4, 4)
    net.conv(net.input, 4, rf=8, name="conv1")
    design = net.design()
    assert dict(estimate_cycles(design).layers) == {"conv1": 16 * 13 + 4}
    assert estimate_cycles(replace(design, backend="Vivado")).interval == 16 * 19 + 4
    assert estimate_cycles(design, "Vivado HLS 2019.2").interval == 16 * 19 + 4


def test_other_layers_take_a_word_a_cycle():
    net = Net(6, 5)
    net.argmax(
        net.sum(net.pool(net.relu(net.pad(net.input, 1, 2, 3, 4, "pad"), "relu"), name="pool"), "sum"),
        "argmax",
    )
    cycles = dict(estimate_cycles(net.design()).layers)
    assert cycles == {
        "pad": 9 * 12 + 9 * 6 + 4,
        "relu": 108 + 4,
        "pool": 108 + 4,
        "sum": 20 + 4,
        "argmax": 2 + 4,
    }


def test_a_pool_without_overlap_takes_two_cycles_a_word():
    net = Net(7, 7)
    net.pool(net.input, name="pool")
    (layer,) = net.design().layers
    assert layer_cycles(replace(layer, stride=3, out_shape=(2, 2, 2)), VITIS) == 2 * 49 + 4


def test_the_slowest_layer_is_the_interval_and_the_first_of_equals_the_bottleneck():
    net = Net(4, 4)
    net.conv(net.conv(net.conv(net.input, 4, rf=2, name="a"), 4, rf=4, name="b"), 4, rf=4, name="c")
    estimate = estimate_cycles(net.design())
    assert (estimate.interval, estimate.bottleneck) == (16 * 9 + 4, "b")
    assert [name for name, _ in estimate.layers] == ["a", "b", "c"]


def test_the_latency_of_a_chain_by_hand():
    """The last pixel of 16 waits for 16 slow steps, then each layer adds its own last one."""
    net = Net(4, 4)
    net.relu(net.conv(net.input, 4, rf=8))
    assert estimate_cycles(net.design()).latency == 1 + 16 * 13 + 4 + 1 + 4


@pytest.mark.parametrize("bypass", ["none", "simple", "complex"])
def test_a_clocked_simulation_agrees(bypass):
    """To the cycle where no FIFO is ever full, and the interval with the smallest depths that keep it."""
    design = small_network(bypass)
    estimate = estimate_cycles(design)
    assert timed(design, None) == (estimate.latency, estimate.interval)
    latency, interval = timed(design, smallest_depths(design).depths)
    assert interval == estimate.interval
    assert estimate.latency <= latency <= 1.01 * estimate.latency
    assert timed(design, safe_depths(design, 0))[1] >= estimate.interval


def test_a_program_adds_up_to_the_busy_cycles():
    net = Net(7, 6)
    x = net.conv(net.pool(net.pad(net.input, 1, 2, 0, 1)), 4, rf=6)
    net.argmax(net.sum(net.add(x, net.relu(x))))
    for layer in net.design().layers:
        overhead = overhead_of(layer, "Vitis HLS 2024.2")
        assert overhead == (VITIS if layer.conv else 0)
        program = layer_program(layer, overhead)
        assert program.cycles.sum() + latency_of(layer) == layer_cycles(layer, overhead)
        assert np.count_nonzero(program.kinds & READS) == layer.in_shape[0] * layer.in_shape[1]
        assert np.count_nonzero(program.kinds & WRITES) == layer.out_shape[0] * layer.out_shape[1]
        assert program.cycles.min() > 0


def test_a_program_by_hand():
    """A padded row: a zero, three pixels, a zero; the row's loops take 6 cycles."""
    net = Net(1, 3)
    net.conv(net.pad(net.input, 0, 0, 1, 1, "pad"), 2, rf=3, name="conv")
    pad, conv = (layer_program(layer, VITIS) for layer in net.design().layers)
    assert pad.kinds.tolist() == [WRITES, READS + WRITES, READS + WRITES, READS + WRITES, WRITES]
    assert pad.cycles.tolist() == [7, 1, 1, 1, 1]
    assert conv.kinds.tolist() == [READS + WRITES] * 5
    assert conv.cycles.tolist() == [8] * 5
    host = Program.of_host(writes=2)
    assert (host.kinds.tolist(), host.cycles.tolist()) == ([WRITES, WRITES], [1, 1])


def test_the_overhead_of_a_layer_needs_a_known_tool():
    (layer,) = [la for la in fire_design().layers if la.conv is not None][:1]
    assert overhead_of(layer, "Vivado HLS 2019.2") == VIVADO
    with pytest.raises(BadInputError, match="not for 'Quartus'; name one"):
        overhead_of(layer, "Quartus")


def test_depths_do_not_change_the_estimate():
    design = fire_design()
    assert estimate_cycles(with_depths(design, safe_depths(design))) == estimate_cycles(design)


def test_an_unknown_tool_is_refused():
    with pytest.raises(
        BadInputError, match=r"for Vitis HLS 2024.2 and Vivado HLS 2019.2, not for 'Quartus'; name"
    ):
        estimate_cycles(fire_design(), "Quartus")


def test_an_unknown_backend_is_refused():
    with pytest.raises(
        BadInputError, match="for the backends Vitis and Vivado, not for 'Quartus'; name a tool: Vitis"
    ):
        estimate_cycles(replace(fire_design(), backend="Quartus"))
    assert estimate_cycles(replace(fire_design(), backend="Quartus"), next(iter(CONV_OVERHEAD))).interval > 0


def test_a_design_without_layers_is_refused():
    net = Net(4, 4)
    with pytest.raises(BadInputError, match="must have at least one layer, and has none; build it again"):
        estimate_cycles(net.design())
