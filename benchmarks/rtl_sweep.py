"""Modules of StreamRTL's library with drawn parameters, for ``rtl_cost.py``: what a design has few of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sqz_hw.rtl.plan import Instance, Link, Memory, Plan

Draw = np.random.Generator
SEGMENT = 4096


class Drawn(NamedTuple):
    """Parameters; for each prefix of ports the bits of its streams; what files hold, by their parameter."""

    parameters: dict[str, int | str]
    ports: dict[str, tuple[int, ...]]
    files: Mapping[str, Memory] = {}


Described = tuple[str, str, Mapping[str, int | str], Mapping[str, tuple[int, ...]], Mapping[str, Memory]]
"""Name, module, parameters, ports, files of an instance."""


def one_of(draw: Draw, some: Sequence[int]) -> int:
    return int(draw.choice(list(some)))


def divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def table(draw: Draw, bits: int, words: int) -> Memory:
    """Small values of either sign, as biases are."""
    values = np.rint(draw.normal(0, 2 ** (bits - 3), words)).clip(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return bits, tuple(int(v) & ((1 << bits) - 1) for v in values)


def max_pool(draw: Draw) -> Drawn:
    width = one_of(draw, [8, 14, 16, 28, 32, 56])
    pixels = one_of(
        draw, [p for p in (2, 4, 7, 8, 14, 16, 28, 32) if width % p == 0 and (p == width or p % 2 == 0)]
    )
    bits = one_of(draw, [4, 6, 8])
    out = width // 2 if pixels == width else pixels // 2
    parameters: dict[str, int | str] = {
        "B": bits, "W": width, "WIDTH": width - one_of(draw, [0, 1]), "H": width,
        "C": one_of(draw, [16, 48, 64, 96, 128, 256]), "P": pixels, "WOUT": width // 2, "HOUT": width // 2,
        "BLOCK_RAM": one_of(draw, [0, 1, 1]),
    }  # fmt: skip
    return Drawn(parameters, {"in": (pixels * bits,), "out": (out * bits,)})


def reblock(draw: Draw) -> Drawn:
    first, second, bits = (one_of(draw, some) for some in ([2, 4, 8, 16], [1, 2, 4], [4, 6, 8]))
    wide, narrow = first, max(1, first // second)
    pin, pout = (wide, narrow) if draw.integers(2) else (narrow, wide)
    parameters: dict[str, int | str] = {
        "B": bits, "C": one_of(draw, [16, 64, 128, 384]), "PIN": pin, "POUT": pout,
        "SLOTS": int(draw.integers(2, 8)), "BLOCK_RAM": one_of(draw, [0, 1]),
    }  # fmt: skip
    return Drawn(parameters, {"in": (pin * bits,), "out": (pout * bits,)})


def add(draw: Draw) -> Drawn:
    pixels, bits = one_of(draw, [2, 4, 8, 16]), one_of(draw, [4, 6, 8])
    parameters: dict[str, int | str] = {
        "P": pixels, "U": one_of(draw, [u for u in (1, 2, 4) if u <= pixels]), "A": bits,
        "A_UP": int(draw.integers(3)), "BB": bits, "B_UP": 0, "DROP": int(draw.integers(3)), "ROUNDING": 2,
        "OUT": bits, "SATURATE": 1,
    }  # fmt: skip
    return Drawn(parameters, {"a": (pixels * bits,), "b": (pixels * bits,), "out": (pixels * bits,)})


def merge(draw: Draw) -> Drawn:
    width, cores = one_of(draw, [12, 24, 48, 96]), int(draw.integers(2, 11))
    rows = one_of(draw, [32, 64, 128, 256, 512])
    file = (max(1, (cores - 1).bit_length()), tuple(int(core) for core in draw.integers(0, cores, rows)))
    return Drawn(
        {"WIDTH": width, "N": cores, "ROWS": rows}, {"in": (width,) * cores, "out": (width,)}, {"FILE": file}
    )


def global_sum(draw: Draw) -> Drawn:
    pixels, bits = one_of(draw, [1, 2, 4, 8, 14]), one_of(draw, [6, 8])
    width = pixels * one_of(draw, [1, 2])
    channels, out, init = (
        one_of(draw, [10, 100, 200, 1000]),
        bits + one_of(draw, [6, 8]),
        one_of(draw, [0, 1]),
    )
    parameters: dict[str, int | str] = {
        "B": bits, "C": channels, "P": pixels, "W": width,
        "BLOCKS": width // pixels * one_of(draw, [4, 8, 13]),
        "WIDTH": max(1, width - one_of(draw, [0, 1])), "INIT": init, "OUT": out,
    }  # fmt: skip
    files = {"FILE": table(draw, out, channels)} if init else {}
    return Drawn(parameters, {"in": (pixels * bits,), "out": (out,)}, files)


def space_to_depth(draw: Draw) -> Drawn:
    width, bits = one_of(draw, [32, 55, 96, 128, 227]), one_of(draw, [6, 8])
    parameters: dict[str, int | str] = {
        "B": bits, "W": width, "H": width - one_of(draw, [0, 1]), "C": one_of(draw, [1, 3, 4]),
        "S": one_of(draw, [2, 2, 3]),
    }  # fmt: skip
    return Drawn(parameters, {"in": (bits,), "out": (bits,)})


def argmax(draw: Draw) -> Drawn:
    bits, classes = one_of(draw, [8, 12, 16]), one_of(draw, [10, 100, 1000])
    out = (classes - 1).bit_length()
    return Drawn({"B": bits, "C": classes, "OUT": out}, {"in": (bits,), "out": (out,)})


def sparse_core(draw: Draw) -> Drawn:
    """Of a layer with few channels and entries: what a core is made of does not grow with them."""
    shared, taps = one_of(draw, [0, 1]), one_of(draw, [1, 9])
    width, channels, bits = (one_of(draw, some) for some in ([8, 14, 16, 28], [16, 24, 48, 64], [4, 6, 8]))
    pixels = one_of(draw, [p for p in (2, 4, 7, 8, 14, 16) if width % p == 0])
    less = divisors(pixels) if taps == 9 else [*divisors(pixels), 2 * pixels]
    kind = one_of(draw, [0, 1, 2]) if pixels % 2 == 0 else one_of(draw, [0, 2])
    gap, code = (3, 6) if shared else (4, 5)
    value = code + one_of(draw, [0, 1, 2])
    rows = one_of(draw, [16, 32, 64, 128])
    singles = one_of(draw, [0, rows // 2]) if taps == 9 else 0
    last, segments = one_of(draw, [40, 150, 400, 900]), one_of(draw, [0, 1, 2, 4])
    sums, bias = one_of(draw, [16, 18, 20]), one_of(draw, [8, 10, 12])
    sizes = {
        "W": width, "C": channels, "TAPS": taps, "ROWS1": singles, "ROWS": rows, "P": pixels,
        "PIN": one_of(draw, less), "Q": one_of(draw, divisors(pixels)[:2]),
        "BLOCK_RAM": one_of(draw, [0, 1]) if taps == 1 else 0, "B": bits,
        "ENTRIES": segments * SEGMENT + last, "LUT_LAST": one_of(draw, [0, 1]), "GAP_BITS": gap,
        "CODE_BITS": code, "VALUE": value, "SHARED": shared, "SUM": sums, "BIAS": bias, "TOTAL": sums + 1,
        "DROP": one_of(draw, [5, 6, 7]),
    }  # fmt: skip
    return core(draw, kind, sizes)


def squeeze_core(draw: Draw) -> Drawn:
    """A 1x1 core with many lanes for each requantiser: what chooses among the lanes' sums is most of it."""
    shared = one_of(draw, [0, 1, 1])
    lanes, bits = one_of(draw, [4, 6, 7, 8, 10, 14, 16, 20, 28, 28, 32]), one_of(draw, [6, 8])
    units = one_of(draw, divisors(lanes)[:2] if draw.integers(4) == 0 else [1])
    gap, code = (3, 6) if shared else (4, 5)
    value = code + one_of(draw, [0, 1, 2]) if shared else code
    kind = one_of(draw, [0, 0, 1, 2] if lanes % 2 == 0 else [0, 0, 2])
    channels, rows = one_of(draw, [64, 128, 256, 384, 512]), one_of(draw, [16, 24, 32, 48, 64, 120, 250])
    last, segments = one_of(draw, [60, 200, 700, 1500]), one_of(draw, [0, 1, 2, 4])
    in_luts = one_of(draw, [0, 0, 1])
    sums, bias = int(draw.integers(15, 23)), int(draw.integers(6, 14))
    sizes = {
        "W": 2 * lanes, "C": channels, "TAPS": 1, "ROWS": rows, "P": lanes,
        "PIN": one_of(draw, [lanes, lanes, *divisors(lanes)[-2:], 2 * lanes]), "Q": units,
        "BLOCK_RAM": one_of(draw, [0, 1, 1, 1]) if channels < 256 else 1, "B": bits,
        "ENTRIES": segments * SEGMENT + last, "LUT_LAST": in_luts, "GAP_BITS": gap, "CODE_BITS": code,
        "VALUE": value, "SHARED": shared, "SUM": sums, "BIAS": bias, "TOTAL": sums + one_of(draw, [0, 0, 1]),
        "DROP": one_of(draw, [5, 6, 7, 8]),
    }  # fmt: skip
    return core(draw, kind, sizes)


