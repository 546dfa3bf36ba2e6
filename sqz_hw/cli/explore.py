"""``sqz-hw explore``: a search of the paper's design space, with bits, density and parallelism."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sqz_hw.errors import BadInputError, ToolError
from sqz_hw.model.architecture import MAX_SIDE


def _fixed(changes: tuple[str, ...]) -> dict[str, Any]:
    """``field=value`` options; values are JSON (a bare word is a text)."""
    values: dict[str, Any] = {}
    for change in changes:
        field, equals, text = change.partition("=")
        if not equals:
            raise BadInputError(f"--fix takes field=value, such as width=0.5, not {change!r}")
        try:
            values[field] = json.loads(text)
        except (ValueError, RecursionError):
            values[field] = text
    return values


def _space_file(path: Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInputError(f"--space: {path} cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"--space: {path} must be a JSON file, and is not ({error})") from error
    if not isinstance(plain, dict):
        raise BadInputError(f"--space: {path} must hold an object of fields, not {type(plain).__name__}")
    return plain


ROWS = 12
"""Of the front, shown on the terminal; all are in explore.md."""


@click.command(name="explore")
@click.option("--data", required=True, help="Training images: cifar10, an .npz with x and y, or a folder.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--part", default=None, help="Part or board that hardware is estimated for.")
@click.option("--trials", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="In all.")
@click.option("--minutes", type=float, default=None, help="After so many, no trial begins.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes here.")
@click.option("--scheduler", default=None, help="tcp://host:port of a Dask cluster that runs already.")
@click.option("--resume", is_flag=True, help="Go on with the search in --output.")
@click.option("--architecture", default="v1.0", show_default=True, help="v1.0 or v1.1: what is not searched.")
@click.option("--search", "searched", multiple=True, help="Search this field only (may be given again).")
@click.option("--space", type=click.Path(path_type=Path), default=None, help="JSON of fields and ranges.")
@click.option("--fix", "fixed", multiple=True, help="field=value: do not search it.")
@click.option("--objectives", default=None, help="Names with commas between; the first ranks.")
@click.option("--strict", is_flag=True, help='Treat "unsure" as "does not fit".')
@click.option("--clock-mhz", type=float, default=None, help="default 100")
@click.option("--max-macs", type=float, default=None, help="Most MACs an image, zeros included.")
@click.option("--max-nonzero-macs", type=float, default=None, help="Most MACs an image with nonzero weights.")
@click.option("--max-memory-bits", type=float, default=None, help="Most bits of weights as stored.")
@click.option("--proxy-images", type=int, default=None, help="default 8192")
@click.option("--proxy-epochs", type=int, default=None, help="default 4")
@click.option("--proxy-validation-images", type=int, default=None, help="default 2000")
@click.option("--proxy-batch", type=int, default=None, help="default 64")
@click.option("--proxy-rate", type=float, default=None, help="default 0.05")
@click.option("--seed", type=int, default=None, help="default 1")
@click.option(
    "--input-size", type=click.IntRange(1, MAX_SIDE), default=None, help="Side of the images of a folder."
)
def command(**options: Any) -> int:
    """Search for networks that are accurate, small and fast; writes explore.json, explore.md, pareto.png.

    Each trial is a short training (a proxy) on some of the training images, judged on others.
    """
    from sqz_hw.explore import report
    from sqz_hw.explore.storage import opened
    from sqz_hw.explore.study import Limits, records, search

    settings, split = _settings(options)
    minutes = options["minutes"]
    if minutes is not None and not 0 < minutes <= 1e6:
        raise BadInputError(f"--minutes: must be above 0 and at most 1000000, not {minutes}")
    if options["scheduler"] is not None and options["workers"] != 1:
        raise BadInputError(
            "--workers are processes of this machine, --scheduler a cluster: give one of them"
        )
    limits = Limits(options["trials"], minutes)
    console, folder = Console(), options["output"]
    early: str | None = "stopped"
    with opened(folder, settings, resume=options["resume"]) as study:
        done = sum(record.outcome.state != "pruned" for record in records(study))
        try:
            with _pool(options, settings, split) as pool, _progress(console, settings, done, limits) as watch:
                early = search(study, settings, pool, limits, watch)
        finally:
            report.write(folder, settings, records(study), early)
        found = records(study)
    made = report.content(settings, found, early)
    _summary(console, made, folder)
    _require_result(made, folder)
    return 0


def _settings(options: Mapping[str, Any]) -> tuple[Any, Any]:
    """The search's settings and images, everything checked that can be before it begins."""
    from sqz_hw.estimate.parts import resolve
    from sqz_hw.explore.candidate import base_architecture
    from sqz_hw.explore.objectives import chosen_objectives
    from sqz_hw.explore.settings import ExploreSettings
    from sqz_hw.explore.space import space_of
    from sqz_hw.explore.subset import subset
    from sqz_hw.model import datasets
    from sqz_hw.settings import validated

    part = None if options["part"] is None else resolve(options["part"]).name
    file, fixed = _space_file(options["space"]), _fixed(options["fixed"])
    space = space_of(file, options["searched"], fixed, hardware=part is not None)
    given = {k: options[k] for k in ExploreSettings.model_fields if options.get(k) is not None}
    given |= {
        "part": part,
        "space": space.plain(),
        "objectives": chosen_objectives(options["objectives"], part),
    }
    first = validated(ExploreSettings, **given)
    data = datasets.load(options["data"], options["input_size"], train=True)
    split = subset(data, first.proxy_images, first.proxy_validation_images, first.seed)
    settings = first.model_copy(
        update={
            "input_size": data.x.shape[1],
            "classes": int(data.y.max()) + 1 if data.y is not None else 1,
            "data_sha256": split.digest,
        }
    )
    data.require_classes(settings.classes)
    base_architecture(settings)
    return settings, split


