"""The file in which a model is shipped: shared weights, gaps and Huffman codes, a checksum at the end.

Scheme: Han et al. 2016, arXiv 1510.00149. Little-endian::

    magic       8 bytes   "SQZHWDC1"
    length      uint32    of the header
    header      JSON      name, architecture, types of a quantised model and which of its layers
                          state a codebook, mean of the pixels
    a record for each convolution, in the architecture's order
    checksum    uint32    CRC-32 of all before

The record of a convolution with K shared weights (the first is 0) and O outputs; kernels are
flat in Caffe's order, OIHW::

    way         uint8     0: every weight has a symbol; 1: nonzero weights, each with its gap
    K - 1       uint16
    entries     uint32    symbols that are stored
    codebook    K         float32, or codes of the weights' type, packed
    biases      O         float32, or codes of the biases' type, packed
    lengths     K x 5 bits  of the symbols' Huffman codes, then uint32 bits and the bits
    lengths    16 x 5 bits  of the gaps' likewise (way 1 only)

Every number is checked against the file's size and the architecture before memory is taken.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.compression import bitfields, gaps, huffman
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.modelfile import NO_MEAN, Model
from sqz_hw.model.quantisation import Quantisation

MAGIC = b"SQZHWDC1"
SUFFIX = ".sqzdc"
FORMAT = "compressed model"
MAX_BYTES = 1 << 28
MAX_HEADER = 1 << 16
MAX_CODEBOOK = 1 << 16
MAX_PARAMETERS = 1 << 25
"""Ten times and more of any SqueezeNet; a file of a few bytes may claim any number of zeros."""
_LENGTH_BITS = 5
_GAPS = gaps.LONGEST + 1
_UINT32 = struct.Struct("<I")
_RECORD = struct.Struct("<BHI")
_DENSE, _SPARSE = 0, 1
_NO_CODEBOOK, _WITH_ZERO, _WITHOUT_ZERO = 0, 1, 2
_PARTS = ("weights", "biases", "activations")
Codes = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]


def write(model: Model) -> bytes:
    """The file of a model, the same bytes for the same model; its record is left behind.

    Args:
        model: quantised, or float with at most 65,536 different weights a layer (see
            ``sharing.share_weights``).

    Raises:
        BadInputError: a layer has more different weights, or the model more than 33,554,432 parameters.
    """
    if model.architecture.parameters > MAX_PARAMETERS:
        raise BadInputError(
            f"model {model.name} must have at most {MAX_PARAMETERS:,} parameters to be compressed, "
            f"not {model.architecture.parameters:,}"
        )
    header: dict[str, Any] = {"architecture": model.architecture.to_dict(), "name": model.name}
    if model.quantisation is not None:
        plain = {
            part: {name: str(to) for name, to in getattr(model.quantisation, part).items()} for part in _PARTS
        }
        owners = {part: _owners(model.architecture, part) for part in _PARTS}
        header["types"] = {part: [plain[part][name] for name in owners[part]] for part in _PARTS}
        books = model.quantisation.codebooks
        if books:
            header["codebooks"] = [_stated(books.get(name)) for name in owners["weights"]]
    if any(model.input_mean):
        header["mean"] = list(model.input_mean)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    records = [_record(model, spec) for spec in model.architecture.convolutions]
    data = b"".join((MAGIC, _UINT32.pack(len(text)), text, *records))
    return data + _UINT32.pack(zlib.crc32(data))


def read(name: str, data: bytes) -> Model:
    """The model that ``write`` took, without its record.

    Args:
        name: of the file, for messages.
        data: the whole file.

    Raises:
        ModelFileError: it is cut, too long, damaged, or holds no legal model.
    """
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + 2 * _UINT32.size:
        raise ModelFileError(f"{name} must be a compressed model ({MAGIC.decode()}), and is something else")
    body, checksum = data[: -_UINT32.size], data[-_UINT32.size :]
    if _UINT32.pack(zlib.crc32(body)) != checksum:
        raise ModelFileError(f"{name}: the checksum is wrong: the file is cut or damaged; fetch it again")
    source = _Source(name, body, len(MAGIC))
    model_name, architecture, types, stated, mean = _header(name, source)
    if architecture.parameters > MAX_PARAMETERS:
        raise ModelFileError(
            f"{name}: a model must have at most {MAX_PARAMETERS:,} parameters, "
            f"not {architecture.parameters:,}"
        )
    weights: dict[str, Float32] = {}
    books: dict[str, tuple[int, ...]] = {}
    for spec in architecture.convolutions:
        to = None if types is None else (types.weights[spec.name], types.biases[spec.name])
        kernel, bias, codebook = _read_record(f"{name}: {spec.name}", source, spec, to)
        weights[f"{spec.name}/kernel"], weights[f"{spec.name}/bias"] = kernel, bias
        if to is not None and stated[spec.name]:
            codes = {int(c) for c in to[0].to_codes(codebook)}
            books[spec.name] = tuple(sorted(codes - ({0} if stated[spec.name] == _WITHOUT_ZERO else set())))
    types = None if types is None else replace(types, codebooks=books)
    if source.left:
        raise ModelFileError(f"{name}: {source.left:,} bytes are left over; the file is damaged")
    return Model(model_name, architecture, weights, types, {}, mean)


def _owners(arch: Architecture, part: str) -> list[str]:
    """The layers that have a type of this sort, in order."""
    if part != "activations":
        return [spec.name for spec in arch.convolutions]
    return [spec.name for spec in arch.layers if spec.kind.value == "relu"]


def _record(model: Model, spec: LayerSpec) -> bytes:
    key = f"{spec.name}/kernel"
    oihw = model.weights[key].transpose(3, 2, 0, 1).reshape(-1)
    types = model.quantisation
    if types is not None and spec.name in types.codebooks:
        codes = np.array([c for c in types.codebooks[spec.name] if c], np.int64)
        different = types.weights[spec.name].to_values(codes).astype(np.float32)
    else:
        different = np.unique(oihw[oihw != 0])
    if len(different) >= MAX_CODEBOOK:
        raise BadInputError(
            f"{spec.name} must have below {MAX_CODEBOOK:,} different weights to be compressed, "
            f"not {len(different):,}; share them first (--bits)"
        )
    codebook = np.concatenate((np.zeros(1, np.float32), different))
    flat = np.where(oihw == 0, 0, np.searchsorted(different, oihw) + 1).astype(np.int64)
    symbols, steps = gaps.encode(flat)
    dense = _coded(flat, len(codebook))
    sparse = _coded(symbols, len(codebook)) + _coded(steps, _GAPS)
    way, entries, coded = (
        (_DENSE, len(flat), dense) if len(dense) <= len(sparse) else (_SPARSE, len(symbols), sparse)
    )
    start = _RECORD.pack(way, len(codebook) - 1, entries)
    if types is None:
        values = bytes(codebook.astype("<f4")) + bytes(model.weights[f"{spec.name}/bias"].astype("<f4"))
    else:
        to, bias_to = types.weights[spec.name], types.biases[spec.name]
        values = bitfields.pack(to.to_codes(codebook), to.width)
        values += bitfields.pack(model.codes(f"{spec.name}/bias"), bias_to.width)
    return start + values + coded


def _coded(symbols: Codes, alphabet: int) -> bytes:
    lengths = huffman.code_lengths(np.bincount(symbols, minlength=alphabet))
    data, bits = huffman.encode(symbols, lengths)
    return bitfields.pack(lengths.astype(np.int64), _LENGTH_BITS) + _UINT32.pack(bits) + data


@dataclass
class _Source:
    """Bytes taken one after the other."""

    name: str
    data: bytes
    at: int

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise ModelFileError(
                f"{self.name}: {count:,} bytes must follow at byte {self.at:,}, and {self.left:,} do; "
                "the file is damaged"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def uint32(self) -> int:
        return int(_UINT32.unpack(self.take(_UINT32.size))[0])


def _stated(codebook: tuple[int, ...] | None) -> int:
    """Whether a layer states a codebook; zero has a place in the file's in any case."""
    return _NO_CODEBOOK if codebook is None else _WITH_ZERO if 0 in codebook else _WITHOUT_ZERO


