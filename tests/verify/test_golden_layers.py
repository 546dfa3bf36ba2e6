"""Single layers of the golden model against the same computed value by value."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scalar_truth import add, convolve, elementwise

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op, Stream
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import ROUNDINGS, SATURATIONS, FixedPoint
from sqz_hw.verify.convolution import Convolution, kernel_order
from sqz_hw.verify.float_requantise import carrier
from sqz_hw.verify.golden_layers import max_pool, operator

PIXEL = FixedPoint(8, 0, False)
MODES = {"rounding": st.sampled_from(ROUNDINGS), "saturation": st.sampled_from(SATURATIONS)}


@st.composite
def types(draw, widest=9, fraction=(-3, 9)):
    width = draw(st.integers(1, widest))
    modes = {name: draw(mode) for name, mode in MODES.items()}
    return FixedPoint(width, width - draw(st.integers(*fraction)), draw(st.booleans()), **modes)


def random_codes(rng, shape, of):
    """Every code as likely, with the extremes more often."""
    codes = rng.integers(of.min_code, of.max_code, shape, endpoint=True)
    extreme = rng.choice([of.min_code, of.max_code], shape)
    return np.where(rng.random(shape) < 0.3, extreme, codes)


def held(codes, of):
    """As the golden model holds them."""
    return codes.astype(carrier(of))


@st.composite
def convolutions(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    height, width = draw(st.integers(kernel, 5)), draw(st.integers(kernel, 5))
    channels, filters = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    pixel, weight, bias = draw(types()), draw(types()), draw(types())
    n_in = kernel * kernel * channels
    factors = [f for f in range(1, n_in + 1) if n_in % f == 0] + [n_in * f for f in range(2, 4)]
    product = weight.fraction + pixel.fraction
    accum_width = draw(st.integers(2, 20))
    accum_fraction = draw(st.integers(product - 6, product + 3))
    modes = {name: draw(mode) for name, mode in MODES.items()}
    accum = FixedPoint(accum_width, accum_width - accum_fraction, draw(st.booleans()), **modes)
    conv = ConvParameters(
        random_codes(rng, (kernel, kernel, channels, filters), weight),
        random_codes(rng, filters, bias),
        weight,
        bias,
        accum,
        draw(st.sampled_from(factors)),
    )
    out = ((height - kernel) // stride + 1, (width - kernel) // stride + 1, filters)
    to = draw(st.one_of(st.just(accum), types(12, (accum_fraction - 6, accum_fraction + 2))))
    layer = DesignLayer(
        "conv", Op.CONV, ("a",), ("b",), (height, width, channels), out, to, kernel, stride, conv=conv
    )
    return layer, pixel, random_codes(rng, (2, height, width, channels), pixel), draw(st.none() | types(8))


@settings(max_examples=250, deadline=None)
@given(convolutions())
def test_any_convolution_of_any_types(case):
    layer, pixel, x, relu = case
    order = kernel_order("conv", layer.conv)
    wanted = np.stack(
        [convolve(image, pixel, layer.conv, layer.kernel, layer.stride, layer.out_type, order) for image in x]
    )
    made = Convolution(layer, pixel)(held(x, pixel))
    assert made.dtype == carrier(layer.out_type)
    np.testing.assert_array_equal(made.astype(np.int64), wanted)
    if relu is None:
        return
    wide = np.full((*wanted.shape[:3], wanted.shape[3] + 3), -1, carrier(relu))
    Convolution(layer, pixel, relu)(held(x, pixel), wide[..., 1:-2])
    wanted = elementwise(wanted, layer.out_type, relu, relu=True)
    np.testing.assert_array_equal(wide[..., 1:-2].astype(np.int64), wanted)
    assert (wide[..., :1] == -1).all()
    assert (wide[..., -2:] == -1).all()


@pytest.mark.parametrize(
    ("kernel", "stride", "bits"), [(1, 1, 6), (1, 2, 6), (3, 1, 6), (3, 2, 12), (7, 2, 24)]
)
def test_large_convolutions_are_cut_into_blocks(kernel, stride, bits, monkeypatch):
    """Against plain loops over int64; so many blocks that images, rows and pixels are all cut."""
    monkeypatch.setattr("sqz_hw.verify.convolution.BLOCK_BYTES", 5000)
    rng = np.random.default_rng(kernel + stride)
    weight = FixedPoint(bits, bits, True)
    pixel = FixedPoint(bits, bits, False)
    shape = (5, 19, 17, 6)
    x = random_codes(rng, shape, pixel)
    accum = FixedPoint(60, 60, True)
    conv = ConvParameters(
        random_codes(rng, (kernel, kernel, 6, 5), weight), rng.integers(-9, 9, 5), weight, weight, accum, 1
    )
    height, width = ((side - kernel) // stride + 1 for side in shape[1:3])
    layer = DesignLayer(
        "conv", Op.CONV, ("a",), ("b",), shape[1:], (height, width, 5), accum, kernel, stride, conv=conv
    )
    wanted = np.zeros((5, height, width, 5), np.int64) + conv.bias
    for row in range(kernel):
        for column in range(kernel):
            part = x[:, row : row + height * stride : stride, column : column + width * stride : stride]
            for i in range(6):
                wanted += part[:, :height, :width, i, None] * conv.weights[row, column, i]
    made = Convolution(layer, pixel)
    assert made.proof.path == {6: "float32", 12: "float64", 24: "int64"}[bits]
    np.testing.assert_array_equal(made(held(x, pixel)).astype(np.int64), wanted)


def run_layer(op, shapes, sources, to, x, **geometry):
    """One layer of any other sort on a batch; the shapes are those of its inputs."""
    names = tuple("abc"[: len(shapes)])
    streams = [Stream(n, s, t, 1, "x", "layer") for n, s, t in zip(names, shapes, sources, strict=True)]
    streams.append(Stream("out", (1, 1, 1), to, 1, "layer", None))
    layer = DesignLayer("layer", op, names, ("out",), shapes[0], (1, 1, 1), to, **geometry)
    design = Design("d", "p", "Vitis", 1.0, (layer,), tuple(streams))
    given = [held(a, t) for a, t in zip(x, sources, strict=True)]
    before = [a.copy() for a in given]
    made = operator(layer, design)(given)
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert made.dtype == carrier(to)
    return made.astype(np.int64)


SHAPE = (3, 4, 2)


@settings(max_examples=120, deadline=None)
@given(types(), types(), types(12), st.integers(0, 2**32))
def test_layers_without_weights(first, second, to, seed):
    rng = np.random.default_rng(seed)
    x, y = (random_codes(rng, (2, *SHAPE), t) for t in (first, second))
    cast_x, cast_y = elementwise(x, first, to), elementwise(y, second, to)
    one = ([SHAPE], [first], to, [x])
    both = ([SHAPE, SHAPE], [first, second], to, [x, y])
    np.testing.assert_array_equal(run_layer(Op.RELU, *one), elementwise(x, first, to, relu=True))
    np.testing.assert_array_equal(run_layer(Op.CLONE, *one), cast_x)
    np.testing.assert_array_equal(run_layer(Op.CONCAT, *both), np.concatenate([cast_x, cast_y], axis=3))
    np.testing.assert_array_equal(run_layer(Op.ADD, *both), add(x, y, (first, second), to))
    padded = run_layer(Op.ZERO_PAD, *one, padding=(1, 0, 2, 3))
    np.testing.assert_array_equal(padded, np.pad(cast_x, ((0, 0), (1, 0), (2, 3), (0, 0))))
    pooled = run_layer(Op.MAX_POOL, *one, kernel=2, stride=1)
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 2)).max(axis=(4, 5))
    np.testing.assert_array_equal(pooled, elementwise(windows, first, to))


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (1, 2), (2, 2), (3, 2), (3, 1), (4, 3)])
def test_max_pool(kernel, stride):
    x = np.random.default_rng(1).integers(-99, 99, (2, 9, 11, 3)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(1, 2))
    wanted = windows[:, ::stride, ::stride].max(axis=(4, 5))
    np.testing.assert_array_equal(max_pool(x, kernel, stride), wanted)


@pytest.mark.parametrize("side", [4, 3])
def test_the_global_sum_moves_the_point_only_for_powers_of_two(side):
    source = FixedPoint(6, 2, True)
    x = random_codes(np.random.default_rng(side), (3, side, side, 4), source)
    total = x.sum(axis=(1, 2), keepdims=True)
    args = ([(side, side, 4)], [source])
    np.testing.assert_array_equal(run_layer(Op.GLOBAL_SUM, *args, FixedPoint(12, 8, True), [x]), total)
    narrow = FixedPoint(8, 4, True)
    wrapped = (total + 128) % 256 - 128
    assert (wrapped != total).any()
    np.testing.assert_array_equal(run_layer(Op.GLOBAL_SUM, *args, narrow, [x]), wrapped)
    mean = FixedPoint(12, 4, True)
    if side == 4:
        np.testing.assert_array_equal(run_layer(Op.GLOBAL_SUM, *args, mean, [x]), total)
        return
    text = "layer: a global sum over 9 pixels of ap_fixed<6,2> must have the fraction of the sum or, with a power"
    with pytest.raises(BadInputError, match=re.escape(text)):
        run_layer(Op.GLOBAL_SUM, *args, mean, [x])


def test_arg_max_is_the_first_of_equals():
    x = np.array([[3, 7, 7, 1], [-5, -9, -5, -6]]).reshape(2, 1, 1, 4)
    made = run_layer(Op.ARGMAX, [(1, 1, 4)], [FixedPoint(5, 5, True)], FixedPoint(2, 2, False), [x])
    np.testing.assert_array_equal(made.reshape(-1), [1, 0])


def test_codes_too_wide_for_float_are_exact_in_int64():
    wide = FixedPoint(60, 30, True)
    x = np.array([2**58 + 1, -(2**58) - 1, 7]).reshape(1, 1, 1, 3)
    kept = run_layer(Op.ADD, [(1, 1, 3)] * 2, [wide, wide], FixedPoint(61, 31, True), [x, x])
    np.testing.assert_array_equal(kept, 2 * x)
    np.testing.assert_array_equal(
        run_layer(Op.MAX_POOL, [(1, 1, 3)], [wide], wide, [x], kernel=1, stride=1), x
    )
    text = "layer: its sums must be proven to fit in 63 bits, and can need 90; use narrower weights or activations"
    with pytest.raises(BadInputError, match=re.escape(text)):
        run_layer(Op.ADD, [(1, 1, 3)] * 2, [wide, FixedPoint(30, -30, True)], wide, [x, x])
