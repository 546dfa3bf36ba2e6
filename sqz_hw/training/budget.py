"""A memory budget as the command line says it, in bits."""

from __future__ import annotations

import re

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.parts import resolve

_UNITS = {"": 1, "bit": 1, "kbit": 10**3, "mbit": 10**6}


def budget_bits(text: str, part: str | None) -> int:
    """Bits that ``60%`` (of a part's block RAM and URAM) or ``2.6Mbit`` stand for, rounded down.

    Args:
        text: a percentage, or a number of bit, kbit (10^3) or Mbit (10^6).
        part: a part or board; a percentage needs one.

    Raises:
        BadInputError: another text, a percentage without a part or beyond 0 to 100, or no bits.
        UnknownPartError: no such part.
    """
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*(%|[kKmM]?bits?|)\s*", text)
    if match is None:
        raise BadInputError(f"--memory-budget must look like 60% or 2.6Mbit, not {text!r}")
    amount, unit = float(match[1]), match[2].lower().removesuffix("s")
    memory = None if part is None else resolve(part).memory_bits
    if unit == "%":
        if memory is None:
            raise BadInputError(f"--memory-budget {text} is a share of a part's memory; give --part")
        if amount > 100:
            raise BadInputError(f"--memory-budget must be at most 100%, not {text}")
        bits = int(memory * amount / 100)
    else:
        bits = int(amount * _UNITS[unit])
    if bits < 1:
        raise BadInputError(f"--memory-budget must be at least a bit, not {text}")
    return bits