_Header = tuple[str, Architecture, Quantisation | None, dict[str, int], tuple[float, float, float]]


def _header(name: str, source: _Source) -> _Header:
    length = source.uint32()
    if length > MAX_HEADER:
        raise ModelFileError(f"{name}: the header must have at most {MAX_HEADER:,} bytes, not {length:,}")
    text = source.take(length)
    try:
        header = json.loads(text)
        architecture = Architecture.from_dict(header["architecture"])
        types = None if "types" not in header else _types(architecture, header["types"])
        mean = tuple(float(m) for m in header.get("mean", NO_MEAN))
        if len(mean) != 3 or not all(abs(m) <= 255 for m in mean):
            raise ValueError(f"a mean of {mean}")
        names = _owners(architecture, "weights")
        stated = dict(zip(names, header.get("codebooks", [_NO_CODEBOOK] * len(names)), strict=True))
        if any(s not in (_NO_CODEBOOK, _WITH_ZERO, _WITHOUT_ZERO) for s in stated.values()):
            raise ValueError(f"codebooks {list(stated.values())}")
        return header["name"], architecture, types, stated, (mean[0], mean[1], mean[2])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError) as error:
        raise ModelFileError(f"{name} has a damaged header ({type(error).__name__}: {error})") from error
    except BadInputError as error:
        raise ModelFileError(f"{name} describes no legal model: {error}") from error