def first_core(draw: Draw) -> Drawn:
    """Of a first layer: few channels, words in of one pixel."""
    width, channels = one_of(draw, [16, 24, 28, 32, 48, 64]), one_of(draw, [3, 3, 4])
    pixels = one_of(draw, [p for p in (2, 4, 7, 8, 14, 16, 28, 32) if width % p == 0])
    shared, kind = one_of(draw, [0, 0, 1]), one_of(draw, [0, 1, 2] if pixels % 2 == 0 else [0, 2])
    code = one_of(draw, [5, 6, 8])
    sums, bias, bits = int(draw.integers(14, 21)), int(draw.integers(8, 15)), one_of(draw, [4, 6, 8])
    entries, rows = one_of(draw, [40, 150, 400, 900]), one_of(draw, [8, 16, 32, 64, 96])
    sizes = {
        "W": width, "C": channels, "TAPS": 9, "ROWS": rows, "P": pixels, "PIN": 1, "B": 8, "OUT": bits,
        "ENTRIES": entries, "GAP_BITS": 1 if channels == 3 else 2, "CODE_BITS": code, "SHARED": shared,
        "SUM": sums, "BIAS": bias, **_varied(draw, code, shared, pixels, [0], sums),
    }  # fmt: skip
    return core(draw, kind, sizes)


