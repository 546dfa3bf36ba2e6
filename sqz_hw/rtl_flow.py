"""The build with the StreamRTL backend: from a model file to Verilog, simulated and counted.

As in ``flow``, each step adds to what the earlier ones made, and the folder is moved to its place when
everything is there.
"""

from __future__ import annotations

import logging
import math
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw import zoo
from sqz_hw.assemble import model_section
from sqz_hw.build_log import build_log, heard
from sqz_hw.build_record import write_record
from sqz_hw.decisions import Decisions
from sqz_hw.design import Design
from sqz_hw.errors import BadInputError, DoesNotFitError, OutputsDifferError, SqzError, ToolError
from sqz_hw.estimate.parts import Part, resolve
from sqz_hw.estimate.resources import verdict
from sqz_hw.flow import Built, Watch, verification_images
from sqz_hw.model import modelfile
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model
from sqz_hw.report.content import (
    LatencyColumn,
    LayerComparison,
    LayerCycles,
    PartSection,
    Report,
)
from sqz_hw.report.write import write
from sqz_hw.rtl.accelerator import Accelerated, accelerate
from sqz_hw.rtl.bench import lint
from sqz_hw.rtl.counts import Count, require_cache
from sqz_hw.rtl.families import family_of
from sqz_hw.rtl.generate import write_rtl
from sqz_hw.rtl.simulate import Measured, compile_plan, run_images
from sqz_hw.rtl.synthesis import count_plan, write_counts
from sqz_hw.rtl.tools import find_compiler, find_verilator, find_yosys, scratch_folder
from sqz_hw.rtl_report import Scores, counted, estimated, memory, notes, verification
from sqz_hw.settings import BuildSettings
from sqz_hw.verify.exactness import float64_layers
from sqz_hw.workspace import partial_folder, place

ROOT = "hls_projects"
CACHE = Path.home() / ".cache" / "sqz_hw" / "yosys"
"""Counts by content; the same everywhere."""
STALLED = 5
"""Images that are simulated a second time, under random stalls."""
STALLS = (400, 300)
"""Per mille of clocks in which pixels are offered and results taken, then."""
Codes = npt.NDArray[np.int64]


@dataclass
class _State:
    settings: BuildSettings
    watch: Watch
    partial: Path
    part: Part
    model: Model
    model_path: Path
    data: Dataset
    log: logging.Logger
    design: Design | None = None
    accelerated: Accelerated | None = None
    sources: list[Path] = field(default_factory=list)
    measured: Measured | None = None
    layers: tuple[LayerComparison, ...] = ()
    scores: Mapping[str, Scores] = field(default_factory=dict)
    counts: Mapping[str, Count] | None = None
    report: Report | None = None
    failed: SqzError | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def build_rtl(settings: BuildSettings, watch: Watch) -> Built:
    """Make a verified project of Verilog: ``rtl/``, ``simulation/``, ``report/``, ``build.json``.

    Args:
        settings: what to build; ``synth`` counts gates with Yosys.
        watch: told of each step.

    Raises:
        BadInputError: bad input, a design that StreamRTL does not build, or more images a second than
            any folding of it gives (exit code 2).
        ToolError: Verilator, Yosys or g++ is missing or failed (5); if Yosys failed, the project is
            written all the same, without its counts.
        OutputsDifferError: RTL, QKeras and the golden model differ (3).
        DoesNotFitError: no folding that fast fits the part (4).
    """
    part = resolve(settings.part)
    if settings.cosim:
        raise BadInputError("--cosim is the vendor's, and StreamRTL is simulated always; leave it off")
    model_path = zoo.find(settings.model)
    model = modelfile.load(model_path)
    find_verilator()
    find_compiler()
    if settings.synth:
        find_yosys()
        require_cache(CACHE)
    data = verification_images(settings, model)
    target = settings.output or Path(ROOT) / f"{model.name}-{part.name}-rtl"
    with partial_folder(target) as partial, build_log(partial / "build.log") as log:
        state = _State(settings, watch, partial, part, model, model_path, data, log)
        steps = [(title, step) for title, step in STEPS if settings.synth or step is not _count]
        for number, (title, step) in enumerate(steps, start=1):
            watch.step(number, len(steps), title)
            log.info("[%d/%d] %s", number, len(steps), title)
            began = time.monotonic()
            step(state)
            state.seconds[step.__name__.removeprefix("_")] = round(time.monotonic() - began, 2)
        return _finish(state, target)


