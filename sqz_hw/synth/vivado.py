"""Reads Vivado's ``report_utilization``, after synthesis or later (UG835), of 7 series and UltraScale+."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqz_hw.synth.report_file import damaged, decimal, read_report, release, rows, whole

STATES = ("Synthesized", "Optimized", "Fully Placed", "Physopt postPlace", "Routed", "Physopt postRoute")
"""Design states, from first to last. hls4ml's script reports after opt_design: Optimized."""
ROUTED = ("Routed", "Physopt postRoute", "Fully Routed")
_FIELD = re.compile(r"^\| (Tool Version|Design|Device|Design State) +: +(\S[^\n|]{0,200})$", re.MULTILINE)
_VERSION = re.compile(r"Vivado (v\.\S{1,20})")
_LUTS = ("CLB LUTs", "Slice LUTs")
_REGISTERS = ("CLB Registers", "Slice Registers", "Registers")


@dataclass(frozen=True)
class Heading:
    """What a Vivado report is of.

    Attributes:
        version: Vivado's release.
        design: top module.
        device: part.
        state: Vivado's own words (``Synthesized``, ``Optimized``, ``Routed``), or None if it does not say.
    """

    version: str
    design: str
    device: str
    state: str | None

    @property
    def routed(self) -> bool:
        """Wires have their real lengths."""
        return self.state in ROUTED

    @property
    def rank(self) -> int:
        """How far the design was; the higher, the nearer to the chip."""
        if self.routed:
            return len(STATES)
        return STATES.index(self.state) if self.state in STATES else -1

    @property
    def stage(self) -> str:
        """``after routing``, or after what else; synthesis where the report does not say."""
        if self.routed:
            return "after routing"
        if self.state is not None and self.rank < 0:
            return f"in the state {self.state}"
        return "after placement" if self.rank >= STATES.index("Fully Placed") else "after synthesis"


@dataclass(frozen=True)
class Utilization:
    """What a design takes of the part.

    Attributes:
        heading: what this is a report of.
        lut: lookup tables in all.
        lut_logic, lut_memory: of these as logic, and as distributed RAM and shift registers.
        ff: registers.
        bram_tiles: block RAM tiles of 36 kbit; a half is a RAMB18 alone in one.
        ramb36, ramb18: block RAMs of each size.
        dsp: DSP slices.
        uram: UltraRAM blocks; 0 where the part's report has no row for them.
    """

    heading: Heading
    lut: int
    lut_logic: int | None
    lut_memory: int | None
    ff: int
    bram_tiles: float
    ramb36: int | None
    ramb18: int | None
    dsp: int
    uram: int

    @property
    def bram18(self) -> int:
        """Block RAMs of 18 kbit: two a tile."""
        return round(2 * self.bram_tiles)


def parse_heading(path: Path, text: str) -> Heading:
    """The lines at the top of any Vivado report.

    Raises:
        ToolError: a line is missing, or the version is unknown.
    """
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(text[:8192]):
        fields.setdefault(name, value.strip())
    version = _VERSION.search(fields.get("Tool Version", ""))
    for name, given in (
        ("Tool Version", version),
        ("Design", fields.get("Design")),
        ("Device", fields.get("Device")),
    ):
        if not given:
            raise damaged(path, f"has no line {name} at its top")
    return Heading(
        release(path, version[1] if version else ""),
        fields["Design"],
        fields["Device"],
        fields.get("Design State"),
    )


def parse_utilization(path: Path) -> Utilization:
    """The report.

    Raises:
        ToolError: it is missing, damaged or of an unknown version, or lacks a resource.
    """
    text = read_report(path)
    heading = parse_heading(path, text)
    used = _used(path, text)

    def count(*names: str) -> int | None:
        for name in names:
            if name in used:
                return whole(path, name, used[name])
        return None

    def needed(*names: str) -> int:
        value = count(*names)
        if value is None:
            raise damaged(path, f"has no number of {' or '.join(names)}")
        return value

    lut, ff = needed(*_LUTS), needed(*_REGISTERS)
    tiles = decimal(path, "Block RAM Tile", used.get("Block RAM Tile", ""))
    if tiles is None or tiles < 0 or (2 * tiles) % 1:
        raise damaged(
            path, f"has no number of Block RAM Tile, or one that is no half: {used.get('Block RAM Tile')}"
        )
    return Utilization(
        heading=heading,
        lut=lut,
        lut_logic=count("LUT as Logic"),
        lut_memory=count("LUT as Memory"),
        ff=ff,
        bram_tiles=tiles,
        ramb36=count("RAMB36/FIFO"),
        ramb18=count("RAMB18"),
        dsp=needed("DSPs", "DSP Slices"),
        uram=count("URAM") or 0,
    )


def _used(path: Path, text: str) -> dict[str, str]:
    """The column Used by site type, of the first table that has the row; footnote stars are dropped."""
    used: dict[str, str] = {}
    header: list[str] = []
    for cells in rows(path, text):
        if "Used" in cells:
            header = cells
        elif len(cells) == len(header) and header[0] == "Site Type":
            used.setdefault(cells[0].rstrip("*").strip(), cells[header.index("Used")])
    return used
