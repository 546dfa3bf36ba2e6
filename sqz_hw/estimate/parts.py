"""Parts and boards by name: what an FPGA holds.

The numbers are in ``parts.toml``, each with its source. Block RAM has 36,864 bits a
BRAM36 (UG473, UG573) and URAM 294,912 bits a block (UG573).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from importlib.resources import files
from typing import Any

from sqz_hw.errors import UnknownPartError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BRAM36_BITS = 36_864
URAM_BITS = 294_912
LONGEST_SHOWN = 64
NEAREST = 3
ALIKE = 0.6
"""Names below this similarity (0 to 1) are not offered as what was meant."""


@dataclass(frozen=True)
class Part:
    """An FPGA and what it holds.

    Attributes:
        name: short name (``xc7z020``).
        full_name: with package and speed grade, as the vendor's tools want it (``xc7z020clg400-1``).
        family: ``zynq-7000``, ``artix-7``, ``kintex-7``, ``zynq-ultrascale+``, ``virtex-ultrascale+``
            or ``alveo``.
        lut, ff, dsp: lookup tables, flip-flops, DSP slices.
        bram36: block RAM tiles of 36 kbit.
        uram: UltraRAM blocks of 288 kbit.
        source: where the numbers come from.
    """

    name: str
    full_name: str
    family: str
    lut: int
    ff: int
    dsp: int
    bram36: int
    uram: int
    source: str

    @property
    def bram18(self) -> int:
        """Block RAMs of 18 kbit: two a tile."""
        return 2 * self.bram36

    @property
    def memory_bits(self) -> int:
        """Bits of block RAM and URAM together (distributed RAM not counted)."""
        return self.bram36 * BRAM36_BITS + self.uram * URAM_BITS

    @property
    def budget(self) -> dict[str, int]:
        """What the part holds, by the names that reports use."""
        return {
            "LUT": self.lut,
            "FF": self.ff,
            "DSP": self.dsp,
            "BRAM18": self.bram18,
            "BRAM36": self.bram36,
            "URAM": self.uram,
            "memory_bits": self.memory_bits,
        }


def all_parts() -> tuple[Part, ...]:
    """Every part of the table under its default full name, in the table's order."""
    return tuple(_part(name, row["default_full_name"]) for name, row in _table()["parts"].items())


def all_boards() -> Mapping[str, Part]:
    """Every board of the table with the part it carries, in the table's order."""
    return {board: resolve(full_name) for board, full_name in _table()["boards"].items()}


def resolve(text: str) -> Part:
    """The part that a name means.

    Args:
        text: a part's short name (``xc7z020``), its full name (``xc7z020clg400-1`` or
            ``xc7z020-clg400-1``; dashes are kept as given) or a board (``pynq-z2``). Case does not
            matter, nor do ``-``, ``_`` and spaces in a board's name.

    Raises:
        UnknownPartError: no such part or board, or a package or speed grade that the part has not.
    """
    given = text.strip().lower()
    table = _table()
    if given in table["parts"]:
        return _part(given, table["parts"][given]["default_full_name"])
    boards = {_squeezed(board): full_name for board, full_name in table["boards"].items()}
    if _squeezed(given) in boards:
        return resolve(boards[_squeezed(given)])
    bases = [name for name in table["parts"] if given.startswith(name)]
    if not bases:
        raise UnknownPartError(
            f"part must be a known part or board, not {_shown(text)}; {_nearest(given[:LONGEST_SHOWN])}"
        )
    base = max(bases, key=len)
    full_name = _full_name(base, given[len(base) :])
    if full_name is None:
        row = table["parts"][base]
        raise UnknownPartError(
            f"part {base} must be followed by one of its packages ({', '.join(row['packages'])}) and a speed "
            f"grade, as in {row['default_full_name']}, not {_shown(text)}; write {base} alone for that one"
        )
    return _part(base, full_name)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("sqz_hw.estimate").joinpath("parts.toml").read_text(encoding="utf-8"))


def _part(name: str, full_name: str) -> Part:
    row = _table()["parts"][name]
    return Part(
        name=name,
        full_name=full_name,
        family=row["family"],
        lut=row["LUT"],
        ff=row["FF"],
        dsp=row["DSP"],
        bram36=row["BRAM36"],
        uram=row["URAM"],
        source=row["source"],
    )


def _full_name(base: str, suffix: str) -> str | None:
    """``base`` with a lower-case suffix, letters in the vendor's case; None for an implausible one."""
    row = _table()["parts"][base]
    pattern = _table()["families"][row["family"]]
    package = "(?:" + "|".join(row["packages"]) + ")"
    match = re.fullmatch(pattern.replace("{package}", package), suffix, re.IGNORECASE | re.ASCII)
    if match is None:
        return None
    grade = match.start(1)  # the first group is the speed grade, the only capitals
    return base + suffix[:grade] + match[1].upper() + suffix[match.end(1) :]


def _squeezed(board: str) -> str:
    return re.sub(r"[-_\s]", "", board.lower())


def _shown(text: str) -> str:
    short = text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
    return ascii(short)


def _nearest(given: str) -> str:
    scores: list[tuple[float, str]] = []
    for name in _table()["parts"]:
        scores.append((max(_likeness(given, name), _likeness(given[: len(name)], name)), name))
    for board in _table()["boards"]:
        scores.append((_likeness(_squeezed(given), _squeezed(board)), board))
    close = [name for score, name in sorted(scores, key=lambda s: (-s[0], s[1])) if score >= ALIKE]
    if close:
        return "nearest: " + ", ".join(close[:NEAREST])
    return f"parts: {', '.join(_table()['parts'])}; boards: pynq-z2, basys3, kv260 and others in parts.toml"


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b, autojunk=False).ratio()
