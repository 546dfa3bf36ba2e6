"""``sqz-hw verify``: a finished project against QKeras and the golden model, on other images."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sqz_hw.errors import BadInputError

TYPES = ("auto", "bundled", "fast")
FAST_FROM = 100
"""Images from which on compiling anew, with the fast ap types, is worth it."""


@click.command(name="verify")
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--data", default=None, help="cifar10, an .npz or a folder; default: images that are made.")
@click.option("--images", type=int, default=32, show_default=True, help="How many images to verify on.")
@click.option("--adversarial", is_flag=True, help="Then on images made to break hardware, too.")
@click.option(
    "--types",
    default="auto",
    show_default=True,
    help="ap types to simulate with: bundled, fast (ours, the same values), auto (fast from 100 images on).",
)
@click.option("--workers", type=int, default=None, help="Simulation processes; default: one for each core.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the images that are made.")
def command(
    project: Path,
    data: str | None,
    images: int,
    adversarial: bool,
    types: str,
    workers: int | None,
    seed: int,
) -> int:
    """Compare every layer of a built project with QKeras and the golden model."""
    from sqz_hw.verify_project import images_for, open_project, verify_project

    for name, value, low, high in (
        ("--images", images, 1, 1_000_000),
        ("--workers", workers, 1, 256),
        ("--seed", seed, 0, 2**31 - 1),
    ):
        if value is not None and value < low:
            raise BadInputError(f"{name}: must be {low} or more, not {value}")
        if value is not None and value > high:
            raise BadInputError(f"{name}: must be {high} or less, not {value}")
    if types not in TYPES:
        raise BadInputError(f"--types: must be one of {', '.join(TYPES)}, not {types!r}")
    opened = open_project(project)
    dataset = images_for(opened, data, images, adversarial, seed)
    fast = types == "fast" or (types == "auto" and len(dataset) >= FAST_FROM)
    console = Console()
    columns = (TextColumn("images"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.fields[rate]}"), console=console, transient=True) as bars:
        task = bars.add_task("images", total=len(dataset), rate="")

        def on_image(done: int) -> None:
            elapsed = bars.tasks[0].elapsed or 0.0
            bars.update(task, completed=done, rate=f"{done / elapsed:.1f} images/s" if elapsed else "")

        outcome = verify_project(opened, dataset, workers=workers, fast=fast, on_image=on_image)
    if outcome.picture is not None:
        console.print(f"where it differs: {outcome.picture}", highlight=False, soft_wrap=True)
    outcome.require_bit_exact()
    rows = outcome.comparison.rows()
    console.print(
        f"bit-exact: {', '.join(outcome.comparison.engines)} and csim agree on all "
        f"{sum(row.elements for row in rows):,} values of {len(rows)} tensors, {len(dataset):,} images "
        f"({dataset.source}); {'fast' if fast else 'bundled'} ap types",
        highlight=False,
        soft_wrap=True,
    )
    return 0
