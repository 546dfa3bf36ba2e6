"""The proof, convolution by convolution, that a way of computing its sums cannot round.

A sum of whole numbers is exact in floating point, in whatever order and with however many
partial sums (BLAS promises none), if no sum over any subset of its terms leaves the
mantissa. A subset's sum lies between the sum of all negative and the sum of all positive
terms, so these two, at the extremes of the input's type and for the actual weights, bound
every intermediate: 24 bits make float32 exact, 53 float64, 63 int64.

The accumulator's own type changes what is summed:

- It is wide enough: nothing happens.
- It wraps: each step drops multiples of 2**width, and whole numbers modulo 2**width add up
  the same in any order, so dropping them once at the end is equal.
- It is coarser than the products: hls4ml casts each product to it before adding
  (``nnet_dense_resource.h``), so each is rounded; no BLAS can do that.
- It saturates and can get there: the result depends on the order, which is emulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sqz_hw.design import ConvParameters, Design, DesignLayer, Op
from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint
from sqz_hw.verify.requantise import Codes, limits, requantise, round_off

Path = Literal["float32", "float64", "int64"]
PATH_BITS: dict[Path, int] = {"float32": 24, "float64": 53, "int64": 63}


@dataclass(frozen=True)
class Proof:
    """How large one layer's sums can get, and the cheapest way that computes them exactly.

    Attributes:
        layer: its name.
        bound: no sum over a subset of the terms (products and bias) is larger in magnitude,
            in units of ``2**-fraction``.
        fraction: position of the finest last bit of all terms.
        path: the cheapest exact arithmetic.
        low, high: smallest and largest sum of all terms, in the same units, before any wrap.
        wraps: the accumulator is too narrow for some sum and drops bits.
        rounds: the accumulator is too coarse for some product and rounds each by itself.
        saturates: the accumulator can clip on the way, so that the order counts.
    """

    layer: str
    bound: int
    fraction: int
    path: Path
    low: int
    high: int
    wraps: bool = False
    rounds: bool = False
    saturates: bool = False

    @property
    def bits(self) -> int:
        """Bits of the widest intermediate, without a sign."""
        return self.bound.bit_length()

    @property
    def stepwise(self) -> bool:
        """True if product after product has to be added in the kernel's order."""
        return self.rounds or self.saturates

    @property
    def sum_type(self) -> FixedPoint:
        """A type with the sums' last bit, for conversions that are given ``low`` and ``high``."""
        return FixedPoint(64, 64 - self.fraction, True)


def cheapest_path(layer: str, bound: int) -> Path:
    """The cheapest arithmetic in which whole numbers below or at ``bound`` and their sums are exact.

    Args:
        layer: for the message.
        bound: largest magnitude of any subset's sum.

    Raises:
        BadInputError: not even int64 is proven.
    """
    for path, bits in PATH_BITS.items():
        if bound < 1 << bits:
            return path
    raise BadInputError(
        f"{layer}: its sums must be proven to fit in 63 bits, and can need {bound.bit_length()}; "
        "use narrower weights or activations"
    )


def weight_grain(codes: Codes) -> int:
    """Last bits that are zero in every code (0 if all codes are zero)."""
    together = int(np.bitwise_or.reduce(codes, axis=None))
    return (together & -together).bit_length() - 1 if together else 0


