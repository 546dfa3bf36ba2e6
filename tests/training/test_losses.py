"""The loss against its formula in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sqz_hw.training.losses import make_loss, seeing
from sqz_hw.training.settings import TrainSettings

RNG = np.random.default_rng(1)
SCORES = RNG.normal(0, 3, (6, 4)).astype(np.float32)
THEIRS = RNG.normal(0, 3, (6, 4)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 1, 0])
IMAGES = np.zeros((6, 2, 2, 3), np.float32)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def labels_alone(scores, smooth=0.0):
    wanted = np.eye(4)[LABELS] * (1 - smooth) + smooth / 4
    return -(wanted * np.log(softmax(scores.astype(np.float64)))).sum(axis=1)


class Teacher:
    def __init__(self, scores=THEIRS):
        self.scores = scores

    def __call__(self, images, training):
        assert training is False
        assert images.shape == IMAGES.shape
        return tf.constant(self.scores)


def loss(scores=SCORES, teachers=(), **settings):
    return make_loss(TrainSettings(**settings), 4, teachers)(
        IMAGES, tf.constant(LABELS), tf.constant(scores)
    ).numpy()


@pytest.mark.parametrize("smooth", [0.0, 0.1])
def test_labels_alone(smooth):
    np.testing.assert_allclose(loss(label_smoothing=smooth), labels_alone(SCORES, smooth), rtol=1e-5)


@pytest.mark.parametrize("smooth", [0.0, 0.1])
def test_labels_as_probabilities(smooth):
    """Of mixed images: the loss is linear in the labels, so it is mixed as they are."""
    share, other = 0.7, np.roll(LABELS, 1)
    mixed = (share * np.eye(4)[LABELS] + (1 - share) * np.eye(4)[other]).astype(np.float32)
    made = make_loss(TrainSettings(label_smoothing=smooth), 4)
    found = made(IMAGES, tf.constant(mixed), tf.constant(SCORES))
    ours, others = (made(IMAGES, tf.constant(y), tf.constant(SCORES)) for y in (LABELS, other))
    np.testing.assert_allclose(found, share * ours + (1 - share) * others, rtol=1e-5)


@pytest.mark.parametrize(("given", "weight"), [(None, 0.5), (0.9, 0.9), (0.0, 0.0), (1.0, 1.0)])
@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_with_a_teacher(given, weight, temperature):
    p, q = (softmax(s.astype(np.float64) / temperature) for s in (THEIRS, SCORES))
    divergence = (p * np.log(p / q)).sum(axis=1)
    wanted = (1 - weight) * labels_alone(SCORES) + weight * temperature**2 * divergence
    found = loss(teachers=[Teacher()], distill_weight=given, distill_temperature=temperature)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_of_several_teachers_the_mean_of_their_probabilities(temperature):
    """Not of their scores: a teacher that is sure moves the mean less far that way."""
    others = [THEIRS, *RNG.normal(0, 3, (2, 6, 4)).astype(np.float32)]
    p = np.mean([softmax(s.astype(np.float64) / temperature) for s in others], axis=0)
    q = softmax(SCORES.astype(np.float64) / temperature)
    wanted = temperature**2 * (p * np.log(p / q)).sum(axis=1)
    found = loss(teachers=[Teacher(s) for s in others], distill_weight=1.0, distill_temperature=temperature)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_a_student_like_its_teacher_has_no_more_to_learn_from_it():
    np.testing.assert_allclose(loss(THEIRS, [Teacher()], distill_weight=1.0), 0.0, atol=1e-6)


@pytest.mark.parametrize(("side", "shown"), [(8, 8), (16, 8), (24, 8)])
def test_a_teacher_sees_images_at_its_own_size(side, shown):
    """Bilinear, pixels as areas: PIL enlarges a channel of float32 the same way."""
    seen = []

    def network(images, training):
        seen.append(images)
        return images

    images = np.random.default_rng(4).random((1, shown, shown, 1)).astype(np.float32)
    found = seeing(network, side)(tf.constant(images)).numpy()
    wanted = Image.fromarray(images[0, :, :, 0]).resize((side, side), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(found[0, :, :, 0], np.asarray(wanted), atol=1e-6)
    assert len(seen) == 1
