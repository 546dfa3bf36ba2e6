"""Yosys counts what a module of the library needs with given parameters; each distinct one once.

``synth_xilinx`` maps to the vendor's primitives. LUTs are Yosys's estimate of logic cells (pairs of
small LUTs share one), plus those that serve as LUT RAM and shift registers, which that estimate
leaves out. Results are kept in a cache by content: sources, memories, parameters, family, Yosys's version.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path

from sqz_hw.errors import BadInputError, ToolError
from sqz_hw.rtl.bench import Parameter, library_sources
from sqz_hw.rtl.depth import lut_levels
from sqz_hw.rtl.plan import Memory, Plan
from sqz_hw.rtl.tools import find_yosys, run

FAMILIES = ("xc7", "xcup")
LUT_RAM = {
    "RAM16X1D": 2, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8, "RAM32M": 4, "RAM64M": 4,
    "RAM32M16": 8, "RAM64M8": 8, "RAM32X16DR8": 8, "RAM64X8SW": 8, "RAM16X1S": 1, "RAM32X1S": 1,
    "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8, "RAM32X2S": 2,
}  # fmt: skip
"""LUTs of each LUT RAM primitive (UG474, UG574)."""
SHIFT_REGISTERS = ("SRL16", "SRL16E", "SRLC16", "SRLC16E", "SRLC32E")
SCHEMA = 2


@dataclass(frozen=True)
class Count:
    """What a module needs.

    Attributes:
        lut: logic, LUT RAM and shift registers together.
        lut_ram, srl: of them, LUT RAM and shift registers.
        ff, dsp: flip-flops, DSP slices.
        bram18, bram36: block RAMs of 18 and of 36 kbit.
        uram: UltraRAM blocks.
        levels: LUTs on the longest path between registers (of a sum: the largest).
    """

    lut: int = 0
    lut_ram: int = 0
    srl: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    bram36: int = 0
    uram: int = 0
    levels: int = 0

    def __add__(self, other: Count) -> Count:
        added = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Count(**{**added, "levels": max(self.levels, other.levels)})

    @property
    def tiles(self) -> float:
        """Block RAM in tiles of 36 kbit."""
        return self.bram36 + self.bram18 / 2


def count_module(
    module: str,
    parameters: Mapping[str, Parameter],
    memories: Mapping[str, Memory],
    cache: Path,
    family: str = "xc7",
) -> Count:
    """Synthesise one module of the library, or read what it gave before.

    Args:
        module: its name.
        parameters: values; texts are names of memories.
        memories: contents of the memories that it reads.
        cache: folder of earlier results; made if missing.
        family: ``xc7`` (7 series) or ``xcup`` (UltraScale+).

    Raises:
        BadInputError: another family.
        ToolError: Yosys is missing or failed.
    """
    if family not in FAMILIES:
        raise BadInputError(f"the family must be one of {', '.join(FAMILIES)}, not {family!r}")
    yosys = find_yosys()
    key = _key(module, parameters, memories, family)
    kept = cache / f"{key}.json"
    if kept.is_file():
        try:
            return Count(**json.loads(kept.read_text()))
        except (ValueError, TypeError):
            kept.unlink()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sqz_hw-yosys-") as scratch:
        folder = Path(scratch)
        for name, (bits, words) in memories.items():
            digits = -(-bits // 4)
            (folder / name).write_text("".join(f"{word:0{digits}x}\n" for word in words))
        (folder / "synth.ys").write_text(_script(module, parameters, family))
        run(yosys, ["synth.ys"], folder)
        found = replace(_read(folder / "stat.json"), levels=lut_levels(folder / "netlist.json", module))
    partial = kept.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(found)))
    partial.replace(kept)
    return found


def count_plan(plan: Plan, cache: Path, family: str = "xc7") -> dict[str, Count]:
    """What each instance of a plan needs, by its name.

    Raises:
        ToolError: Yosys is missing or failed.
    """
    return {
        instance.name: count_module(
            instance.module,
            instance.parameters,
            used_memories(instance.parameters, plan.memories),
            cache,
            family,
        )
        for instance in plan.instances
    }


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


def total(counts: Iterable[Count]) -> Count:
    """The sum."""
    whole = Count()
    for count in counts:
        whole = whole + count
    return whole


def _script(module: str, parameters: Mapping[str, Parameter], family: str) -> str:
    sources = " ".join(str(path) for path in library_sources())
    values = " ".join(
        f"-chparam {name} {value if isinstance(value, int) else _text(value)}"
        for name, value in parameters.items()
    )
    return "\n".join(
        [
            f"read_verilog -sv -defer {sources}",
            f"hierarchy -check -top {module} {values}",
            f"synth_xilinx -family {family} -flatten -noiopad -noclkbuf -top {module}",
            "tee -q -o stat.json stat -json -tech xilinx",
            "write_json netlist.json",
            "",
        ]
    )


def _text(text: str) -> str:
    """A text as the number that Verilog takes it for; Yosys's option reads no other."""
    return f"{8 * len(text)}'h{text.encode('ascii').hex()}"


def _read(path: Path) -> Count:
    try:
        design = json.loads(path.read_text())["design"]
        cells = {
            str(name).lstrip("\\"): _number(count) for name, count in design["num_cells_by_type"].items()
        }
        logic = int(design["estimated_num_lc"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(f"Yosys must write its counts, not {error!r}; see {path}") from error
    lut_ram = sum(LUT_RAM.get(name, 0) * n for name, n in cells.items())
    srl = sum(cells.get(name, 0) for name in SHIFT_REGISTERS)
    unknown = [
        name
        for name in cells
        if name.startswith("RAM") and name not in LUT_RAM and not name.startswith("RAMB")
    ]
    if unknown or any(name.startswith("$") and name != "$scopeinfo" for name in cells):
        raise ToolError(f"Yosys must map to primitives that are known here, not {', '.join(sorted(cells))}")
    return Count(
        lut=logic + lut_ram + srl, lut_ram=lut_ram, srl=srl,
        ff=sum(n for name, n in cells.items() if name in ("FDRE", "FDSE", "FDCE", "FDPE", "LDCE", "LDPE")),
        dsp=sum(n for name, n in cells.items() if name.startswith("DSP")),
        bram18=sum(n for name, n in cells.items() if name.startswith("RAMB18")),
        bram36=sum(n for name, n in cells.items() if name.startswith("RAMB36")),
        uram=sum(n for name, n in cells.items() if name.startswith("URAM")),
    )  # fmt: skip


def _number(count: object) -> int:
    return int(count["count"]) if isinstance(count, dict) else int(str(count))


def _key(
    module: str, parameters: Mapping[str, Parameter], memories: Mapping[str, Memory], family: str
) -> str:
    digest = hashlib.sha256()
    texts = [str(SCHEMA), module, family, version("pyosys"), json.dumps(dict(parameters), sort_keys=True)]
    texts += [f"{path.name}\n{path.read_text()}" for path in library_sources()]
    texts += [f"{name} {bits} {words}" for name, (bits, words) in sorted(memories.items())]
    for text in texts:
        digest.update(text.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]
