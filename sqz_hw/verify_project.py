"""Verifies a finished project again, on other images; its files stay as they are."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sqz_hw.design import Design, Op
from sqz_hw.design_check import require_dataflow
from sqz_hw.errors import BadInputError
from sqz_hw.model import datasets, modelfile
from sqz_hw.model.datasets import Dataset
from sqz_hw.verify.adversarial import first_layer_extremes, patterns, searched, with_sums
from sqz_hw.verify.compare import by_stream
from sqz_hw.verify.compiler import compile_project
from sqz_hw.verify.exactness import float64_layers
from sqz_hw.verify.golden import GoldenModel
from sqz_hw.verify.run import Engine, Outcome, verify
from sqz_hw.verify.vectors import made_images

ADVERSARIAL = "adversarial images"


@dataclass(frozen=True)
class Project:
    """A project folder, read.

    Attributes:
        folder: where it is.
        design: the hardware.
        model: the model it was made from.
    """

    folder: Path
    design: Design
    model: modelfile.Model


def open_project(folder: Path) -> Project:
    """Read a project folder.

    Raises:
        BadInputError: it is none, or a part of it is missing or damaged.
    """
    design, model = folder / "csim" / "design.json", folder / "csim" / "model.safetensors"
    try:
        if (folder / "rtl").is_dir() and (folder / "simulation").is_dir():
            raise BadInputError(
                f"a project to C-simulate must be HLS C++, and {folder} is StreamRTL's, which its build "
                "verified in Verilator; for other images: scripts/evaluate.py --engine rtl, or the build "
                "again with --data"
            )
        for path in (design, model, folder / "hls" / "firmware"):
            if not path.exists():
                raise BadInputError(
                    f"a project must be a folder that build_hls.py wrote, and {folder} has no "
                    f"{path.relative_to(folder)}; build it again"
                )
        text = design.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error.reason
        raise BadInputError(
            f"the design cannot be read ({why}): {design}; build the project again"
        ) from error
    project = Project(folder.resolve(), Design.from_json(text), modelfile.load(model))
    require_dataflow(project.design)
    size = project.model.architecture.input_size
    if project.design.input.shape != (size, size, 3):
        raise BadInputError(
            f"the design must take images of its model, {size} x {size} x 3, not "
            f"{' x '.join(map(str, project.design.input.shape))}; build the project again"
        )
    return project


def images_for(project: Project, data: str | None, count: int, adversarial: bool, seed: int) -> Dataset:
    """The images to verify on: the user's, else made ones; then the adversarial ones if asked for.

    Raises:
        DataError: the data is missing, damaged or of the wrong shape.
    """
    size = project.design.input.shape[0]
    chosen = datasets.load(data, size, limit=count) if data is not None else made_images(size, count, seed)
    if not adversarial:
        return chosen
    visible = with_sums(project.design)
    extra = [
        patterns(size, seed),
        first_layer_extremes(visible),
        searched(visible, GoldenModel(visible).run, seed),
    ]
    return Dataset(np.concatenate([chosen.x, *extra]), None, f"{chosen.source}, and {ADVERSARIAL}")


def verify_project(
    project: Project, data: Dataset, *, workers: int | None, fast: bool, on_image: Callable[[int], None]
) -> Outcome:
    """C-simulation of the project's sources against QKeras and the golden model.

    Args:
        project: what to verify.
        data: the images.
        workers: simulation processes; None means one for each core.
        fast: compile with this project's own ap types, which compute the same as the bundled ones
            many times faster; else with the bundled ones (compiled again only if the sources have
            changed since the build).
        on_image: called with the number of images done.

    Where a layer differs, a picture of it is put into ``csim/``.

    Raises:
        ToolError: g++ is missing or failed, or the simulation broke off.
    """
    from sqz_hw.hls.convert import qkeras_network
    from sqz_hw.model.tensors import reference_tensors

    design = project.design
    golden = GoldenModel(design)  # first: it checks every layer's shapes
    argmax = any(layer.op is Op.ARGMAX for layer in design.layers)
    network = qkeras_network(project.model, argmax=argmax, in_float64=float64_layers(design))
    engines: dict[str, Engine] = {
        "qkeras": (by_stream(design, tensors) for tensors in reference_tensors(network, data.x)),
        "golden": (trace.codes for trace in golden.traces(data.x)),
    }
    with tempfile.TemporaryDirectory(prefix="sqz_hw-") as scratch:
        into = Path(scratch) / "program" if fast else project.folder / "csim"
        simulator = compile_project(project.folder / "hls", into, fast=fast)
        run = Path(scratch) / "run"
        outcome = verify(simulator, design, data.x, engines, run, workers=workers, on_image=on_image)
        if outcome.picture is None:
            return outcome
        kept = project.folder / "csim" / outcome.picture.name
        shutil.copyfile(outcome.picture, kept)
    return replace(outcome, picture=kept)
