"""Modules of StreamRTL's library with drawn parameters, for ``rtl_cost.py``: what a design has few of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sqz_hw.rtl.plan import Instance, Link, Memory, Plan

Drawn = tuple[dict[str, int | str], dict[str, tuple[int, ...]]]
"""Parameters; for each prefix of ports the bits of its streams."""


def max_pool(draw: np.random.Generator) -> Drawn:
    width = int(draw.choice([8, 16, 32]))
    pixels = int(draw.choice([p for p in (2, 4, 8, 16, 32) if p <= width]))
    bits = int(draw.choice([4, 6, 8]))
    out = width // 2 if pixels == width else pixels // 2
    parameters: dict[str, int | str] = {
        "B": bits, "W": width, "H": width, "C": int(draw.choice([16, 64, 96, 128, 256])), "P": pixels,
        "WOUT": width // 2, "HOUT": width // 2, "BLOCK_RAM": int(draw.integers(2)),
    }  # fmt: skip
    return parameters, {"in": (pixels * bits,), "out": (out * bits,)}


def reblock(draw: np.random.Generator) -> Drawn:
    first, second, bits = (int(draw.choice(some)) for some in ([2, 4, 8, 16], [1, 2, 4], [4, 6, 8]))
    wide, narrow = first, max(1, first // second)
    pin, pout = (wide, narrow) if draw.integers(2) else (narrow, wide)
    parameters: dict[str, int | str] = {
        "B": bits, "C": int(draw.choice([16, 64, 128, 384])), "PIN": pin, "POUT": pout,
        "SLOTS": int(draw.integers(2, 8)), "BLOCK_RAM": int(draw.integers(2)),
    }  # fmt: skip
    return parameters, {"in": (pin * bits,), "out": (pout * bits,)}


def add(draw: np.random.Generator) -> Drawn:
    pixels, bits = int(draw.choice([2, 4, 8, 16])), int(draw.choice([4, 6, 8]))
    up = [int(draw.integers(3)), 0]
    parameters: dict[str, int | str] = {
        "P": pixels, "U": int(draw.choice([u for u in (1, 2, 4) if u <= pixels])), "A": bits, "A_UP": up[0],
        "BB": bits, "B_UP": up[1], "DROP": int(draw.integers(3)), "ROUNDING": 2, "OUT": bits, "SATURATE": 1,
    }  # fmt: skip
    return parameters, {"a": (pixels * bits,), "b": (pixels * bits,), "out": (pixels * bits,)}


def merge(draw: np.random.Generator) -> Drawn:
    width, cores = int(draw.choice([12, 24, 48, 96])), int(draw.integers(2, 9))
    rows = int(draw.choice([32, 64, 128, 256, 512]))
    return {"WIDTH": width, "N": cores, "ROWS": rows}, {"in": (width,) * cores, "out": (width,)}


def global_sum(draw: np.random.Generator) -> Drawn:
    pixels, bits = int(draw.choice([1, 2, 4, 8, 16])), int(draw.choice([6, 8]))
    parameters: dict[str, int | str] = {
        "B": bits, "C": int(draw.choice([10, 100, 200])), "P": pixels, "BLOCKS": 64 // pixels,
        "OUT": bits + 6,
    }  # fmt: skip
    return parameters, {"in": (pixels * bits,), "out": (bits + 6,)}


DRAWS: dict[str, Callable[[np.random.Generator], Drawn]] = {
    "sqz_max_pool": max_pool, "sqz_reblock": reblock, "sqz_add": add, "sqz_merge": merge,
    "sqz_global_sum": global_sum,
}  # fmt: skip


def drawn_plan(count: int, seed: int = 1) -> Plan:
    """So many instances of each module, as a plan that can be counted."""
    draw = np.random.default_rng(seed)
    links: list[Link] = []
    instances: list[Instance] = []
    memories: dict[str, Memory] = {}
    for module, make in DRAWS.items():
        for number in range(count):
            parameters, ports = make(draw)
            name = f"{module}_{number}"
            if module == "sqz_merge":
                cores, rows = int(parameters["N"]), int(parameters["ROWS"])
                parameters["FILE"] = f"{name}.mem"
                table = tuple(int(core) for core in draw.integers(0, cores, rows))
                memories[f"{name}.mem"] = (max(1, (cores - 1).bit_length()), table)
            streams = {}
            for prefix, widths in ports.items():
                names = tuple(f"{name}_{prefix}{i}" for i in range(len(widths)))
                links += [Link(link, width) for link, width in zip(names, widths, strict=True)]
                streams[prefix] = names
            instances.append(Instance(module, name, parameters, streams, module))
    nothing: Any = None
    return Plan("sweep", nothing, {}, tuple(links), tuple(instances), memories, {}, "", "", 8, 8, 1, 1)
