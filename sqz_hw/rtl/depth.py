"""Longest combinational paths of synthesised modules, in LUTs between registers.

Read off Yosys's netlist (``write_json``). A LUT and the reading of a LUT RAM count one; carry chains and the
multiplexers within a slice count none. Paths begin and end at flip-flops, block RAM, DSP slices, shift
registers and ports; ``network_levels`` joins them from module to module. Delays and wires are not in it:
it is no timing analysis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqz_hw.errors import ToolError
from sqz_hw.rtl.plan import Instance, Plan

REGISTERS = ""
"""A path's end that is no port."""
_FREE = ("CARRY", "MUXF", "INV", "BUF", "IBUF", "OBUF", "GND", "VCC")
_ENDS = ("FD", "LD", "DSP", "RAMB", "URAM", "SRL", "$scopeinfo")
_UNTIMED = ("clk", "rst")
_Node = tuple[str, str]
"""A link and a wire of it, or an instance and its registers."""
_START: _Node = ("", "")


class Path(NamedTuple):
    """The longest path between two places of a module.

    Attributes:
        begin: an input port, or REGISTERS.
        end: an output port, or REGISTERS.
        levels: LUTs on it.
    """

    begin: str
    end: str
    levels: int


def lut_levels(module: Mapping[str, Any], name: str) -> int:
    """LUTs on the longest path between two registers (or ports) of a module.

    Args:
        module: from the netlist that Yosys's ``write_json`` wrote after mapping; flat.
        name: for messages.

    Raises:
        ToolError: a path leads back to its beginning.
    """
    return max((path.levels for path in paths_of(module, name)), default=0)


def paths_of(module: Mapping[str, Any], name: str) -> tuple[Path, ...]:
    """The longest path from each input port, and from registers, to each output port and to registers.

    A port of several valid or ready wires is as many ports, ``in_valid[0]`` and so on.

    Args:
        module: from the netlist that Yosys's ``write_json`` wrote after mapping; flat.
        name: for messages.

    Raises:
        ToolError: a path leads back to its beginning.
    """
    cells: Mapping[str, Any] = module["cells"]
    reads: dict[str, list[int]] = {}  # bits that a combinational cell's outputs depend on
    drivers: dict[int, str] = {}
    made: set[int] = set()  # bits that registers drive
    ends: list[int] = []  # bits that registers read
    for cell, about in cells.items():
        register = about["type"].startswith(_ENDS)
        for port, wired in about["connections"].items():
            bits = [bit for bit in wired if isinstance(bit, int)]
            if about["port_directions"][port] != "input":
                made.update(bits if register else ())
                drivers.update({} if register else dict.fromkeys(bits, cell))
            elif register or _writes(about["type"], port):
                ends += bits
            else:
                reads.setdefault(cell, []).extend(bits)
        if not register:
            reads.setdefault(cell, [])
    order = _sorted(reads, drivers, name)
    begins = {REGISTERS: made, **_groups(module, "input")}
    sinks = {REGISTERS: set(ends), **_groups(module, "output")}
    result: list[Path] = []
    for begin, sources in begins.items():
        depth = _depths(order, cells, reads, drivers, sources, begin == REGISTERS)
        for end, nets in sinks.items():
            found = [
                depth[drivers[net]]
                if net in drivers and drivers[net] in depth
                else (0 if net in sources else -1)
                for net in nets
            ]
            if found and max(found) >= 0 and (begin != REGISTERS or end != REGISTERS or max(found) > 0):
                result.append(Path(begin, end, max(found)))
    return tuple(result)


def _depths(
    order: Iterable[str], cells: Mapping[str, Any], reads: Mapping[str, list[int]],
    drivers: Mapping[int, str], sources: set[int], stored: bool,
) -> dict[str, int]:  # fmt: skip
    """LUTs from the sources to each cell's output, for the cells that they reach."""
    depth: dict[str, int] = {}
    for cell in order:
        kind = cells[cell]["type"]
        found = [
            depth[drivers[bit]] if bit in drivers else 0
            for bit in reads[cell]
            if bit in sources or (bit in drivers and drivers[bit] in depth)
        ]
        if stored and kind.startswith("RAM"):
            found.append(0)  # what it holds
        if found:
            depth[cell] = max(found) + (0 if kind.startswith(_FREE) else 1)
    return depth


