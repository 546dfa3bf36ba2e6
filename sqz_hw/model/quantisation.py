"""Which fixed-point type each weight, bias and activation has, and how it is chosen.

Scales are powers of two, one for each tensor: `quantized_bits(w, i, alpha=1)` and
`quantized_relu(w, i)` of QKeras, `ap_fixed<w, i>` and `ap_ufixed<w, i>` in HLS.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint

INPUT_TYPE = FixedPoint(8, 0, False)
"""Pixels enter hardware as they are: k/256."""

FLOAT32_MANTISSA_BITS = 24
MAX_BITS = 16
SMALLEST = -24
"""Integer bits of a tensor that is as good as zero."""


@dataclass(frozen=True)
class Quantisation:
    """Types by layer name (the names of the architecture's layer list).

    Attributes:
        weights: type of each convolution's kernel.
        biases: type of each convolution's bias.
        activations: type of each ReLU's output (unsigned, saturating).
        input: type of the pixels.
        codebooks: the different integer codes of each kernel whose weights are shared, rising.
    """

    weights: Mapping[str, FixedPoint]
    biases: Mapping[str, FixedPoint]
    activations: Mapping[str, FixedPoint]
    input: FixedPoint = INPUT_TYPE
    codebooks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def code_bits(self) -> int | None:
        """Bits of an index into the largest codebook, or None where no weights are shared."""
        sizes = [len(codebook) for codebook in self.codebooks.values()]
        return max(1, (max(sizes) - 1).bit_length()) if sizes else None

    def of(self, key: str) -> FixedPoint:
        """The type of a weight tensor by its key, `<layer>/kernel` or `<layer>/bias`."""
        layer, _, what = key.rpartition("/")
        return (self.weights if what == "kernel" else self.biases)[layer]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON metadata."""
        plain: dict[str, Any] = {
            "weights": {name: t.to_dict() for name, t in self.weights.items()},
            "biases": {name: t.to_dict() for name, t in self.biases.items()},
            "activations": {name: t.to_dict() for name, t in self.activations.items()},
            "input": self.input.to_dict(),
        }
        if self.codebooks:
            plain["codebooks"] = {name: list(codes) for name, codes in self.codebooks.items()}
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Quantisation:
        """Inverse of :meth:`to_dict`.

        Raises:
            BadInputError: a missing field or an impossible type.
        """
        try:
            groups = {
                key: {str(name): FixedPoint.from_dict(t) for name, t in plain[key].items()}
                for key in ("weights", "biases", "activations")
            }
            codebooks = {
                str(name): _codebook(name, codes) for name, codes in plain.get("codebooks", {}).items()
            }
            return cls(input=FixedPoint.from_dict(plain["input"]), codebooks=codebooks, **groups)
        except (KeyError, AttributeError, TypeError) as error:
            raise BadInputError(
                f"quantisation must hold weights, biases, activations and input, each a type: {error}"
            ) from error


def _codebook(layer: str, codes: Any) -> tuple[int, ...]:
    whole = isinstance(codes, list) and codes and all(type(c) is int for c in codes)
    if not whole or any(a >= b for a, b in itertools.pairwise(codes)):
        raise BadInputError(
            f"the codebook of {layer} must be a rising list of whole numbers, not {codes!r:.80}"
        )
    return tuple(codes)


def best_weight_type(values: npt.NDArray[np.floating[Any]], bits: int) -> FixedPoint:
    """The signed type of ``bits`` bits with the least squared error on ``values``.

    Args:
        values: weights of any shape.
        bits: width, 2 to 16.
    """
    _check_bits(bits)
    return _least_error(values, bits, signed=True)


def best_activation_type(values: npt.NDArray[np.floating[Any]], bits: int) -> FixedPoint:
    """The unsigned type of ``bits`` bits with the least squared error on ReLU outputs ``values``."""
    _check_bits(bits)
    return _least_error(values, bits, signed=False)


def bias_type(values: npt.NDArray[np.floating[Any]], bits: int) -> FixedPoint:
    """The signed type of ``bits`` bits with the most fraction that still holds every bias unclipped."""
    _check_bits(bits)
    top = float(np.max(np.abs(values), initial=0.0))
    integer = _integer_bits(top) + 1
    return FixedPoint(bits, integer, True)


def quantise(values: npt.NDArray[np.floating[Any]], to: FixedPoint) -> npt.NDArray[np.float64]:
    """Round half to even and clip to the grid of ``to``; shape is kept."""
    codes = np.clip(np.rint(np.asarray(values, np.float64) * 2.0**to.fraction), to.min_code, to.max_code)
    return np.asarray(codes * to.lsb)


def _least_error(values: npt.NDArray[np.floating[Any]], bits: int, signed: bool) -> FixedPoint:
    flat = np.asarray(values, np.float64).ravel()
    top = float(np.max(np.abs(flat), initial=0.0))
    widest = _integer_bits(top) + int(signed)
    candidates = [FixedPoint(bits, i, signed) for i in range(widest - 4, widest + 1)]
    errors = [float(np.square(quantise(flat, t) - flat).sum()) for t in candidates]
    return candidates[int(np.argmin(errors))]


def _integer_bits(top: float) -> int:
    """Smallest i with ``top < 2**i`` (0 for an all-zero tensor, -24 for one that is as good as zero)."""
    return max(SMALLEST, math.frexp(top)[1]) if top > 0 else 0


def _check_bits(bits: int) -> None:
    if not 2 <= bits <= MAX_BITS:
        raise BadInputError(f"a width must be between 2 and {MAX_BITS} bits, not {bits}")
