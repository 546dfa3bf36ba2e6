"""The network as a row of tiles, from the report dict: Fire modules with their branches and bypass.

Positions are in pixels of the tile. Padding, ReLUs and clones are not drawn: they follow from
what is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqz_hw.report.figures import layered_latency

DRAWN = {
    "conv": "conv",
    "max_pool": "max pool",
    "global_sum": "global sum",
    "argmax": "arg max",
    "concat": "concat",
    "add": "add",
}
"""What is drawn, by op, and what it is called."""

HEIGHT = 176
SINGLE_WIDTH, FIRE_WIDTH = 132, 340
MIDDLE = 96
LINE = 13
BOX_HEIGHT, BYPASS_HEIGHT = 46, 32
SQUEEZE, EXPAND = (24, 84), (130, 96)
"""Left end and width of the boxes."""
CONCAT_X, ADD_X = 246, 280
EXPAND_1X1_Y, EXPAND_3X3_Y = 46, 100
BYPASS_Y = 6


@dataclass(frozen=True)
class Box:
    """One layer: where it is drawn, its lines of text, its share of the slowest layer's cycles in percent."""

    name: str
    x: int
    y: int
    width: int
    height: int
    lines: tuple[str, ...]
    load: float
    slowest: bool

    @property
    def baseline(self) -> int:
        """Where the first line of text stands, so that all of them are in the middle."""
        return self.y + (self.height - LINE * len(self.lines)) // 2 + LINE - 3


@dataclass(frozen=True)
class Tile:
    """A Fire module or a single layer.

    Attributes:
        name: ``fire2``, ``conv1``, ...
        text: what it is, in words: shapes, types, widths.
        width: its height is :data:`HEIGHT`.
        boxes: the layers.
        paths: lines between them, as SVG path data.
        bypass: the bypass's path, or None.
        add: position of the addition, or None.
        concat: left end of the concatenation, or None.
        into, out: shape and bits of what goes in and what comes out.
    """

    name: str
    text: str
    width: int
    boxes: tuple[Box, ...]
    paths: tuple[str, ...]
    bypass: str | None
    add: int | None
    concat: int | None
    into: str
    out: str


@dataclass(frozen=True)
class _Ends:
    """The network's rows by name, and by the layer that they read first."""

    by_name: Mapping[str, Mapping[str, Any]]
    readers: Mapping[str | None, Mapping[str, Any]]

    def into(self, row: Mapping[str, Any]) -> str:
        """What goes into a layer, before its padding."""
        source = self.by_name.get(row["inputs"][0])
        first = source if source is not None and source["op"] == "zero_pad" else row
        return f"{shape(first['in_shape'])}, {width_of(first['in_type'])}"

    def out(self, row: Mapping[str, Any]) -> str:
        """What comes out of a layer, after its ReLU."""
        reader = self.readers.get(row["name"])
        last = reader if reader is not None and reader["op"] == "relu" else row
        return f"{shape(last['out_shape'])}, {width_of(last['out_type'])}"


def tiles(report: Mapping[str, Any]) -> list[Tile]:
    """The network's tiles in dataflow order; none where the report has no network."""
    network = report.get("network", ())
    ends = _Ends({row["name"]: row for row in network}, {row["inputs"][0]: row for row in network})
    rows = [row for row in network if row["op"] in DRAWN]
    loads = _loads(report)
    found: list[Tile] = []
    for fire, group in groupby(rows, key=lambda row: row["fire"]):
        members = list(group)
        if fire is not None and _is_fire(members):
            found.append(_fire(fire, members, loads, ends))
        else:
            found += [_single(row, loads, ends) for row in members]
    return found


def shape(row: Sequence[int]) -> str:
    """``16×16×64``."""
    return "×".join(str(side) for side in row)


def width_of(fixed_point: str) -> str:
    """``6-bit`` for ``ap_ufixed<6,2>``; the text itself where it has no width."""
    match = re.search(r"<\s*(\d+)", fixed_point)
    return fixed_point if match is None else f"{match[1]}-bit"


def _loads(report: Mapping[str, Any]) -> dict[str, tuple[float, bool]]:
    """Each layer's share of the longest in percent, and whether it is the bottleneck."""
    column = layered_latency(report)
    if column is None:
        return {}
    top = max(row["cycles"] for row in column["layers"]) or 1
    return {
        row["name"]: (round(100 * row["cycles"] / top, 1), row["name"] == column["bottleneck"])
        for row in column["layers"]
    }


def _is_fire(rows: Sequence[Mapping[str, Any]]) -> bool:
    kinds = [(row["op"], row["kernel"]) for row in rows if "bypass" not in row["name"]]
    return [k for k in kinds if k[0] == "conv"] == [("conv", 1), ("conv", 1), ("conv", 3)] and any(
        op == "concat" for op, _ in kinds
    )


