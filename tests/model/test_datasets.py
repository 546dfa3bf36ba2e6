"""Data sets: what is read, and each refusal's text."""

import io
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sqz_hw.errors import DataError
from sqz_hw.model.datasets import Dataset, load

RNG = np.random.default_rng(1)
X = RNG.integers(0, 256, (6, 4, 4, 3), np.uint8)
Y = np.array([0, 2, 1, 1, 0, 2])


@pytest.fixture
def npz(tmp_path):
    """Writes an .npz and gives its path."""

    def write(**arrays):
        np.savez(tmp_path / "d.npz", **arrays)
        return str(tmp_path / "d.npz")

    return write


def refusal(source, size=4, **options):
    with pytest.raises(DataError) as caught:
        load(source, size, **options)
    assert caught.value.exit_code == 2
    return str(caught.value)


# .npz


@pytest.mark.parametrize(
    "labels", [Y, Y.astype(np.uint8), Y[:, None], Y.astype(">i2")], ids=["i8", "u1", "Nx1", ">i2"]
)
@pytest.mark.parametrize("size", [4, None])
def test_npz(npz, labels, size):
    data = load(npz(x=X, y=labels), size)
    assert (data.x.dtype, data.y.dtype) == (np.uint8, np.int64)
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.y, Y)
    assert data.source == "d.npz"
    assert len(data) == 6


def test_npz_with_a_limit_and_the_first_of_a_set(npz):
    data = load(npz(x=X, y=Y), 4, limit=2)
    np.testing.assert_array_equal(data.x, X[:2])
    np.testing.assert_array_equal(data.y, Y[:2])
    assert len(load(npz(x=X, y=Y), 4, limit=99)) == 6
    assert len(data.first(1)) == 1
    assert Dataset(X, None, "made").first(3).y is None


def test_compressed_npz(tmp_path):
    np.savez_compressed(tmp_path / "c.npz", x=X, y=Y)
    np.testing.assert_array_equal(load(str(tmp_path / "c.npz"), 4).x, X)


SHAPE = "d.npz: x must be N x 4 x 4 x 3 (RGB), not"
ILLEGAL = {
    "float pixels": (
        {"x": X / 255, "y": Y},
        "d.npz: x must be uint8 pixels of 0 to 255, not float64; store pixels unscaled",
    ),
    "signed pixels": (
        {"x": X.astype(np.int8), "y": Y},
        "d.npz: x must be uint8 pixels of 0 to 255, not int8;",
    ),
    "grey": (
        {"x": X[..., :1], "y": Y},
        f"{SHAPE} 6 x 4 x 4 x 1; resize the images or choose a model of that size",
    ),
    "channels first": ({"x": X.transpose(0, 3, 1, 2), "y": Y}, f"{SHAPE} 6 x 3 x 4 x 4;"),
    "one image": ({"x": X[0], "y": Y[:1]}, f"{SHAPE} 4 x 4 x 3;"),
    "scalar": ({"x": np.uint8(1), "y": Y}, f"{SHAPE} a scalar;"),
    "another size": ({"x": np.zeros((6, 5, 5, 3), np.uint8), "y": Y}, f"{SHAPE} 6 x 5 x 5 x 3;"),
    "float labels": ({"x": X, "y": Y * 1.0}, "d.npz: y must be integer labels, not float64"),
    "bool labels": ({"x": X, "y": Y > 0}, "d.npz: y must be integer labels, not bool"),
    "one-hot labels": (
        {"x": X, "y": np.eye(6, dtype=int)},
        "d.npz: y must hold one label an image (6), not shape (6, 6)",
    ),
    "too few labels": ({"x": X, "y": Y[:5]}, "d.npz: y must hold one label an image (6), not shape (5,)"),
    "no images": ({"x": X[:0], "y": Y[:0]}, "d.npz: there must be at least one image, not none"),
    "other names": (
        {"x_train": X, "y_train": Y},
        "d.npz must hold x (uint8, N x H x W x 3) and y (integers), not ['x_train', 'y_train']",
    ),
    "no labels": ({"x": X}, "d.npz must hold x (uint8, N x H x W x 3) and y (integers), not ['x']"),
    "huge labels": (
        {"x": X, "y": np.full(6, 2**63, np.uint64)},
        "d.npz: labels must be class numbers, not 9223372036854775808; count them from 0",
    ),
    "pickled labels": (
        {"x": X, "y": np.array(["cat", None])},
        "d.npz holds pickled objects, which can run code; save plain arrays: x as uint8, y as integers",
    ),
}


