"""The table of peers: others' data (``peers.toml``), our own figures (``own_figures.json``), a template.

A figure without its kind and its source cannot be expressed: ``Cell`` demands both, and every
row has every column.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

import jinja2
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sqz_hw.errors import BadInputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
PEERS, OWN = HERE / "peers.toml", HERE / "own_figures.json"
TEMPLATE, TABLE = "peers.md.j2", HERE / "peers.md"

Kind = Literal[
    "measured on board", "vendor implementation", "simulated", "synthesised", "estimate", "by construction",
    "counted", "bit-exact engine", "trained model, in software", "stated", "assumed", "not measured",
    "not reported",
]  # fmt: skip
LETTERS: dict[str, str] = {
    "measured on board": "B", "vendor implementation": "V", "simulated": "S", "synthesised": "Y",
    "estimate": "E", "by construction": "D", "counted": "C", "bit-exact engine": "X",
    "trained model, in software": "T", "stated": "P", "assumed": "A",
}  # fmt: skip
MEANINGS: dict[str, str] = {
    "measured on board": "ran on the board, timed or scored there",
    "vendor implementation": "Vivado's own report",
    "simulated": "cycles of a simulation, no hardware",
    "synthesised": "counted by Yosys after mapping to the part's cells; not placed and routed",
    "estimate": "a model's prediction, with bounds where it has them",
    "by construction": "follows from the sources (multipliers bound to DSP slices)",
    "counted": "added up in the network",
    "bit-exact engine": "the golden model, equal in every value to C-simulation and QKeras",
    "trained model, in software": "the trained network in its framework, no hardware",
    "stated": "a choice of the designers, as they state it",
    "assumed": "a clock that no tool has shown to be met",
}
ABSENT = ("not measured", "not reported")
COLUMNS = (
    "network", "data", "accuracy", "parameters", "weight_bits", "activation_bits", "latency", "throughput",
    "LUT", "FF", "DSP", "BRAM36", "clock", "part",
)  # fmt: skip
GROUPS = ("cifar10", "imagenet")


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cell(_Data):
    """One figure: what it is, of which kind, from where."""

    value: str
    kind: Kind
    source: str

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, given: Any) -> Any:
        if isinstance(given, list) and len(given) == 3:
            return dict(zip(("value", "kind", "source"), given, strict=True))
        return given

    @model_validator(mode="after")
    def _absent_or_there(self) -> Cell:
        if (self.value == "") != (self.kind in ABSENT):
            raise ValueError(f"a cell of kind {self.kind!r} cannot have the value {self.value!r}")
        return self


class Source(_Data):
    """Where figures come from, and whether it was read or is quoted second hand."""

    text: str
    seen: Literal["read", "quoted"]


class Row(_Data):
    """One design, all columns."""

    name: str
    group: Literal["cifar10", "imagenet"]
    cells: dict[str, Cell]
    own: bool = False

    @model_validator(mode="after")
    def _every_column(self) -> Row:
        if tuple(self.cells) != COLUMNS:
            raise ValueError(f"{self.name} must have the columns {', '.join(COLUMNS)}, in this order")
        return self


class LeftOut(_Data):
    """A peer without a row."""

    name: str
    why: str


class Peers(_Data):
    """Everything in ``peers.toml``."""

    sources: dict[str, Source]
    peer: tuple[Row, ...]
    left_out: tuple[LeftOut, ...] = ()

    @model_validator(mode="after")
    def _sources_match(self) -> Peers:
        used = {cell.source for row in self.peer for cell in row.cells.values()}
        if odd := sorted(used ^ set(self.sources)):
            raise ValueError(f"sources must be those that the cells name; see {', '.join(odd)}")
        return self


def read_peers(path: Path = PEERS) -> Peers:
    """The figures of others.

    Raises:
        BadInputError: a cell lacks its kind or source, or a row a column.
    """
    try:
        return Peers.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadInputError(f"{path.name} must hold the table's data: {error}") from error


def own_row(figures: dict[str, Any]) -> Row:
    """One of this project's models as a row, from its entry in ``own_figures.json``."""
    name, report = figures["name"], figures["report"]
    build, score, model = f"{name}:report", f"{name}:evaluation", report["model"]
    resources = report["resources"]

    def bounds(which: str) -> Cell:
        low, expected, high = (resources["totals"][which][k] for k in ("low", "expected", "high"))
        if low == high:
            return Cell(value=f"{expected:,.0f}", kind="by construction", source=build)
        return Cell(value=f"{expected:,.0f} ({low:,.0f} to {high:,.0f})", kind="estimate", source=build)

    latency, evaluation = report["latency"], figures["evaluation"]
    fps = latency["fps"]
    cells = {
        "network": (figures["description"], "stated", build),
        "data": (f"CIFAR-10 re-encoded, {evaluation['images']:,} images", "stated", score),
        "accuracy": (f"{evaluation['top1']:.2f} %", "bit-exact engine", score),
        "parameters": (f"{model['parameters']:,} ({model['nonzeros']:,} not zero)", "counted", build),
        "weight_bits": (str(model["weight_bits"]), "counted", build),
        "activation_bits": (str(figures["activation_bits"]), "counted", build),
        "latency": (f"{latency['latency_us'] / 1000:.2f} ms", "estimate", build),
        "throughput": (f"{fps:,.0f} fps", "estimate", build),
    }
    made = {k: Cell(value=v, kind=kind, source=s) for k, (v, kind, s) in cells.items()}
    made |= {which: bounds(which) for which in ("LUT", "FF", "DSP", "BRAM36")}
    clock_kind = "assumed" if latency["clock_status"] == "assumed" else "vendor implementation"
    made["clock"] = Cell(value=f"{latency['clock_mhz']:g} MHz", kind=clock_kind, source=build)
    said = f"{report['part']}; fits: {report['verdict']}"
    made["part"] = Cell(value=said, kind="estimate", source=build)
    return Row(name=f"**{name}** (this project)", group="cifar10", cells=made, own=True)


