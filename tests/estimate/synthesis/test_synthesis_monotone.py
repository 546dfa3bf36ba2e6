"""The estimate grows with bits, channels and multipliers, far outside the sizes that it was fitted on."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from synthesis_layers import KEB_L, OURS, ZYNQ, conv, plain

from sqz_hw.estimate.synthesis.facts import WEIGHTED, Kind, LayerFacts, ToolFacts
from sqz_hw.estimate.synthesis.layer import estimate_fifo, estimate_layer

TOOLS = st.sampled_from([OURS, KEB_L, ZYNQ])
CHANNELS = st.sampled_from([1, 3, 16, 48, 64, 128, 512])
BITS = st.integers(2, 16)


@st.composite
def convs(draw: st.DrawFn) -> LayerFacts:
    """Resource convolutions with reuse factors that hls4ml has a kernel for."""
    channels, side = draw(CHANNELS), draw(st.sampled_from([1, 3]))
    n_in, n_out = channels * side * side, draw(st.sampled_from([8, 16, 64, 256]))
    rf = draw(st.sampled_from([d for d in range(2, 2001) if n_in % d == 0] or [n_in * 2]))
    layer = conv(n_in, n_out, rf, draw(BITS), 1, in_lanes=channels, kernel_height=side, kernel_width=side)
    return replace(layer, weight_bits=draw(BITS), accum_bits=draw(st.integers(12, 32)))


def grows(small: LayerFacts, large: LayerFacts, tool: ToolFacts, names: tuple[str, ...]) -> None:
    before, after = estimate_layer(small, tool), estimate_layer(large, tool)
    for name in names:
        low, high = getattr(before, name).expected, getattr(after, name).expected
        assert low <= high, f"{name} shrinks from {low} to {high}"
    assert before.cycles_worst <= after.cycles_worst


@settings(max_examples=150, deadline=None)
@given(convs(), TOOLS, st.integers(1, 8))
def test_more_bits_take_no_less(layer: LayerFacts, tool: ToolFacts, more: int) -> None:
    for name in ("in_bits", "weight_bits", "accum_bits"):
        wider = replace(layer, **{name: getattr(layer, name) + more})
        grows(layer, wider, tool, ("LUT", "FF", "DSP", "BRAM18"))


@settings(max_examples=150, deadline=None)
@given(convs(), TOOLS, st.integers(2, 4))
def test_more_channels_take_no_less(layer: LayerFacts, tool: ToolFacts, times: int) -> None:
    wider = replace(layer, n_out=layer.n_out * times, out_lanes=layer.out_lanes * times)
    grows(layer, wider, tool, ("LUT", "FF", "DSP", "BRAM18"))
    deeper = replace(layer, n_in=layer.n_in * times, in_lanes=layer.in_lanes * times)
    if layer.reuse_factor <= layer.n_in:  # a smaller layer takes another kernel, a cycle slower
        grows(layer, deeper, tool, ("LUT", "FF", "DSP", "BRAM18"))


@settings(max_examples=150, deadline=None)
@given(convs(), TOOLS)
def test_more_multipliers_take_no_less_and_are_no_slower(layer: LayerFacts, tool: ToolFacts) -> None:
    slower = replace(layer, reuse_factor=layer.reuse_factor * 2)
    before, after = estimate_layer(slower, tool), estimate_layer(layer, tool)
    if layer.n_in % slower.reuse_factor == 0 or slower.reuse_factor % layer.n_in == 0:
        assert before.LUT.expected <= after.LUT.expected
        assert before.FF.expected <= after.FF.expected
        assert before.DSP.expected <= after.DSP.expected
        assert before.cycles_worst >= after.cycles_worst


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([k for k in Kind if k not in WEIGHTED]), TOOLS, CHANNELS, BITS, st.integers(1, 8))
def test_layers_without_weights_grow_with_lanes_and_bits(
    kind: Kind, tool: ToolFacts, lanes: int, bits: int, more: int
) -> None:
    layer = plain(kind, lanes, bits)
    grows(layer, plain(kind, lanes + more, bits), tool, ("LUT", "FF"))
    grows(layer, plain(kind, lanes, bits + more), tool, ("LUT", "FF"))


@settings(max_examples=200, deadline=None)
@given(TOOLS, st.integers(1, 4096), st.integers(1, 20_000), st.integers(1, 500))
def test_fifos_grow(tool: ToolFacts, width: int, depth: int, more: int) -> None:
    small = estimate_fifo(width, depth, tool)
    for large in (estimate_fifo(width + more, depth, tool), estimate_fifo(width, depth + more, tool)):
        assert small.BRAM18.expected <= large.BRAM18.expected


def test_kinds_without_reports_have_wider_intervals() -> None:
    known = estimate_layer(plain(Kind.RELU, 64), OURS)
    unknown = estimate_layer(plain(Kind.CONCAT, 64), OURS)
    assert unknown.LUT.high / unknown.LUT.low > 2 * known.LUT.high / known.LUT.low


def test_products_of_luts_cost_luts() -> None:
    layer = conv(64, 16, 32, 8, 1)
    free, forced = (estimate_layer(replace(layer, multiplier=m), OURS) for m in ("dsp", "lut"))
    assert forced.LUT.expected > free.LUT.expected
    assert estimate_layer(layer, OURS).LUT.high > free.LUT.high


def test_an_overlapping_pool_holds_two_pixels_and_a_row_of_maxima() -> None:
    layer = plain(Kind.OVERLAPPING_POOL, 256, 6, out_height=3, out_width=3)
    estimate = estimate_layer(layer, OURS)
    assert estimate.FF.expected >= 3 * 256 * 6
    assert estimate.BRAM18.expected == -(-256 * 6 // 36)