@pytest.mark.parametrize("case", ILLEGAL)
def test_illegal_npz(npz, case):
    arrays, text = ILLEGAL[case]
    assert refusal(npz(**arrays)).startswith(text)


def test_oblong_images_are_refused_at_any_size(npz):
    assert "x must be N x 4 x 4 x 3 (RGB), not 6 x 4 x 3 x 3" in refusal(npz(x=X[:, :, :3], y=Y), None)


def test_pickles_are_not_loaded(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    np.savez(tmp_path / "e.npz", x=X, y=np.array([Evil()], dtype=object))
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Evil()))
    for name in ("e.npz", "plain.npz"):
        refusal(str(tmp_path / name))
    assert not (tmp_path / "pwned").exists()


NO_NPZ = r"^f must be an \.npz with x and y, and is damaged or something else; write it with numpy\.savez$"


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x80\x04.", b"\x89PNG\r\n\x1a\n"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    assert re.match(NO_NPZ, refusal(str(tmp_path / "f")))


def test_a_single_array_is_refused(tmp_path):
    np.save(tmp_path / "f", X)
    (tmp_path / "f.npy").rename(tmp_path / "f")
    assert re.match(NO_NPZ, refusal(str(tmp_path / "f")))


def test_a_truncated_npz_is_refused(npz, tmp_path):
    whole = Path(npz(x=X, y=Y)).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "f").write_bytes(whole[:length])
        assert re.match(NO_NPZ, refusal(str(tmp_path / "f")))


def test_members_that_are_no_arrays_are_refused(tmp_path):
    for name in ("x", "x.npy"):
        with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
            archive.writestr(name, "hello")
            archive.writestr("y.npy", "hello")
        text = refusal(str(tmp_path / "z.npz"))
        assert text == "z.npz: x must be an array in NumPy's format; write it with numpy.savez"


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 50, 4, 4, 3)}
    )
    with zipfile.ZipFile(tmp_path / "big.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
        archive.writestr("y.npy", "")
    assert refusal(str(tmp_path / "big.npz")).startswith("big.npz is no readable .npz (")


def whole_npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=X, y=Y)
    return buffer.getvalue()


WHOLE = whole_npz()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_bytes_are_refused_or_read(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    damaged = bytearray(WHOLE)
    for place, value in changes:
        damaged[place] = value
    path.write_bytes(damaged)
    try:
        data = load(str(path), 4)
    except DataError:
        return
    assert data.x.shape[1:] == (4, 4, 3)
    assert len(data.x) == len(data.y)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 127), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_array_headers_are_refused_or_read(tmp_path_factory, changes):
    """Inside a zip with a right checksum, so that NumPy sees the damage."""
    path = tmp_path_factory.getbasetemp() / "header.npz"
    member = io.BytesIO()
    np.save(member, X)
    damaged = bytearray(member.getvalue())
    for place, value in changes:
        damaged[place] = value
    labels = io.BytesIO()
    np.save(labels, Y)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", bytes(damaged))
        archive.writestr("y.npy", labels.getvalue())
    try:
        data = load(str(path), 4)
    except DataError:
        return
    assert data.x.shape[1:] == (4, 4, 3)


# paths


def test_a_missing_path():
    assert refusal("nowhere.npz") == (
        "data must be 'cifar10', an .npz file or a folder of images; there is no 'nowhere.npz'; check the path"
    )


def test_a_path_that_no_file_can_have():
    assert refusal("a" * 5000) == "data cannot be read: File name too long; check the path"
    assert r"there is no 'a\x00b'" in refusal("a\0b")
    assert "there is no ''" in refusal("")


