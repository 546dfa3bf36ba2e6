"""The model file: safetensors with architecture, quantisation and training record as JSON metadata.

Nothing in it can run code on loading. A float model holds float32 `<layer>/kernel`
(HWIO) and `<layer>/bias`; a quantised one holds the integer codes of each, int8, int16
or int32, so the file is the hardware's own numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.files import write_whole
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.preprocessing import Preprocessing, Three
from sqz_hw.model.quantisation import INPUT_TYPE, Quantisation

FORMAT = "sqz_hw-model/1"
METADATA_KEY = "sqz_hw"
MAX_BYTES = 1 << 30
MAX_NAME_BYTES = 100
PREPROCESSING = {"channels": "RGB", "scale": "x/256"}
NO_MEAN: Three = (0.0, 0.0, 0.0)
Kind = Literal["float", "quantised"]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Model:
    """A trained network as stored.

    Attributes:
        name: what to call it.
        architecture: what it computes.
        weights: `<layer>/kernel` (HWIO) and `<layer>/bias`, float32 values (of a quantised
            model: exactly on the grid of its types).
        quantisation: types of everything, or None for a float model.
        record: how it was made: data, command, seeds, accuracy, seconds.
        input_mean: what is to be subtracted from the pixels (R, G, B, 0 to 255) before they are
            divided by 256: 0 but for a float model whose padded conv1 could not take the mean in.
    """

    name: str
    architecture: Architecture
    weights: Mapping[str, npt.NDArray[np.float32]]
    quantisation: Quantisation | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    input_mean: Three = NO_MEAN

    @property
    def kind(self) -> Kind:
        """``float`` or ``quantised``."""
        return "float" if self.quantisation is None else "quantised"

    def __post_init__(self) -> None:
        check_name(self.name)
        for spec in self.architecture.convolutions:
            kernel = (spec.kernel, spec.kernel, spec.in_shape[2], spec.out_shape[2])
            for key, shape in ((f"{spec.name}/kernel", kernel), (f"{spec.name}/bias", kernel[-1:])):
                if key not in self.weights:
                    raise ModelFileError(f"model {self.name}: {key} is missing; the architecture asks for it")
                if self.weights[key].shape != shape:
                    raise ModelFileError(
                        f"model {self.name}: {key} must have shape {shape}, not {self.weights[key].shape}"
                    )
        extra = len(self.weights) - 2 * len(self.architecture.convolutions)
        if extra:
            raise ModelFileError(f"model {self.name}: {extra} tensors belong to no layer of the architecture")
        if self.quantisation is not None:
            self._check_types(self.quantisation)
            self._check_codebooks(self.quantisation)
            if any(self.input_mean):
                raise ModelFileError(
                    f"model {self.name}: hardware takes pixels as they are, and this network wants "
                    f"{', '.join(f'{m:g}' for m in self.input_mean)} subtracted; its conv1 has padding, so "
                    "that the mean cannot go into its biases: train it without"
                )

    def _check_types(self, quantisation: Quantisation) -> None:
        if quantisation.input != INPUT_TYPE:
            raise ModelFileError(
                f"model {self.name}: the input type must be {INPUT_TYPE} (pixel / 256), "
                f"not {quantisation.input}"
            )
        convolutions = {s.name for s in self.architecture.convolutions}
        relus = {s.name for s in self.architecture.layers if s.kind.value == "relu"}
        for what, types, wanted in (
            ("weights", quantisation.weights, convolutions),
            ("biases", quantisation.biases, convolutions),
            ("activations", quantisation.activations, relus),
        ):
            if set(types) != wanted:
                odd = sorted(set(types) ^ wanted)
                raise ModelFileError(
                    f"model {self.name}: the {what} types must name each layer once; see {odd[0]}"
                )
            for name, to in types.items():
                signed = what != "activations"
                if to.signed != signed or not 2 <= to.width <= 32 or not -32 <= to.integer <= 32:
                    sign = "signed" if signed else "unsigned"
                    raise ModelFileError(
                        f"model {self.name}: the {what} type of {name} must be {sign}, 2 to 32 bits of which "
                        f"-32 to 32 are integer, not {to}"
                    )

    def _check_codebooks(self, quantisation: Quantisation) -> None:
        for name, codebook in quantisation.codebooks.items():
            if name not in quantisation.weights:
                raise ModelFileError(
                    f"model {self.name}: codebook {name} belongs to no layer of the architecture"
                )
            strange = np.setdiff1d(self.codes(f"{name}/kernel"), codebook)
            if len(strange):
                raise ModelFileError(
                    f"model {self.name}: the kernel of {name} must hold codes of its codebook only, "
                    f"and holds {strange[0]}"
                )

    def codes(self, key: str) -> npt.NDArray[np.int64]:
        """Integer codes of one tensor of a quantised model (`<layer>/kernel` or `<layer>/bias`).

        Raises:
            ModelFileError: the model is float.
            BadInputError: a value is off its grid.
        """
        if self.quantisation is None:
            raise ModelFileError(f"model {self.name} is float and has no codes; quantise it first")
        return self.quantisation.of(key).to_codes(self.weights[key])

    def density(self, fire_only: bool = True) -> float:
        """Share of kernel weights that are not zero, over the Fire modules or all layers."""
        specs = [s for s in self.architecture.convolutions if s.fire or not fire_only]
        kernels = [self.weights[f"{s.name}/kernel"] for s in specs]
        return sum(int(np.count_nonzero(k)) for k in kernels) / sum(k.size for k in kernels)


def check_name(name: object) -> None:
    """Refuse a name that no folder can have: a build's folder is called after its model.

    Raises:
        ModelFileError: it is empty or too long, or holds a slash or what no terminal can show.
    """
    fine = isinstance(name, str) and name.isprintable() and not set(name) & set("/\\")
    if not fine or not 0 < len(str(name).encode()) <= MAX_NAME_BYTES:
        short = ascii(name)
        short = short if len(short) <= MAX_NAME_BYTES else f"{short[:MAX_NAME_BYTES]}..."
        raise ModelFileError(
            f"a model's name must be 1 to {MAX_NAME_BYTES} bytes of printable text without slashes, "
            f"not {short}; name it otherwise when training"
        )


def save(model: Model, path: Path) -> None:
    """Write ``model`` beside ``path`` and move it into place: never a half-written file.

    Raises:
        BadInputError: the folder cannot be written.
    """
    tensors: dict[str, Array] = {}
    for key in sorted(model.weights):
        if model.quantisation is None:
            tensors[key] = np.ascontiguousarray(model.weights[key], np.float32)
        else:
            codes = model.codes(key)
            tensors[key] = np.ascontiguousarray(codes.astype(_narrowest(codes)))
    meta = {
        "format": FORMAT,
        "kind": model.kind,
        "name": model.name,
        "architecture": model.architecture.to_dict(),
        "quantisation": None if model.quantisation is None else model.quantisation.to_dict(),
        "preprocessing": _preprocessing(model),
        "record": dict(model.record),
    }
    write_whole(path, save_tensors(tensors, {METADATA_KEY: json.dumps(meta, sort_keys=True)}))


def load(path: Path) -> Model:
    """Read a model file.

    Raises:
        ModelFileError: it is missing, damaged, hostile, or not one of ours.
    """
    try:
        if not path.is_file():
            raise ModelFileError(
                f"a model must be a name from the zoo or a .safetensors file; there is no {path}"
            )
        if path.stat().st_size > MAX_BYTES:
            raise ModelFileError(f"{path.name} must be below 1 GiB, not {path.stat().st_size:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path.name} cannot be read ({error.strerror})") from error
    return from_bytes(data, path.name)


def from_bytes(data: bytes, name: str) -> Model:
    """Read a model file's contents.

    Args:
        data: of the file.
        name: of the file, for messages.

    Raises:
        ModelFileError: it is damaged, hostile, or not one of ours.
    """
    try:
        tensors = dict(sorted(load_tensors(data).items()))
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        meta = json.loads(header.get("__metadata__", {}).get(METADATA_KEY, "null"))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"{name} must be a .safetensors model of sqz_hw, and is damaged or something else "
            f"({error}); train or import it again"
        ) from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise ModelFileError(
            f"{name} must carry sqz_hw metadata ({FORMAT}), and has none; "
            "import it with scripts/import_weights.py"
        )
    try:
        return _from_parts(meta, tensors)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ModelFileError(f"{name} has damaged metadata ({type(error).__name__}: {error})") from error
    except ModelFileError:
        raise
    except BadInputError as error:
        raise ModelFileError(f"{name} describes no legal model: {error}") from error


def _from_parts(meta: dict[str, Any], tensors: dict[str, Array]) -> Model:
    name = meta["name"]
    check_name(name)
    mean = _stated_mean(meta)
    if mean is None:
        raise ModelFileError(
            f"model {name}: the preprocessing must be {PREPROCESSING}, which hardware does, "
            f"not {meta['preprocessing']!r}"
        )
    architecture = Architecture.from_dict(meta["architecture"])
    if meta["kind"] not in ("float", "quantised"):
        raise ModelFileError(f"model {name}: kind must be float or quantised, not {meta['kind']!r}")
    if meta["kind"] == "float":
        for key, tensor in tensors.items():
            if tensor.dtype != np.float32:
                raise ModelFileError(f"model {name}: {key} must be float32, not {tensor.dtype}")
            if not np.isfinite(tensor).all():
                raise ModelFileError(f"model {name}: {key} must be finite, and has NaN or infinity")
        return Model(name, architecture, tensors, None, dict(meta["record"]), mean)
    quantisation = Quantisation.from_dict(meta["quantisation"])
    values: dict[str, npt.NDArray[np.float32]] = {}
    for key, codes in tensors.items():
        layer, _, what = key.rpartition("/")
        types = quantisation.weights if what == "kernel" else quantisation.biases
        if layer not in types:
            raise ModelFileError(f"model {name}: tensor {key} belongs to no layer of the architecture")
        to = types[layer]
        if not np.issubdtype(codes.dtype, np.signedinteger):
            raise ModelFileError(f"model {name}: {key} must hold signed integer codes, not {codes.dtype}")
        if codes.size and not to.min_code <= codes.min() <= codes.max() <= to.max_code:
            raise ModelFileError(f"model {name}: {key} has codes outside its type {to}")
        exact = to.to_values(codes)
        values[key] = exact.astype(np.float32)
        if not np.array_equal(values[key], exact):
            raise ModelFileError(f"model {name}: {key} has codes of {to} that float32 cannot hold")
    return Model(name, architecture, values, quantisation, dict(meta["record"]))


def _preprocessing(model: Model) -> dict[str, Any]:
    return {**PREPROCESSING, "mean": list(model.input_mean)} if any(model.input_mean) else PREPROCESSING


def _stated_mean(meta: Mapping[str, Any]) -> Three | None:
    """The mean to subtract from pixels, or None for a preprocessing that is not to be had."""
    stated = meta["preprocessing"]
    if stated == PREPROCESSING:
        return NO_MEAN
    if meta["kind"] != "float" or not isinstance(stated, dict):
        return None
    mean = stated.get("mean")
    numbers = isinstance(mean, list) and [type(m) in (int, float) for m in mean] == [True] * 3
    if not isinstance(mean, list) or not numbers or {**PREPROCESSING, "mean": mean} != stated:
        return None
    red, green, blue = Preprocessing(mean=(mean[0], mean[1], mean[2])).mean
    return (float(red), float(green), float(blue))


def _narrowest(codes: npt.NDArray[np.int64]) -> type[np.signedinteger[Any]]:
    top = int(max(codes.max(initial=0), -1 - codes.min(initial=0)))  # -128 is an int8
    return np.int8 if top < 1 << 7 else np.int16 if top < 1 << 15 else np.int32
