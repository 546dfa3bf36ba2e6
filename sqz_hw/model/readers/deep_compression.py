"""The SqueezeNet authors' Deep Compression container (``compressed_SqueezeNet.net``).

Little-endian, without magic, names or shapes: a uint32 for each convolution (its stored
entries), then for each its codebook (256 float32, the first 0.0), its biases (float32), the
entries' symbols (uint8) and gaps (4 bits, the low half of a byte first). Kernels are flat in
Caffe's order, OIHW. Scheme: Han et al. 2016, arXiv 1510.00149, section 2; nothing is Huffman coded.
"""

from __future__ import annotations

import numpy as np

from sqz_hw.errors import ModelFileError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.compression import gaps
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.readers.tensors import Array, Stored, Weights, as_float32, kernel_shape

FORMAT = "Deep Compression container"
CODEBOOK = 256
_COUNT = 4
_FLOAT = 4


def read(name: str, data: bytes, arch: Architecture) -> Stored:
    """Decode a container.

    Every size is checked against the file's before anything is allocated.

    Args:
        name: of the file, for messages.
        data: the whole file.
        arch: whose convolutions the file holds, in dataflow order.

    Raises:
        ModelFileError: it is cut, too long, damaged or of another architecture.
    """
    convolutions = arch.convolutions
    header = _COUNT * len(convolutions)
    if len(data) < header:
        raise ModelFileError(
            f"{name}: a {FORMAT} of {len(convolutions)} layers must have at least {header:,} bytes, "
            f"not {len(data):,}; the file is cut or something else"
        )
    stored = [int(n) for n in np.frombuffer(data, "<u4", len(convolutions))]
    for spec, entries in zip(convolutions, stored, strict=True):
        weights = spec.parameters - spec.out_shape[2]
        if entries > weights:
            raise ModelFileError(
                f"{name}: {spec.name} must have at most {weights:,} stored entries, not {entries:,}; "
                "the file is damaged, of another architecture or something else"
            )
    size = header + sum(_record_bytes(s, n) for s, n in zip(convolutions, stored, strict=True))
    if len(data) != size:
        raise ModelFileError(
            f"{name}: a {FORMAT} with these counts must have {size:,} bytes, not {len(data):,}; "
            "the file is cut, damaged or of another architecture"
        )
    result: Weights = {}
    at = header
    for spec, entries in zip(convolutions, stored, strict=True):
        end = at + _record_bytes(spec, entries)
        kernel, bias = _record(f"{name}: {spec.name}", data[at:end], spec, entries)
        result[f"{spec.name}/kernel"] = as_float32(name, f"{spec.name}/kernel", kernel, kernel_shape(spec))
        result[f"{spec.name}/bias"] = as_float32(name, f"{spec.name}/bias", bias, spec.out_shape[2:])
        at = end
    return Stored(result, FORMAT)


def _record_bytes(spec: LayerSpec, entries: int) -> int:
    return _FLOAT * (CODEBOOK + spec.out_shape[2]) + entries + (entries + 1) // 2


def _record(where: str, data: bytes, spec: LayerSpec, entries: int) -> tuple[Array, Array]:
    outputs = spec.out_shape[2]
    codebook = np.frombuffer(data, "<f4", CODEBOOK)
    bias = np.frombuffer(data, "<f4", outputs, _FLOAT * CODEBOOK)
    at = _FLOAT * (CODEBOOK + outputs)
    symbols = np.frombuffer(data, np.uint8, entries, at)
    packed = np.frombuffer(data, np.uint8, offset=at + entries)
    steps = np.stack((packed & 15, packed >> 4), axis=1).reshape(-1)
    if not np.isfinite(codebook).all():
        raise ModelFileError(f"{where}: shared weights must be finite, and are not; the file is damaged")
    if codebook[0] != 0.0:
        raise ModelFileError(
            f"{where}: the first shared weight must be 0, not {codebook[0]:g}; the file is damaged"
        )
    if steps[entries:].any():
        raise ModelFileError(f"{where}: the last half byte must be unused, and is not; the file is damaged")
    height, width, inputs, _ = kernel_shape(spec)
    flat = gaps.decode(where, symbols, steps[:entries], height * width * inputs * outputs)
    oihw = codebook[flat].reshape(outputs, inputs, height, width)
    return oihw.transpose(2, 3, 1, 0), bias
