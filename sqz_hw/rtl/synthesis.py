"""Yosys counts what a module of the library needs with given parameters; each distinct one once.

``synth_xilinx`` maps to the vendor's primitives. LUTs are Yosys's estimate of logic cells (pairs of
small LUTs share one), plus those that serve as LUT RAM and shift registers, which that estimate
leaves out. Results are kept in a cache by content: sources, memories, parameters, family, Yosys's version.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqz_hw.errors import BadInputError, ToolError
from sqz_hw.rtl.bench import Parameter, library_sources
from sqz_hw.rtl.cost_tables import used_tables
from sqz_hw.rtl.counts import Count, keep, kept, require_cache
from sqz_hw.rtl.depth import paths_of
from sqz_hw.rtl.families import FAMILIES
from sqz_hw.rtl.plan import Instance, Memory, Plan
from sqz_hw.rtl.synthesis_script import BATCH, DSP48E2, batch, mapping
from sqz_hw.rtl.tools import Processes, Program, find_yosys, run, scratch_folder

LUT_RAM = {
    "RAM16X1D": 2, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8, "RAM32M": 4, "RAM64M": 4,
    "RAM32M16": 8, "RAM64M8": 8, "RAM32X16DR8": 8, "RAM64X8SW": 8, "RAM16X1S": 1, "RAM32X1S": 1,
    "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8, "RAM32X2S": 2,
}  # fmt: skip
"""LUTs of each LUT RAM primitive (UG474, UG574)."""
SHIFT_REGISTERS = ("SRL16", "SRL16E", "SRLC16", "SRLC16E", "SRLC32E")
SCHEMA = 7
TOGETHER = 10
"""Instances of one run: starting Yosys costs more than a small module; a stop loses no more than a run."""


def count_plan(plan: Plan, cache: Path, family: str = "xc7") -> dict[str, Count]:
    """What each instance of a plan needs, by its name; what is not in the cache goes through Yosys at once.

    A count that the cache does not take is warned of, and used all the same.

    Args:
        plan: the accelerator.
        cache: folder of earlier results; made if missing.
        family: ``xc7`` (7 series) or ``xcup`` (UltraScale+).

    Raises:
        BadInputError: another family, or a cache that cannot be written.
        ToolError: Yosys is missing or failed.
    """
    if family not in FAMILIES:
        raise BadInputError(f"the family must be one of {', '.join(FAMILIES)}, not {family!r}")
    yosys = find_yosys()
    require_cache(cache)
    texts = {path.stem: path.read_text() for path in library_sources()}
    keys = {
        i.name: _key(i, used_memories(i.parameters, plan.memories), family, modules_within(i.module, texts))
        for i in plan.instances
    }
    found = {key: kept(cache / f"{key}.json") for key in keys.values()}
    missing: dict[str, Instance] = {}
    for instance in plan.instances:
        if found[keys[instance.name]] is None:
            missing.setdefault(keys[instance.name], instance)
    waiting = list(missing.items())
    runs = [waiting[first : first + TOGETHER] for first in range(0, len(waiting), TOGETHER)]

    processes = Processes()
    unkept: list[str] = []

    def counted(some: list[tuple[str, Instance]]) -> None:
        try:
            counts = _synthesise(yosys, [instance for _, instance in some], plan, family, processes)
        except OSError as error:
            raise ToolError(
                f"Yosys must have room for its files, and {error.filename or 'a file'} cannot be written "
                f"({error.strerror or error}); make room, or let TMPDIR name another folder"
            ) from error
        for key, instance in some:
            found[key] = counts[instance.name]
            try:
                keep(counts[instance.name], cache / f"{key}.json")
            except OSError as error:
                unkept.append(
                    f"the count of {instance.name} must be kept in {cache / f'{key}.json'}, and cannot "
                    f"({error.strerror}); move what is in the way, or make room"
                )

    pool = ThreadPoolExecutor(os.cpu_count())  # each waits for a Yosys of its own
    try:
        for _ in pool.map(counted, runs):
            pass
    finally:
        processes.stop()  # if it was broken off; else none is left
        pool.shutdown(cancel_futures=True)
    for message in unkept:
        warnings.warn(message, stacklevel=2)
    return {name: count for name, key in keys.items() if (count := found[key]) is not None}


def _synthesise(
    yosys: Program, instances: list[Instance], plan: Plan, family: str, processes: Processes
) -> dict[str, Count]:
    """One run over several instances, each flat within itself and kept apart from the others."""
    with scratch_folder("sqz_hw-yosys-") as folder:
        for instance in instances:
            for name, (bits, words) in used_memories(instance.parameters, plan.memories).items():
                digits = -(-bits // 4)
                (folder / name).write_text("".join(f"{word:0{digits}x}\n" for word in words))
        (folder / "batch.sv").write_text(batch(instances, plan))
        shutil.copyfile(DSP48E2, folder / DSP48E2.name)
        apart = " ".join(sorted({f"*{instance.module}*" for instance in instances}))
        script = [
            f"read_verilog -sv -defer {' '.join(map(str, library_sources()))}",
            f"read_verilog -sv {folder / 'batch.sv'}",
            f"hierarchy -check -top {BATCH}",
            f"setattr -mod -set keep_hierarchy 1 {apart}",
            *mapping(family),
            "tee -q -o stat.json stat -json -tech xilinx",
            "write_json netlist.json",
        ]
        (folder / "synth.ys").write_text("\n".join(script) + "\n")
        run(yosys, ["synth.ys"], folder, processes=processes)
        try:
            modules = json.loads((folder / "stat.json").read_text())["modules"]
            netlist = json.loads((folder / "netlist.json").read_text())["modules"]
            kinds = {name: str(cell["type"]) for name, cell in netlist[BATCH]["cells"].items()}
            stats = {str(name).lstrip("\\"): about for name, about in modules.items()}
            counts: dict[str, Count] = {}
            for i in instances:
                paths = paths_of(netlist[kinds[i.name]], i.name)
                levels = max((path.levels for path in paths), default=0)
                counts[i.name] = replace(_read(stats[kinds[i.name]]), levels=levels, paths=paths)
            return counts
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ToolError(f"Yosys must write its counts, not {error!r}; see {folder}") from error


def count_rows(plan: Plan, counts: Mapping[str, Count], family: str = "xc7") -> list[dict[str, Any]]:
    """Each instance's module, family, parameters, counts and what its tables hold, as plain values."""
    rows = []
    for instance in plan.instances:
        count = counts[instance.name]
        numbers = {f.name: getattr(count, f.name) for f in fields(count) if f.name != "paths"}
        about: dict[str, Any] = {"name": instance.name, "module": instance.module, "family": family}
        about["parameters"] = dict(instance.parameters)
        tables = used_tables(instance.parameters, plan.memories)
        rows.append({**about, **numbers, "tiles": count.tiles, "tables": tables})
    return rows


