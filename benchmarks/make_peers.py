"""What ``peers.py`` does: measures our own models, renders the table, draws the picture."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from peers_table import HERE, OWN, TABLE, Row, read_own, read_peers, render, rows_and_sources

from sqz_hw import zoo
from sqz_hw.errors import BadInputError, DoesNotFitError, SqzError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.modelfile import Model, load

PART, CLASSES, IMAGES = "xc7z020", 10, 32
PICTURE = HERE.parent / "docs" / "peers.png"
STATED = ("architecture", "parameters", "nonzeros", "weight_bits", "code_bits")
KEPT = ("parameters", "nonzeros", "weight_bits", "dense_bytes", "compressed_bytes", "macs", "nonzero_macs")


def cifar_models() -> list[str]:
    """The shipped models with ten classes."""
    from sqz_hw.model import modelfile

    return [n for n in zoo.names() if modelfile.load(zoo.find(n)).architecture.classes == CLASSES]


def digest(name: str) -> str:
    """SHA-256 of a shipped model's file: figures belong to one file."""
    return hashlib.sha256(zoo.find(name).read_bytes()).hexdigest()


def describe(arch: Architecture) -> str:
    """The layout in a few words."""
    bypass = "no" if arch.bypass == "none" else arch.bypass
    return f"SqueezeNet {arch.name}, width {arch.width:g}, {bypass} bypass"


def activation_bits(model: Model) -> int:
    """Of a quantised model's widest activation; the last, the scores' map, is left out."""
    quantisation = model.quantisation
    if quantisation is None:
        raise BadInputError(f"{model.name} must be quantised; give a model with types")
    return max(to.width for to in list(quantisation.activations.values())[:-1])


def measure(name: str, data: str) -> dict[str, Any]:
    """Build one model for the part, and score it with the golden model."""
    from sqz_hw.evaluate import evaluate
    from sqz_hw.flow import build
    from sqz_hw.model import datasets, modelfile
    from sqz_hw.report.write import read
    from sqz_hw.settings import BuildSettings

    model = modelfile.load(zoo.find(name))
    arch = model.architecture
    with tempfile.TemporaryDirectory(prefix="sqz_hw-") as scratch:
        folder = Path(scratch) / "out"
        with contextlib.suppress(DoesNotFitError):  # the report says so
            build(BuildSettings(part=PART, model=name, images=IMAGES, output=folder))
        report = read(folder / "report" / "report.json")
    images = datasets.load(data, arch.input_size)
    images.require_classes(arch.classes)
    scores = {engine: evaluate(zoo.find(name), images, engine).to_dict() for engine in ("golden", "float")}
    estimate = next(c for c in report["resources"] if c["kind"] == "estimate" and c["predicts"] == "vivado")
    return {
        "name": name,
        "sha256": digest(name),
        "description": describe(arch),
        "build": f"python scripts/build_hls.py --part {PART} --model {name} --images {IMAGES}",
        "evaluate": f"python scripts/evaluate.py --model {name} --data {Path(data).name} --engine golden",
        "activation_bits": activation_bits(model),
        "evaluation": {k: scores["golden"][k] for k in ("engine", "images", "top1", "top5")},
        "float_top1": scores["float"]["top1"],
        "report": {
            "model": {key: report["model"][key] for key in KEPT},
            "part": report["part"]["name"],
            "bit_exact": report["verification"]["bit_exact"],
            "resources": {key: estimate[key] for key in ("kind", "predicts", "tool", "totals")},
            "latency": {k: v for k, v in report["latency"][0].items() if not isinstance(v, (list, dict))},
            "verdict": report["verdict"]["fits"],
        },
    }


