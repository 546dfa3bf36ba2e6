#!/usr/bin/env python3
"""Real images through a network in StreamRTL: folding, lint, Verilator, every value against the golden model.

    python benchmarks/rtl_imagenet.py MODEL --data DATA [--part xck26] [--target-fps F] [--first N]
        [--images N] [--output DIR] [--no-probes] [--stalls] [--synth] [--no-simulation]

MODEL: a quantised ``.safetensors``, or the ``design.json`` of an earlier run (then no TensorFlow is needed).
Leaves ``design.json``, ``rtl/`` and the compiled simulation in DIR when it is through (earlier results stay
until then, and where a value differs: these go to DIR-differs), prints cost by the model against the
part (``--synth``: Yosys's counts beside it, into ``counts.json``), clocks as simulated, each core's share of
clocks with an entry. ``--stalls``: pixels are offered and results taken at random, as often as where a
build simulates images again. Exit code 3 where a value differs. A build (``scripts/build_hls.py --backend
StreamRTL``) does the same with QKeras beside it, and writes a report.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from rtl_common import Results, one_line, text_of

from sqz_hw.design import Design
from sqz_hw.errors import BadInputError
from sqz_hw.estimate.parts import resolve
from sqz_hw.model import datasets, modelfile
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model
from sqz_hw.rtl import bench
from sqz_hw.rtl.accelerator import Accelerated, accelerate
from sqz_hw.rtl.counts import total
from sqz_hw.rtl.families import family_of
from sqz_hw.rtl.generate import write_rtl
from sqz_hw.rtl.simulate import Measured, compile_plan, lanes, run_images
from sqz_hw.rtl.synthesis import count_plan, write_counts
from sqz_hw.rtl.tools import find_compiler, find_verilator, find_yosys
from sqz_hw.rtl_flow import CACHE, STALLS
from sqz_hw.verify.golden import GoldenModel

BEGAN = time.monotonic()
MARKER = "design.json"
PARTS = frozenset({MARKER, "rtl", "lint", "build", "run", "hls", "counts.json"})
"""All that a run leaves in its folder."""


def say(*words: object) -> None:
    print(f"{time.monotonic() - BEGAN:8.1f} s ", *words, flush=True)


def source_of(path: Path) -> Design | Model:
    """What a file holds.

    Raises:
        BadInputError: it cannot be read, or is something else.
    """
    if path.suffix == ".json":
        return Design.from_json(text_of(path, "a design.json"))
    return modelfile.load(path)


def images_of(source: Design | Model, options: argparse.Namespace) -> Dataset:
    """The images to simulate.

    Raises:
        BadInputError: there are none, or of another size.
    """
    first, last = options.first, options.first + options.images
    size = source.input.shape[0] if isinstance(source, Design) else source.architecture.input_size
    data = datasets.load(str(options.data), size, limit=last)
    if len(data) <= first:
        raise BadInputError(
            f"at least one image is needed, and {data.source} has none from --first {first} on: it has "
            f"{len(data):,}; give a smaller --first"
        )
    return Dataset(data.x[first:], None if data.y is None else data.y[first:], data.source)


def design_of(source: Design | Model, folder: Path) -> Design:
    if isinstance(source, Design):
        return source
    from sqz_hw.evaluate import design_of_model

    return design_of_model(source, folder / "hls")


def show_cost(found: Accelerated, part: str) -> None:
    cost, budget = found.cost, resolve(part).budget
    used = {"LUT": cost.lut, "FF": cost.ff, "DSP": cost.dsp, "BRAM36": cost.tiles}
    shares = ", ".join(f"{n} {v:,.1f} ({100 * v / budget[n]:.1f} %)" for n, v in used.items())
    say(f"folded: {lanes(found.plan)} lanes, {found.solution.interval:,} clocks an image predicted; {shares}")
    for name, folding in found.solution.foldings.items():
        print(f"  {name}: {folding}, {found.solution.clocks[name]:,} clocks")


def show_counts(found: Accelerated, part: str, folder: Path) -> None:
    family = family_of(resolve(part))
    counts = count_plan(found.plan, CACHE, family)
    write_counts(found.plan, counts, folder / "counts.json", family)
    whole, budget = total(counts.values()), resolve(part).budget
    used = {"LUT": whole.lut, "FF": whole.ff, "DSP": whole.dsp, "BRAM36": whole.tiles}
    shares = ", ".join(f"{n} {v:,.1f} ({100 * v / budget[n]:.1f} %)" for n, v in used.items())
    say(f"counted by Yosys ({family}), {len(counts)} instances: {shares}; {whole.levels} levels at most")


def show_run(measured: Measured, clock_mhz: float) -> None:
    fps = clock_mhz * 1e6 / measured.interval
    say(
        f"simulated: {measured.latency:,} clocks for the first image, {measured.interval:,.0f} from image to "
        f"image: {fps:.1f} images/s at {clock_mhz:g} MHz; useful {100 * measured.useful:.1f} %"
    )
    for name, share in sorted(measured.busy.items()):
        print(f"  {name}: an entry in {100 * share:.1f} % of all clocks")


def compare(design: Design, measured: Measured, images: np.ndarray, result: str) -> int:
    names = list(measured.tensors) or [result]
    wanted = GoldenModel(design).run(images, keep=names)
    outputs = measured.outputs.reshape(wanted[result].shape)
    found = dict(measured.tensors) or {result: outputs}
    wrong = {name: int((found[name] != wanted[name]).sum()) for name in names}
    wrong["scores out"] = int((outputs != wanted[result]).sum())
    total = sum(wanted[name].size for name in names)
    say(f"{len(names)} tensors, {total:,} values, different: {({n: w for n, w in wrong.items() if w}) or 0}")
    return 3 if any(wrong.values()) else 0


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, help="not needed with --no-simulation")
    parser.add_argument("--part", default="xck26")
    parser.add_argument("--target-fps", type=float)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--images", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("hls_projects") / "rtl-imagenet")
    parser.add_argument("--no-probes", action="store_true")
    parser.add_argument("--stalls", action="store_true", help="offer pixels and take results at random")
    parser.add_argument("--synth", action="store_true", help="count gates with Yosys")
    parser.add_argument("--no-simulation", action="store_true")
    options = parser.parse_args(argv)
    if options.data is None and not options.no_simulation:
        parser.error("--data is needed, or --no-simulation")
    if options.images < 1 or options.first < 0:
        parser.error("at least one image is needed: --images 1 or more, --first 0 or more")
    return options


def simulate(
    found: Accelerated, sources: list[Path], data: Dataset, design: Design, options: argparse.Namespace,
    folder: Path,
) -> int:  # fmt: skip
    accelerator = compile_plan(
        found.plan, sources, folder / "rtl" / "memory", folder / "build", probes=not options.no_probes
    )
    say("compiled")
    p_valid, p_ready = STALLS if options.stalls else (1000, 1000)
    measured = run_images(accelerator, data.x, folder / "run", p_valid=p_valid, p_ready=p_ready)
    say(f"pixels offered in {p_valid / 10:g} %, results taken in {p_ready / 10:g} % of clocks")
    show_run(measured, design.clock_mhz)
    status = compare(design, measured, data.x, found.plan.network.result.name)
    best = measured.outputs.argmax(axis=1).tolist()
    say(f"largest score: {best}, labels: {None if data.y is None else data.y.tolist()}")
    return status


@one_line
def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    part = resolve(options.part)
    source = source_of(options.model)
    data = None if options.no_simulation else images_of(source, options)
    find_verilator()
    if data is not None:
        find_compiler()
    if options.synth:
        find_yosys()
    results = Results(options.output, MARKER, PARTS)
    with results.unfinished() as folder:  # absolute: the tools run in folders of their own
        design = design_of(source, folder)
        found = accelerate(design, part, target_fps=options.target_fps)
        show_cost(found, options.part)
        (folder / MARKER).write_text(design.to_json(), encoding="utf-8")
        sources = write_rtl(found.plan, folder / "rtl")
        bench.lint("sqz_top", sources, {}, folder / "lint")
        say("lint: no warning")
        if options.synth:
            show_counts(found, options.part, folder)
        status = 0 if data is None else simulate(found, sources, data, design, options, folder)
        if status:
            target = options.output.resolve()
            results = Results(target.with_name(f"{target.name}-differs"), MARKER, PARTS)
        results.put(folder)
        say(f"results are in {results.target}")
    return status


if __name__ == "__main__":
    sys.exit(main())
