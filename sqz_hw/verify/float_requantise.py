"""Conversion between fixed-point types on float arrays of whole numbers, where proven exact.

A float32 holds every whole number up to 2**24 in magnitude (a float64: 2**53), and any of
them times a power of two. Multiplying by a power of two, floor, trunc, rint, comparing and
clipping round nothing. Only the modes that break ties in one direction add a half, which
needs room for one more bit; that and what the range of the values says of overflow is
checked before a plan is made. No proof, no plan: ``Conversion`` then goes through int64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sqz_hw.fixed_point import FixedPoint
from sqz_hw.verify.requantise import limits, requantise

Array = npt.NDArray[Any]
"""Integer codes as float32, float64 or int64."""
Operation = Callable[[Array, Array], object]
"""From one array into another, which may be the same."""
FloatName = Literal["float32", "float64"]
MANTISSA_BITS: dict[str, int] = {"float32": 24, "float64": 53}
_LARGEST_SCALE = 60
"""Powers of two between these, up and down, stay far from overflow and from denormals."""


def carrier(to: FixedPoint) -> np.dtype[Any]:
    """The smallest of float32, float64 and int64 that holds every code of a type."""
    magnitude = max(-to.min_code, to.max_code)
    for name, bits in MANTISSA_BITS.items():
        if magnitude <= 1 << bits:
            return np.dtype(name)
    return np.dtype(np.int64)


@dataclass(frozen=True)
class FloatPlan:
    """Float operations that make codes of one type from codes of another, without rounding errors.

    Attributes:
        scale: power of two that the values must first be multiplied by; a convolution folds
            it into its weights.
        rounding: a rounding mode, or None where nothing is dropped.
        low, high: limits to clip to, or None.
        beyond: the type whose AP_WRAP or AP_SAT_ZERO has to be applied last, or None.
    """

    scale: float
    rounding: str | None
    low: int | None
    high: int | None
    beyond: FixedPoint | None

    @property
    def identity(self) -> bool:
        """True if every value stays as it is."""
        return self.scale == 1.0 and not self.operations(1.0)

    def operations(self, scale: float) -> list[Operation]:
        """What to do in this order, with the first step's scale (1.0: it has been done)."""
        steps: list[Operation] = []
        if scale != 1.0:
            steps.append(lambda x, out: np.multiply(x, scale, out=out))
        if self.rounding is not None:
            steps.append(_ROUND[self.rounding])
        if self.low is not None:
            low = float(self.low)
            steps.append(lambda x, out: np.maximum(x, low, out=out))
        if self.high is not None:
            high = float(self.high)
            steps.append(lambda x, out: np.minimum(x, high, out=out))
        if self.beyond is not None:
            to = self.beyond
            steps.append(lambda x, out: np.copyto(out, _beyond(x, to)))
        return steps


def float_plan(
    low: int, high: int, source: FixedPoint, to: FixedPoint, name: FloatName, *, relu: bool = False
) -> FloatPlan | None:
    """Prove that a conversion can be done in a float type.

    Args:
        low, high: the codes lie between these (they may be outside ``source``).
        source: their type; only its fraction matters.
        to: the type wanted.
        name: the float type of the array.
        relu: replace what is below zero by zero first.

    Returns:
        the plan, or None where exactness is not proven.
    """
    bits = MANTISSA_BITS[name]
    drop = source.fraction - to.fraction
    if max(-low, high) > 1 << bits or abs(drop) > _LARGEST_SCALE or to.max_code.bit_length() > bits:
        return None
    floor = 0 if relu and low < 0 else None
    low, high = (max(low, 0), max(high, 0)) if relu else (low, high)
    rounding = to.rounding if drop > 0 else None
    if rounding in _HALVES and max(-low, high) + (1 << (drop - 1)) > 1 << bits:
        return None
    lowest, highest = (_scaled(code, drop) for code in (low, high))
    allowed_low, allowed_high = limits(to)
    ceiling = None
    beyond = None
    if to.saturation in ("SAT", "SAT_SYM"):
        floor = allowed_low if lowest < allowed_low else floor
        ceiling = allowed_high if highest > allowed_high else None
    elif lowest < allowed_low or highest > allowed_high:
        beyond = to
    return FloatPlan(2.0**-drop, rounding, floor, ceiling, beyond)


def _scaled(code: int, drop: int) -> int:
    """The code divided by ``2**drop``, rounded outward: no rounding mode gets beyond it."""
    if drop <= 0:
        return code << -drop
    return code >> drop if code < 0 else -(-code >> drop)


