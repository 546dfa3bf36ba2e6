"""Preprocessing and its folding into conv1, against the plain computation in float64."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import TINY, random_float_model, random_model

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.model.modelfile import load, save
from sqz_hw.model.preprocessing import CAFFE, HARDWARE, TORCHVISION, Preprocessing, fold


def convolve(x, kernel, bias, pad):
    """A convolution with stride 2, window by window."""
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    side = kernel.shape[0]
    size = (x.shape[0] - side) // 2 + 1
    out = np.empty((size, size, kernel.shape[3]))
    for i in range(size):
        for j in range(size):
            window = x[2 * i : 2 * i + side, 2 * j : 2 * j + side]
            out[i, j] = np.tensordot(window, kernel, 3) + bias
    return out


def plain(pixels, preprocessing):
    ordered = pixels if preprocessing.channels == "RGB" else pixels[:, :, ::-1]
    return (ordered.astype(np.float64) - preprocessing.mean) * preprocessing.scale


three = st.tuples(*[st.floats(-200, 300)] * 3)
scales = st.tuples(*[st.floats(0.001, 4) | st.floats(-4, -0.001)] * 3)
anything = st.builds(Preprocessing, st.sampled_from(["RGB", "BGR"]), three, scales)


@settings(max_examples=60, deadline=None)
@given(anything, st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_the_folded_network_computes_the_same_from_pixels_as_they_are(trained, pad, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (9, 9, 3)).astype(np.uint8)
    kernel = rng.normal(0, 0.1, (3, 3, 3, 4)).astype(np.float32)
    bias = rng.normal(0, 0.1, 4).astype(np.float32)
    folded, moved, rest = fold(kernel, bias, trained, pad)
    wanted = convolve(plain(pixels, trained), kernel.astype(np.float64), bias, pad)
    got = convolve(plain(pixels, rest), folded.astype(np.float64), moved, pad)
    np.testing.assert_allclose(got, wanted, atol=1e-5 * max(1.0, np.abs(wanted).max()))
    assert (rest.channels, rest.scale) == ("RGB", (1 / 256,) * 3)
    assert rest.mean == (0, 0, 0) or pad


def test_a_power_of_two_loses_nothing():
    kernel = np.random.default_rng(1).normal(0, 1, (3, 3, 3, 5)).astype(np.float32)
    folded, _, _ = fold(kernel, np.zeros(5, np.float32), CAFFE, 0)
    np.testing.assert_array_equal(folded / 256, kernel[:, :, ::-1])


def test_padding_leaves_the_mean_to_be_subtracted():
    kernel, bias = np.ones((3, 3, 3, 2), np.float32), np.ones(2, np.float32)
    _, moved, rest = fold(kernel, bias, CAFFE, 1)
    np.testing.assert_array_equal(moved, bias)
    assert rest == replace(HARDWARE, mean=(123.0, 117.0, 104.0))


def test_weights_beyond_float32_are_refused():
    kernel = np.full((1, 1, 3, 1), 3e38, np.float32)
    with pytest.raises(
        ModelFileError, match=r"^conv1's weights must be below 1e36 for the preprocessing to be folded"
    ):
        fold(kernel, np.zeros(1, np.float32), CAFFE, 0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("GBR",), "the channels must be RGB or BGR, not 'GBR'"),
        (("RGB", (0, 0, float("nan"))), "the mean must be three numbers of at most 65536, one for each of RGB, not 0, 0, nan"),
        (("RGB", (0, 0)), "the mean must be three numbers"),
        (("BGR", (0, 0, 0), (1, 1, 1e9)), "the scale must be three numbers of at most 65536, one for each of BGR"),
        (("RGB", (0, 0, 0), (1, 0, 1)), "the scale must not be 0: every image would look the same"),
    ],
)  # fmt: skip
def test_impossible_preprocessing(arguments, text):
    with pytest.raises(BadInputError, match="^" + re.escape(text)):
        Preprocessing(*arguments)


@pytest.mark.parametrize("preprocessing", [CAFFE, HARDWARE, TORCHVISION])
def test_plain_values_and_back(preprocessing):
    assert Preprocessing.from_dict(preprocessing.to_dict()) == preprocessing


@pytest.mark.parametrize("plain", [{}, {"channels": "RGB", "mean": [1, 2], "scale": [1, 1, 1]}, {"mean": 5}])
def test_damaged_plain_values(plain):
    with pytest.raises(
        BadInputError, match=r"^a preprocessing must have channels, three means and three scales: "
    ):
        Preprocessing.from_dict(plain)


# in the model file


def test_a_stated_mean_travels_with_a_float_model(tmp_path):
    model = replace(random_float_model(TINY), input_mean=(123.0, 117.0, 104.0))
    save(model, tmp_path / "m")
    assert load(tmp_path / "m").input_mean == (123.0, 117.0, 104.0)


def test_hardware_subtracts_no_mean():
    with pytest.raises(
        ModelFileError,
        match=r"^model tiny: hardware takes pixels as they are, and this network wants 1, 2, 3 subtracted; ",
    ):
        replace(random_model(TINY), input_mean=(1.0, 2.0, 3.0))


def test_the_float_engine_subtracts_the_mean():
    """Images with the mean added score as those without, the mean not wanted."""
    from sqz_hw.model.inference import network_scores
    from sqz_hw.model.network import float_network, set_weights

    model = random_float_model(TINY)
    network = float_network(TINY, batch_norm=False)
    set_weights(network, model.weights)
    dark = np.random.default_rng(1).integers(0, 100, (2, 16, 16, 3)).astype(np.uint8)
    bright = dark + np.array([100, 50, 20], np.uint8)
    got = network_scores(network, bright, (100.0, 50.0, 20.0))
    np.testing.assert_allclose(got, network_scores(network, dark), rtol=1e-5)
    assert not np.allclose(network_scores(network, bright), got)