def simulated(path: Path) -> dict[str, Any]:
    """What a StreamRTL build with ``--synth`` reports: counted gates, simulated cycles.

    A model that is not shipped (the authors' own) brings its size along, and stands with the ImageNet peers.
    The model's hash and the options are those of the ``build.json`` beside the report's folder.

    Raises:
        BadInputError: the report is of another backend, was not counted, or its outputs differ.
    """
    from sqz_hw.report.write import read

    report = read(path)
    beside = path.parent.parent / "build.json"
    if not beside.is_file():
        raise BadInputError(f"{path}: --rtl needs {beside} as well; give the report where the build wrote it")
    asked = json.loads(beside.read_text(encoding="utf-8"))
    name, rate = report["model"]["name"], asked["options"]["target_fps"]
    latency = [entry for entry in report["latency"] if entry["kind"] == "rtl-simulation"]
    gates = [entry for entry in report["resources"] if entry["kind"] == "yosys"]
    if not latency or not gates:
        raise BadInputError(
            f"{path}: --rtl needs the report of a build with --backend StreamRTL --synth; this one has "
            f"{'no simulated latency' if not latency else 'no counts by Yosys'}"
        )
    if not report["verification"]["bit_exact"]:
        raise BadInputError(f"{path}: outputs are not bit-exact; such a build is not shown beside others")
    kept = ("fps", "interval_cycles", "latency_cycles", "latency_us", "clock_mhz")
    own, file = {}, name
    if name not in zoo.names():
        file = f"{name}.safetensors"
        model = load(path.parent.parent / "simulation" / "model.safetensors")
        sizes = {k: report["model"][k] for k in STATED}
        own = {"model": {**sizes, "activation_bits": activation_bits(model)}}
    return {
        "name": name,
        **own,
        "sha256": asked["inputs"]["model"]["sha256"],
        "build": f"python scripts/build_hls.py --part {report['part']['name']} --backend StreamRTL "
        f"--model {file}{f' --target-fps {rate:g}' if rate else ''} --synth",
        "part": report["part"]["name"],
        "latency": {key: latency[0][key] for key in kept},
        "totals": {key: gates[0]["totals"][key]["expected"] for key in ("LUT", "FF", "DSP", "BRAM36")},
        "verdict": report["verdict"]["fits"],
    }


def picture(rows: list[Row], path: Path) -> None:
    """Accuracy against throughput, hollow where not both were measured on a board."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    shown = 0
    for row in rows:
        points = [row.cells[column] for column in ("throughput", "accuracy")]
        numbers = [re.match(r"[\d,.]+", cell.value) for cell in points]
        if row.group != "cifar10" or None in numbers:
            continue
        shown += 1
        x, y = (float(n[0].replace(",", "")) for n in numbers if n)
        style = {
            "marker": "s" if row.own else "o",
            "color": "tab:red" if row.own else "tab:blue",
            "fillstyle": "full" if all(cell.kind == "measured on board" for cell in points) else "none",
        }
        axes.plot(x, y, linestyle="none", label=f"{shown}  {row.name.replace('**', '')}", **style)
        axes.annotate(str(shown), (x, y), (5, 4), textcoords="offset points", fontsize=9)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    axes.set(xscale="log", xlim=(5, 6_000), xlabel="images a second", ylabel="top-1 on CIFAR-10, %")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def keep(own: dict[str, Any]) -> None:
    """Write our own figures."""
    OWN.write_text(json.dumps(own, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Measure if asked to, then write the page and the picture."""
    parser = argparse.ArgumentParser(description="This project beside its peers.")
    parser.add_argument("--measure", action="store_true", help="build and score the shipped models first")
    parser.add_argument("--data", help="an .npz or a folder with labels, for --measure")
    parser.add_argument(
        "--rtl",
        type=Path,
        action="append",
        help="report.json of a StreamRTL build with --synth, to show as well",
    )
    options = parser.parse_args(arguments)
    try:
        if options.measure:
            if options.data is None:
                raise BadInputError("--measure needs --data, labelled images that no choice was made on")
            command = f"python benchmarks/peers.py --measure --data {Path(options.data).name}"
            models = [measure(name, options.data) for name in cifar_models()]
            keep(
                {
                    "command": command,
                    "models": models,
                    "rtl": read_own().get("rtl", []) if OWN.exists() else [],
                }
            )
        if options.rtl:
            keep({**read_own(), "rtl": [simulated(path) for path in options.rtl]})
        peers, own = read_peers(), read_own()
        TABLE.write_text(render(peers, own), encoding="utf-8")
        picture(rows_and_sources(peers, own)[0], PICTURE)
    except SqzError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0