class Conversion:
    """Conversion of whole arrays between two types, in float where proven, else in int64.

    Args:
        source: the type of the codes given.
        to: the type wanted.
        bounds: smallest and largest code that can occur; default: those of ``source``.
        relu: replace what is below zero by zero first.
    """

    def __init__(
        self, source: FixedPoint, to: FixedPoint, bounds: tuple[int, int] | None = None, *, relu: bool = False
    ) -> None:
        self.source, self.to, self.relu = source, to, relu
        low, high = bounds or (source.min_code, source.max_code)
        names: tuple[FloatName, ...] = ("float32", "float64")
        self._plans = {np.dtype(name): float_plan(low, high, source, to, name, relu=relu) for name in names}
        if source == to and not relu:
            self._plans = dict.fromkeys(self._plans, FloatPlan(1.0, None, None, None, None))

    @property
    def identity(self) -> bool:
        """True if no code changes."""
        plan = self._plans[np.dtype(np.float64)]
        return (self.source == self.to and not self.relu) or (plan is not None and plan.identity)

    def plan(self, dtype: np.dtype[Any]) -> FloatPlan | None:
        """The proven float operations on arrays of that type, or None."""
        return self._plans.get(dtype)

    def __call__(self, codes: Array) -> Array:
        """Convert codes of any shape (float arrays of whole numbers, or int64).

        Returns:
            codes in the carrier of the type wanted; the array given if nothing changes.
        """
        plan = self.plan(codes.dtype)
        if plan is None:
            whole = codes.astype(np.int64)
            if self.relu:
                whole = np.maximum(whole, 0)
            return np.asarray(requantise(whole, self.source, self.to), carrier(self.to))
        steps = plan.operations(plan.scale)
        if not steps:
            return np.asarray(codes, carrier(self.to))
        out = np.empty_like(codes)
        run_steps(steps, codes, out, out)
        return np.asarray(out, carrier(self.to))


def preserves(low: int, high: int, source: FixedPoint, to: FixedPoint) -> bool:
    """True if no value between two codes is changed by a conversion: nothing dropped, nothing beyond."""
    up = to.fraction - source.fraction
    allowed_low, allowed_high = limits(to)
    return up >= 0 and low << up >= allowed_low and high << up <= allowed_high


def chain(plans: list[FloatPlan | None]) -> tuple[float, list[Operation] | None]:
    """Several conversions as one list of operations.

    Returns:
        the scale of the first, which the caller has to apply, and the operations after it;
        1.0 and None if one of the conversions is not proven.
    """
    if not all(plans):
        return 1.0, None
    proven = [plan for plan in plans if plan is not None]
    scales = [1.0, *(plan.scale for plan in proven[1:])]
    steps = [step for plan, scale in zip(proven, scales, strict=True) for step in plan.operations(scale)]
    return proven[0].scale, steps


def run_steps(steps: list[Operation], x: Array, work: Array, out: Array) -> None:
    """Run operations one after the other: all but the last into ``work``, the last into ``out``.

    Args:
        steps: at least one, or none if ``x`` is only to be copied.
        x: the codes given.
        work: scratch of the same shape and type, may be ``x`` or ``out`` itself.
        out: where the result goes; may be a strided view.
    """
    if not steps:
        if out is not x:
            np.copyto(out, x)
        return
    direct = out.flags.c_contiguous
    for step in steps[:-1] if direct else steps:
        step(x, work)
        x = work
    if direct:
        steps[-1](x, out)
    else:  # a plain copy is the fastest way into a slice of channels
        np.copyto(out, x)


def _beyond(x: Array, to: FixedPoint) -> Array:
    """AP_WRAP or AP_SAT_ZERO of whole numbers in a float array, exactly.

    fmod keeps the last bits of ``x`` as they are; the step into the range has a result of no
    more magnitude than the larger operand and on the same grid of whole numbers.
    """
    if to.saturation == "SAT_ZERO":
        return np.asarray(np.where((x < to.min_code) | (x > to.max_code), 0.0, x), x.dtype)
    span = 2.0**to.width
    kept = np.fmod(x, span)
    kept += (kept < to.min_code) * span
    kept -= (kept > to.max_code) * span
    return np.asarray(kept, x.dtype)


def _away(x: Array, out: Array) -> None:
    """Round half away from zero (AP_RND_INF)."""
    np.copyto(out, np.copysign(np.floor(np.abs(x) + 0.5), x))


def _toward(x: Array, out: Array) -> None:
    """Round half toward zero (AP_RND_ZERO)."""
    np.copyto(out, np.copysign(np.ceil(np.abs(x) - 0.5), x))


def _up(x: Array, out: Array) -> None:
    """Round half up (AP_RND)."""
    np.add(x, 0.5, out=out)
    np.floor(out, out=out)


def _down(x: Array, out: Array) -> None:
    """Round half down (AP_RND_MIN_INF)."""
    np.subtract(x, 0.5, out=out)
    np.ceil(out, out=out)


_HALVES: dict[str | None, Operation] = {
    "RND": _up, "RND_ZERO": _toward, "RND_INF": _away, "RND_MIN_INF": _down,
}  # fmt: skip
_ROUND: dict[str | None, Operation] = {
    **_HALVES,
    "TRN": lambda x, out: np.floor(x, out=out),
    "TRN_ZERO": lambda x, out: np.trunc(x, out=out),
    "RND_CONV": lambda x, out: np.rint(x, out=out),
}
