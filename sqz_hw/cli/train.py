"""``sqz-hw train``: float training, pruning and QAT of a SqueezeNet on the user's data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sqz_hw.cli.choices import choice_tables
from sqz_hw.errors import BadInputError, IllegalArchitectureError
from sqz_hw.model.architecture import MAX_SIDE, Architecture, named, small_stem
from sqz_hw.settings import validated
from sqz_hw.training.budget import budget_bits
from sqz_hw.training.settings import TrainSettings

if TYPE_CHECKING:
    from sqz_hw.training.given import Given

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
        if name == "memory_bits":  # --memory-budget says it
            continue
        option = f"--{name.replace('_', '-')}"
        kinds = [kind for kind in (get_args(field.annotation) or (field.annotation,)) if kind is not NoneType]
        default = "" if field.default is None else f"default {field.default}"
        if kinds == [bool]:
            function = click.option(option, name, is_flag=True, default=None, help=default)(function)
        else:
            kind = click.Choice(kinds) if isinstance(kinds[0], str) else kinds[0]
            function = click.option(option, name, type=kind, default=None, help=default)(function)
    return function


@click.command(name="train")
@click.option(
    "--data", required=True, help="cifar10, an .npz with x and y, or a folder with a subfolder a class."
)
@click.option("--test-data", default=None, help="The same, for the accuracy table; cifar10 brings its own.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--name", default=None, help="Name of the model; default: the output folder's.")
@click.option("--architecture", default=None, help="v1.0 (default) or v1.1.")
@click.option("--width", type=float, default=None, help="Multiplier on all channel counts; default 1.")
@click.option("--bypass", default=None, help="none (default), simple or complex.")
@click.option("--set", "changes", multiple=True, help="Any field of the architecture, such as pct3x3=0.25.")
@click.option(
    "--input-size", type=click.IntRange(1, MAX_SIDE), default=None, help="Side of the images of a folder."
)
@click.option(
    "--start",
    type=click.Path(path_type=Path),
    default=None,
    help="A float model to start from: it brings its architecture, and there is no float stage "
    "unless --float-epochs asks for one.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    default=("self",),
    show_default=True,
    help="A float model to learn from in all stages; self: the run's own float network, in the stages "
    "after it; none. Given several times: the mean of their probabilities.",
)
@click.option("--part", default=None, help="The part that --memory-budget is a share of.")
@click.option(
    "--memory-budget",
    default=None,
    help="For weights, indices and biases: 60% of the part's memory, or 2.6Mbit (10^6 bits); widths are "
    "then chosen by sensitivity.",
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in --output.")
@_setting_options
def command(**options: Any) -> int:
    """Train, prune and quantise a SqueezeNet; writes model.safetensors."""
    from sqz_hw.model import datasets
    from sqz_hw.model.modelfile import check_name
    from sqz_hw.training import checkpoints, given
    from sqz_hw.training import run as training
    from sqz_hw.training.cluster import from_environment

    name = options["name"] or options["output"].resolve().name
    check_name(name)
    start = None if options["start"] is None else given.read("--start", options["start"])
    settings = settings_of(options, start is not None)
    teachers = _teachers(options["teachers"])
    if start is None:
        with_fields(named(options["architecture"] or "v1.0"), options["changes"])
    data = datasets.load(options["data"], options["input_size"], train=True)
    test_source = options["test_data"] or ("cifar10" if options["data"] == "cifar10" else None)
    test = datasets.load(test_source, data.x.shape[1]) if test_source else None
    if data.y is None:
        raise BadInputError(f"{data.source}: training needs labels, and there are none")
    if start is None:
        arch = _asked_for(options, data.x.shape[1], int(data.y.max()) + 1)
    else:
        arch = given_architecture(options, start.model.architecture, data.x.shape[1])
    for part in (data, test):
        if part is not None:
            part.require_classes(arch.classes)
    kept, validation = training.split(data, settings.validation_images, settings.seed)
    run = training.Run(name, arch, settings, kept, validation, test, options["output"], start, teachers)
    cluster = from_environment()
    console = Console(quiet=not cluster.chief)
    console.print(f"{name}: {arch.parameters:,} parameters, {arch.macs:,} MACs, {len(kept):,} images")
    if cluster.count > 1:
        Console().print(f"worker {cluster.index} of {cluster.count}; worker 0 writes {options['output']}")
    model = _train(run, options["resume"], console)
    progress = checkpoints.read_progress(options["output"])
    seconds = 0.0 if progress is None else progress.seconds
    _summary(console, model.record, model.density(), seconds, options["output"])
    return 0


def _teachers(named: tuple[str, ...]) -> tuple[Given | Literal["self"], ...]:
    """What --teacher names: files, "self", or "none" alone.

    Raises:
        ModelFileError: a file is damaged or not one of ours.
        BadInputError: there is no such file, or it cannot be one; "none" beside others; one named twice.
    """
    from sqz_hw.training import given

    if named == ("none",):
        return ()
    if len(set(named)) < len(named):
        raise BadInputError(f"--teacher must name each teacher once, not {', '.join(named)}; leave one out")
    if "none" in named:
        others = ", ".join(name for name in named if name != "none")
        raise BadInputError(f"--teacher none must stand alone, not beside {others}; leave it or them out")
    return tuple("self" if name == "self" else given.read("--teacher", Path(name)) for name in named)


def settings_of(options: dict[str, Any], started: bool) -> TrainSettings:
    """Settings as the options say; with a model to start from, no float stage unless asked for.

    Raises:
        BadInputError: an option out of range, or a budget that cannot be read.
    """
    given = {k: options[k] for k in TrainSettings.model_fields if options.get(k) is not None}
    if started:
        given.setdefault("float_epochs", 0)
    if options["memory_budget"] is not None:
        given["memory_bits"] = budget_bits(options["memory_budget"], options["part"])
    elif options["part"] is not None:
        raise BadInputError("--part is what --memory-budget is a share of; give both, such as 60%")
    return validated(TrainSettings, **given)


def _asked_for(options: dict[str, Any], size: int, classes: int) -> Architecture:
    """The architecture that the options describe, for images of this size."""
    base = with_fields(named(options["architecture"] or "v1.0"), options["changes"])
    shape: dict[str, Any] = {
        "input_size": size,
        "classes": classes,
        "width": 1.0 if options["width"] is None else options["width"],
        "bypass": options["bypass"] or "none",
    }
    arch = small_stem(base, **shape) if size <= SMALL_IMAGES else dataclasses.replace(base, **shape)
    arch = with_fields(arch, options["changes"])
    if arch.input_size != size:
        raise BadInputError(
            f"--set input_size must be the images' size, {size}, not {arch.input_size}; leave it out"
        )
    return arch


def given_architecture(options: dict[str, Any], arch: Architecture, size: int) -> Architecture:
    """The architecture of the model to start from; options may say the same, and nothing else.

    Raises:
        BadInputError: they say something else, or the images have another size.
    """
    if arch.input_size != size:
        raise BadInputError(
            f"--start takes images of {arch.input_size}x{arch.input_size}, and those given are "
            f"{size}x{size}; give images of that size"
        )
    said = {
        "name": options["architecture"],
        "width": options["width"],
        "bypass": options["bypass"],
    }
    wanted = with_fields(arch, options["changes"]).to_dict()
    wanted |= {field: value for field, value in said.items() if value is not None}
    for field, value in arch.to_dict().items():
        if wanted[field] != value:
            raise BadInputError(
                f"--start has {field} {value}, and the options say {wanted[field]}; leave the option out, "
                "or start from another model"
            )
    return arch


def _train(run: Any, resume: bool, console: Console) -> Any:
    from sqz_hw.training import run as training

    columns = (
        TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), TextColumn("{task.fields[metrics]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def report(title: str, done: int, total: int, metrics: dict[str, float]) -> None:
            text = " ".join(f"{k} {v:.5g}" for k, v in metrics.items())
            if title not in tasks:
                tasks[title] = bars.add_task(title, total=total, metrics=text)
            bars.update(tasks[title], completed=done, metrics=text)
            if "seconds" in metrics:
                bars.remove_task(tasks.pop(title))
                bars.console.print(f"{title:<12} {text}", highlight=False)

        def noted(line: dict[str, Any]) -> None:
            for table in choice_tables(line):
                bars.console.print(table)

        return training.train(run, resume=resume, report=report, noted=noted)


def _summary(console: Console, record: Any, density: float, seconds: float, output: Path) -> None:
    accuracy = record.get("accuracy")
    if accuracy:
        table = ", ".join(f"{stage} {value:.2f} %" for stage, value in accuracy.items())
        console.print(f"top-1 on {record['test_images']:,} test images: {table}", highlight=False)
    else:
        console.print("no --test-data was given: accuracy was not measured")
    console.print(
        f"{100 * (1 - density):.1f} % of the Fire modules' weights are zero; {record['stored_bits']:,} bits "
        f"stored; {seconds:.0f} s; "
        f"wrote {output / 'model.safetensors'}",
        highlight=False,
    )
