"""Longest combinational path of a synthesised module, in LUTs between registers.

Read off Yosys's netlist (``write_json``). A LUT and the reading of a LUT RAM count one; carry chains and the
multiplexers within a slice count none. Paths begin and end at flip-flops, block RAM, DSP slices, shift
registers and ports. Delays and wires are not in it: it is no timing analysis.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqz_hw.errors import ToolError

_FREE = ("CARRY", "MUXF", "INV", "BUF", "IBUF", "OBUF", "GND", "VCC")
_ENDS = ("FD", "LD", "DSP", "RAMB", "URAM", "SRL", "$scopeinfo")


def lut_levels(module: Mapping[str, Any], name: str) -> int:
    """LUTs on the longest path between two registers (or ports) of a module.

    Args:
        module: from the netlist that Yosys's ``write_json`` wrote after mapping; flat.
        name: for messages.

    Raises:
        ToolError: a path leads back to its beginning.
    """
    cells: Mapping[str, Any] = module["cells"]
    drivers: dict[int, str] = {}
    inputs: dict[str, list[int]] = {}
    for cell, about in cells.items():
        if about["type"].startswith(_ENDS):
            continue
        directions = about["port_directions"]
        bits = about["connections"]
        inputs[cell] = [
            bit
            for port, nets in bits.items()
            if directions[port] == "input" and not _writes(about["type"], port)
            for bit in nets
            if isinstance(bit, int)
        ]
        for port, nets in bits.items():
            if directions[port] == "output":
                drivers.update((bit, cell) for bit in nets if isinstance(bit, int))
    weight = {cell: 0 if cells[cell]["type"].startswith(_FREE) else 1 for cell in inputs}
    return _longest(inputs, drivers, weight, name)


def _longest(
    inputs: Mapping[str, list[int]], drivers: Mapping[int, str], weight: Mapping[str, int], name: str
) -> int:
    depth: dict[str, int] = {}
    open_cells: set[str] = set()
    for start in inputs:
        stack = [(start, False)]
        while stack:
            cell, done = stack.pop()
            if done:
                before = [depth[drivers[bit]] for bit in inputs[cell] if bit in drivers]
                depth[cell] = weight[cell] + max(before, default=0)
                open_cells.discard(cell)
            elif cell not in depth:
                open_cells.add(cell)
                stack.append((cell, True))
                below = {drivers[bit] for bit in inputs[cell] if bit in drivers}
                loop = below & open_cells
                if loop:
                    raise ToolError(
                        f"{name}: its netlist must have no combinational loop, and {min(loop)} is in one"
                    )
                stack += [(other, False) for other in below if other not in depth]
    return max(depth.values(), default=0)


def _writes(kind: str, port: str) -> bool:
    """A LUT RAM's write side ends at its clock."""
    return kind.startswith("RAM") and (
        port.startswith(("DI", "WE", "WCLK", "D")) and not port.startswith("DPRA")
    )
