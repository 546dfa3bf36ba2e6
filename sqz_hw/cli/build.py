"""``sqz-hw build``: from a model file to a verified HLS project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from sqz_hw import zoo
from sqz_hw.errors import BadInputError
from sqz_hw.settings import BuildSettings, validated


@click.command(name="build")
@click.option("--part", required=True, help="Part (xc7z020), full part name or board (pynq-z2).")
@click.option(
    "--model", default=zoo.DEFAULT, show_default=True, help="Name of the zoo, or a .safetensors file."
)
@click.option(
    "--data", default=None, help="cifar10, an .npz with x and y, or a folder; default: images that are made."
)
@click.option("--images", type=int, default=32, show_default=True, help="How many images to verify on.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=None, help="Default: hls_projects/<model>-<part>."
)
@click.option("--backend", default="Vitis", show_default=True, help="Vitis, Vivado or StreamRTL (Verilog).")
@click.option("--clock-mhz", type=float, default=100.0, show_default=True)
@click.option(
    "--target-fps", type=float, default=None, help="Images a second that are enough; default: as many as fit."
)
@click.option(
    "--fifo-margin", type=int, default=2, show_default=True, help="Words added to FIFOs that fill up."
)
@click.option("--result", default="scores", show_default=True, help="What leaves the chip: scores or argmax.")
@click.option("--synth", is_flag=True, help="Run the vendor's synthesis (StreamRTL: Yosys) too.")
@click.option("--cosim", is_flag=True, help="With --synth: run its co-simulation as well (hours).")
@click.option("--strict", is_flag=True, help="Exit code 4 if it is not shown to fit.")
@click.option("--workers", type=int, default=None, help="Simulation processes; default: one for each core.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the images that are made.")
def command(**options: Any) -> int:
    """Build a verified HLS project of a quantised SqueezeNet."""
    settings = validated(BuildSettings, **options)
    if settings.cosim and not settings.synth:
        raise BadInputError("--cosim needs --synth, which was not given; give both, or neither")
    from sqz_hw import flow
    from sqz_hw.report.terminal import summary

    console = Console()
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[rate]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bars:
        watch = _watch(bars)
        built = flow.build(settings, watch)
    console.print(summary(built.report.to_dict()))
    console.print(
        f"project: {built.folder}  ({sum(built.seconds.values()):.0f} s)", highlight=False, soft_wrap=True
    )
    if built.report.verdict.fits == "unsure":
        Console(stderr=True).print("warning: it is not shown to fit; see the verdict", highlight=False)
    return 0


def _watch(bars: Progress) -> Any:
    from sqz_hw.flow import Watch

    verifying: list[TaskID] = []

    def step(number: int, total: int, title: str) -> None:
        bars.console.print(f"[{number}/{total}] {title}", markup=False, highlight=False)

    def image(done: int, total: int) -> None:
        if not verifying:
            verifying.append(bars.add_task("images", total=total, rate=""))
        task = bars.tasks[0]
        rate = f"{done / task.elapsed:.1f} images/s" if task.elapsed else ""
        bars.update(verifying[0], completed=done, rate=rate)

    def stage(title: str) -> None:
        bars.console.print(f"      {title}", markup=False, highlight=False)

    return Watch(step, image, stage)