def narrow_core(draw: Draw) -> Drawn:
    """A 1x1 core that reads words of several times its lanes."""
    pixels, times = one_of(draw, [1, 2, 2, 4, 4, 7, 8]), one_of(draw, [2, 3, 4, 4, 7, 8, 14])
    shared, kind = one_of(draw, [0, 1]), one_of(draw, [0, 1, 2] if pixels % 2 == 0 else [0, 2])
    gap, code = (3, 6) if shared else (4, 5)
    sums, bias, bits = int(draw.integers(14, 23)), int(draw.integers(8, 15)), one_of(draw, [4, 6, 8])
    channels = one_of(draw, [16, 48, 64, 192, 256])
    entries, rows = one_of(draw, [60, 400, 1800, 5000]), one_of(draw, [10, 16, 32, 64, 100])
    in_block_ram = [0, 1, 1] if channels < 256 else [1]
    sizes = {
        "W": pixels * times, "C": channels, "TAPS": 1, "EDGE": 0, "ROWS": rows, "P": pixels,
        "PIN": pixels * times, "B": bits, "ENTRIES": entries, "GAP_BITS": gap, "CODE_BITS": code,
        "SHARED": shared, "SUM": sums, "BIAS": bias,
        **_varied(draw, code, shared, pixels, in_block_ram, sums),
    }  # fmt: skip
    return core(draw, kind, sizes)


