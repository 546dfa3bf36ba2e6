"""The Keras networks, against the layer list and against a NumPy network of their own."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from models import TINY, TINY_ODD, random_float_model, random_images, random_model

from sqz_hw.model.architecture import V1_0, V1_1, Architecture, small_stem
from sqz_hw.model.augmentation import to_float
from sqz_hw.model.inference import network_scores
from sqz_hw.model.layers import Kind
from sqz_hw.model.network import (
    float_network,
    fold_batch_norm,
    get_weights,
    quantised_network,
    set_weights,
)
from sqz_hw.model.quantisation import quantise

SHAPES = {
    "tiny": TINY,
    "odd maps, complex bypass": TINY_ODD,
    "even pools padded, simple bypass": replace(TINY_ODD, input_size=16, bypass="simple"),
    "floor pooling": replace(TINY_ODD, input_size=16, ceil_pooling=False),
    "stride 2 without padding": replace(TINY, input_size=21, conv1_stride=2, conv1_padding=0, conv1_kernel=5),
    "stride 2 with padding": replace(TINY, conv1_stride=2, conv1_padding=2, conv1_kernel=3, conv10_padding=1),
    "even kernel": replace(TINY, conv1_kernel=4, conv1_padding=1, pools_after=(1, 2, 3)),
}


@pytest.fixture(params=SHAPES, scope="module")
def arch(request):
    return SHAPES[request.param]


# a network of NumPy, from the paper's words and the metaparameters, not from the layer list


def convolve(x, kernel, bias, stride=1, pad=0):
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    side = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel, optimize=True) + bias


def pool(x, ceil):
    """Caffe's 3x3 max pool with stride 2: windows may reach over the lower and the right edge."""
    n, h, w, c = x.shape
    out = [(size - 3 + (1 if ceil else 0)) // 2 + 1 for size in (h, w)]
    pooled = np.empty((n, *out, c))
    for i in range(out[0]):
        for j in range(out[1]):
            pooled[:, i, j] = x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max(axis=(1, 2))
    return pooled


def squeezenet(arch: Architecture, weights, images, on_grid=None):
    """Scores and each ReLU's output, which ``on_grid(name, values)`` rounds."""
    maps = {}

    def relu(name, x):
        x = np.maximum(x, 0)
        maps[name] = x if on_grid is None else on_grid(name, x)
        return maps[name]

    def conv(name, x, relu_name, **how):
        kernel, bias = (weights[f"{name}/{what}"].astype(np.float64) for what in ("kernel", "bias"))
        return relu(relu_name, convolve(x, kernel, bias, **how))

    x = images / 256
    x = conv("conv1", x, "relu_conv1", stride=arch.conv1_stride, pad=arch.conv1_padding)
    x = pool(x, arch.ceil_pooling) if 1 in arch.pools_after else x
    for i in range(2, arch.fire_modules + 2):
        fire = f"fire{i}"
        s = conv(f"{fire}/squeeze1x1", x, f"{fire}/relu_squeeze1x1")
        e1 = conv(f"{fire}/expand1x1", s, f"{fire}/relu_expand1x1")
        e3 = conv(f"{fire}/expand3x3", s, f"{fire}/relu_expand3x3", pad=1)
        merged = np.concatenate([e1, e3], axis=3)
        if arch.bypass != "none" and x.shape[3] == merged.shape[3]:
            merged = relu(f"{fire}/relu_add", x + merged)
        elif arch.bypass == "complex":
            around = conv(f"{fire}/bypass1x1", x, f"{fire}/relu_bypass1x1")
            merged = relu(f"{fire}/relu_add", around + merged)
        x = pool(merged, arch.ceil_pooling) if i in arch.pools_after else merged
    last = f"conv{arch.fire_modules + 2}"
    return conv(last, x, f"relu_{last}", pad=arch.conv10_padding).mean(axis=(1, 2)), maps


def relus(network, arch, images):
    """Each ReLU's output in the Keras network."""
    names = [spec.name for spec in arch.layers if spec.kind is Kind.RELU]
    probe = tf.keras.Model(network.input, [network.get_layer(n.replace("/", "_")).output for n in names])
    return dict(zip(names, (out.numpy() for out in probe(to_float(images))), strict=True))


def test_the_float_network_computes_what_the_paper_says(arch):
    model = random_float_model(arch, seed=5)
    images = random_images(arch, 5)
    network = float_network(arch, batch_norm=False)
    set_weights(network, model.weights)
    scores, maps = squeezenet(arch, model.weights, images)
    np.testing.assert_allclose(network_scores(network, images), scores, rtol=1e-4, atol=1e-6)
    got = relus(network, arch, images)
    assert got.keys() == maps.keys()
    for name, wanted in maps.items():
        assert np.ptp(wanted) > 0.1, name
        np.testing.assert_allclose(got[name], wanted, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_quantised_network_is_exact(arch):
    """QKeras in float32 gives the very numbers of float64: every sum fits in 24 bits."""
    model = random_model(arch, seed=6)
    images = random_images(arch, 5)
    types = model.quantisation.activations
    network = quantised_network(arch, model.quantisation)
    set_weights(network, model.weights)
    scores, maps = squeezenet(arch, model.weights, images, lambda name, x: quantise(x, types[name]))
    np.testing.assert_allclose(network_scores(network, images), scores, rtol=1e-6)
    got = relus(network, arch, images)
    assert got.keys() == maps.keys()
    for name, wanted in maps.items():
        assert np.ptp(wanted) > 0.1, name
        np.testing.assert_array_equal(got[name], wanted, err_msg=name)


@pytest.mark.parametrize("kind", ["batch norm", "folded", "quantised"])
def test_shapes_are_those_of_the_layer_list(arch, kind):
    if kind == "quantised":
        network = quantised_network(arch, random_model(arch).quantisation)
    else:
        network = float_network(arch, batch_norm=kind == "batch norm", dropout=0.5)
    for spec in arch.layers:
        shape = network.get_layer(spec.safe_name).output.shape[1:]
        wanted = spec.out_shape[2:] if spec.kind is Kind.GLOBAL_AVERAGE else spec.out_shape
        assert tuple(shape) == wanted, spec.name
    assert network.output_shape == (None, arch.classes)


def keras_macs(network) -> int:
    """Multiplications by Keras's own shapes."""
    convolutions = [layer for layer in network.layers if isinstance(layer, tf.keras.layers.Conv2D)]
    return sum(int(np.prod(c.output_shape[1:3])) * int(np.prod(c.kernel.shape)) for c in convolutions)


@pytest.mark.parametrize(
    "arch",
    [*SHAPES.values(), V1_0, V1_1, replace(V1_1, bypass="complex", width=0.25), small_stem(V1_0, width=0.5)],
    ids=[*SHAPES, "v1.0", "v1.1", "v1.1 complex", "v1.0 small"],
)
def test_parameters_and_macs_are_kerass(arch):
    network = float_network(arch, batch_norm=False)
    assert network.count_params() == arch.parameters
    assert keras_macs(network) == arch.macs


# batch norm


def with_random_batch_norm(arch, seed):
    """A network as after training: statistics that are far from zero mean and unit variance."""
    rng = np.random.default_rng(seed)
    network = float_network(arch)
    tf.keras.utils.set_random_seed(seed)
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            channels = layer.gamma.shape[0]
            gamma = rng.uniform(0.5, 1.5, channels) * rng.choice([-1, 1], channels)
            layer.set_weights(
                [
                    gamma,
                    rng.normal(0, 0.3, channels),
                    rng.normal(0, 0.3, channels),
                    rng.uniform(0.2, 2, channels),
                ]
            )
        elif isinstance(layer, tf.keras.layers.Conv2D):
            (kernel,) = layer.get_weights()
            kernel = rng.normal(0, np.sqrt(2 / np.prod(kernel.shape[:3])), kernel.shape)
            layer.set_weights([kernel * (rng.random(kernel.shape) < 0.5)])
    return network


def test_folding_batch_norm_changes_nothing_and_keeps_zeros(arch):
    network = with_random_batch_norm(arch, 7)
    folded = fold_batch_norm(network, arch)
    plain = float_network(arch, batch_norm=False)
    set_weights(plain, folded)
    images = random_images(arch, 6)
    scores = network_scores(network, images)
    assert np.ptp(scores) > 0.02
    np.testing.assert_allclose(network_scores(plain, images), scores, rtol=1e-4, atol=1e-6)
    for spec in arch.convolutions:
        (kernel,) = network.get_layer(spec.safe_name).get_weights()
        np.testing.assert_array_equal(folded[f"{spec.name}/kernel"] == 0, kernel == 0)
        assert folded[f"{spec.name}/bias"].dtype == np.float32


# weights


def test_weights_come_back(arch):
    model = random_model(arch)
    network = quantised_network(arch, model.quantisation)
    set_weights(network, model.weights)
    again = get_weights(network, arch)
    assert again.keys() == model.weights.keys()
    for key, value in model.weights.items():
        np.testing.assert_array_equal(again[key], value)


# outputs


def test_arg_max_is_the_first_of_the_largest():
    model = random_model(TINY)
    kernel = model.weights["conv4/kernel"].copy()
    bias = model.weights["conv4/bias"].copy()
    kernel[..., 3], kernel[..., [0, 2]] = kernel[..., 1], 0
    bias[[1, 3]], bias[[0, 2]] = (
        model.quantisation.biases["conv4"].max_code * model.quantisation.biases["conv4"].lsb,
        0,
    )
    weights = {**model.weights, "conv4/kernel": kernel, "conv4/bias": bias}
    images = random_images(TINY, 20)
    scores = quantised_network(TINY, model.quantisation)
    chosen = quantised_network(TINY, model.quantisation, argmax=True)
    for network in (scores, chosen):
        set_weights(network, weights)
    values = network_scores(scores, images)
    np.testing.assert_array_equal(values[:, 1], values[:, 3])
    assert (values[:, 1] > 0).any()
    index = network_scores(chosen, images)
    assert index.shape == (20, 1)
    np.testing.assert_array_equal(index[:, 0], values.argmax(axis=1))
    assert 1 in index
    assert 3 not in index


def test_scores_do_not_depend_on_the_batches():
    model = random_model(TINY)
    network = quantised_network(TINY, model.quantisation)
    set_weights(network, model.weights)
    images = random_images(TINY, 70)
    whole = network_scores(network, images)
    np.testing.assert_array_equal(
        np.concatenate([network_scores(network, images[i : i + 7]) for i in range(0, 70, 7)]), whole
    )


# dropout


def test_dropout_acts_while_training_only_and_keeps_the_mean():
    from sqz_hw.model.dropout import ResumableDropout

    layer = ResumableDropout(0.25, 1, "dropout")
    x = np.ones((40, 8, 8, 16), np.float32)
    np.testing.assert_array_equal(layer(x, training=False), x)
    dropped = layer(x, training=True).numpy()
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert dropped.mean() == pytest.approx(1, abs=0.01)
    assert not np.array_equal(layer(x, training=True), dropped)


def test_dropout_goes_on_from_its_weights():
    from sqz_hw.model.dropout import ResumableDropout

    x = np.ones((4, 32), np.float32)
    first = ResumableDropout(0.5, 1, "dropout")
    first(x, training=True)
    state = first.get_weights()
    wanted = first(x, training=True).numpy()
    second, other = ResumableDropout(0.5, 1, "dropout"), ResumableDropout(0.5, 2, "dropout")
    for layer in (second, other):
        layer.set_weights(state)
    np.testing.assert_array_equal(second(x, training=True), wanted)
    assert not np.array_equal(other(x, training=True), wanted)


def test_dropout_sits_before_the_last_convolution():
    network = float_network(TINY, dropout=0.5, seed=3)
    (layer,) = [x for x in network.layers if x.name == "dropout"]
    assert network.get_layer("conv4").input is layer.output
    assert (layer.rate, layer.seed) == (0.5, 3)
    assert "dropout" not in [x.name for x in float_network(TINY).layers]
