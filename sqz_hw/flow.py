"""The build as named steps: from a model file to a verified project with its report.

Each step takes what the earlier ones made and adds to it; the folder that it all goes into
is moved to its place only when everything is there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqz_hw import __version__, zoo
from sqz_hw.build_log import build_log, heard
from sqz_hw.decisions import Decisions
from sqz_hw.design import Design
from sqz_hw.errors import DoesNotFitError, OutputsDifferError
from sqz_hw.estimate.parts import Part, resolve
from sqz_hw.model import datasets, modelfile
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model
from sqz_hw.report.content import Report
from sqz_hw.settings import BuildSettings
from sqz_hw.verify.compare import by_stream
from sqz_hw.verify.compiler import Simulator, compile_project, find_compiler
from sqz_hw.verify.exactness import float64_layers
from sqz_hw.verify.run import Engine, Outcome, verify
from sqz_hw.verify.vectors import made_images
from sqz_hw.workspace import partial_folder, place

ROOT = "hls_projects"
TESTBENCH_IMAGES = 10
VERSIONED = ("hls4ml", "qkeras", "tensorflow", "numpy")


@dataclass
class Watch:
    """How a build tells the outside how far it is; the default says nothing.

    Attributes:
        step: called with number, total and title when a step begins.
        image: called with images done and images in all while verifying.
    """

    step: Callable[[int, int, str], None] = lambda number, total, title: None
    image: Callable[[int, int], None] = lambda done, total: None


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
    decisions: Decisions = field(default_factory=Decisions)
    simulator: Simulator | None = None
    outcome: Outcome | None = None
    report: Report | None = None
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
    part = resolve(settings.part)
    model_path = zoo.find(settings.model)
    model = modelfile.load(model_path)
    _require_quantised(model)
    find_compiler()
    data = _images(settings, model)
    target = settings.output or Path(ROOT) / f"{model.name}-{part.name}"
    with partial_folder(target) as partial, build_log(partial / "build.log") as log:
        state = _State(settings, watch or Watch(), target, partial, part, model, model_path, data, log)
        for number, (title, step) in enumerate(STEPS, start=1):
            state.watch.step(number, len(STEPS), title)
            log.info("[%d/%d] %s", number, len(STEPS), title)
            began = time.monotonic()
            step(state)
            state.seconds[step.__name__.removeprefix("_")] = round(time.monotonic() - began, 2)
        return _finish(state)


def _finish(state: _State) -> Built:
    if state.report is None or state.outcome is None:
        raise RuntimeError("the steps of a build must end with a report")
    _write_record(state)
    try:
        state.outcome.require_bit_exact()
    except OutputsDifferError as error:
        kept = state.partial.with_name(f"{state.target.resolve().name}-differs")
        place(state.partial, kept)
        raise OutputsDifferError(f"{error}; see {kept}") from error
    place(state.partial, state.target)
    verdict = state.report.verdict
    if verdict.fits == "no" or (verdict.fits == "unsure" and state.settings.strict):
        words = "does not fit" if verdict.fits == "no" else "is not shown to fit (--strict)"
        raise DoesNotFitError(
            f"{state.model.name} {words} on {state.part.name}: {'; '.join(verdict.reasons)}; "
            f"the project is in {state.target}"
        )
    return Built(state.target, state.report, state.seconds)


def _require_quantised(model: Model) -> None:
    from sqz_hw.hls.convert import require_quantised

    require_quantised(model)


def _images(settings: BuildSettings, model: Model) -> Dataset:
    size = model.architecture.input_size
    if settings.data is None:
        return made_images(size, settings.images, settings.seed)
    data = datasets.load(settings.data, size, limit=settings.images)
    data.require_classes(model.architecture.classes)
    return data


def _decide(state: _State) -> None:
    """Read shapes off a first conversion; choose reuse factors and FIFO depths."""
    from sqz_hw.estimate.decisions import decide

    first = _convert(state, Decisions(), None)
    state.decisions = decide(first, state.part.dsp, fifo_margin=state.settings.fifo_margin)


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


def _report(state: _State) -> None:
    """Estimate, judge and write the report."""
    from sqz_hw.assemble import assemble
    from sqz_hw.report.write import write

    if state.design is None or state.outcome is None:
        raise RuntimeError("the report must come after verification")
    scores = float_scores(state.model_path, state.data)
    state.report = assemble(state.model, state.part, state.design, state.outcome, state.data, scores)
    write(state.report, state.partial / "report")


STEPS: tuple[tuple[str, Callable[[_State], None]], ...] = (
    ("choose folding and FIFO depths", _decide),
    ("write the HLS project", _write),
    ("compile the C-simulation", _compile),
    ("compare every layer: C-simulation, QKeras, golden model", _verify),
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


def _write_record(state: _State) -> None:
    record = {
        "schema": 1,
        "inputs": {
            "model": {"name": state.model.name, "sha256": _sha256(state.model_path.read_bytes())},
            "images": {
                "source": state.data.source,
                "count": len(state.data),
                "sha256": _sha256(state.data.x.tobytes()),
            },
        },
        "versions": {"sqz_hw": __version__, "python": platform.python_version()}
        | {n: version(n) for n in VERSIONED},
        "options": state.settings.model_dump(mode="json", exclude={"output"}),
        "seconds": state.seconds,
    }
    (state.partial / "build.json").write_text(
        json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