def _varied(
    draw: Draw, code: int, shared: int, pixels: int, in_block_ram: Sequence[int], sums: int
) -> dict[str, int]:
    """What first and narrow cores draw alike."""
    return {
        "VALUE": code + (one_of(draw, [0, 1, 2]) if shared else 0),
        "Q": one_of(draw, divisors(pixels)[:2]),
        "BLOCK_RAM": one_of(draw, in_block_ram) if len(in_block_ram) > 1 else in_block_ram[0],
        "LUT_LAST": one_of(draw, [0, 0, 1]),
        "UP": one_of(draw, [0, 0, 1]),
        "TOTAL": sums + 1 + one_of(draw, [0, 1]),
        "DROP": one_of(draw, [4, 6, 8, 10]),
    }


def core(draw: Draw, kind: int, sizes: Mapping[str, int]) -> Drawn:
    """A core, with what follows from its sizes; lanes of a kind: 0 one a DSP slice, 1 two, 2 in LUTs."""
    v = {"EDGE": 1, "ROWS1": 0, "UP": 0, "OUT": sizes["B"], **sizes}
    width, pixels, pin = v["W"], v["P"], v["PIN"]
    window_slots = 2 * (width // pixels + 1) + 2 if pixels < width else 4
    parameters: dict[str, int | str] = {
        **v, "H": width, "SIDE": 3 if v["TAPS"] == 9 else 1, "WIDTH": width,
        "COLUMNS": max(1, width // pixels), "ROWS_OUT": width, "TAIL": max(1, pixels // pin),
        "SLOTS": 2 if v["TAPS"] == 1 else window_slots, "SEGMENT": SEGMENT,
        "SHIFT1": 0 if v["SHARED"] else v["VALUE"] - v["CODE_BITS"], "SHIFT3": 0, "PACK": int(kind == 1),
        "SPLIT": 24 - v["B"], "LUTS": int(kind == 2), "MAGNITUDE": v["VALUE"] - 1, "ROUNDING": 2,
        "OUT_SIGNED": 0, "SATURATE": 1, "QUEUE": 16,
    }  # fmt: skip
    ports = {"in": (pin * v["B"],), "out": (pixels * v["OUT"],)}
    return Drawn(parameters, ports, core_files(draw, parameters))


def core_files(draw: Draw, parameters: Mapping[str, Any]) -> dict[str, Memory]:
    """Entries, biases and shared weights of a core with these parameters."""
    gap, code, count, rows, bias, value = (
        int(parameters[name]) for name in ("GAP_BITS", "CODE_BITS", "ENTRIES", "ROWS", "BIAS", "VALUE")
    )
    shared = bool(parameters["SHARED"])
    gaps = draw.geometric(0.3, count).clip(1, 1 << gap) - 1
    codes = draw.integers(0, 1 << code, count) if shared else table(draw, code, count)[1]
    words = tuple(int(g) << code | int(c) for g, c in zip(gaps, codes, strict=True))
    files = {
        f"ENTRY_FILE.{s:02d}": (gap + code, words[s * SEGMENT : (s + 1) * SEGMENT])
        for s in range(-(-count // SEGMENT))
    }
    files["BIAS_FILE"] = table(draw, bias, rows)
    if shared:
        files["CODEBOOK_FILE"] = table(draw, value, (2 if parameters["ROWS1"] else 1) << code)
    return files


DRAWS: dict[str, Callable[[Draw], Drawn]] = {
    "sqz_max_pool": max_pool, "sqz_reblock": reblock, "sqz_add": add, "sqz_merge": merge,
    "sqz_global_sum": global_sum, "sqz_space_to_depth": space_to_depth, "sqz_argmax": argmax,
    "sqz_sparse_core": sparse_core, "squeeze": squeeze_core, "first": first_core, "narrow": narrow_core,
}  # fmt: skip
"""By the instance's name; a module of the library but for ``KINDS``."""
KINDS = dict.fromkeys(("squeeze", "first", "narrow"), "sqz_sparse_core")
"""Names whose modules are called otherwise: a kind of core."""


BUFFERS = (
    "sqz_max_pool",
    "sqz_reblock",
    "sqz_add",
    "sqz_merge",
    "sqz_global_sum",
    "sqz_space_to_depth",
    "sqz_argmax",
)
SWEEPS: Mapping[int, Mapping[str, int]] = {
    1: {**dict.fromkeys(BUFFERS, 10), "sqz_sparse_core": 5},
    2: dict.fromkeys(BUFFERS[:5], 4),
    3: {**dict(zip(BUFFERS, (6, 6, 4, 8, 6), strict=False)), "squeeze": 10},
    4: {**dict(zip(BUFFERS, (12, 12, 10, 24, 24, 0, 6), strict=False)), "squeeze": 60},
    5: {**dict(zip(BUFFERS, (8, 8, 6, 10, 10, 4, 4), strict=False)), "sqz_sparse_core": 8, "squeeze": 16},
    6: {**dict(zip(BUFFERS, (12, 12, 12, 12, 12, 8, 4), strict=False)), "sqz_sparse_core": 10, "squeeze": 20},
    7: {**dict(zip(BUFFERS, (10, 10, 8, 8, 10, 6, 4), strict=False)), "sqz_sparse_core": 24, "squeeze": 20},
    8: {"first": 20, "narrow": 28},
    9: {
        **dict(zip(BUFFERS, (5, 5, 5, 5, 5, 0, 0), strict=False)),
        "sqz_sparse_core": 8,
        "squeeze": 8,
        "first": 8,
        "narrow": 8,
    },
    10: {
        **dict(zip(BUFFERS, (8, 8, 8, 8, 8, 0, 0), strict=False)),
        "sqz_sparse_core": 20,
        "squeeze": 20,
        "first": 12,
        "narrow": 12,
    },
}
"""By seed: how many of each of ``DRAWS``. All but 7, 9 and 10, a test of it, are in the package's fit."""


def sweep(seed: int) -> Plan:
    """The modules of a seed of ``SWEEPS``, as a plan that can be counted."""
    return drawn_plan(SWEEPS[seed], seed)


def drawn_plan(counts: Mapping[str, int], seed: int) -> Plan:
    """So many instances of each module, as a plan that can be counted; more leave the first as they are.

    Args:
        counts: how many of each of those of ``DRAWS`` that it names.
        seed: of what is drawn.
    """
    found = []
    for place, (kind, make) in enumerate(DRAWS.items()):
        draw = np.random.default_rng([seed, place])
        for number in range(counts.get(kind, 0)):
            drawn = make(draw)
            found.append(
                (f"{kind}_{number}", KINDS.get(kind, kind), drawn.parameters, drawn.ports, drawn.files)
            )
    return plan_of(found)


def plan_of(modules: Iterable[Described]) -> Plan:
    """Modules side by side, as a plan that can be counted: their files are named after them."""
    links: list[Link] = []
    instances: list[Instance] = []
    memories: dict[str, Memory] = {}
    for name, module, values, ports, files in modules:
        parameters = dict(values)
        for parameter, memory in files.items():
            file, _, segment = parameter.partition(".")
            parameters[file] = f"{name}.{file}" if segment else f"{name}.{file}.mem"
            memories[f"{name}.{file}.{segment}.mem" if segment else f"{name}.{file}.mem"] = memory
        streams = {}
        for prefix, widths in ports.items():
            names = tuple(f"{name}_{prefix}{i}" for i in range(len(widths)))
            links += [Link(link, width) for link, width in zip(names, widths, strict=True)]
            streams[prefix] = names
        instances.append(Instance(module, name, parameters, streams, module, module != "sqz_fork"))
    nothing: Any = None
    return Plan("sweep", nothing, {}, tuple(links), tuple(instances), memories, {}, "", "", 8, 8, 1, 1)
