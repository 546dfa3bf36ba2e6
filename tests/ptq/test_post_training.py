"""A whole quantisation of small networks."""

from dataclasses import replace

import numpy as np
import pytest
from models import TINY, TINY_ODD, random_float_model, random_images, random_model, tiny_architecture

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.hls.convert import qkeras_network
from sqz_hw.model.calibration import calibrate
from sqz_hw.model.inference import network_scores
from sqz_hw.model.modelfile import Model, load, save
from sqz_hw.model.network import float_network, set_weights
from sqz_hw.model.quantisation import quantise
from sqz_hw.ptq.post_training import quantise_model
from sqz_hw.ptq.settings import PtqSettings

PLAIN = tiny_architecture(bypass="none")


def silent(*args):
    pass


def float_scores(model, images):
    network = float_network(model.architecture, batch_norm=False)
    set_weights(network, model.weights)
    return network_scores(network, images)


def off(model, reference, images):
    """Squared error of the scores against the float network's, each class's own mean taken out."""
    gap = network_scores(qkeras_network(model), images) - float_scores(reference, images)
    return float(np.square(gap).mean())


@pytest.mark.parametrize("arch", [PLAIN, TINY, TINY_ODD], ids=["plain", "bypass", "odd"])
def test_closer_to_float_than_rounding(arch):
    reference, images = random_float_model(arch, 4, density=0.6), random_images(arch, 96, 3)
    made = quantise_model(reference, images[:64], PtqSettings(weight_bits=5, activation_bits=8), silent)
    widths = {"weight_bits": 5, "bias_bits": 16, "activation_bits": 8, "score_bits": 8}
    types = calibrate(arch, reference.weights, images[:64], **widths)
    rounded = {
        key: quantise(values, types.of(key)).astype(np.float32) for key, values in reference.weights.items()
    }
    plain = Model("plain", arch, rounded, types)
    fresh = images[64:]
    assert off(made, reference, fresh) < 0.5 * off(plain, reference, fresh)
    for spec in arch.convolutions:
        zero = reference.weights[f"{spec.name}/kernel"] == 0
        assert not made.weights[f"{spec.name}/kernel"][zero].any()


def test_types_are_as_asked_and_the_file_holds_the_codebooks(tmp_path):
    reference, images = random_float_model(TINY, density=0.5), random_images(TINY, 12)
    settings = PtqSettings(weight_bits=7, activation_bits=5, code_bits=3, score_bits=9, calibration_images=8)
    made = quantise_model(reference, images, settings, silent)
    types = made.quantisation
    assert {t.width for t in types.weights.values()} == {7}
    assert {t.width for n, t in types.activations.items() if n != "relu_conv4"} == {5}
    assert types.activations["relu_conv4"].width == 9
    assert max(t.width for t in types.biases.values()) <= 16
    assert types.code_bits == 3
    for spec in TINY.convolutions:
        assert types.codebooks[spec.name] == tuple(np.unique(made.codes(f"{spec.name}/kernel")))
        assert len(types.codebooks[spec.name]) <= 8
    assert made.record["quantised"]["calibration_images"] == 8
    assert made.record["data"] == "random weights"
    save(made, tmp_path / "m.safetensors")
    back = load(tmp_path / "m.safetensors")
    assert back.quantisation == types
    assert back.record == made.record
    for key, values in made.weights.items():
        np.testing.assert_array_equal(back.weights[key], values)


def test_only_the_calibration_images_count(tmp_path):
    reference, images = random_float_model(PLAIN), random_images(PLAIN, 12)
    settings = PtqSettings(calibration_images=8)
    files = []
    for n, data in enumerate((images, images[:8], images[4:])):
        made = quantise_model(reference, data, settings, silent)
        save(made, tmp_path / f"{n}.safetensors")
        files.append((tmp_path / f"{n}.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


def test_progress_is_told_layer_by_layer():
    told = []
    images = random_images(PLAIN, 4)
    quantise_model(random_float_model(PLAIN), images, PtqSettings(), lambda *step: told.append(step))
    count = len(PLAIN.convolutions)
    assert [done for title, done, _ in told if title == "ranges"] == list(range(count + 1))
    assert [title for title, *_ in told if title not in ("ranges", "tuning ranges")] == [
        *(s.name for s in PLAIN.convolutions), "done",
    ]  # fmt: skip
    assert {total for title, _, total in told if title != "tuning ranges"} == {count}
    assert [step for step in told if step[0] == "tuning ranges"][-1][1:] == (5, 5)


@pytest.mark.parametrize(
    ("images", "given"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), "uint8, 2 x 8 x 8 x 3"),
        (np.zeros((2, 16, 16, 3), np.float32), "float32, 2 x 16 x 16 x 3"),
        (np.zeros((0, 16, 16, 3), np.uint8), "uint8, 0 x 16 x 16 x 3"),
    ],
)
def test_images_of_another_sort(images, given):
    pattern = f"^calibration images must be uint8, N x 16 x 16 x 3, at least one, not {given}$"
    with pytest.raises(BadInputError, match=pattern):
        quantise_model(random_float_model(PLAIN), images, PtqSettings(), silent)


def test_models_of_another_sort():
    images = random_images(TINY, 2)
    pattern = r"^quantisation takes a float model, and tiny is quantised; give the float one$"
    with pytest.raises(ModelFileError, match=pattern):
        quantise_model(random_model(), images, PtqSettings(), silent)
    wants = replace(random_float_model(TINY), input_mean=(1.0, 2.0, 3.0))
    with pytest.raises(
        ModelFileError, match=r"^model tiny: hardware takes pixels as they are, .* train it without$"
    ):
        quantise_model(wants, images, PtqSettings(), silent)