def _finish(state: _State, target: Path) -> Built:
    if state.report is None:
        raise RuntimeError("the steps of a build must end with a report")
    write_record(state.partial, state.settings, state.model, state.model_path, state.data, state.seconds)
    wrong = next((layer for layer in state.layers if layer.mismatches), None)
    if wrong is not None:
        kept = state.partial.with_name(f"{target.resolve().name}-differs")
        place(state.partial, kept)
        differs = (
            f"RTL must equal QKeras and the golden model in every tensor, and differs first in {wrong.name}: "
            f"{wrong.mismatches:,} of {wrong.elements:,} values; see {kept}"
        )
        if state.failed is not None:
            raise type(state.failed)(f"{state.failed}; moreover, {differs}") from state.failed
        raise OutputsDifferError(differs)
    place(state.partial, target)
    if state.failed is not None:
        raise type(state.failed)(
            f"{state.failed}; the project is in {target}, without Yosys's counts"
        ) from state.failed
    report, settings = state.report, state.settings
    fps = report.latency[-1].fps
    if settings.target_fps is not None and fps < settings.target_fps:
        raise DoesNotFitError(
            f"{report.model.name} must give {settings.target_fps:g} images/s, and gives "
            f"{math.floor(fps):,} in simulation; ask for fewer or take a larger part; "
            f"the project is in {target}"
        )
    if report.verdict.fits == "no" or (report.verdict.fits == "unsure" and settings.strict):
        words = "does not fit" if report.verdict.fits == "no" else "is not shown to fit (--strict)"
        raise DoesNotFitError(
            f"{report.model.name} {words} on {report.part.name}: {'; '.join(report.verdict.reasons)}; "
            f"the project is in {target}"
        )
    return Built(target, report, state.seconds)


def _fold(state: _State) -> None:
    """Read the design off hls4ml's graph and fold it for the part."""
    from sqz_hw.hls.convert import ConversionOptions, convert
    from sqz_hw.hls.graph_design import design_of

    settings = state.settings
    options = ConversionOptions(state.part.full_name, "Vitis", settings.clock_mhz, settings.result)
    with heard(state.log):
        graph = convert(state.model, options, Decisions(), state.partial / "hls")
    state.design = design_of(
        graph, state.model, name=state.model.name, part=state.part.name, clock_mhz=settings.clock_mhz
    )
    state.accelerated = accelerate(state.design, state.part, target_fps=settings.target_fps)


def _write(state: _State) -> None:
    """Write Verilog and memory images; Verilator's lint has no warning."""
    state.sources = write_rtl(_accelerated(state).plan, state.partial / "rtl")
    with scratch_folder("sqz_hw-lint-", state.partial / "rtl") as scratch:
        lint("sqz_top", state.sources, {}, scratch)
    simulation = state.partial / "simulation"
    simulation.mkdir()
    (simulation / "design.json").write_text(_design(state).to_json(), encoding="utf-8")
    shutil.copyfile(state.model_path, simulation / "model.safetensors")


