"""What the golden model refuses, in one line each."""

import re
from dataclasses import replace

import numpy as np
import pytest

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.verify.convolution import Convolution, kernel_order
from sqz_hw.verify.golden import GoldenModel
from sqz_hw.verify.golden_layers import operator

PIXEL = FixedPoint(8, 0, False)


@pytest.fixture(scope="module")
def design(project):
    return Design.from_json((project.folder / "csim" / "design.json").read_text())


def changed(design, name, **changes):
    layers = tuple(replace(x, **changes) if x.name == name else x for x in design.layers)
    return replace(design, layers=layers)


def test_images_of_another_shape_or_type_are_refused(design):
    golden = GoldenModel(design)
    text = "images must be uint8, N x 16 x 16 x 3, not uint8, 2 x 8 x 16 x 3; resize them"
    for call in (golden.run, golden.scores, lambda x: next(golden.traces(x))):
        with pytest.raises(BadInputError, match=re.escape(text)):
            call(np.zeros((2, 8, 16, 3), np.uint8))
    with pytest.raises(BadInputError, match="not float32, 2 x 16 x 16 x 3"):
        golden.run(np.zeros((2, 16, 16, 3), np.float32))


def test_unknown_streams_and_empty_batches_are_refused(design):
    golden = GoldenModel(design)
    images = np.zeros((1, 16, 16, 3), np.uint8)
    text = "streams to keep must be of design tiny, not nothing, nowhere; give names of its streams"
    with pytest.raises(BadInputError, match=re.escape(text)):
        golden.run(images, keep=["nowhere", design.output.name, "nothing"])
    with pytest.raises(BadInputError, match="a batch must have at least 1 image, not 0"):
        next(golden.traces(images, 0))


def test_streams_beyond_32_bits_cannot_be_kept(design):
    name = design.layers[1].outputs[0]
    wide = FixedPoint(33, 10, True)
    streams = tuple(replace(s, type=wide) if s.name == name else s for s in design.streams)
    golden = GoldenModel(changed(replace(design, streams=streams), design.layers[1].name, out_type=wide))
    images = np.random.default_rng(1).integers(0, 256, (2, 16, 16, 3), np.uint8)
    text = f"codes to keep must have at most 32 bits, and stream {name} has ap_fixed<33,10>; keep others"
    with pytest.raises(BadInputError, match=re.escape(text)):
        golden.run(images)
    np.testing.assert_array_equal(golden.scores(images), GoldenModel(design).scores(images))


def test_designs_that_contradict_themselves_are_refused(design):
    cases = [
        (
            changed(design, "conv1", out_shape=(16, 16, 9)),
            "conv1: a conv of 18 x 18 x 3 must read 18 x 18 x 3 and",
        ),
        (changed(design, "conv1", stride=2), "give 8 x 8 x 8, not 16 x 16 x 8; build the design again"),
        (
            changed(design, "conv1", kernel=19),
            "conv1: a window must fit into the map of 18 x 18 x 3 and move by at",
        ),
        (
            changed(design, "fire2_concat", in_shape=(1, 1, 1)),
            "fire2_concat: a concat of 1 x 1 x 1 must read 8 x 8",
        ),
        (changed(design, "pool1_pad", padding=(0, 0, 0, 0)), "pool1_pad: a zero_pad of 16 x 16 x 8"),
    ]
    source = replace(design.input, type=FixedPoint(6, 0, False))
    cases.append(
        (replace(design, streams=(source, *design.streams[1:])), "tiny: pixels must have 8 bits, not ap_u")
    )
    wide = replace(design.streams[2], type=FixedPoint(65, 0, True))
    cases.append(
        (
            replace(design, streams=(*design.streams[:2], wide, *design.streams[3:])),
            "must fit in 64 bits, and",
        )
    )
    layer, conv = design.convolutions[0]
    fewer = replace(conv, bias=conv.bias[:-1])
    cases.append(
        (
            changed(design, layer.name, conv=fewer),
            "conv1: weights and bias must be 3 x 3 x 3 x 8 and 8, not 3 x 3 x 3 x 8 and 7; build",
        )
    )
    cases.append(
        (
            changed(design, layer.name, conv=None),
            "conv1: weights and bias must be 3 x 3 x 3 x 8 and 8, not none",
        )
    )
    for wrong, text in cases:
        with pytest.raises(BadInputError, match=re.escape(text)) as caught:
            GoldenModel(wrong).scores(np.zeros((1, 16, 16, 3), np.uint8))
        assert "\n" not in str(caught.value)


def test_an_order_that_no_kernel_has_is_refused():
    accum = FixedPoint(4, 4, True, "TRN", "SAT")
    codes = np.ones((1, 1, 6, 1), np.int64)
    conv = ConvParameters(codes * 7, codes[0, 0, 0] * 0, accum, accum, accum, 4)
    layer = DesignLayer("conv", Op.CONV, ("a",), ("b",), (1, 1, 6), (1, 1, 1), accum, 1, 1, conv=conv)
    text = "conv: its accumulator can saturate, so its reuse factor must divide n_in = 6 or be a multiple of it, not 4"
    with pytest.raises(BadInputError, match=re.escape(text)):
        Convolution(layer, PIXEL)
    assert Convolution(replace(layer, conv=replace(conv, reuse_factor=3)), PIXEL)
    assert kernel_order("conv", replace(conv, reuse_factor=3)) == [0, 3, 1, 4, 2, 5]
    assert kernel_order("conv", replace(conv, reuse_factor=12)) == [0, 1, 2, 3, 4, 5]


def test_signed_pixels_are_the_same_bits(design):
    signed = replace(design.input, type=FixedPoint(8, 0, True))
    other = replace(design, streams=(signed, *design.streams[1:]))
    images = np.arange(256).repeat(3).reshape(1, 16, 16, 3).astype(np.uint8)
    found = GoldenModel(other).run(images, keep=[signed.name])[signed.name]
    np.testing.assert_array_equal(found, images.view(np.int8))


def test_a_layer_of_the_wrong_sort_is_refused(design):
    conv = design.layer("conv1")
    with pytest.raises(BadInputError, match="conv1: a conv is no layer without weights; use Convolution"):
        operator(conv, design)
    with pytest.raises(
        BadInputError, match="conv1: a convolution must have weights, not none; build the design"
    ):
        Convolution(replace(conv, conv=None), PIXEL)