def _groups(module: Mapping[str, Any], direction: str) -> dict[str, set[int]]:
    groups: dict[str, set[int]] = {}
    for port, about in module.get("ports", {}).items():
        if about["direction"] != direction or port in _UNTIMED:
            continue
        bits = about["bits"]
        if len(bits) > 1 and port.endswith(("_valid", "_ready")):
            groups.update({f"{port}[{i}]": {bit} for i, bit in enumerate(bits) if isinstance(bit, int)})
        else:
            groups[port] = {bit for bit in bits if isinstance(bit, int)}
    return groups


def _sorted(reads: Mapping[str, list[int]], drivers: Mapping[int, str], name: str) -> list[str]:
    """Cells, each after those that it reads."""
    order: list[str] = []
    done: set[str] = set()
    open_cells: set[str] = set()
    for start in reads:
        stack = [(start, False)]
        while stack:
            cell, left = stack.pop()
            if left:
                open_cells.discard(cell)
                done.add(cell)
                order.append(cell)
            elif cell not in done and cell not in open_cells:
                open_cells.add(cell)
                stack.append((cell, True))
                below = {drivers[bit] for bit in reads[cell] if bit in drivers}
                loop = below & open_cells
                if loop:
                    raise ToolError(
                        f"{name}: its netlist must have no combinational loop, and {min(loop)} is in one"
                    )
                stack += [(other, False) for other in below if other not in done]
    return order


def _writes(kind: str, port: str) -> bool:
    """A LUT RAM's write side ends at its clock."""
    return kind.startswith("RAM") and (
        port.startswith(("DI", "WE", "WCLK", "D")) and not port.startswith("DPRA")
    )


def network_levels(plan: Plan, paths: Mapping[str, Iterable[Path]]) -> tuple[int, str]:
    """The longest path of the whole accelerator, through as many modules as it takes.

    Args:
        plan: the accelerator.
        paths: of each instance, by its name.

    Returns:
        its LUTs, and the instances that it leads through.

    Raises:
        ToolError: a path leads back to its beginning.
    """
    wires = {i.name: _wires(plan, i) for i in plan.instances}
    into: dict[_Node, list[tuple[_Node, int]]] = {}  # for each node, those before it
    for instance in plan.instances:
        ports = wires[instance.name]
        for path in paths[instance.name]:
            begins = ports.get(path.begin, []) if path.begin else [_START]
            ends = ports.get(path.end, []) if path.end else [(instance.name, REGISTERS)]
            for end in ends:
                into.setdefault(end, []).extend((begin, path.levels) for begin in begins)
    best: dict[_Node, tuple[int, tuple[str, ...]]] = {_START: (0, ())}
    under_way: set[_Node] = set()

    def longest(node: _Node) -> tuple[int, tuple[str, ...]]:
        if node not in best:
            if node in under_way:
                raise ToolError(
                    f"the accelerator must have no combinational loop, and {' '.join(node)} is in one"
                )
            under_way.add(node)
            found = [(before, levels, longest(before)) for before, levels in into.get(node, ())]
            under_way.discard(node)
            levels, way = max(
                ((levels + reached, way) for _, levels, (reached, way) in found), default=(0, ())
            )
            best[node] = levels, (*way, node[0])
        return best[node]

    levels, way = max((longest(node) for node in into), default=(0, ()))
    return levels, " > ".join(way)


def _wires(plan: Plan, instance: Instance) -> dict[str, list[_Node]]:
    """The wires at each port of an instance: a link, and which of its wires."""
    data = {link.name: link.data or link.name for link in plan.links}
    ports: dict[str, list[_Node]] = {}
    for prefix, links in instance.streams.items():
        ports[f"{prefix}_data"] = [(data[link], "data") for link in links]
        for wire in ("valid", "ready"):
            nodes = [(link, wire) for link in links]
            ports[f"{prefix}_{wire}"] = nodes
            ports.update({f"{prefix}_{wire}[{i}]": [node] for i, node in enumerate(nodes)})
    return ports