def test_what_is_neither_file_nor_folder(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal(str(tmp_path / "pipe")).startswith("data must be an .npz file or a folder of images, and ")


# labels and classes


def test_labels_beyond_the_classes_are_refused(npz):
    data = load(npz(x=X, y=Y), 4)
    data.require_classes(3)
    with pytest.raises(
        DataError, match=r"^d\.npz: labels must be between 0 and 1, not 0 to 2; give data of the model's"
    ):
        data.require_classes(2)
    with pytest.raises(DataError, match="labels must be between 0 and 2, not -1 to 2"):
        load(npz(x=X, y=np.where(Y == 0, -1, Y)), 4).require_classes(3)
    Dataset(X, None, "made").require_classes(1)


# a folder of images


def write_image(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes of 4x4 images, and things that are none."""
    root = tmp_path / "pets"
    for i, image in enumerate(X[:3]):
        write_image(root / "dog" / f"{i}.png", image)
    for i, image in enumerate(X[3:5]):
        write_image(root / "cat" / f"{i}.PNG", image)
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "README.md").write_text("no class")
    (root / ".cache").mkdir()
    return root


def test_a_folder_of_images(folder):
    data = load(str(folder), 4)
    np.testing.assert_array_equal(data.x, X[[3, 4, 0, 1, 2]])
    assert data.y.tolist() == [0, 0, 1, 1, 1]
    assert data.source == "pets"


def test_an_empty_class_keeps_its_label(folder):
    (folder / "bird").mkdir()
    assert load(str(folder), 4).y.tolist() == [1, 1, 2, 2, 2]


def test_a_limit_takes_evenly_from_the_classes(folder):
    data = load(str(folder), 4, limit=3)
    assert data.y.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(data.x, X[[3, 0, 4]])


def test_images_are_resized_by_the_short_side_and_cropped_to_the_centre(tmp_path):
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = (10, 200, 30)
    write_image(tmp_path / "p" / "a" / "wide.png", wide)
    write_image(tmp_path / "p" / "a" / "xtall.bmp", wide.transpose(1, 0, 2).copy())
    data = load(str(tmp_path / "p"), 4)
    assert data.x.shape == (2, 4, 4, 3)
    np.testing.assert_array_equal(data.x[:, 1:3, 1:3], np.broadcast_to([10, 200, 30], (2, 2, 2, 3)))
    same = load(str(tmp_path / "p"), 8).x[0]
    np.testing.assert_array_equal(same, np.broadcast_to([10, 200, 30], (8, 8, 3)))


def test_small_images_are_enlarged(tmp_path):
    write_image(tmp_path / "p" / "a" / "dot.png", np.full((1, 1, 3), 77, np.uint8))
    np.testing.assert_array_equal(load(str(tmp_path / "p"), 5).x, np.full((1, 5, 5, 3), 77))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_other_colour_modes_become_rgb(tmp_path, mode):
    (tmp_path / "p" / "a").mkdir(parents=True)
    suffix = "jpg" if mode == "CMYK" else "png"
    Image.new("RGB", (4, 4), (255, 255, 255)).convert(mode).save(tmp_path / "p" / "a" / f"i.{suffix}")
    np.testing.assert_array_equal(load(str(tmp_path / "p"), 4).x, np.full((1, 4, 4, 3), 255))


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "ppm"])
def test_a_broken_image_is_named(tmp_path, suffix):
    path = tmp_path / "p" / "a" / f"i.{suffix}"
    write_image(path, RNG.integers(0, 256, (16, 16, 3), np.uint8))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no image"):
        path.write_bytes(damaged)
        assert re.match(
            rf"^i\.{suffix} must be a readable image \(\w+\); remove or replace it$",
            refusal(str(tmp_path / "p")),
        )


def test_a_strip_of_pixels_is_refused(tmp_path):
    """Its short side enlarged to the network's, it would fill the memory."""
    write_image(tmp_path / "p" / "a" / "strip.png", np.zeros((1, 65, 3), np.uint8))
    assert refusal(str(tmp_path / "p")) == (
        "strip.png must be at most 64 times as long as it is wide, not 65 x 1 pixels; remove or replace it"
    )


def test_folders_without_images(tmp_path):
    (tmp_path / "empty").mkdir()
    suffixes = ".png, .jpg, .jpeg, .bmp, .webp, .ppm"
    assert refusal(str(tmp_path / "empty")) == (
        f"empty must hold a subfolder a class with {suffixes} images, not 0 subfolders without any"
    )
    (tmp_path / "empty" / "a").mkdir()
    assert "not 1 subfolders without any" in refusal(str(tmp_path / "empty"))
    write_image(tmp_path / "empty" / "image.png", X[0])
    assert "must hold a subfolder a class" in refusal(str(tmp_path / "empty"))


def test_a_folder_needs_a_size(folder):
    assert refusal(str(folder), None) == "pets is a folder of images, and they need a size; give --input-size"


# cifar10


def batch(images: int, label: int, protocol: int = 2) -> bytes:
    """As the authors' files: a dictionary of bytes keys, channels first, one row an image."""
    rng = np.random.default_rng(label)
    rows = rng.integers(0, 256, (images, 3072), np.uint8)
    return pickle.dumps(
        {b"data": rows, b"labels": [label] * images, b"batch_label": b"made"}, protocol=protocol
    )


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras's cache in a home of its own: ``~/.keras/datasets``."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".keras" / "datasets" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for i in range(1, 6):
        (folder / f"data_batch_{i}").write_bytes(batch(3, i))
    (folder / "test_batch").write_bytes(batch(4, 9))
    return folder


def test_cifar10_from_kerass_cache(cache):
    test = load("cifar10", 32)
    assert (test.x.shape, test.x.dtype, test.source) == ((4, 32, 32, 3), np.uint8, "cifar10 (test)")
    assert test.y.tolist() == [9] * 4
    row = np.random.default_rng(9).integers(0, 256, (4, 3072), np.uint8)[2]
    red, blue = row[:1024].reshape(32, 32), row[2048:].reshape(32, 32)
    np.testing.assert_array_equal(test.x[2, :, :, 0], red)
    np.testing.assert_array_equal(test.x[2, :, :, 2], blue)
    train = load("cifar10", None, train=True)
    assert train.source == "cifar10 (train)"
    assert train.y.tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]
    assert len(load("cifar10", 32, limit=1)) == 1


def test_cifar10_is_read_as_keras_reads_it(cache):
    """Keras's own reader on the same file."""
    from keras.src.datasets.cifar import load_batch

    data, labels = load_batch(str(cache / "data_batch_2"))
    mine = load("cifar10", 32, train=True)
    np.testing.assert_array_equal(mine.x[3:6], data.transpose(0, 2, 3, 1))
    assert mine.y[3:6].tolist() == list(labels)


def test_cifar10_has_one_size():
    assert (
        refusal("cifar10", 224) == "cifar10 has 32x32 images, the model takes 224x224; give data of that size"
    )


@pytest.mark.parametrize(
    "content",
    [
        None, b"", b"no pickle", batch(4, 1)[:-100], pickle.dumps({}), pickle.dumps([1]), batch(4, 12),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]}),
        pickle.dumps({b"data": np.zeros((2, 100), np.uint8), b"labels": [1, 1]}),
        pickle.dumps({b"data": Path("x"), b"labels": [1]}),
    ],
    ids=["missing", "empty", "text", "cut", "no keys", "list", "label", "count", "shape", "class"],
)  # fmt: skip
def test_a_damaged_cache_is_refused(cache, content):
    path = cache / "test_batch"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert re.match(
        r"^~/\.keras/datasets/cifar-10-batches-py/test_batch must be a CIFAR-10 batch, "
        r"and is damaged or missing \(\w+\); "
        r"remove ~/\.keras/datasets/cifar-10-batches-py to have it downloaded again$",
        refusal("cifar10", 32),
    )


