"""Bytes that a model takes: dense, and with only its nonzero weights stored.

Sparse storage as in Deep Compression (Han et al. 2016, arXiv 1510.00149, section 2): each
nonzero weight's code with the gap to the one before it; a gap that its bits cannot hold is
bridged by stored zeros. A layer is stored whichever way is smaller. Shared weights are stored
as indices of their codebook, and the codebook beside them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sqz_hw.model.modelfile import Model

GAP_BITS = 4
FLOAT_BITS = 32


@dataclass(frozen=True)
class Storage:
    """A model's size.

    Attributes:
        dense_bytes: every weight and bias as a code.
        compressed_bytes: the smaller of dense and sparse for each layer.
        float_bytes: every weight and bias as float32.
    """

    dense_bytes: int
    compressed_bytes: int
    float_bytes: int


def storage(model: Model) -> Storage:
    """Sizes of a quantised model's weights and biases.

    Raises:
        ModelFileError: the model is float.
    """
    dense = compressed = count = 0
    for spec in model.architecture.convolutions:
        kernel, bias = model.codes(f"{spec.name}/kernel"), model.codes(f"{spec.name}/bias")
        quantisation = model.quantisation
        if quantisation is None:
            continue
        width = quantisation.weights[spec.name].width
        book = quantisation.codebooks.get(spec.name, ())
        table = len(book) * width
        if book:
            width = max(1, (len(book) - 1).bit_length())
        bias_bits = bias.size * quantisation.biases[spec.name].width
        dense_bits = kernel.size * width + table
        dense += dense_bits + bias_bits
        compressed += min(dense_bits, sparse_entries(kernel) * (width + GAP_BITS) + table) + bias_bits
        count += kernel.size + bias.size
    return Storage(-(-dense // 8), -(-compressed // 8), count * FLOAT_BITS // 8)


def sparse_entries(kernel: npt.NDArray[np.int64]) -> int:
    """Entries stored for a kernel: its nonzeros and the zeros that bridge long gaps."""
    places = np.flatnonzero(kernel)
    zeros_between = np.diff(places, prepend=-1) - 1
    longest = (1 << GAP_BITS) - 1
    return int(len(places) + (zeros_between // (longest + 1)).sum())
