"""What modules need, as Yosys counts it, and the cache of such counts.

A count is kept as JSON, in a file that is named after all that it depends on (``synthesis``); a file that is
anything else is removed, and counted anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from sqz_hw.errors import BadInputError
from sqz_hw.rtl.depth import Path as LutPath


@dataclass(frozen=True)
class Count:
    """What a module needs.

    Attributes:
        lut: logic, LUT RAM and shift registers together.
        lut_ram, srl: of them, LUT RAM and shift registers.
        unshared: as ``lut``, if no two small LUTs shared one (the estimate lets them wherever inputs allow).
        small, medium: LUTs of one and two inputs, and of three and four: the former share with the latter.
        ff, dsp: flip-flops, DSP slices.
        bram18, bram36: block RAMs of 18 and of 36 kbit.
        uram: UltraRAM blocks.
        levels: LUTs on the longest path between registers (of a sum: the largest).
        paths: the longest between ports and registers (of a sum: none).
    """

    lut: int = 0
    lut_ram: int = 0
    srl: int = 0
    unshared: int = 0
    small: int = 0
    medium: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    bram36: int = 0
    uram: int = 0
    levels: int = 0
    paths: tuple[LutPath, ...] = field(default=(), repr=False)

    def __add__(self, other: Count) -> Count:
        added = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Count(**{**added, "levels": max(self.levels, other.levels), "paths": ()})

    @property
    def tiles(self) -> float:
        """Block RAM in tiles of 36 kbit."""
        return self.bram36 + self.bram18 / 2


def total(counts: Iterable[Count]) -> Count:
    """The sum."""
    whole = Count()
    for count in counts:
        whole = whole + count
    return whole


def require_cache(cache: Path) -> None:
    """Make the cache's folder and write a file into it, before hours of work rely on that.

    Raises:
        BadInputError: it cannot be made or written.
    """
    probe = cache / f"{os.getpid()}.probe"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise BadInputError(
            f"Yosys's counts must be kept in the folder {cache}, and it cannot be written "
            f"({error.strerror}); move what is in the way, make room, or let HOME name another folder"
        ) from error


def keep(count: Count, path: Path) -> None:
    """Write a count, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(asdict(count)))
    try:
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def kept(path: Path) -> Count | None:
    """An earlier result; what is none is removed."""
    try:
        if path.is_file():
            return _checked(json.loads(path.read_text()))
    except (OSError, ValueError, RecursionError):
        pass
    with suppress(OSError):  # what stays in the way is warned of when the new count is to be kept
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    return None


def _checked(known: object) -> Count:
    """A count as ``asdict`` gives it.

    Raises:
        ValueError: it is anything else.
    """
    names = [f.name for f in fields(Count)]
    if not isinstance(known, dict) or set(known) != set(names) or not isinstance(known["paths"], list):
        raise ValueError(f"a count must have {', '.join(names)}")
    paths = [LutPath(*one) for one in known["paths"] if isinstance(one, list) and len(one) == 3]
    numbers = [known[name] for name in names if name != "paths"] + [path.levels for path in paths]
    ports = [port for path in paths for port in (path.begin, path.end)]
    if (
        len(paths) != len(known["paths"])
        or not all(type(number) is int and number >= 0 for number in numbers)
        or not all(isinstance(port, str) for port in ports)
    ):
        raise ValueError("a count must be of whole numbers from 0 on, and of paths between ports")
    return Count(**{**known, "paths": tuple(paths)})
