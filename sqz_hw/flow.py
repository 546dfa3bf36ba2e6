"""The build as named steps: from a model file to a verified project with its report.

Each step takes what the earlier ones made and adds to it; the folder that it all goes into
is moved to its place only when everything is there.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqz_hw import zoo
from sqz_hw.build_log import build_log, heard
from sqz_hw.build_record import write_record
from sqz_hw.decisions import Decisions
from sqz_hw.design import Design
from sqz_hw.errors import OutputsDifferError, SqzError, ToolError
from sqz_hw.estimate.advice import Advice, advise
from sqz_hw.estimate.fitting import SURE, Fitting
from sqz_hw.estimate.parts import Part, resolve
from sqz_hw.judge import difference, require_fit
from sqz_hw.model import datasets, modelfile
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model
from sqz_hw.report.content import Report
from sqz_hw.settings import BuildSettings
from sqz_hw.synth.columns import Measured, measured_columns
from sqz_hw.synth.run import run_synthesis
from sqz_hw.synth.tools import SynthTool, find_tool
from sqz_hw.verify.compare import by_stream
from sqz_hw.verify.compiler import Simulator, compile_project, find_compiler
from sqz_hw.verify.exactness import float64_layers
from sqz_hw.verify.run import Engine, Outcome, verify
from sqz_hw.verify.vectors import made_images
from sqz_hw.workspace import partial_folder, place

ROOT = "hls_projects"
TESTBENCH_IMAGES = 10


@dataclass
class Watch:
    """How a build tells the outside how far it is; the default says nothing.

    Attributes:
        step: called with number, total and title when a step begins.
        image: called with images done and images in all while verifying.
        stage: called with the title of each stage of the vendor's tool.
    """

    step: Callable[[int, int, str], None] = lambda number, total, title: None
    image: Callable[[int, int], None] = lambda done, total: None
    stage: Callable[[str], None] = lambda title: None


@dataclass(frozen=True)
class Built:
    """A finished build.

    Attributes:
        folder: where the project is.
        report: its report.
        seconds: of each step.
    """

    folder: Path
    report: Report
    seconds: dict[str, float]


@dataclass
class _State:
    settings: BuildSettings
    watch: Watch
    target: Path
    partial: Path
    part: Part
    model: Model
    model_path: Path
    data: Dataset
    log: logging.Logger
    design: Design | None = None
    tool: SynthTool | None = None
    decisions: Decisions = field(default_factory=Decisions)
    fitting: Fitting | None = None
    advice: Advice | None = None
    simulator: Simulator | None = None
    outcome: Outcome | None = None
    report: Report | None = None
    failed: SqzError | None = None
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def build(settings: BuildSettings, watch: Watch | None = None) -> Built:
    """Make a verified project.

    Args:
        settings: what to build.
        watch: told of each step and image.

    Returns:
        the finished build; its verdict is "yes" or, without ``strict``, "unsure".

    Raises:
        BadInputError: bad input (exit code 2).
        ToolError: a tool is missing or failed (5).
        OutputsDifferError: C-simulation and QKeras differ (3); the last good project stays,
            this one is kept beside it with ``-differs`` in its name.
        DoesNotFitError: the design does not fit (4); the project is written all the same.
    """
    if settings.backend == "StreamRTL":
        from sqz_hw.rtl_flow import build_rtl

        return build_rtl(settings, watch or Watch())
    part = resolve(settings.part)
    model_path = zoo.find(settings.model)
    model = modelfile.load(model_path)
    _require_quantised(model)
    find_compiler()
    tool = find_tool(settings.backend) if settings.synth else None
    data = verification_images(settings, model)
    target = settings.output or Path(ROOT) / f"{model.name}-{part.name}"
    with partial_folder(target) as partial, build_log(partial / "build.log") as log:
        state = _State(
            settings, watch or Watch(), target, partial, part, model, model_path, data, log, tool=tool
        )
        steps = [(title, step) for title, step in STEPS if settings.synth or step is not _synthesise]
        for number, (title, step) in enumerate(steps, start=1):
            state.watch.step(number, len(steps), title)
            log.info("[%d/%d] %s", number, len(steps), title)
            began = time.monotonic()
            step(state)
            state.seconds[step.__name__.removeprefix("_")] = round(time.monotonic() - began, 2)
        return _finish(state)


def _finish(state: _State) -> Built:
    if state.report is None or state.outcome is None or state.fitting is None:
        raise RuntimeError("the steps of a build must end with a report")
    write_record(state.partial, state.settings, state.model, state.model_path, state.data, state.seconds)
    differs = difference(state.outcome)
    if differs is not None and not isinstance(state.failed, ToolError):
        kept = state.partial.with_name(f"{state.target.resolve().name}-differs")
        place(state.partial, kept)
        raise OutputsDifferError(f"{differs}; see {kept}") from differs
    place(state.partial, state.target)
    if state.failed is not None:
        raise type(state.failed)(f"{state.failed}; the project is in {state.target}") from state.failed
    require_fit(state.report, state.settings, state.fitting, state.advice, state.target)
    return Built(state.target, state.report, state.seconds)


def _require_quantised(model: Model) -> None:
    from sqz_hw.hls.convert import require_quantised

    require_quantised(model)


def verification_images(settings: BuildSettings, model: Model) -> Dataset:
    """The images that a build is verified on: the user's, or made ones."""
    size = model.architecture.input_size
    if settings.data is None:
        return made_images(size, settings.images, settings.seed)
    data = datasets.load(settings.data, size, limit=settings.images)
    data.require_classes(model.architecture.classes)
    return data


