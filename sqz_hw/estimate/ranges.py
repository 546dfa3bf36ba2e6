"""An amount with its bounds: low, expected and high."""

from __future__ import annotations

from dataclasses import dataclass

from sqz_hw.errors import BadInputError


@dataclass(frozen=True)
class Range:
    """A whole number that is not known exactly; a measurement has all three equal.

    Attributes:
        low: at least this many.
        expected: the single best guess.
        high: at most this many.

    Raises:
        BadInputError: the three are not in order, or one is negative.
    """

    low: int
    expected: int
    high: int

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.expected <= self.high:
            raise BadInputError(
                "a range must have 0 <= low <= expected <= high, "
                f"not {self.low}, {self.expected}, {self.high}; mend what computed it"
            )

    @classmethod
    def exactly(cls, value: int) -> Range:
        """A measured or counted value."""
        return cls(value, value, value)

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def to_dict(self) -> dict[str, int]:
        """Plain values for JSON."""
        return {"low": self.low, "expected": self.expected, "high": self.high}


ZERO = Range(0, 0, 0)