def _pool(options: Mapping[str, Any], settings: Any, split: Any) -> Any:
    from sqz_hw.explore.objective import evaluate
    from sqz_hw.explore.workers import cluster_pool, local_pool
    from sqz_hw.verify.compiler import find_compiler

    if options["scheduler"] is not None:
        return cluster_pool(options["scheduler"], evaluate, settings.data_sha256, split)
    if settings.part is not None:
        find_compiler()
    return local_pool(options["workers"], evaluate, settings.data_sha256, split)


@contextmanager
def _progress(console: Console, settings: Any, done: int, limits: Any) -> Iterator[Any]:
    from sqz_hw.explore.objectives import OBJECTIVES

    columns = (
        TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[pruned]}"),
    )  # fmt: skip
    console.print(f"accuracy: {settings.proxy}; the first trial of a worker takes longer", highlight=False)
    with Progress(*columns, console=console, refresh_per_second=2) as bar:
        task = bar.add_task("", total=limits.trials, completed=done, pruned="")
        pruned = 0

        def watch(record: Any) -> None:
            nonlocal pruned
            outcome = record.outcome
            if outcome.state == "pruned":
                pruned += 1
                bar.update(task, pruned=f"{pruned} pruned")
                return
            bar.advance(task)
            said = outcome.reason or ", ".join(
                f"{OBJECTIVES[name].title} {OBJECTIVES[name].shown(outcome.values[name])}"
                for name in settings.objectives
            )
            mark = "" if record.feasible or outcome.state == "failed" else " (limits broken)"
            bar.console.print(
                f"trial {record.number} {outcome.state}: {said}{mark}",
                highlight=False, markup=False, soft_wrap=True,
            )  # fmt: skip

        yield watch


def _summary(console: Console, made: Mapping[str, Any], folder: Path) -> None:
    from sqz_hw.explore.report import described, heads, shown

    table = Table(title="Pareto front", title_justify="left")
    table.add_column("trial", justify="right")
    for title, kind in heads(made):
        table.add_column(f"{title}\n({kind})", justify="right")
    table.add_column("point")
    front = [t for t in made["trials"] if t["pareto"]]
    first = made["objectives"][0]
    sign = -1 if first["direction"] == "maximize" else 1
    for trial in sorted(front, key=lambda t: sign * t["values"][first["name"]]["value"])[:ROWS]:
        table.add_row(str(trial["number"]), *shown(made, trial), described(trial))
    console.print(table, highlight=False, markup=False)
    counts = made["counts"]
    lines = [f"{len(front) - ROWS} more in explore.md"] if len(front) > ROWS else []
    lines += [f"{counts['complete']} trials complete, {counts['pruned']} pruned, {counts['failed']} failed"]
    if made["ended_early"]:
        lines.append(f"ended early: {made['ended_early']}")
    best = next((t for t in made["trials"] if t["number"] == made["best"]), None)
    if best is not None:
        lines += [
            f"to train trial {best['number']} fully:",
            *(c for c in (best["train"], best["build"]) if c),
        ]
    for line in [*lines, f"wrote {folder}/explore.json, explore.md, pareto.png"]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _require_result(made: Mapping[str, Any], folder: Path) -> None:
    """Refuse a search without any result.

    Raises:
        ToolError: every trial that was begun failed.
        BadInputError: no point of the space could be trained.
    """
    if made["counts"]["complete"]:
        return
    state = "failed" if made["counts"]["failed"] else "pruned"
    reasons = [t["reason"] for t in made["trials"] if t["state"] == state]
    last = reasons[-1] if reasons else "none was begun"
    if state == "failed":
        raise ToolError(f"no trial was completed, and the last one failed: {last}; see {folder}")
    raise BadInputError(f"no point of this space could be trained, and the last one was pruned: {last}")