def write_counts(plan: Plan, counts: Mapping[str, Count], path: Path, family: str = "xc7") -> None:
    """Write ``count_rows`` as JSON: what ``benchmarks/rtl_cost.py`` reads."""
    rows = ",\n".join(json.dumps(row) for row in count_rows(plan, counts, family))
    path.write_text(f"[\n{rows}\n]\n", newline="\n")


def yosys_name() -> str:
    """Yosys and its version."""
    return f"Yosys {version('pyosys')} synth_xilinx"


def used_memories(parameters: Mapping[str, Parameter], memories: Mapping[str, Memory]) -> dict[str, Memory]:
    """The memories that a module's file parameters name."""
    texts = [value for value in parameters.values() if isinstance(value, str)]
    return {
        name: memory
        for name, memory in memories.items()
        if any(name == text or name[: -len(".00.mem")] == text for text in texts)
    }


def _read(about: Mapping[str, Any]) -> Count:
    """A module's counts from ``stat -json``."""
    cells = {str(name).lstrip("\\"): _number(count) for name, count in about["num_cells_by_type"].items()}
    lut_ram = sum(LUT_RAM.get(name, 0) * n for name, n in cells.items())
    srl = sum(cells.get(name, 0) for name in SHIFT_REGISTERS)
    luts = [cells.get(f"LUT{inputs}", 0) for inputs in range(7)]
    unknown = [n for n in cells if n.startswith("RAM") and n not in LUT_RAM and not n.startswith("RAMB")]
    if unknown or any(name.startswith("$") and name != "$scopeinfo" for name in cells):
        raise ToolError(f"Yosys must map to primitives that are known here, not {', '.join(sorted(cells))}")
    return Count(
        lut=int(about["estimated_num_lc"]) + lut_ram + srl, lut_ram=lut_ram, srl=srl,
        unshared=sum(luts[1:]) + lut_ram + srl, small=sum(luts[1:3]), medium=sum(luts[3:5]),
        ff=sum(n for name, n in cells.items() if name in ("FDRE", "FDSE", "FDCE", "FDPE", "LDCE", "LDPE")),
        dsp=sum(n for name, n in cells.items() if name.startswith("DSP")),
        bram18=sum(n for name, n in cells.items() if name.startswith("RAMB18")),
        bram36=sum(n for name, n in cells.items() if name.startswith("RAMB36")),
        uram=sum(n for name, n in cells.items() if name.startswith("URAM")),
    )  # fmt: skip


def _number(count: object) -> int:
    return int(count["count"]) if isinstance(count, dict) else int(str(count))


def modules_within(module: str, texts: Mapping[str, str]) -> dict[str, str]:
    """The sources of a module and of all that it instantiates, by name, from those of the library."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = texts[name]
            waiting += [other for other in texts if re.search(rf"\b{other}\b", texts[name])]
    return dict(sorted(found.items()))


def _key(instance: Instance, memories: Mapping[str, Memory], family: str, sources: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    texts = [str(SCHEMA), instance.module, family, version("pyosys"), *sources.values()]
    texts += [*mapping(family), *([] if family == "xc7" else [DSP48E2.read_text()])]
    texts.append(json.dumps(dict(instance.parameters), sort_keys=True))
    texts += [f"{name} {bits} {words}" for name, (bits, words) in sorted(memories.items())]
    for text in texts:
        digest.update(text.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]
