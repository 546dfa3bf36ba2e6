"""Keras and QKeras weights files: ``.h5``, ``.weights.h5`` and ``.keras``.

Arrays are read from HDF5; no layer is ever made from a file's configuration, so nothing in it
can run. A configuration with a Lambda is refused all the same: it computes what its code says.
QKeras stores the weights from which its quantisers compute; those are what is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sqz_hw.errors import ModelFileError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.readers import isolated
from sqz_hw.model.readers.archive import Archive
from sqz_hw.model.readers.tensors import Array, Stored, Weights, as_float32, kernel_shape

FORMAT = "Keras weights"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MAX_CONFIG = 1 << 20
_LEAF = re.compile(r"(?:.*_)?(?P<what>kernel:0|kernel|bias:0|bias|W:0|W|b:0|b)|vars/(?P<index>[01])")
_COUNTED = re.compile(r"(?P<kind>.*?)(?:_(?P<number>\d+))?")


def is_keras_archive(archive: Archive) -> bool:
    """Whether a zip is a ``.keras`` file."""
    return WEIGHTS in archive.names


def read_archive(name: str, archive: Archive, arch: Architecture, most: int) -> Stored:
    """Kernels and biases of a ``.keras`` file.

    Raises:
        ModelFileError: as ``read``.
    """
    if CONFIG in archive.names:
        _refuse_lambda(name, archive.read(CONFIG, MAX_CONFIG).decode("utf-8", "replace"))
    return read(name, archive.read(WEIGHTS, most), arch, most)


def read(name: str, data: bytes, arch: Architecture, most: int) -> Stored:
    """Kernels and biases of an HDF5 weights file.

    Layers are found by name (``fire2/squeeze1x1`` or ``fire2_squeeze1x1``); in files that number
    their layers (``layers/conv2d_3/vars/0``), by order and shape.

    Args:
        name: of the file, for messages.
        data: the whole file.
        arch: the architecture whose layers they are.
        most: bytes that all arrays together may have.

    Raises:
        ModelFileError: it is damaged, has a Lambda, or is of another architecture.
    """
    arrays, texts = isolated.read(name, data, "HDF5", most)
    for text in texts.values():
        _refuse_lambda(name, text)
    layers = _layers(name, arrays)
    by_spec = _by_name(layers, arch) or _by_order(name, layers, arch)
    result: Weights = {}
    for spec in arch.convolutions:
        where, parts = by_spec[spec.name]
        for what, shape in (("kernel", kernel_shape(spec)), ("bias", spec.out_shape[2:])):
            if what not in parts:
                raise ModelFileError(f"{name}: {where} has no {what}; the architecture asks for it")
            result[f"{spec.name}/{what}"] = as_float32(name, f"{where} ({what})", parts[what], shape)
    return Stored(result, FORMAT)


Layers = dict[str, dict[str, Array]]


def _layers(name: str, arrays: Mapping[str, Array]) -> Layers:
    """Arrays by layer path and ``kernel`` or ``bias``; the optimiser's are left out."""
    layers: Layers = {}
    for path, array in arrays.items():
        parts = path.split("/")
        if parts[0].startswith("optimizer"):
            continue
        counted = len(parts) > 1 and parts[-2] == "vars"
        leaf = "/".join(parts[-2:]) if counted else parts[-1]
        match = _LEAF.fullmatch(leaf)
        if match is None:
            raise ModelFileError(
                f"{name}: {path} is neither kernel nor bias of a convolution; "
                "fold batch normalisation into the kernels, or check --architecture"
            )
        what = "kernel" if (match["what"] or "")[:1] in ("k", "W") or match["index"] == "0" else "bias"
        layer = layers.setdefault(_layer_path(parts[: -2 if counted else -1]), {})
        if what in layer:
            raise ModelFileError(f"{name}: {path} is the second {what} of its layer; the file is ambiguous")
        layer[what] = array
    return layers


def _layer_path(parts: list[str]) -> str:
    """``model_weights/conv1/conv1`` is conv1: a file of a whole model, and names said twice."""
    parts = parts[1:] if parts[:1] == ["model_weights"] else parts
    half = len(parts) // 2
    return "/".join(parts[:half] if parts[:half] == parts[half:] else parts)


def _by_name(layers: Layers, arch: Architecture) -> dict[str, tuple[str, dict[str, Array]]] | None:
    """The file's layers by the architecture's names, or None where they have other names."""
    found: dict[str, tuple[str, dict[str, Array]]] = {}
    names = {spec.safe_name: spec.name for spec in arch.convolutions}
    for path, parts in layers.items():
        safe = path.replace("/", "_")
        match = next((n for n in names if safe == n or safe.endswith(f"_{n}")), None)
        if match is None or names[match] in found:
            return None
        found[names[match]] = (path, parts)
    return found if len(found) == len(names) else None


def _by_order(name: str, layers: Layers, arch: Architecture) -> dict[str, tuple[str, dict[str, Array]]]:
    """Numbered layers in order; side by side, expand1x1 and expand3x3 differ in shape."""
    rest: list[tuple[int, str]] = []
    kinds = set()
    for path in layers:
        match = _COUNTED.fullmatch(path)
        kinds.add(match["kind"] if match else path)
        rest.append((int((match["number"] if match else None) or 0), path))
    if len(rest) != len(arch.convolutions) or len(kinds) != 1:
        raise ModelFileError(
            f"{name}: the {len(arch.convolutions)} convolutions must be called as in {arch.name} "
            f"(conv1, fire2_squeeze1x1, ...) or be numbered, and there are {len(rest)} layers of "
            f"{len(kinds)} other names; check --architecture"
        )
    rest.sort()
    found: dict[str, tuple[str, dict[str, Array]]] = {}
    for spec in arch.convolutions:
        fitting = [p for _, p in rest if _fits(layers[p], spec)]
        if not fitting:
            raise ModelFileError(
                f"{name}: no layer has the kernel of {spec.name}, shape {kernel_shape(spec)}; "
                "check --architecture"
            )
        first = fitting[0]
        rest = [(number, p) for number, p in rest if p != first]
        found[spec.name] = (first, layers[first])
    return found


def _fits(parts: Mapping[str, Array], spec: LayerSpec) -> bool:
    return "kernel" in parts and parts["kernel"].shape == kernel_shape(spec)


def _refuse_lambda(name: str, text: str) -> None:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{name}: the model's configuration must be JSON, and is damaged") from error
    pending: list[Any] = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            kind = item.get("class_name")
            if isinstance(kind, str) and kind.endswith("Lambda"):
                raise ModelFileError(
                    f"{name} must be of plain layers, and has a {kind}, whose code would say what it "
                    "computes; save the weights without it"
                )
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
