"""Adversarial images: they must reach what they claim to reach."""

import numpy as np
import pytest

from sqz_hw.design import Design, Op
from sqz_hw.verify.adversarial import first_layer_extremes, patterns, reach, searched, with_sums
from sqz_hw.verify.golden import GoldenModel


@pytest.fixture(scope="module")
def built(project):
    return Design.from_json((project.folder / "csim" / "design.json").read_text())


@pytest.fixture(scope="module")
def design(built):
    return with_sums(built)


@pytest.fixture(scope="module")
def golden(design):
    return GoldenModel(design)


def test_patterns_hold_black_white_and_single_pixels(design):
    images = patterns(design.input.shape[0], 1)
    assert images.dtype == np.uint8
    sums = images.reshape(len(images), -1).astype(int).sum(axis=1)
    assert sums.min() == 0
    assert sums.max() == 255 * images[0].size
    assert (sums == 255).sum() >= 15
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


def test_the_first_convolution_reaches_both_bounds_in_every_channel(design, golden):
    layer, conv = design.convolutions[0]
    sums = golden.run(first_layer_extremes(design))[layer.outputs[0]]
    channels = conv.n_out
    flat = conv.weights.reshape(-1, channels)
    value = design.stream(layer.inputs[0]).type
    shift = conv.accum_type.fraction - conv.weight_type.fraction - value.fraction
    offset = conv.bias.astype(float) * 2.0 ** (conv.accum_type.fraction - conv.bias_type.fraction)
    highest = np.maximum(flat, 0).sum(axis=0) * 255 * 2.0**shift + offset
    lowest = np.minimum(flat, 0).sum(axis=0) * 255 * 2.0**shift + offset
    for channel in range(channels):
        assert sums[channel, ..., channel].max() == highest[channel]
        assert sums[channels + channel, ..., channel].min() == lowest[channel]


def test_the_search_goes_beyond_patterns(design, golden):
    size = design.input.shape[0]
    plain = reach(design, golden.run(patterns(size, 1)))
    found = reach(design, golden.run(searched(design, golden.run, 1)))
    assert [r.layer for r in found] == [layer.name for layer in design.layers if layer.op is Op.CONV]
    deeper = range(1, len(found))
    assert sum(found[i].share for i in deeper) > sum(plain[i].share for i in deeper)
    assert all(0 < r.share <= 1 for r in found)


def test_the_same_seed_gives_the_same_images(design, golden):
    first, again = (searched(design, golden.run, 5, rounds=2, population=6) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_visible_sums_change_nothing_else(built, design, golden):
    images = patterns(built.input.shape[0], 2)
    plain, seen = GoldenModel(built).run(images), golden.run(images)
    for name, codes in plain.items():
        np.testing.assert_array_equal(codes, seen[name])
    sums = [name for name in seen if name not in plain]
    assert sums == [f"{layer.outputs[0]}_sums" for layer, _ in built.convolutions]
