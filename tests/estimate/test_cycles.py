from dataclasses import replace

import pytest
from designs import Net, design_of_architecture, fire_design, with_depths, with_reuse_factors
from timed_simulation import output_times

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.cycles import CONV_OVERHEAD, conv_cycles, estimate_cycles, layer_cycles
from sqz_hw.estimate.fifo import safe_depths
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


def timed(design: Design, depths: dict[str, int], images: int = 4) -> tuple[int, int]:
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
    """With FIFOs of whole maps the interval is exact to 2 %; with the safe depths stalls may add to it."""
    design = small_network(bypass)
    estimate = estimate_cycles(design)
    latency, interval = timed(design, {s.name: max(2, s.words) for s in design.streams})
    assert estimate.latency == pytest.approx(latency, rel=0.05)
    assert estimate.interval == pytest.approx(interval, rel=0.02)
    latency, interval = timed(design, safe_depths(design))
    assert estimate.latency == pytest.approx(latency, rel=0.05)
    assert estimate.interval * 0.99 <= interval <= estimate.interval * 1.10


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