def test_a_cache_cannot_run_code(cache, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    (cache / "test_batch").write_bytes(pickle.dumps({b"data": Evil(), b"labels": [1]}))
    assert "UnpicklingError" in refusal("cifar10", 32)
    assert not (tmp_path / "pwned").exists()


def test_a_download_that_fails_says_what_to_do(tmp_path, monkeypatch, capsys):
    import tensorflow as tf

    def fails():
        print("Downloading data")  # noqa: T201  as Keras does
        raise Exception("URL fetch failure: None -- no network")  # what keras.utils.get_file itself raises

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tf.keras.datasets.cifar10, "load_data", fails)
    assert refusal("cifar10", 32) == (
        "cifar10 could not be had by Keras's download (URL fetch failure: None -- no network); "
        "put cifar-10-batches-py into ~/.keras/datasets, or give an .npz with x and y"
    )
    captured = capsys.readouterr()
    assert captured.out == ""  # a command's JSON goes there
    assert "Downloading data" in captured.err


def test_a_download_is_what_keras_gives(tmp_path, monkeypatch):
    import tensorflow as tf

    train = (np.zeros((2, 32, 32, 3), np.uint8), np.array([[1], [2]], np.uint8))
    test = (np.ones((1, 32, 32, 3), np.uint8), np.array([[3]], np.uint8))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tf.keras.datasets.cifar10, "load_data", lambda: (train, test))
    assert load("cifar10", 32, train=True).y.tolist() == [1, 2]
    assert load("cifar10", 32).x.min() == 1


@pytest.mark.network
@pytest.mark.slow
def test_cifar10_by_kerass_own_download(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".keras").mkdir()
    for _ in range(2):  # downloaded, then from the cache
        train, test = load("cifar10", 32, train=True), load("cifar10", 32)
        assert (train.x.shape, test.x.shape) == ((50_000, 32, 32, 3), (10_000, 32, 32, 3))
        assert np.bincount(train.y).tolist() == [5000] * 10
        assert np.bincount(test.y).tolist() == [1000] * 10
