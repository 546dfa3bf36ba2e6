"""Batches: every image once, each a shifted and perhaps mirrored copy, the same for the same seed."""

import numpy as np
import pytest

from sqz_hw.model.augmentation import to_float
from sqz_hw.training.batches import Batches

RNG = np.random.default_rng(1)
X = RNG.integers(1, 256, (50, 16, 16, 3), np.uint8)
Y = np.arange(50)


def epoch(**options):
    batches = Batches(X, Y, **{"batch_size": 10, "seed": 1, "epoch": 0, **options})
    parts = [batches[i] for i in range(len(batches))]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def test_pixels_lie_on_the_grid_of_256ths():
    pixels = np.arange(256, dtype=np.uint8)
    values = to_float(pixels)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values.astype(np.float64), pixels / 256)


def candidates(image: np.ndarray, reach: int) -> dict[tuple[int, int, bool], np.ndarray]:
    """All that may become of an image."""
    side = len(image)
    padded = np.zeros((side + 2 * reach, side + 2 * reach, 3), np.uint8)
    padded[reach:-reach, reach:-reach] = image
    made = {}
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            crop = padded[dy : dy + side, dx : dx + side]
            made[dy, dx, False], made[dy, dx, True] = crop, crop[:, ::-1]
    return made


def test_each_image_comes_once_shifted_by_up_to_an_eighth_and_perhaps_mirrored():
    images, labels = epoch()
    assert sorted(labels) == list(range(50))
    used = []
    for image, label in zip(images, labels, strict=True):
        pixels = np.rint(image * 256).astype(np.uint8)
        (how,) = [k for k, c in candidates(X[label], 2).items() if np.array_equal(c, pixels)]
        used.append(how)
    assert {k[0] for k in used} == {k[1] for k in used} == set(range(5))
    assert 10 < sum(k[2] for k in used) < 40


def test_without_augmentation_images_come_as_they_are():
    images, labels = epoch(augment=False)
    np.testing.assert_array_equal(images, to_float(X[labels]))
    assert sorted(labels) == list(range(50))
    assert labels.tolist() != list(range(50))


def test_the_sources_are_not_touched():
    before = X.copy()
    epoch()
    np.testing.assert_array_equal(X, before)


def test_the_same_seed_and_epoch_give_the_same_batches():
    for a, b in zip(epoch(), epoch(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("other", [{"seed": 2}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_others(other):
    assert epoch()[1].tolist() != epoch(**other)[1].tolist()


def test_a_batch_does_not_depend_on_those_before_it():
    batches = Batches(X, Y, 10, 1, 0)
    np.testing.assert_array_equal(batches[3][0], epoch()[0][30:40])


def test_the_last_incomplete_batch_is_left_out():
    assert len(epoch(batch_size=20)[1]) == 40
    assert len(Batches(X, Y, 51, 1, 0)) == 0


def test_small_images_are_only_mirrored():
    tiny = RNG.integers(0, 256, (40, 4, 4, 3), np.uint8)
    images, labels = Batches(tiny, np.arange(40), 40, 1, 0)[0]
    mirrored = [np.array_equal(i, to_float(tiny[k, :, ::-1])) for i, k in zip(images, labels, strict=True)]
    same = [np.array_equal(i, to_float(tiny[k])) for i, k in zip(images, labels, strict=True)]
    assert all(np.logical_xor(mirrored, same))
    assert any(mirrored)
    assert any(same)


def test_a_square_around_a_random_pixel_is_blanked():
    """In place and size as drawn, cut off at the borders; all else as without."""
    plain, labels = epoch()
    holes, same_labels = epoch(cutout=5)
    np.testing.assert_array_equal(labels, same_labels)
    corners = set()
    for before, after in zip(plain, holes, strict=True):
        blank = (after == 0).all(axis=2) & ((before != 0).any(axis=2))
        np.testing.assert_array_equal(after[~blank], before[~blank])
        changed = (after == 0).all(axis=2)
        rows = np.flatnonzero((changed & blank).any(axis=1))
        assert len(rows) == 0 or np.ptp(rows) < 5
        if len(rows):
            corners.add((rows[0], np.flatnonzero(blank.any(axis=0))[0]))
    assert len(corners) > 20


def test_mixup_shares_images_and_labels_alike():
    """Each image with another one, both as they come without mixing; the larger part is its own."""
    plain, labels = epoch(cutout=3)
    mixed, wanted = epoch(cutout=3, mixup=0.4, classes=60)
    assert wanted.shape == (50, 60)
    np.testing.assert_allclose(wanted.sum(axis=1), 1, rtol=1e-6)
    at = {label: i for i, label in enumerate(labels)}
    others = set()
    for image, shares, label in zip(mixed, wanted, labels, strict=True):
        own = shares[label]
        assert own >= 0.5
        rest = np.flatnonzero(shares * (np.arange(60) != label))
        other = rest[0] if len(rest) else label
        assert len(rest) < 2
        others.add(other)
        made = own * plain[at[label]] + (1 - own) * plain[at[other]]
        np.testing.assert_allclose(image, made, atol=1e-6)
    assert len(others) > 40


def test_without_mixup_nothing_else_is_drawn():
    plain, mixed = epoch(cutout=3), epoch(cutout=3, mixup=0.4)
    np.testing.assert_array_equal(plain[1], mixed[1].argmax(axis=1))


@pytest.mark.parametrize("mixup", [0.0, 0.4])
@pytest.mark.parametrize("workers", [2, 5])
def test_workers_share_each_batch_and_see_what_one_would(workers, mixup):
    whole = Batches(X, Y, 10, 1, 3, cutout=4, mixup=mixup)
    parts = [
        Batches(X, Y, 10, 1, 3, cutout=4, mixup=mixup, worker=w, workers=workers) for w in range(workers)
    ]
    for i in range(len(whole)):
        images, labels = whole[i]
        for w, part in enumerate(parts):
            np.testing.assert_array_equal(part[i][0], images[w::workers])
            np.testing.assert_array_equal(part[i][1], labels[w::workers])


def test_batches_made_ahead_are_the_same():
    batches = Batches(X, Y, 10, 1, 0)
    made = list(batches.ahead())
    assert len(made) == 5
    for i, (images, labels) in enumerate(made):
        np.testing.assert_array_equal(images, batches[i][0])
        np.testing.assert_array_equal(labels, batches[i][1])
    assert list(Batches(X, Y, 51, 1, 0).ahead()) == []


def test_a_fault_in_a_batch_made_ahead_comes_out():
    class Broken(Batches):
        def __getitem__(self, index):
            if index == 2:
                raise RuntimeError("broken")
            return super().__getitem__(index)

    made = Broken(X, Y, 10, 1, 0).ahead()
    next(made), next(made)
    with pytest.raises(RuntimeError, match=r"^broken$"):
        next(made)
