"""The measurements of ``verification.py``: one design, three ways to compute it."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from process_tree import PeakMemory

from sqz_hw import zoo
from sqz_hw.decisions import Decisions
from sqz_hw.estimate.decisions import decide
from sqz_hw.estimate.parts import resolve
from sqz_hw.hls.convert import ConversionOptions, convert
from sqz_hw.hls.graph_design import design_of
from sqz_hw.hls.project import write_project
from sqz_hw.model import modelfile
from sqz_hw.model.augmentation import to_float
from sqz_hw.verify.compiler import compile_project
from sqz_hw.verify.csim import simulate
from sqz_hw.verify.golden import GoldenModel
from sqz_hw.verify.vectors import made_images

LARGE = "v1.1-224"
PART = "xczu9eg"


def load(name: str) -> modelfile.Model:
    if name != LARGE:
        return modelfile.load(zoo.find(name))
    from dataclasses import replace

    from models import random_model  # tests' own random weights

    from sqz_hw.model.architecture import V1_1

    return random_model(replace(V1_1, input_size=224))


def rate(count: int, began: float) -> float:
    return count / (time.perf_counter() - began)


def quiet() -> contextlib.ExitStack:
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    return stack


def measure(name: str, images: int, golden_images: int, folder: Path) -> dict[str, float]:
    model, part = load(name), resolve(PART)
    options = ConversionOptions(part.full_name)
    names = {"name": model.name, "part": part.name, "clock_mhz": 100.0}
    with quiet():
        plain = convert(model, options, Decisions(), folder)
        fitting = decide(design_of(plain, model, **names), part.budget)
        graph = convert(model, options, fitting.chosen.decisions, folder / "hls")
        write_project(graph, folder / "hls")
    design = design_of(graph, model, **names)
    pixels = made_images(model.architecture.input_size, max(images, golden_images), 1).x
    result: dict[str, float] = {"images": images, "golden_images": golden_images}

    golden = GoldenModel(design)
    golden.scores(pixels[:2])
    began = time.perf_counter()
    wanted = golden.scores(pixels[:golden_images])
    result["golden_images_per_s"] = rate(golden_images, began)

    began = time.perf_counter()
    fast = compile_project(folder / "hls", folder / "csim", fast=True)
    result["csim_compile_s"] = time.perf_counter() - began
    began = time.perf_counter()
    bundled = compile_project(folder / "hls", folder / "bundled")
    result["csim_bundled_compile_s"] = time.perf_counter() - began
    for simulator, workers, key in (
        (fast, 1, "csim_one_process_images_per_s"),
        (fast, 2, "csim_images_per_s"),
        (bundled, 1, "csim_bundled_one_process_images_per_s"),
        (bundled, 2, "csim_bundled_images_per_s"),
    ):
        count = images if simulator is bundled else min(len(pixels), 10 * images)
        began = time.perf_counter()
        for _ in simulate(simulator, design, pixels[:count], folder / "run", workers=workers):
            pass
        result[key] = rate(count, began)

    stock = folder / "stock"
    shutil.copytree(folder / "hls", stock)
    graph.config.config["OutputDir"] = str(stock)
    here = Path.cwd()
    try:
        began = time.perf_counter()
        with quiet():
            graph._compile()
        result["stock_compile_s"] = time.perf_counter() - began
        inputs = np.ascontiguousarray(to_float(pixels[:images]))
        began = time.perf_counter()
        predicted = np.asarray(graph.predict(inputs)).reshape(images, -1)
        result["predict_images_per_s"] = rate(images, began)
    finally:
        os.chdir(here)
    same = np.array_equal(predicted[: min(images, golden_images)], wanted[: min(images, golden_images)])
    result["golden_equals_predict"] = float(same)
    result["golden_over_predict"] = result["golden_images_per_s"] / result["predict_images_per_s"]
    result["csim_over_predict"] = result["csim_images_per_s"] / result["predict_images_per_s"]
    result["csim_bundled_over_predict"] = result["csim_bundled_images_per_s"] / result["predict_images_per_s"]
    result["csim_two_over_one"] = result["csim_images_per_s"] / result["csim_one_process_images_per_s"]
    result["compile_over_stock"] = result["csim_compile_s"] / result["stock_compile_s"]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of verification, side by side.")
    parser.add_argument("--model", default=zoo.DEFAULT)
    parser.add_argument("--images", type=int, default=None, help="for the simulations")
    parser.add_argument("--golden-images", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    large = arguments.model == LARGE
    images = arguments.images or (4 if large else 40)
    golden_images = arguments.golden_images or (16 if large else 1000)
    with tempfile.TemporaryDirectory(prefix="sqz_hw-") as folder, PeakMemory() as peak:
        result = measure(arguments.model, images, golden_images, Path(folder))
    result["peak_memory_mib"] = peak.mib
    rounded = {key: round(value, 3) for key, value in result.items()}
    if arguments.json:
        print(json.dumps({"model": arguments.model, **rounded}, sort_keys=True))
    else:
        for key, value in rounded.items():
            print(f"{key:32} {value:12.3f}")


if __name__ == "__main__":
    main()