def _imagenet_cells(figures: dict[str, Any]) -> dict[str, Cell]:
    """The first columns of a network of the authors, which is no model that is shipped."""
    build, model = f"{figures['name']}:rtl", figures["model"]
    codes = f", shared through {model['code_bits']}-bit codes" if model["code_bits"] else ""
    network = f"SqueezeNet {model['architecture']}, the authors' weights, on chip"
    cells = {
        "network": (network, "stated"), "data": ("ImageNet", "stated"), "accuracy": ("", "not measured"),
        "parameters": (f"{model['parameters']:,} ({model['nonzeros']:,} not zero)", "counted"),
        "weight_bits": (f"{model['weight_bits']}{codes}", "counted"),
        "activation_bits": (str(model["activation_bits"]), "counted"),
    }  # fmt: skip
    return {key: Cell(value=value, kind=kind, source=build) for key, (value, kind) in cells.items()}


def rtl_row(figures: dict[str, Any], of: Row | None) -> Row:
    """A network in StreamRTL: cycles as simulated, gates as counted by Yosys; ``of``: its row as HLS."""
    build, latency = f"{figures['name']}:rtl", figures["latency"]
    made = {key: of.cells[key] for key in COLUMNS[:6]} if of else _imagenet_cells(figures)
    made["latency"] = Cell(value=f"{latency['latency_us'] / 1000:.2f} ms", kind="simulated", source=build)
    made["throughput"] = Cell(value=f"{latency['fps']:,.0f} fps", kind="simulated", source=build)
    for which, count in figures["totals"].items():
        made[which] = Cell(value=f"{count:,.0f}", kind="synthesised", source=build)
    made["clock"] = Cell(value=f"{latency['clock_mhz']:g} MHz", kind="assumed", source=build)
    said = f"{figures['part']}; fits: {figures['verdict']}, by count"
    made["part"] = Cell(value=said, kind="synthesised", source=build)
    made = {key: made[key] for key in COLUMNS}
    group = of.group if of else "imagenet"
    return Row(name=f"**{figures['name']}, StreamRTL** (this project)", group=group, cells=made, own=True)


def rows_and_sources(peers: Peers, own: dict[str, Any]) -> tuple[list[Row], dict[str, Source]]:
    """Our own rows first, then the others; and all sources."""
    rows, sources = [own_row(figures) for figures in own["models"]], dict(peers.sources)
    for figures in own.get("rtl", []):
        names = [model["name"] for model in own["models"]]
        of = rows[names.index(figures["name"])] if figures["name"] in names else None
        rows.append(rtl_row(figures, of))
        sources[f"{figures['name']}:rtl"] = Source(
            seen="read", text=f"report.json of `{figures['build']}`, in own_figures.json"
        )
    for figures in own["models"]:
        name = figures["name"]
        sources[f"{name}:report"] = Source(
            seen="read", text=f"report.json of `{figures['build']}`, in own_figures.json"
        )
        sources[f"{name}:evaluation"] = Source(
            seen="read", text=f"`{figures['evaluate']}`, in own_figures.json"
        )
    return [*rows, *peers.peer], sources


def render(peers: Peers, own: dict[str, Any]) -> str:
    """The Markdown page."""
    rows, sources = rows_and_sources(peers, own)
    numbers: dict[str, int] = {}
    for row in rows:
        for cell in row.cells.values():
            numbers.setdefault(cell.source, len(numbers) + 1)

    def shown(cell: Cell) -> str:
        letter = LETTERS.get(cell.kind)
        return f"{cell.value or cell.kind} [{letter or ''}{numbers[cell.source]}]"

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,  # noqa: S701 - Markdown
    )  # fmt: skip
    return environment.get_template(TEMPLATE).render(
        groups={group: [row for row in rows if row.group == group] for group in GROUPS},
        shown=shown,
        kinds=[(LETTERS[k], k, MEANINGS[k]) for k in LETTERS],
        sources=[(number, sources[key]) for key, number in numbers.items()],
        left_out=peers.left_out,
        command=own["command"],
    )


def read_own(path: Path = OWN) -> dict[str, Any]:
    """Our own figures, as ``peers.py --measure`` wrote them.

    Raises:
        BadInputError: the file is missing or damaged.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{path.name} must be readable ({error}); run peers.py --measure --data DATA"
        ) from error
