"""What is fuzzed: every reader that parses in this process, with files that are nearly right.

An input's first byte picks the reader. A reader may give legal weights or raise the one error of
bad files; anything else gets out and ends the run. HDF5 and torch run in processes of their own
(``fuzz_hdf5.py``).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import numpy as np
from models import TINY, random_weights
from safetensors.numpy import save as safetensors_bytes

from fuzz import containers
from sqz_hw.errors import ModelFileError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.compression import container
from sqz_hw.model.modelfile import Model
from sqz_hw.model.quantisation import Quantisation, quantise
from sqz_hw.model.readers import importing, isolated, torchvision


def _parse(name: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        stored = importing.parse(name, data, TINY)
        Model("fuzzed", TINY, stored.weights)
        assert all(np.isfinite(w).all() for w in stored.weights.values())

    return run


def _rezipped(data: bytes) -> None:
    """An entry's bytes are the fuzzer's, the archive around it and its checksum are right."""
    tensors = _by_torchvision()
    key = sorted(tensors)[data[0] % len(tensors)] if data else "features.0.weight"
    entries = {f"{k}.npy": npy(v) for k, v in tensors.items()}
    entries[f"{key}.npy"] = data[1:]
    _parse("x.npz")(containers.archive(entries))


def _compressed(data: bytes) -> None:
    model = container.read("x.sqzdc", data)
    assert all(np.isfinite(w).all() for w in model.weights.values())


def _resealed(data: bytes) -> None:
    """With a right checksum, so that what comes before it is read."""
    _compressed(data + struct.pack("<I", zlib.crc32(data)))


TARGETS: tuple[Callable[[bytes], None], ...] = (
    _parse("x.net"),
    _parse("x.npz"),
    _parse("x.safetensors"),
    _rezipped,
    _compressed,
    _resealed,
)


def one_input(data: bytes) -> bool:
    """Whether the input was taken for a legal file."""
    if not data:
        return False
    target = TARGETS[data[0] % len(TARGETS)]
    refused = ModelFileError("a file for a process of its own")
    with mock.patch.object(isolated, "read", side_effect=refused):
        try:
            target(data[1:])
        except ModelFileError as error:
            text = str(error)
            if len(text.splitlines()) != 1 or len(text) > 2100:
                raise AssertionError(f"no message of one line: {text!r}") from error
            return False
    return True


def seeds() -> list[bytes]:
    """A legal input for each target, some more than one."""
    indices, codebooks, biases = containers.shared_weights(TINY)
    float_weights = random_weights(TINY, density=0.5)
    by_layer = {
        f"{s.safe_name}/{p}": float_weights[f"{s.name}/{p}"]
        for s in TINY.convolutions
        for p in ("kernel", "bias")
    }
    shared: dict[str, np.ndarray] = {"layer_names": np.array([s.safe_name for s in TINY.convolutions])}
    for spec, index, codebook, bias in zip(TINY.convolutions, indices, codebooks, biases, strict=True):
        shared[f"{spec.safe_name}/index"] = index.transpose(2, 3, 1, 0)
        shared[f"{spec.safe_name}/codebook"] = codebook
        shared[f"{spec.safe_name}/bias"] = bias
    half = {k: v.astype(np.float16) for k, v in _by_torchvision().items()}
    float_file, quantised_file = (
        container.write(Model("m", TINY, float_weights)),
        container.write(_quantised()),
    )
    first = npy(_by_torchvision()["classifier.1.bias"])
    return [
        b"\x00" + containers.deep_compression(indices, codebooks, biases),
        b"\x01" + containers.npz(_by_torchvision()),
        b"\x01" + containers.npz(shared),
        b"\x01" + containers.npz(by_layer, compressed=True),
        b"\x02" + safetensors_bytes({k: np.ascontiguousarray(v) for k, v in _by_torchvision().items()}),
        b"\x02" + safetensors_bytes({k: np.ascontiguousarray(v) for k, v in half.items()}),
        b"\x03\x00" + first,
        b"\x04" + float_file,
        b"\x05" + float_file[:-4],
        b"\x05" + quantised_file[:-4],
        b"\x05" + container.write(_quantised(codebooks=True))[:-4],
    ]  # fmt: skip


def npy(array: np.ndarray) -> bytes:
    """NumPy's ``.npy`` of an array."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _by_torchvision() -> dict[str, np.ndarray]:
    weights = random_weights(TINY, density=0.5)
    found = {}
    for ours, theirs in torchvision.prefixes(TINY).items():
        found[f"{theirs}.weight"] = weights[f"{ours}/kernel"].transpose(3, 2, 0, 1)
        found[f"{theirs}.bias"] = weights[f"{ours}/bias"]
    return found


def _quantised(*, codebooks: bool = False) -> Model:
    convolutions = [s.name for s in TINY.convolutions]
    relus = [s.name for s in TINY.layers if s.kind.value == "relu"]
    types = Quantisation(
        {n: FixedPoint(6, 1, True) for n in convolutions},
        {n: FixedPoint(12, 2, True) for n in convolutions},
        {n: FixedPoint(6, 2, False) for n in relus},
    )
    weights = {k: quantise(w, types.of(k)).astype(np.float32) for k, w in random_weights(TINY).items()}
    model = Model("q", TINY, weights, types)
    if not codebooks:
        return model
    books = {n: tuple(np.unique(model.codes(f"{n}/kernel")).tolist()) for n in convolutions}
    return replace(model, quantisation=replace(types, codebooks=books))
