"""From a file of somebody's weights to a model of this project.

The format is told by the file's first bytes; a Deep Compression container has none and is
what remains. Preprocessing goes into conv1 (``sqz_hw.model.preprocessing``), so that the model
takes pixels as hardware does; the record says what it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.compression import container
from sqz_hw.model.modelfile import Model
from sqz_hw.model.preprocessing import CAFFE, HARDWARE, TORCHVISION, Preprocessing, fold
from sqz_hw.model.readers import (
    codebook_file,
    deep_compression,
    keras_file,
    npz,
    safetensors_file,
    torch_file,
    torchvision,
)
from sqz_hw.model.readers.archive import MAGIC as ZIP_MAGIC
from sqz_hw.model.readers.archive import Archive
from sqz_hw.model.readers.tensors import Array, Stored, most_bytes

TORCH_SUFFIXES = (".pth", ".pt")
SAFETENSORS_SUFFIX = ".safetensors"
DATA_SUFFIXES = (".net", ".bin")
TORCHVISION_SIZE = 224


@dataclass(frozen=True)
class Convention:
    """What a file format does not say and its origin does.

    Attributes:
        preprocessing: of the pixels.
        input_size: side of the images, or None for the architecture's.
        conv10_padding: zeros around conv10's input, or None for the architecture's.
    """

    preprocessing: Preprocessing
    input_size: int | None = None
    conv10_padding: int | None = None


CONVENTIONS = {
    deep_compression.FORMAT: Convention(CAFFE),
    codebook_file.FORMAT: Convention(CAFFE),
    codebook_file.PLAIN: Convention(HARDWARE),
    keras_file.FORMAT: Convention(HARDWARE),
    torchvision.FORMAT: Convention(TORCHVISION, TORCHVISION_SIZE, 0),
}
"""torchvision pads nowhere but in expand3x3 and was trained on 224 x 224; both pool as Caffe does (up)."""


def import_weights(
    path: Path,
    arch: Architecture | None,
    *,
    name: str,
    preprocessing: Preprocessing | None = None,
    input_size: int | None = None,
) -> Model:
    """Read a file of weights as a float model.

    Args:
        path: Deep Compression container, ``.npz``, ``.safetensors``, Keras file or ``.pth``.
        arch: the architecture; size and conv10's padding follow the format's convention. None will do
            for a compressed model of this project, which has its own.
        name: of the model.
        preprocessing: of the network as trained; default: the format's convention.
        input_size: side of the images; default: the convention's.

    Returns:
        A float model for RGB pixels / 256, with ``record["imported"]`` saying from what (of a
        compressed model: the model as it was, float or quantised).

    Raises:
        BadInputError: no architecture where one is needed, or what a compressed model cannot take.
        ModelFileError: the file is missing, damaged, hostile or of another architecture.
        ToolError: it is a ``.pth`` and torch is not installed.
    """
    data = read_file(path, container.MAX_BYTES if arch is None else most_bytes(arch))
    if data.startswith(container.MAGIC):
        return _compressed(path.name, data, arch, name, preprocessing, input_size)
    if arch is None:
        raise BadInputError(f"{path.name} does not say its architecture; give --architecture v1.0 or v1.1")
    stored = parse(path.name, data, arch)
    convention = CONVENTIONS[stored.format]
    arch = replace(
        arch,
        input_size=input_size or convention.input_size or arch.input_size,
        conv10_padding=(
            arch.conv10_padding if convention.conv10_padding is None else convention.conv10_padding
        ),
    )
    trained = preprocessing or convention.preprocessing
    conv1 = arch.convolutions[0]
    weights = dict(stored.weights)
    kernel, bias = weights[f"{conv1.name}/kernel"], weights[f"{conv1.name}/bias"]
    kernel, bias, rest = fold(kernel, bias, trained, arch.conv1_padding)
    weights[f"{conv1.name}/kernel"], weights[f"{conv1.name}/bias"] = kernel, bias
    record = _record(path.name, data, stored.format)
    record["imported"] |= {
        "preprocessing": trained.to_dict(),
        "preprocessing_given": preprocessing is not None,
    }
    return Model(name, arch, weights, None, record, rest.mean)


def _record(file: str, data: bytes, format_name: str) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    return {"imported": {"file": file, "sha256": digest, "format": format_name}}


def _compressed(
    file: str,
    data: bytes,
    arch: Architecture | None,
    name: str,
    preprocessing: Preprocessing | None,
    input_size: int | None,
) -> Model:
    if preprocessing is not None:
        raise BadInputError(
            f"{file} is a compressed model, which takes pixels / 256; leave --preprocessing out"
        )
    model = container.read(file, data)
    if arch is not None and arch.name != model.architecture.name:
        raise ModelFileError(
            f"{file} holds a {model.architecture.name}, not a {arch.name}; leave --architecture out"
        )
    arch = replace(model.architecture, input_size=input_size or model.architecture.input_size)
    return replace(model, name=name, architecture=arch, record=_record(file, data, container.FORMAT))


def read_file(path: Path, most: int) -> bytes:
    """A file's bytes.

    Raises:
        ModelFileError: there is none, it cannot be read, or it has more than ``most`` bytes.
    """
    try:
        if not path.is_file():
            raise ModelFileError(f"the weights must be a file; there is none at {path}")
        size = path.stat().st_size
        if size > most:
            raise ModelFileError(
                f"{path.name} must have at most {most:,} bytes for this architecture, not {size:,}; "
                "check --architecture"
            )
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise ModelFileError(f"{path.name} cannot be read ({error.strerror})") from error


def parse(name: str, data: bytes, arch: Architecture) -> Stored:
    """Kernels and biases of a file of any format that is read, as the file has them.

    Args:
        name: of the file; a ``.pth`` is told by it, and it decides between containers without a magic.
        data: the whole file.
        arch: the architecture.

    Raises:
        ModelFileError: it is damaged, hostile or of another architecture.
        ToolError: it is a ``.pth`` and torch is not installed.
    """
    most = most_bytes(arch)
    suffix = Path(name).suffix.lower()
    if suffix in TORCH_SUFFIXES:
        return torchvision.read(name, torch_file.read(name, data, most), arch)
    if data.startswith(ZIP_MAGIC):
        archive = Archive(name, data)
        if keras_file.is_keras_archive(archive):
            return keras_file.read_archive(name, archive, arch, most)
        if any(entry.endswith("/data.pkl") for entry in archive.names):
            return torchvision.read(name, torch_file.read(name, data, most), arch)
        return _by_keys(name, npz.read(name, archive, most), arch)
    if data.startswith(keras_file.HDF5_MAGIC):
        return keras_file.read(name, data, arch, most)
    if suffix == SAFETENSORS_SUFFIX or (suffix not in DATA_SUFFIXES and safetensors_file.looks_like(data)):
        return _by_keys(name, safetensors_file.read(name, data), arch)
    return deep_compression.read(name, data, arch)


def _by_keys(name: str, tensors: Mapping[str, Array], arch: Architecture) -> Stored:
    if torchvision.looks_like(tensors):
        return torchvision.read(name, tensors, arch)
    if codebook_file.looks_like(tensors):
        return codebook_file.read(name, tensors, arch)
    first = next(iter(tensors), "nothing")
    raise ModelFileError(
        f"{name}: tensors must have torchvision's names (features.0.weight) or the layers' "
        f"(conv1/kernel), not {first}"
    )
