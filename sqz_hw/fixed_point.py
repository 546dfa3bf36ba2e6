"""Fixed-point types as the ap_fixed library defines them (UG1399, "Arbitrary Precision Data Types").

A value is ``code * 2**-fraction`` with an integer code of ``width`` bits. The integer
bits include the sign of a signed type, as in ``ap_fixed<width, integer>``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.errors import BadInputError

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
SATURATIONS = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
MAX_WIDTH = 256
MAX_INTEGER = 512
"""Beyond it, a value would leave the range of float64."""

_PATTERN = re.compile(
    r"ap_(?P<u>u?)(?P<sort>fixed|int)<\s*(?P<w>\d{1,9})\s*(?:,\s*(?P<i>-?\d{1,9})\s*)?"
    r"(?:,\s*(?:AP_)?(?P<q>[A-Z_]+)\s*)?(?:,\s*(?:AP_)?(?P<o>[A-Z_]+)\s*)?(?:,\s*\d+\s*)?>"
)


@dataclass(frozen=True)
class FixedPoint:
    """One fixed-point type.

    Attributes:
        width: bits in all, 1 to 256.
        integer: bits left of the binary point, sign included, -512 to 512; may be above width.
        signed: two's complement if true.
        rounding: what happens to bits below the last one (TRN floors, RND rounds half up).
        saturation: what happens above the largest value (WRAP drops bits, SAT clips).

    Raises:
        BadInputError: an impossible width or binary point, or an unknown mode.
    """

    width: int
    integer: int
    signed: bool
    rounding: str = "TRN"
    saturation: str = "WRAP"

    def __post_init__(self) -> None:
        for what in ("width", "integer"):
            value = getattr(self, what)
            if isinstance(value, bool) or not isinstance(value, int):
                raise BadInputError(f"a fixed-point {what} must be a whole number, not {value!r}")
        if not isinstance(self.signed, bool):
            raise BadInputError(f"a fixed-point type must have signed true or false, not {self.signed!r}")
        if not -MAX_INTEGER <= self.integer <= MAX_INTEGER:
            raise BadInputError(
                f"a fixed-point type must have between -{MAX_INTEGER} and {MAX_INTEGER} integer bits, "
                f"not {self.integer}"
            )
        if not 1 <= self.width <= MAX_WIDTH:
            raise BadInputError(
                f"a fixed-point width must be between 1 and {MAX_WIDTH} bits, not {self.width}"
            )
        if self.rounding not in ROUNDINGS:
            raise BadInputError(
                f"a rounding mode must be one of {', '.join(ROUNDINGS)}, not {self.rounding!r}"
            )
        if self.saturation not in SATURATIONS:
            raise BadInputError(
                f"a saturation mode must be one of {', '.join(SATURATIONS)}, not {self.saturation!r}"
            )

    @property
    def fraction(self) -> int:
        """Bits right of the binary point (may be negative)."""
        return self.width - self.integer

    @property
    def lsb(self) -> float:
        """Value of the last bit."""
        return float(2.0**-self.fraction)

    @property
    def min_code(self) -> int:
        """Smallest integer code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max_code(self) -> int:
        """Largest integer code."""
        return (1 << (self.width - 1)) - 1 if self.signed else (1 << self.width) - 1

    def __str__(self) -> str:
        modes = ""
        if (self.rounding, self.saturation) != ("TRN", "WRAP"):
            modes = f",AP_{self.rounding},AP_{self.saturation}"
        return f"ap_{'' if self.signed else 'u'}fixed<{self.width},{self.integer}{modes}>"

    @classmethod
    def parse(cls, text: str) -> FixedPoint:
        """Read ``ap_fixed<16,6>``, ``ap_ufixed<8,0,AP_RND,AP_SAT>`` or ``ap_int<4>``.

        Raises:
            BadInputError: any other text.
        """
        match = _PATTERN.fullmatch(text.strip())
        whole = match is not None and match["sort"] == "int"
        if match is None or whole != (match["i"] is None) or (whole and match["q"]):
            raise BadInputError(
                f"a fixed-point type must look like ap_fixed<16,6> or ap_uint<8>, not {text!r}"
            )
        width = int(match["w"])
        integer = int(match["i"]) if match["i"] is not None else width
        return cls(width, integer, not match["u"], match["q"] or "TRN", match["o"] or "WRAP")

    def to_codes(self, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Integer codes of values that lie exactly on this type's grid.

        Args:
            values: real values of any shape.

        Returns:
            int64 codes of the same shape.

        Raises:
            BadInputError: a value is not representable, or its code does not fit in 64 bits.
        """
        scaled: npt.NDArray[np.float64] = np.asarray(values, np.float64) * np.float64(2.0**self.fraction)
        codes = np.rint(scaled)
        low, high = max(self.min_code, -(2**63)), min(self.max_code, 2**63 - 1024)
        wrong = (codes != scaled) | (codes < low) | (codes > high)
        if wrong.any():
            raise BadInputError(
                f"{int(wrong.sum())} of {wrong.size} values are not on the grid of {self}, "
                f"first {float(scaled[wrong].flat[0]) * self.lsb!r}"
            )
        return codes.astype(np.int64)

    def to_values(self, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float64]:
        """Real values of integer codes."""
        return np.asarray(codes, dtype=np.float64) * self.lsb

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain: dict[str, Any] = {"width": self.width, "integer": self.integer, "signed": self.signed}
        if (self.rounding, self.saturation) != ("TRN", "WRAP"):
            plain |= {"rounding": self.rounding, "saturation": self.saturation}
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> FixedPoint:
        """Inverse of :meth:`to_dict`.

        Raises:
            BadInputError: a missing or unknown field, or impossible values.
        """
        try:
            return cls(**plain)
        except TypeError as error:
            raise BadInputError(
                f"a fixed-point type must have width, integer and signed, not {plain!r}"
            ) from error
