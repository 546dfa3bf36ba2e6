"""Accuracy of one engine on a data set: float, QKeras, the golden model, C-simulation or RTL in Verilator."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw import zoo
from sqz_hw.decisions import Decisions
from sqz_hw.design import Design, Op
from sqz_hw.errors import BadInputError, ModelFileError
from sqz_hw.model import modelfile
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import Model
from sqz_hw.rtl.tools import scratch_folder
from sqz_hw.verify.run import accuracy

Scores = npt.NDArray[np.float64]
Engine = Callable[[npt.NDArray[np.uint8]], Scores]
PART = "xc7z020clg400-1"
"""No value depends on the part; hls4ml wants one all the same, and the RTL is folded for it."""


@dataclass(frozen=True)
class Evaluation:
    """What an engine scored.

    Attributes:
        engine: which one.
        images: how many.
        top1, top5: percent; top5 is None with fewer than five classes.
        images_per_s: without loading, conversion and compilation.
    """

    engine: str
    images: int
    top1: float
    top5: float | None
    images_per_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def evaluate(model_path: Path, data: Dataset, engine: str) -> Evaluation:
    """Score a data set.

    Args:
        model_path: a model file; ``float`` takes a float one, or the float companion of a quantised one.
        data: labelled images.
        engine: ``float``, ``qkeras``, ``golden``, ``csim`` or ``rtl`` (StreamRTL in Verilator).

    Raises:
        BadInputError: an unknown engine, no labels, or the wrong sort of model.
        ToolError: C-simulation or the RTL simulation could not be compiled or run.
    """
    if engine not in ENGINES:
        raise BadInputError(f"the engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if data.y is None:
        raise BadInputError(f"{data.source}: accuracy needs labels, and there are none; give data with y")
    with scratch_folder("sqz_hw-") as scratch:
        run = ENGINES[engine](model_path, scratch)
        began = time.perf_counter()
        scores = run(data.x)
        seconds = time.perf_counter() - began
    top1, top5 = accuracy(scores, data.y, 1) or 0.0, accuracy(scores, data.y, 5)
    best_of_five = None if top5 is None else round(top5, 4)
    return Evaluation(engine, len(data), round(top1, 4), best_of_five, round(len(data) / seconds, 3))


def _float(path: Path, scratch: Path) -> Engine:
    from sqz_hw.model.inference import network_scores
    from sqz_hw.model.network import float_network, set_weights

    model = modelfile.load(path)
    if model.quantisation is not None:
        companion = zoo.float_companion(path)
        if companion is None:
            raise ModelFileError(
                f"the float engine needs a float model, and {model.name} is quantised with no "
                f"{path.stem}{zoo.FLOAT}{zoo.SUFFIX} beside it; give the float model"
            )
        model = modelfile.load(companion)
    network = float_network(model.architecture, batch_norm=False)
    set_weights(network, model.weights)
    return lambda images: network_scores(network, images, model.input_mean)


def _qkeras(path: Path, scratch: Path) -> Engine:
    from sqz_hw.hls.convert import qkeras_network
    from sqz_hw.model.inference import network_scores

    network = qkeras_network(modelfile.load(path))
    return lambda images: network_scores(network, images)


def _golden(path: Path, scratch: Path) -> Engine:
    from sqz_hw.verify.golden import GoldenModel

    golden = GoldenModel(design_of_model(modelfile.load(path), scratch))
    return lambda images: golden.scores(images)


def _csim(path: Path, scratch: Path) -> Engine:
    from sqz_hw.verify.compiler import compile_project
    from sqz_hw.verify.csim import simulate

    design = design_of_model(modelfile.load(path), scratch / "hls", write=True)
    simulator = compile_project(scratch / "hls", scratch / "csim", fast=True)
    summing = next(layer for layer in design.layers if layer.op is Op.GLOBAL_SUM)
    stream = summing.outputs[0]

    def run(images: npt.NDArray[np.uint8]) -> Scores:
        traces = simulate(simulator, design, images, scratch / "csim", keep=(stream,))
        return np.stack([trace.codes[stream].reshape(-1) * summing.out_type.lsb for trace in traces])

    return run


def _rtl(path: Path, scratch: Path) -> Engine:
    from sqz_hw.estimate.parts import resolve
    from sqz_hw.rtl.accelerator import accelerate
    from sqz_hw.rtl.generate import write_rtl
    from sqz_hw.rtl.simulate import compile_plan, run_images
    from sqz_hw.rtl.tools import find_compiler, find_verilator

    find_verilator()
    find_compiler()
    design = design_of_model(modelfile.load(path), scratch / "hls")
    plan = accelerate(design, resolve(PART)).plan
    sources = write_rtl(plan, scratch / "rtl")
    accelerator = compile_plan(plan, sources, scratch / "rtl" / "memory", scratch / "simulation")
    lsb = plan.network.result.type.lsb
    return lambda images: run_images(accelerator, images, scratch / "run").outputs * lsb


def design_of_model(model: Model, folder: Path, *, write: bool = False) -> Design:
    """The design of a model with hls4ml's default folding, optionally written as a project."""
    from sqz_hw.hls.convert import ConversionOptions, convert
    from sqz_hw.hls.graph_design import design_of
    from sqz_hw.hls.project import write_project

    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):  # stdout may be JSON
        warnings.simplefilter("ignore")  # Keras's and hls4ml's, of no use to who asks for accuracy
        graph = convert(model, ConversionOptions(PART), Decisions(), folder)
        if write:
            write_project(graph, folder)
    return design_of(graph, model, name=model.name, part=PART, clock_mhz=100.0)


ENGINES: dict[str, Callable[[Path, Path], Engine]] = {
    "float": _float,
    "qkeras": _qkeras,
    "golden": _golden,
    "csim": _csim,
    "rtl": _rtl,
}