def _types(arch: Architecture, plain: Any) -> Quantisation:
    parts: dict[str, dict[str, FixedPoint]] = {}
    for part in _PARTS:
        owners = _owners(arch, part)
        if len(plain[part]) != len(owners):
            raise ValueError(f"{len(plain[part])} types for {len(owners)} {part}")
        parts[part] = {owner: FixedPoint.parse(text) for owner, text in zip(owners, plain[part], strict=True)}
    return Quantisation(parts["weights"], parts["biases"], parts["activations"])


def _read_record(
    where: str, source: _Source, spec: LayerSpec, to: tuple[FixedPoint, FixedPoint] | None
) -> tuple[Float32, Float32, Float32]:
    """Kernel, biases and codebook."""
    way, last, entries = _RECORD.unpack(source.take(_RECORD.size))
    outputs = spec.out_shape[2]
    size = spec.parameters - outputs
    if way not in (_DENSE, _SPARSE) or entries > size or (way == _DENSE and entries != size):
        raise ModelFileError(
            f"{where}: {entries:,} entries (way {way}) cannot be {size:,} weights; the file is damaged"
        )
    codebook = _numbers(where, source, last + 1, None if to is None else to[0])
    bias = _numbers(where, source, outputs, None if to is None else to[1])
    if codebook[0] != 0:
        raise ModelFileError(f"{where}: the first shared weight must be 0; the file is damaged")
    flat = _symbols(where, source, entries, len(codebook))
    if way == _SPARSE:
        flat = gaps.decode(where, flat, _symbols(where, source, entries, _GAPS), size)
    oihw = codebook[flat].reshape(outputs, spec.in_shape[2], spec.kernel, spec.kernel)
    return np.ascontiguousarray(oihw.transpose(2, 3, 1, 0)), bias, codebook


def _numbers(where: str, source: _Source, count: int, to: FixedPoint | None) -> Float32:
    if to is None:
        values = np.frombuffer(source.take(4 * count), "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise ModelFileError(f"{where}: weights must be finite, and are not; the file is damaged")
        return values
    if to.width > 32:
        raise ModelFileError(f"{where}: a type must have at most 32 bits, not {to}")
    codes = bitfields.unpack(
        source.take(bitfields.packed_bytes(count, to.width)), count, to.width, signed=to.signed
    )
    exact = to.to_values(codes)
    with np.errstate(over="ignore"):
        values = exact.astype(np.float32)
    if not np.array_equal(values, exact):
        raise ModelFileError(f"{where}: codes of {to} must be values that float32 holds, and are not")
    return values


def _symbols(where: str, source: _Source, count: int, alphabet: int) -> Codes:
    packed = source.take(bitfields.packed_bytes(alphabet, _LENGTH_BITS))
    lengths = bitfields.unpack(packed, alphabet, _LENGTH_BITS).astype(np.uint8)
    bits = source.uint32()
    return huffman.decode(where, source.take((bits + 7) // 8), bits, lengths, count)