def prove(layer: DesignLayer, conv: ConvParameters, pixel: FixedPoint) -> Proof:
    """The proof for one convolution as the hardware computes it.

    Args:
        layer: for its name.
        conv: weights, bias and types.
        pixel: type of the stream it reads; each of its codes is taken as possible.

    Raises:
        BadInputError: the sums are not proven to fit in 63 bits, or the accumulator has more
            than 64.
    """
    accum = conv.accum_type
    if accum.max_code.bit_length() > PATH_BITS["int64"]:
        raise BadInputError(
            f"{layer.name}: an accumulator's codes must fit in 64 bits, not {accum}; use a narrower one"
        )
    product = conv.weight_type.fraction + pixel.fraction - weight_grain(conv.weights)
    bias = accum_bias(conv)
    rounds = bool(conv.weights.any()) and accum.fraction < product
    if rounds:
        reach, fraction = _rounded_reach(layer.name, conv, pixel, bias), accum.fraction
    else:
        reach, fraction = _reach(layer.name, conv, pixel, bias, accum.fraction)
    in_accum = reach.scaled(accum.fraction - fraction)
    low, high = limits(accum)
    wrapping = accum.saturation == "WRAP"
    saturates = not wrapping and (in_accum.subset_low < low or in_accum.subset_high > high)
    if saturates:
        reach, fraction = in_accum, accum.fraction
        cheapest_path(layer.name, reach.bound + max(-accum.min_code, accum.max_code))
    path = cheapest_path(layer.name, reach.bound)
    return Proof(
        layer.name, reach.bound, fraction, "int64" if rounds or saturates else path, reach.low, reach.high,
        wraps=wrapping and (in_accum.low < accum.min_code or in_accum.high > accum.max_code),
        rounds=rounds, saturates=saturates,
    )  # fmt: skip


def proofs(design: Design) -> tuple[Proof, ...]:
    """The proof for each convolution of a design, in dataflow order.

    Raises:
        BadInputError: some layer's sums are not proven to fit in 63 bits.
    """
    return tuple(
        prove(layer, conv, design.stream(layer.inputs[0]).type) for layer, conv in design.convolutions
    )


def qkeras_proofs(design: Design) -> tuple[Proof, ...]:
    """Which sums QKeras's own float32 computes exactly: those whose path is "float32".

    QKeras adds real values without any accumulator type; float32 is exact for them if no
    subset's sum reaches 2**24 in units of the finest last bit of a product or of the bias.
    That holds for plain sums of products in any order, as Eigen and oneDNN compute them;
    not for Winograd transforms. Layers: each convolution and each addition, in dataflow
    order. (A ReLU, a pool and a concatenation round nothing that float32 holds, and the
    reference computes the global sum in float64, ``sqz_hw.model.tensors``.)

    Raises:
        BadInputError: some layer's sums are not proven to fit in 63 bits.
    """
    found = []
    for layer in design.layers:
        types = [design.stream(name).type for name in layer.inputs]
        if layer.conv is not None:
            conv = layer.conv
            reach, fraction = _reach(layer.name, conv, types[0], conv.bias, conv.bias_type.fraction)
        elif layer.op is Op.ADD:
            reach, fraction = add_reach(types)
        else:
            continue
        path = cheapest_path(layer.name, reach.bound)
        found.append(Proof(layer.name, reach.bound, fraction, path, reach.low, reach.high))
    return tuple(found)


def float64_layers(design: Design) -> tuple[str, ...]:
    """Convolutions and additions whose sums float32 is not proven to hold: QKeras gets float64 there.

    An addition is one of them where the grids of its inputs lie far apart: the sum of a bypass
    of large values and a branch of tiny ones.

    Raises:
        BadInputError: a layer needs more than float64 holds exactly.
    """
    beyond = [p for p in qkeras_proofs(design) if p.path != "float32"]
    for proof in beyond:
        if proof.path != "float64":
            raise BadInputError(
                f"{proof.layer}: a reference in float64 must hold every sum exactly, and this one reaches "
                f"{proof.bound:,} last bits; use narrower types"
            )
    return tuple(p.layer for p in beyond)


@dataclass(frozen=True)
class Reach:
    """Extremes of sums of terms, in whole numbers.

    Attributes:
        low, high: of the sum of all terms.
        subset_low, subset_high: of the sum of any subset of them, the empty one included.
    """

    low: int
    high: int
    subset_low: int
    subset_high: int

    @property
    def bound(self) -> int:
        """Largest magnitude of any subset's sum."""
        return max(-self.subset_low, self.subset_high)

    def scaled(self, up: int) -> Reach:
        """The same in units that are ``2**up`` times smaller."""
        return Reach(self.low << up, self.high << up, self.subset_low << up, self.subset_high << up)