def _decide(state: _State) -> None:
    """Read shapes off a first conversion; choose folding, multipliers and FIFOs."""
    from sqz_hw.estimate.decisions import decide

    settings = state.settings
    first = _convert(state, Decisions(), None)
    state.fitting = decide(
        first, state.part.budget, target_fps=settings.target_fps, fifo_margin=settings.fifo_margin
    )
    state.decisions = state.fitting.chosen.decisions
    if state.fitting.chosen.fit > SURE:
        state.advice = advise(first, state.part, state.fitting, settings.target_fps)


def _write(state: _State) -> None:
    """Convert with the decisions; write the project and the test bench's data."""
    state.design = _convert(state, state.decisions, state.partial / "hls")
    (state.partial / "csim").mkdir()
    (state.partial / "csim" / "design.json").write_text(state.design.to_json(), encoding="utf-8")
    shutil.copyfile(state.model_path, state.partial / "csim" / "model.safetensors")


def _convert(state: _State, decisions: Decisions, folder: Path | None) -> Design:
    from sqz_hw.hls.convert import ConversionOptions, convert
    from sqz_hw.hls.graph_design import design_of
    from sqz_hw.hls.project import write_project

    settings = state.settings
    options = ConversionOptions(state.part.full_name, settings.backend, settings.clock_mhz, settings.result)
    with heard(state.log):
        graph = convert(state.model, options, decisions, folder or state.partial / "hls")
        if folder is not None:
            write_project(graph, folder)
    return design_of(
        graph, state.model, name=state.model.name, part=state.part.name, clock_mhz=settings.clock_mhz
    )


def _compile(state: _State) -> None:
    """Compile the C-simulation, or take the last build's if its sources were the same."""
    before, now = state.target / "csim", state.partial / "csim"
    for name in ("simulate", "libmyproject.so", "sources.sha256"):
        if (before / name).is_file():
            shutil.copy2(before / name, now / name)
    state.simulator = compile_project(state.partial / "hls", now)


def _verify(state: _State) -> None:
    """Run every image through C-simulation, QKeras and the golden model; compare every tensor."""
    from sqz_hw.hls.convert import qkeras_network
    from sqz_hw.hls.testbench import write_testbench_data
    from sqz_hw.model.tensors import reference_tensors
    from sqz_hw.verify.golden import GoldenModel

    if state.simulator is None or state.design is None:
        raise RuntimeError("verification must come after compilation")
    with heard(state.log):
        network = qkeras_network(
            state.model,
            argmax=state.settings.result == "argmax",
            in_float64=float64_layers(state.design),
        )
    golden = GoldenModel(state.design)
    engines: dict[str, Engine] = {
        "qkeras": (by_stream(state.design, t) for t in reference_tensors(network, state.data.x)),
        "golden": (trace.codes for trace in golden.traces(state.data.x)),
    }
    total = len(state.data)
    state.outcome = verify(
        state.simulator,
        state.design,
        state.data.x,
        engines,
        state.partial / "csim",
        workers=state.settings.workers,
        on_image=lambda done: state.watch.image(done, total),
    )
    write_testbench_data(
        state.partial / "hls", state.design, state.data.x[:TESTBENCH_IMAGES], state.outcome.scores["qkeras"]
    )


def _synthesise(state: _State) -> None:
    """Run the vendor's tool; if it fails, the project is placed all the same, without measurements."""
    if state.tool is None:
        raise RuntimeError("synthesis needs a tool")
    try:
        run = run_synthesis(
            state.partial,
            state.tool,
            cosim=state.settings.cosim,
            on_line=state.log.info,
            on_stage=lambda stage: state.watch.stage(stage.title),
        )
        state.notes = run.notes
    except (ToolError, OutputsDifferError) as error:
        state.failed = error


def _report(state: _State) -> None:
    """Estimate, judge and write the report."""
    from sqz_hw.assemble import assemble
    from sqz_hw.report.write import write

    if state.design is None or state.outcome is None:
        raise RuntimeError("the report must come after verification")
    scores = float_scores(state.model_path, state.data)
    measured = Measured() if state.failed is not None else measured_columns(state.partial, state.design)
    state.report = assemble(
        state.model,
        state.part,
        state.design,
        state.outcome,
        state.data,
        scores,
        measured=measured,
        notes=(*state.notes, *measured.notes, *((state.advice.helps) if state.advice else ())),
    )
    write(state.report, state.partial / "report")


STEPS: tuple[tuple[str, Callable[[_State], None]], ...] = (
    ("choose folding and FIFO depths", _decide),
    ("write the HLS project", _write),
    ("compile the C-simulation", _compile),
    ("compare every layer: C-simulation, QKeras, golden model", _verify),
    ("run the vendor's synthesis", _synthesise),
    ("write the report", _report),
)


def float_scores(model_path: Path, data: Dataset) -> Any:
    """Scores (images x classes) of the float network beside a model file, or None if there is none."""
    companion = zoo.float_companion(model_path)
    if companion is None:
        return None
    from sqz_hw.model.inference import network_scores
    from sqz_hw.model.network import float_network, set_weights

    float_model = modelfile.load(companion)
    network = float_network(float_model.architecture, batch_norm=False)
    set_weights(network, float_model.weights)
    return network_scores(network, data.x)