def _box(
    row: Mapping[str, Any],
    what: str,
    place: tuple[int, int],
    y: int,
    loads: Mapping[str, tuple[float, bool]],
    height: int = BOX_HEIGHT,
) -> Box:
    lines = [what]
    if row["op"] == "conv":
        lines.append(f"{row['out_shape'][2]} ch, {width_of(row['weight_type'])}")
        lines.append(f"RF {row['reuse_factor']:,}")
    elif row["kernel"]:
        lines.append(f"{row['kernel']}×{row['kernel']}, /{row['stride']}")
    load, slowest = loads.get(row["name"], (0.0, False))
    shown = tuple(lines) if height == BOX_HEIGHT else (lines[0], ", ".join(lines[1:]))
    return Box(row["name"], place[0], y, place[1], height, shown, load, slowest)


def _single(row: Mapping[str, Any], loads: Mapping[str, tuple[float, bool]], ends: _Ends) -> Tile:
    left, wide = 16, SINGLE_WIDTH - 32
    what = DRAWN[row["op"]]
    if row["op"] == "conv":
        what = f"conv {row['kernel']}×{row['kernel']}" + (f", /{row['stride']}" if row["stride"] > 1 else "")
    box = _box(row, what, (left, wide), MIDDLE - BOX_HEIGHT // 2, loads)
    into, out = ends.into(row), ends.out(row)
    paths = (f"M0 {MIDDLE}H{left}", f"M{left + wide} {MIDDLE}H{SINGLE_WIDTH}")
    text = f"{row['name']}: {', '.join(box.lines)}; {into} to {out}"
    return Tile(row["name"], text, SINGLE_WIDTH, (box,), paths, None, None, None, into, out)


def _fire(
    name: str, rows: Sequence[Mapping[str, Any]], loads: Mapping[str, tuple[float, bool]], ends: _Ends
) -> Tile:
    bypass = next((row for row in rows if row["op"] == "conv" and "bypass" in row["name"]), None)
    squeeze, one, three = (row for row in rows if row["op"] == "conv" and row is not bypass)
    added = any(row["op"] == "add" for row in rows)
    boxes = [
        _box(squeeze, "squeeze 1×1", SQUEEZE, MIDDLE - BOX_HEIGHT // 2, loads),
        _box(one, "expand 1×1", EXPAND, EXPAND_1X1_Y, loads),
        _box(three, "expand 3×3", EXPAND, EXPAND_3X3_Y, loads),
    ]
    if bypass is not None:
        place = (EXPAND[0] - 30, EXPAND[1] + 40)
        boxes.append(_box(bypass, "bypass 1×1", place, BYPASS_Y, loads, BYPASS_HEIGHT))
    split, s_end, e_end = (SQUEEZE[0] + SQUEEZE[1] + EXPAND[0]) // 2, sum(SQUEEZE), sum(EXPAND)
    upper, lower = EXPAND_1X1_Y + BOX_HEIGHT // 2, EXPAND_3X3_Y + BOX_HEIGHT // 2
    paths = (
        f"M0 {MIDDLE}H{SQUEEZE[0]}",
        f"M{s_end} {MIDDLE}H{split}V{upper}H{EXPAND[0]}",
        f"M{split} {MIDDLE}V{lower}H{EXPAND[0]}",
        f"M{e_end} {upper}H{CONCAT_X}",
        f"M{e_end} {lower}H{CONCAT_X}",
        f"M{CONCAT_X} {MIDDLE}H{FIRE_WIDTH}",
    )
    lane = BYPASS_Y + BYPASS_HEIGHT // 2
    arc = (
        f"M10 {MIDDLE}V{lane + 12}Q10 {lane} 22 {lane}H{ADD_X - 12}"
        f"Q{ADD_X} {lane} {ADD_X} {lane + 12}V{MIDDLE}"
    )
    into, out = ends.into(squeeze), ends.out(rows[-1])
    text = (
        f"{name}: squeeze to {squeeze['out_shape'][2]} channels, expand 1×1 to {one['out_shape'][2]} and "
        f"3×3 to {three['out_shape'][2]}, concatenated"
        + (", input added (bypass)" if added else "")
        + f"; {into} to {out}"
    )
    return Tile(
        name=name,
        text=text,
        width=FIRE_WIDTH,
        boxes=tuple(boxes),
        paths=paths,
        bypass=arc if added else None,
        add=ADD_X if added else None,
        concat=CONCAT_X,
        into=into,
        out=out,
    )