def add_reach(types: list[FixedPoint]) -> tuple[Reach, int]:
    """Reach of a sum of one value of each type, and the fraction of its units (the finest of them)."""
    fraction = max(t.fraction for t in types)
    low = sum(t.min_code << (fraction - t.fraction) for t in types)
    high = sum(t.max_code << (fraction - t.fraction) for t in types)
    return Reach(low, high, low, high), fraction


def accum_bias(conv: ConvParameters) -> Codes:
    """The bias as the accumulator starts with it: cast to its type, with its modes."""
    return requantise(conv.bias, conv.bias_type, conv.accum_type)


def _reach(
    name: str, conv: ConvParameters, pixel: FixedPoint, bias: Codes, bias_fraction: int
) -> tuple[Reach, int]:
    """Reach of products and bias, unrounded, in units of their finest last bit; and its fraction."""
    grain = weight_grain(conv.weights)
    product = conv.weight_type.fraction + pixel.fraction - grain
    last_bits = [product] if conv.weights.any() else []
    last_bits += [bias_fraction - weight_grain(bias)] if bias.any() else []
    fraction = max(last_bits, default=bias_fraction)
    up = max(fraction - product, 0)
    weights = (conv.weights >> grain).reshape(-1, conv.n_out)
    cheapest_path(name, _largest(weights) * conv.n_in)  # else the sums below would overflow
    positive = [int(w) << up for w in np.maximum(weights, 0).sum(axis=0)]
    negative = [int(w) << up for w in np.maximum(-weights, 0).sum(axis=0)]
    down = bias_fraction - fraction
    start = [int(b) << -down if down < 0 else int(b) >> down for b in bias]
    above = [p * pixel.max_code - n * pixel.min_code for p, n in zip(positive, negative, strict=True)]
    below = [p * pixel.min_code - n * pixel.max_code for p, n in zip(positive, negative, strict=True)]
    return _of_channels(below, above, start), fraction


def _rounded_reach(name: str, conv: ConvParameters, pixel: FixedPoint, bias: Codes) -> Reach:
    """Reach where each product is rounded to the accumulator's grid before it is added.

    Rounding is monotonic, so the rounded extremes of a product are the extremes of it rounded.
    """
    drop = conv.weight_type.fraction + pixel.fraction - conv.accum_type.fraction
    weights = conv.weights.reshape(-1, conv.n_out)
    largest = _largest(weights) * max(-pixel.min_code, pixel.max_code)
    cheapest_path(name, largest * (conv.n_in + 1))
    rounding = conv.accum_type.rounding
    ends = [round_off(weights * code, drop, rounding) for code in (pixel.min_code, pixel.max_code)]
    above = [int(v) for v in np.maximum(*ends).sum(axis=0)]
    below = [int(v) for v in np.minimum(*ends).sum(axis=0)]
    return _of_channels(below, above, [int(b) for b in bias])


def _of_channels(below: list[int], above: list[int], bias: list[int]) -> Reach:
    """Over all channels; the terms of each reach from ``below`` (<= 0) to ``above`` (>= 0)."""
    return Reach(
        low=min(b + lowest for lowest, b in zip(below, bias, strict=True)),
        high=max(b + highest for highest, b in zip(above, bias, strict=True)),
        subset_low=min(min(b, 0) + lowest for lowest, b in zip(below, bias, strict=True)),
        subset_high=max(max(b, 0) + highest for highest, b in zip(above, bias, strict=True)),
    )


def _largest(codes: Codes) -> int:
    """Largest magnitude, as a Python number: that of the most negative int64 does not fit an int64."""
    return max(-int(codes.min(initial=0)), int(codes.max(initial=0)))
