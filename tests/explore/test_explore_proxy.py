"""The proxy training: zeros and widths as asked, the same result again, and hardware that is known before it."""

import numpy as np
import pytest
from explore_stubs import TINY_FIELDS, settings
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sqz_hw.errors import BadInputError
from sqz_hw.explore.candidate import candidate_of
from sqz_hw.explore.hardware import designed, estimated
from sqz_hw.explore.proxy import largest, trained, untrained
from sqz_hw.explore.subset import Split

CHOSEN = settings(
    proxy_images=96, proxy_epochs=2, proxy_validation_images=32, proxy_batch=16, calibration_images=32
)


def coloured(count, seed=1):
    """Noise with more of one colour: three classes that any network can tell."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 3
    x = rng.integers(0, 120, (count, 16, 16, 3))
    x[np.arange(count), :, :, y] += 100
    return x.astype(np.uint8), y.astype(np.int64)


SPLIT = Split(*coloured(96), *coloured(32, seed=2))


def candidate(**values):
    return candidate_of(CHOSEN, {**TINY_FIELDS, **values})


@given(arrays(np.float32, (2, 3, 4), elements=st.floats(-2, 2, width=16)), st.integers(1, 24))
def test_the_largest_weights_are_kept(kernel, count):
    mask = largest(kernel, count)
    assert mask.sum() == count
    kept, gone = np.abs(kernel[mask]), np.abs(kernel[~mask])
    assert kept.min() >= gone.max(initial=0)


@pytest.fixture(scope="module")
def model():
    return trained(candidate(density=0.3, weight_bits=4, activation_bits=5), CHOSEN, SPLIT)


def test_zeros_and_widths_are_as_asked(model):
    for spec in model.architecture.convolutions:
        kernel = model.weights[f"{spec.name}/kernel"]
        nonzero = np.count_nonzero(kernel)
        assert nonzero <= (max(1, round(0.3 * kernel.size)) if spec.fire else kernel.size)
        assert nonzero >= 0.1 * kernel.size
    types = model.quantisation
    assert {t.width for t in types.weights.values()} == {4}
    *inner, scores = [
        types.activations[s.name].width for s in model.architecture.layers if s.kind.value == "relu"
    ]
    assert set(inner) == {5}
    assert scores == CHOSEN.score_bits
    assert model.record["proxy"] == "proxy, 2 epochs on 96 images"


def test_the_same_again(model):
    again = trained(candidate(density=0.3, weight_bits=4, activation_bits=5), CHOSEN, SPLIT)
    assert again.quantisation == model.quantisation
    for key, values in model.weights.items():
        np.testing.assert_array_equal(again.weights[key], values)


def test_a_loss_that_leaves_the_numbers():
    wild = CHOSEN.model_copy(update={"proxy_rate": 1e30, "proxy_epochs": 1})
    with pytest.raises(BadInputError, match=r"^the loss must stay finite, not .+; lower --proxy-rate$"):
        trained(candidate(), wild, SPLIT)


def test_hardware_is_known_before_training(model):
    """The untrained network's design is the trained one's but for weights and some bits of accumulators."""
    chosen = CHOSEN.model_copy(update={"part": "xc7z020"})
    before = designed(untrained(candidate(density=0.3, weight_bits=4, activation_bits=5), chosen), chosen)
    after = designed(model, chosen)
    assert [(x.name, x.op, x.in_shape, x.out_shape) for x in before.layers] == [
        (x.name, x.op, x.in_shape, x.out_shape) for x in after.layers
    ]
    for (_, a), (_, b) in zip(before.convolutions, after.convolutions, strict=True):
        assert a.weight_type.width == b.weight_type.width == 4
        assert a.weights.shape == b.weights.shape
    first, second = (estimated(d, chosen, 300) for d in (before, after))
    assert first.fps == second.fps
    assert first.expected["DSP"] == second.expected["DSP"]
    assert first.lut_share == pytest.approx(second.lut_share, rel=0.15)
    assert first.delay <= 0
    assert (first.overflow <= 0) == (first.verdict.fits != "no")


def test_a_part_that_is_too_small_and_a_rate_that_is_too_high():
    chosen = CHOSEN.model_copy(update={"part": "xc7z010", "strict": True})
    wide = untrained(candidate(width=16.0, weight_bits=8), chosen)
    found = estimated(designed(wide, chosen), chosen, 90_000)
    assert found.overflow > 0
    assert found.delay > 0
    assert found.verdict.fits == "no"
