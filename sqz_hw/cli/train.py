"""``sqz-hw train``: float training, pruning and QAT of a SqueezeNet on the user's data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sqz_hw.errors import BadInputError, IllegalArchitectureError
from sqz_hw.model.architecture import MAX_SIDE, Architecture, named, small_stem
from sqz_hw.settings import validated
from sqz_hw.training.settings import TrainSettings

SMALL_IMAGES = 64
"""Up to this side, the network gets the stem for small images."""


def with_fields(arch: Architecture, changes: tuple[str, ...]) -> Architecture:
    """Apply ``field=value`` changes; values are JSON (a bare word is a text).

    Raises:
        IllegalArchitectureError: an unknown field or an illegal value.
    """
    values: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise IllegalArchitectureError(f"--set takes field=value, such as pct3x3=0.25, not {change!r}")
        try:
            values[key] = json.loads(text)
        except (ValueError, RecursionError):
            values[key] = text
    return Architecture.from_dict({**arch.to_dict(), **values})


def _setting_options(function: Any) -> Any:
    for name, field in reversed(TrainSettings.model_fields.items()):
        kind = int if field.annotation is int else float
        function = click.option(
            f"--{name.replace('_', '-')}", name, type=kind, default=None, help=f"default {field.default}"
        )(function)
    return function


@click.command(name="train")
@click.option(
    "--data", required=True, help="cifar10, an .npz with x and y, or a folder with a subfolder a class."
)
@click.option("--test-data", default=None, help="The same, for the accuracy table; cifar10 brings its own.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--name", default=None, help="Name of the model; default: the output folder's.")
@click.option("--architecture", default="v1.0", show_default=True, help="v1.0 or v1.1.")
@click.option("--width", type=float, default=1.0, show_default=True, help="Multiplier on all channel counts.")
@click.option("--bypass", default="none", show_default=True, help="none, simple or complex.")
@click.option("--set", "changes", multiple=True, help="Any field of the architecture, such as pct3x3=0.25.")
@click.option(
    "--input-size", type=click.IntRange(1, MAX_SIDE), default=None, help="Side of the images of a folder."
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --output.")
@_setting_options
def command(**options: Any) -> int:
    """Train, prune and quantise a SqueezeNet; writes model.safetensors."""
    from sqz_hw.model import datasets
    from sqz_hw.model.modelfile import check_name
    from sqz_hw.training import run as training

    name = options["name"] or options["output"].resolve().name
    check_name(name)
    arch = with_fields(named(options["architecture"]), options["changes"])
    given = {k: options[k] for k in TrainSettings.model_fields if options[k] is not None}
    settings = validated(TrainSettings, **given)
    data = datasets.load(options["data"], options["input_size"], train=True)
    test_source = options["test_data"] or ("cifar10" if options["data"] == "cifar10" else None)
    size = data.x.shape[1]
    test = datasets.load(test_source, size) if test_source else None
    if data.y is None:
        raise BadInputError(f"{data.source}: training needs labels, and there are none")
    classes = int(data.y.max()) + 1
    shape = {"input_size": size, "classes": classes, "width": options["width"], "bypass": options["bypass"]}
    arch = small_stem(arch, **shape) if size <= SMALL_IMAGES else dataclasses.replace(arch, **shape)
    arch = with_fields(arch, options["changes"])
    if arch.input_size != size:
        raise BadInputError(
            f"--set input_size must be the images' size, {size}, not {arch.input_size}; leave it out"
        )
    for part in (data, test):
        if part is not None:
            part.require_classes(arch.classes)
    kept, validation = training.split(data, settings.validation_images, settings.seed)
    run = training.Run(name, arch, settings, kept, validation, test, options["output"])
    console = Console()
    console.print(f"{name}: {arch.parameters:,} parameters, {arch.macs:,} MACs, {len(kept):,} images")
    model = _train(run, options["resume"], console)
    _summary(console, model.record, model.density(), options["output"])
    return 0


def _train(run: Any, resume: bool, console: Console) -> Any:
    from sqz_hw.training import run as training

    columns = (
        TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[metrics]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def report(title: str, done: int, total: int, metrics: dict[str, float]) -> None:
            text = " ".join(f"{k} {v:.3f}" for k, v in metrics.items())
            if title not in tasks:
                tasks[title] = bars.add_task(title, total=total, metrics=text)
            bars.update(tasks[title], completed=done, metrics=text)
            if "seconds" in metrics:
                bars.remove_task(tasks.pop(title))
                bars.console.print(f"{title:<12} {text}", highlight=False)

        return training.train(run, resume=resume, report=report)


def _summary(console: Console, record: Any, density: float, output: Path) -> None:
    accuracy = record.get("accuracy")
    if accuracy:
        table = ", ".join(f"{stage} {value:.2f} %" for stage, value in accuracy.items())
        console.print(f"top-1 on {record['test_images']:,} test images: {table}", highlight=False)
    else:
        console.print("no --test-data was given: accuracy was not measured")
    console.print(
        f"{100 * (1 - density):.1f} % of the Fire modules' weights are zero; {record['seconds']} s; "
        f"wrote {output / 'model.safetensors'}",
        highlight=False,
    )
