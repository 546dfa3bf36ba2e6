"""Data sets: CIFAR-10 by Keras's own download, an ``.npz``, or a folder of images.

Images are uint8 N x H x W x 3 RGB, labels int64 N. Nothing is downloaded unless the
source is the word ``cifar10``.
"""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from sqz_hw.errors import DataError
from sqz_hw.model import cifar

_NPZ_FAULTS = (
    OSError, EOFError, LookupError, TypeError, ValueError, SyntaxError, RuntimeError, ArithmeticError,
    MemoryError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What NumPy and zipfile raise on damaged files."""

MAX_UNPACKED = 16 << 30
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm")
LONGEST_SIDE = 64
"""An image is resized whole before its centre is cut out; a strip of pixels would become endless."""
Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """Labelled images.

    Attributes:
        x: uint8, N x H x W x 3, RGB.
        y: int64, N, or None where nothing is known.
        source: what to call it in reports (a name, never a path of the machine).
    """

    x: Images
    y: Labels | None
    source: str

    def __len__(self) -> int:
        return len(self.x)

    def first(self, count: int) -> Dataset:
        """The first ``count`` images (all, if there are fewer)."""
        return Dataset(self.x[:count], None if self.y is None else self.y[:count], self.source)

    def require_classes(self, classes: int) -> None:
        """Refuse labels that the network has no output for.

        Raises:
            DataError: a label is not between 0 and ``classes`` - 1.
        """
        if self.y is not None and len(self.y) and not 0 <= self.y.min() <= self.y.max() < classes:
            raise DataError(
                f"{self.source}: labels must be between 0 and {classes - 1}, not "
                f"{self.y.min()} to {self.y.max()}; give data of the model's own classes"
            )


def load(source: str, size: int | None, *, train: bool = False, limit: int | None = None) -> Dataset:
    """Load a data set for a network with ``size`` x ``size`` inputs.

    Args:
        source: ``cifar10``, a path to an ``.npz`` with x and y, or a folder with a subfolder a class.
        size: side of the network's input in pixels. Folder images are resized to it (short
            side, then the centre); an ``.npz`` must have it already. None takes any square
            images as they are (a folder then needs a size).
        train: the training split where the source has two (only ``cifar10`` has).
        limit: read no more than so many images, the first ones (a folder: evenly over classes).

    Raises:
        DataError: the source is missing, damaged, or of the wrong shape or type.
    """
    if source == "cifar10":
        return _cifar10(size, train, limit)
    try:
        path = Path(source)
        path = path if path.name not in ("", "..") else path.resolve()
        folder, missing = path.is_dir(), not source or not path.exists()
    except OSError as error:
        raise DataError(f"data cannot be read: {error.strerror}; check the path") from error
    except (ValueError, RuntimeError) as error:  # a NUL character; links in a circle
        raise DataError(f"data cannot be read: {error}; check the path") from error
    if folder and source:
        if size is None:
            raise DataError(f"{path.name} is a folder of images, and they need a size; give --input-size")
        return _folder(path, size, limit)
    if missing:
        raise DataError(
            "data must be 'cifar10', an .npz file or a folder of images; "
            f"there is no {source!r}; check the path"
        )
    if not path.is_file():
        raise DataError(f"data must be an .npz file or a folder of images, and {source} is neither")
    return _npz(path, size, limit)


def _cifar10(size: int | None, train: bool, limit: int | None) -> Dataset:
    if size not in (None, 32):
        raise DataError(f"cifar10 has 32x32 images, the model takes {size}x{size}; give data of that size")
    x, y = cifar.load(train)
    return _checked(x, y, size, f"cifar10 ({'train' if train else 'test'})", limit)


def _npz(path: Path, size: int | None, limit: int | None) -> Dataset:
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise DataError(
                    f"{path.name} must be an .npz with x and y, and is damaged or something else; "
                    "write it with numpy.savez"
                )
            file.seek(0)
            _check_unpacked(path.name, file)
            with np.load(file, allow_pickle=False) as arrays:
                if not {"x", "y"} <= set(arrays.files):
                    raise DataError(
                        f"{path.name} must hold x (uint8, N x H x W x 3) and y (integers), "
                        f"not {sorted(arrays.files)}; write it with numpy.savez"
                    )
                x, y = arrays["x"], arrays["y"]
    except _NPZ_FAULTS as error:
        if "Object arrays" in str(error):
            raise DataError(
                f"{path.name} holds pickled objects, which can run code; save plain arrays: "
                "x as uint8, y as integers"
            ) from error
        raise DataError(
            f"{path.name} is no readable .npz ({error}); write it again with numpy.savez"
        ) from error
    for name, array in (("x", x), ("y", y)):
        if not isinstance(array, np.ndarray):
            raise DataError(
                f"{path.name}: {name} must be an array in NumPy's format; write it with numpy.savez"
            )
    return _checked(x, y, size, path.name, limit)


def _check_unpacked(name: str, file: IO[bytes]) -> None:
    """Refuse what would fill the memory: a few MB can unpack to any size."""
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_UNPACKED:
        raise DataError(
            f"{name} must unpack to at most {MAX_UNPACKED >> 30} GiB, not {unpacked / (1 << 30):.1f} GiB; "
            "give fewer images"
        )
    file.seek(0)


def _checked(
    x: npt.NDArray[np.generic], y: npt.NDArray[np.generic], size: int | None, source: str, limit: int | None
) -> Dataset:
    if x.dtype != np.uint8:
        raise DataError(f"{source}: x must be uint8 pixels of 0 to 255, not {x.dtype}; store pixels unscaled")
    side = size if size is not None else x.shape[1] if x.ndim == 4 else "S"
    if x.ndim != 4 or x.shape[1:] != (side, side, 3):
        given = " x ".join(map(str, x.shape)) or "a scalar"
        raise DataError(
            f"{source}: x must be N x {side} x {side} x 3 (RGB), not {given}; "
            "resize the images or choose a model of that size"
        )
    if y.dtype.kind not in "iu":
        raise DataError(f"{source}: y must be integer labels, not {y.dtype}")
    labels = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if labels.shape != (len(x),):
        raise DataError(f"{source}: y must hold one label an image ({len(x)}), not shape {y.shape}")
    if not len(x):
        raise DataError(f"{source}: there must be at least one image, not none")
    if y.dtype.kind == "u" and int(labels.max()) > np.iinfo(np.int64).max:
        raise DataError(f"{source}: labels must be class numbers, not {labels.max()}; count them from 0")
    stop = len(x) if limit is None else limit
    return Dataset(np.ascontiguousarray(x[:stop]), labels[:stop].astype(np.int64), source)


def _folder(path: Path, size: int, limit: int | None) -> Dataset:
    try:
        classes = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
        by_class = [sorted(f for f in c.iterdir() if _is_image(f)) for c in classes]
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}); check its permissions") from error
    pairs = [(file, label) for label, files in enumerate(by_class) for file in files]
    if not pairs:
        raise DataError(
            f"{path.name} must hold a subfolder a class with {', '.join(IMAGE_SUFFIXES)} images, "
            f"not {len(classes)} subfolders without any"
        )
    if limit is not None and limit < len(pairs):
        ranked = sorted((i, label, f) for label, files in enumerate(by_class) for i, f in enumerate(files))
        pairs = [(f, label) for _, label, f in ranked[:limit]]
    x = np.stack([_read_image(file, size) for file, _ in pairs])
    return Dataset(x, np.array([label for _, label in pairs], np.int64), path.name)


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")


def _read_image(file: Path, size: int) -> Images:
    try:
        if file.exists() and not file.is_file():
            raise OSError("a folder, a pipe or a device")
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # twice that size is an error
            rgb = image.convert("RGB")
    except (
        OSError, UnidentifiedImageError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        raise DataError(
            f"{file.name} must be a readable image ({type(error).__name__}); remove or replace it"
        ) from error
    if rgb.size != (size, size):
        short, long = sorted(rgb.size)
        if long > LONGEST_SIDE * short:
            raise DataError(
                f"{file.name} must be at most {LONGEST_SIDE} times as long as it is wide, not "
                f"{rgb.size[0]} x {rgb.size[1]} pixels; remove or replace it"
            )
        scale = size / min(rgb.size)
        width, height = (max(size, round(side * scale)) for side in rgb.size)
        rgb = rgb.resize((width, height), Image.Resampling.BILINEAR)
        left, top = (width - size) // 2, (height - size) // 2
        rgb = rgb.crop((left, top, left + size, top + size))
    return np.asarray(rgb, np.uint8)
