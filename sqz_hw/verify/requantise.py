"""Exact conversion of integer codes from one fixed-point type to another, in int64.

What an assignment between two ``ap_fixed`` types computes (``ap_fixed_base::operator=`` of
the ap_types that hls4ml bundles; UG1399, "Quantization Modes" and "Overflow Modes"): bits
below the target's last one are rounded, then bits above its first one are handled. The
tests hold this file against that library, compiled. ``float_requantise.py`` does the same
on float arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError
from sqz_hw.fixed_point import FixedPoint

Codes = npt.NDArray[np.int64]
INT64_BITS = 63
"""Magnitude bits of an int64."""
_LARGEST_SHIFT = INT64_BITS + 2
"""A larger right shift leaves every int64 below a quarter: all round alike."""


def requantise(codes: npt.NDArray[np.integer[Any]], source: FixedPoint, to: FixedPoint) -> Codes:
    """Convert codes of one type to codes of another.

    Equal types are copied bit for bit, as the C++ compiler's own assignment does (so the
    most negative code of an AP_SAT_SYM type, if something put it there, stays).

    Args:
        codes: integers of any shape; of ``source`` only the fraction matters, so that a sum
            which has outgrown its type can be given as well.
        source: the type they have.
        to: the type wanted, of at most 64 bits (63 if unsigned).

    Returns:
        int64 codes of the same shape; possibly the array given, never changed in place.

    Raises:
        BadInputError: codes of ``to`` do not fit an int64.
    """
    if to.max_code.bit_length() > INT64_BITS:
        raise BadInputError(
            f"a type converted to must have codes that fit in 64 bits, not {to}; use a narrower one"
        )
    whole = np.asarray(codes, np.int64)
    if source == to:
        return whole
    drop = source.fraction - to.fraction
    if drop >= 0:
        return overflow(round_off(whole, drop, to.rounding), to)
    return _shift_left(whole, -drop, to)


def round_off(codes: Codes, drop: int, rounding: str) -> Codes:
    """Divide by ``2**drop`` and round to a whole number.

    Args:
        codes: int64 of any shape.
        drop: bits dropped, 0 or more.
        rounding: a name of ``sqz_hw.fixed_point.ROUNDINGS``.

    Returns:
        int64 of the same shape.
    """
    if drop == 0:
        return codes
    drop = min(drop, _LARGEST_SHIFT)
    if drop > INT64_BITS - 1:  # the mask below must fit: fold the last bits into one sticky bit
        extra = drop - (INT64_BITS - 1)
        codes = (codes >> extra) | ((codes & ((1 << extra) - 1)) != 0)
        drop = INT64_BITS - 1
    down = codes >> drop
    if rounding == "TRN":
        return down
    rest = codes & ((1 << drop) - 1)
    if rounding == "TRN_ZERO":
        return np.asarray(down + ((codes < 0) & (rest != 0)))
    half = 1 << (drop - 1)
    if rounding == "RND":
        return np.asarray(down + (rest >= half))
    up = rest > half  # RND_MIN_INF: a tie goes down
    if rounding == "RND_ZERO":
        up |= (rest == half) & (codes < 0)
    elif rounding == "RND_INF":
        up |= (rest == half) & (codes >= 0)
    elif rounding == "RND_CONV":
        up |= (rest == half) & ((down & 1) != 0)
    return np.asarray(down + up)


def overflow(codes: Codes, to: FixedPoint) -> Codes:
    """Bring whole numbers into the range of a type by its saturation mode.

    Args:
        codes: int64 of any shape, in units of the type's last bit.
        to: the type, of at most 64 bits (63 if unsigned).

    Returns:
        int64 codes of the same shape.
    """
    low, high = limits(to)
    if to.saturation == "WRAP":
        return _wrap(codes, to)
    if to.saturation == "SAT_ZERO":
        return np.asarray(np.where((codes < low) | (codes > high), 0, codes))
    return np.asarray(np.clip(codes, low, high))


def limits(to: FixedPoint) -> tuple[int, int]:
    """Smallest and largest code that an overflow leaves alone (AP_SAT_SYM has no most negative one)."""
    low = to.min_code
    if to.saturation == "SAT_SYM" and to.signed and to.width > 1:
        low = -to.max_code
    return low, to.max_code


def _wrap(codes: Codes, to: FixedPoint) -> Codes:
    if to.width > INT64_BITS:
        return codes
    kept = codes & ((1 << to.width) - 1)
    if not to.signed:
        return np.asarray(kept)
    sign = 1 << (to.width - 1)
    return np.asarray((kept ^ sign) - sign)


def _shift_left(codes: Codes, up: int, to: FixedPoint) -> Codes:
    """Multiply by ``2**up`` (no rounding), judging overflow before the bits are lost."""
    shift = min(up, INT64_BITS)
    if to.saturation == "WRAP":
        return _wrap(codes << shift if up == shift else np.zeros_like(codes), to)
    low, high = limits(to)
    too_low, too_high = codes < -(-low >> up), codes > high >> up
    shifted = np.where(too_low | too_high, 0, codes) << shift
    if to.saturation == "SAT_ZERO":
        return np.asarray(shifted)
    return np.asarray(np.where(too_high, high, np.where(too_low, low, shifted)))