def _simulate(state: _State) -> None:
    """Run every image through Verilator, some again under stalls; compare every tensor with the models'."""
    from sqz_hw.hls.convert import qkeras_network
    from sqz_hw.model.tensors import reference_tensors
    from sqz_hw.verify.compare import by_stream
    from sqz_hw.verify.golden import GoldenModel

    plan, design = _accelerated(state).plan, _design(state)
    with scratch_folder("sqz_hw-rtl-", state.partial / "rtl") as scratch:
        accelerator = compile_plan(
            plan, state.sources, state.partial / "rtl" / "memory", scratch / "build", probes=True
        )
        state.measured = run_images(accelerator, state.data.x, scratch / "run")
        stalled = run_images(
            accelerator, state.data.x[:STALLED], scratch / "stalls",
            p_valid=STALLS[0], p_ready=STALLS[1], seed=state.settings.seed,
        )  # fmt: skip
        for probe in (state.partial / "rtl" / "memory").glob("*.probe"):
            probe.unlink()
    tensors = state.measured.tensors
    np.save(state.partial / "simulation" / "outputs.npy", state.measured.outputs, allow_pickle=False)
    with heard(state.log):
        network = qkeras_network(
            state.model, argmax=state.settings.result == "argmax", in_float64=float64_layers(design)
        )
    wrong = {name: np.zeros(codes.shape, bool) for name, codes in tensors.items()}
    largest = dict.fromkeys(tensors, 0.0)
    scores: dict[str, list[Scores]] = {"qkeras": [], "golden": [], "rtl": []}
    final = plan.network.result
    golden = GoldenModel(design).traces(state.data.x, keep=list(tensors))
    reference = (by_stream(design, t) for t in reference_tensors(network, state.data.x))
    for image, (trace, floats) in enumerate(zip(golden, reference, strict=True)):
        for name, codes in tensors.items():
            others = [trace.codes[name], floats[name].reshape(codes.shape[1:])]
            others += [stalled.tensors[name][image]] if image < STALLED else []
            for other in others:
                difference = np.abs(codes[image] - other)
                wrong[name][image] |= difference != 0
                largest[name] = max(largest[name], float(difference.max()))
        for engine, values in (
            ("qkeras", floats),
            ("golden", trace.codes),
            ("rtl", {final.name: tensors[final.name][image]}),
        ):
            scores[engine].append(np.asarray(values[final.name], np.float64).reshape(-1) * final.type.lsb)
        state.watch.image(image + 1, len(state.data))
    titles = {stage.output.name: stage.name for stage in plan.network.stages}
    state.layers = tuple(
        LayerComparison(titles.get(name, name), tensors[name].size, int(wrong[name].sum()), largest[name])
        for name in tensors
    )
    state.scores = {name: np.stack(rows) for name, rows in scores.items()}


def _count(state: _State) -> None:
    """Count gates with Yosys, each distinct module once; if it fails, the project has no counts."""
    family = family_of(state.part)
    plan = _accelerated(state).plan
    try:
        with warnings.catch_warnings(record=True) as warned:  # the progress on the terminal goes on
            warnings.simplefilter("always")
            state.counts = count_plan(plan, CACHE, family)
        for warning in warned:
            state.log.info("warning: %s", warning.message)
    except (BadInputError, ToolError) as error:  # the cache may have gone since the start
        state.failed = error
        state.log.info("%s", error)
        return
    write_counts(plan, state.counts, state.partial / "simulation" / "counts.json", family)


def _report(state: _State) -> None:
    """Judge and write the report."""
    accelerated, design, measured = _accelerated(state), _design(state), state.measured
    if measured is None:
        raise RuntimeError("a report must come after the simulation")
    resources = [estimated(accelerated)]
    if state.counts is not None:
        resources.append(counted(accelerated.plan, state.counts))
    trusted = resources[-1].totals
    budget = {name: state.part.budget[name] for name in trusted}
    plan, clock = accelerated.plan, design.clock_mhz
    state.report = Report(
        model=model_section(state.model),
        part=PartSection.of(state.part),
        verification=verification(
            state.model_path, state.data, state.scores, state.layers, state.settings.result, design
        ),
        resources=tuple(resources),
        latency=(
            LatencyColumn(
                "estimate", clock, "assumed", round(accelerated.solution.latency),
                accelerated.solution.interval,
                _slowest(accelerated),
                tuple(LayerCycles(name, cycles) for name, cycles in accelerated.solution.clocks.items()),
            ),
            LatencyColumn(
                "rtl-simulation", clock, "assumed", measured.latency, math.ceil(measured.interval),
                _slowest(accelerated),
            ),
        ),
        memory=memory(plan, state.part),
        verdict=verdict(trusted, budget, clock),
        notes=notes(plan, measured, state.counts, min(STALLED, len(state.data)), STALLS),
    )  # fmt: skip
    write(state.report, state.partial / "report")


STEPS: tuple[tuple[str, Callable[[_State], None]], ...] = (
    ("choose the folding", _fold),
    ("write Verilog and memory images; lint", _write),
    ("simulate in Verilator; compare every tensor: RTL, QKeras, golden model", _simulate),
    ("count gates with Yosys", _count),
    ("write the report", _report),
)


def _slowest(accelerated: Accelerated) -> str:
    clocks = accelerated.solution.clocks
    return max(clocks, key=lambda name: clocks[name])


def _accelerated(state: _State) -> Accelerated:
    if state.accelerated is None:
        raise RuntimeError("a folding must come first")
    return state.accelerated


def _design(state: _State) -> Design:
    if state.design is None:
        raise RuntimeError("a design must come first")
    return state.design
