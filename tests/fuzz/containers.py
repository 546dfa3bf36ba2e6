"""Files of weights written from their format's description alone, to be read back or damaged."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np

from sqz_hw.model.architecture import Architecture

Tensors = dict[str, np.ndarray]


def deep_compression(
    indices: list[np.ndarray], codebooks: list[np.ndarray], biases: list[np.ndarray]
) -> bytes:
    """The authors' container, entry by entry: OIHW indices below 256, 0 for a zero weight."""
    counts, records = [], []
    for index, codebook, bias in zip(indices, codebooks, biases, strict=True):
        symbols, gaps, zeros = [], [], 0
        for symbol in index.reshape(-1).tolist():
            if symbol == 0 and zeros < 15:
                zeros += 1
            elif symbol == 0:  # the sixteenth zero in a row: a filler lands on it
                symbols.append(0)
                gaps.append(15)
                zeros = 0
            else:
                symbols.append(symbol)
                gaps.append(zeros)
                zeros = 0
        nibbles = gaps + [0] * (len(gaps) % 2)
        packed = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
        counts.append(len(symbols))
        records.append(
            codebook.astype("<f4").tobytes() + bias.astype("<f4").tobytes() + bytes(symbols) + packed
        )
    return struct.pack(f"<{len(counts)}I", *counts) + b"".join(records)


def shared_weights(arch: Architecture, seed: int = 1, density: float = 0.4) -> tuple[list, list, list]:
    """Random OIHW indices, codebooks of 256 and biases of every convolution."""
    rng = np.random.default_rng(seed)
    indices, codebooks, biases = [], [], []
    for spec in arch.convolutions:
        shape = (spec.out_shape[2], spec.in_shape[2], spec.kernel, spec.kernel)
        index = rng.integers(1, 256, shape).astype(np.uint8)
        index[rng.random(shape) >= density] = 0
        codebook = rng.normal(0, 0.1, 256).astype(np.float32)
        codebook[0] = 0.0
        indices.append(index)
        codebooks.append(codebook)
        biases.append(rng.normal(0, 0.1, shape[0]).astype(np.float32))
    return indices, codebooks, biases


def npz(tensors: Tensors, *, compressed: bool = False) -> bytes:
    """NumPy's own writer."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **tensors)
    return file.getvalue()


def archive(entries: dict[str, bytes]) -> bytes:
    """A zip of plain entries, with the right checksums."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name, data in entries.items():
            out.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()
