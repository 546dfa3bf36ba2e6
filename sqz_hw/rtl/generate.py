"""Writes a plan as a project of Verilog: the library, the top level, the memory images."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from sqz_hw.rtl.bench import library_sources
from sqz_hw.rtl.plan import Instance, Plan

TOP_FILES = ("sqz_network.sv", "sqz_top.sv")
AXIS_BITS = (16, 32)
"""A word out is one of these wide: what a DMA and the host's types know."""
VENDOR = Path(str(files("sqz_hw.rtl"))) / "vendor"


def write_rtl(plan: Plan, folder: Path) -> list[Path]:
    """Write a project: ``sqz_top.sv``, ``sqz_network.sv``, ``library/*.sv``, ``memory/*.mem``, ``vendor/``.

    What is in ``vendor/`` (scripts for the vendor's tool, a driver) has not been run.

    Args:
        plan: the accelerator.
        folder: made if missing.

    Returns:
        all Verilog files.
    """
    library, memory = folder / "library", folder / "memory"
    for place in (library, memory):
        place.mkdir(parents=True, exist_ok=True)
    for source in library_sources():
        shutil.copyfile(source, library / source.name)
    for name, (bits, words) in plan.memories.items():
        digits = -(-bits // 4)
        (memory / name).write_text("".join(f"{word:0{digits}x}\n" for word in words), newline="\n")
    shutil.copytree(
        VENDOR, folder / "vendor", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    height, width, channels = plan.network.pixels.shape
    settings = {
        "height": height, "width": width, "channels": channels, "words": plan.words_out,
        "word_bits": axis_bits(plan), "fraction": plan.network.result.type.fraction,
    }  # fmt: skip
    (folder / "vendor" / "settings.json").write_text(json.dumps(settings, indent=1) + "\n", newline="\n")
    made = []
    for name in TOP_FILES:
        path = folder / name
        path.write_text(_render(plan, f"{name}.j2"), newline="\n")
        made.append(path)
    return [*sorted(library.glob("*.sv")), *made]


def axis_bits(plan: Plan) -> int:
    """Bits of a word out on AXI4-Stream."""
    return next(bits for bits in AXIS_BITS if plan.out_bits <= bits)


def _render(plan: Plan, template: str) -> str:
    loader = PackageLoader("sqz_hw.rtl")
    # Nothing to escape: it is Verilog, not HTML.
    environment = Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    return environment.get_template(template).render(
        plan=plan, axis_bits=axis_bits(plan), parameters=_parameters, connections=_connections
    )


def _parameters(instance: Instance) -> str:
    values = [
        f".{name}({value})" if isinstance(value, int) else f'.{name}("{value}")'
        for name, value in instance.parameters.items()
    ]
    lines = [", ".join(values[i : i + 6]) for i in range(0, len(values), 6)]
    return ",\n      ".join(lines)


def _connections(instance: Instance) -> str:
    lines = [".clk(clk), .rst(rst)"] if instance.clocked else []
    for prefix, links in instance.streams.items():
        joined = []
        for wire in ("valid", "ready", "data"):
            names = [f"{link}_{wire}" for link in reversed(links)]
            if instance.module == "sqz_fork" and wire == "data":
                continue  # the copies' data are the source's wires
            text = names[0] if len(names) == 1 else "{" + ", ".join(names) + "}"
            joined.append(f".{prefix}_{wire}({text})")
        lines.append(", ".join(joined))
    return ",\n      ".join(lines)
