"""Importance against what a disturbed channel really does to the next layer."""

import numpy as np
import pytest
from models import TINY, random_weights, tiny_architecture

from sqz_hw.ptq.forward import convolve
from sqz_hw.ptq.importance import output_importance

PLAIN = tiny_architecture(bypass="none")


def test_it_is_what_noise_on_a_channel_does_to_its_readers():
    weights = random_weights(PLAIN, 3)
    for spec in PLAIN.convolutions:
        if spec.name.endswith("squeeze1x1"):
            weights[f"{spec.name}/kernel"][..., 1] *= 3  # the readers' rows differ, not this kernel's columns
    squeeze = next(s for s in PLAIN.convolutions if s.name == "fire2/squeeze1x1")
    readers = [s for s in PLAIN.convolutions if s.name.startswith("fire2/expand")]
    for reader in readers:
        weights[f"{reader.name}/kernel"][:, :, 2] *= 4
    found = output_importance(PLAIN, weights, squeeze)
    rng, effect = np.random.default_rng(1), []
    for channel in range(squeeze.out_shape[2]):
        noise = np.zeros((40, *squeeze.out_shape), np.float32)
        noise[..., channel] = rng.normal(size=noise.shape[:3])
        inner = (slice(None), slice(1, -1), slice(1, -1))  # away from the padding
        effect.append(
            sum(
                np.square(convolve(r, noise, weights[f"{r.name}/kernel"], np.zeros(r.out_shape[2], np.float32))[inner])
                .mean(axis=(0, 1, 2)).sum()
                for r in readers
            )
        )  # fmt: skip
    np.testing.assert_allclose(found, np.array(effect) / np.mean(effect), rtol=0.1)
    assert found.argmax() == 2


def test_each_expand_layer_has_its_own_rows_of_the_next_squeeze():
    weights = random_weights(PLAIN, 3)
    rows = np.square(weights["fire3/squeeze1x1/kernel"]).sum(axis=(0, 1, 3))
    for name, part in (("fire2/expand1x1", rows[:4]), ("fire2/expand3x3", rows[4:])):
        spec = next(s for s in PLAIN.convolutions if s.name == name)
        np.testing.assert_allclose(output_importance(PLAIN, weights, spec), part / part.mean(), rtol=1e-5)


@pytest.mark.parametrize(("arch", "name"), [(PLAIN, "conv4"), (TINY, "fire2/expand1x1")])
def test_outputs_that_no_convolution_alone_reads_are_alike(arch, name):
    spec = next(s for s in arch.convolutions if s.name == name)
    np.testing.assert_array_equal(
        output_importance(arch, random_weights(arch), spec), np.ones(spec.out_shape[2])
    )
