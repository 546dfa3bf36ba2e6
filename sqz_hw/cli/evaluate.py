"""``sqz-hw evaluate``: accuracy of one engine on a data set."""

from __future__ import annotations

import json

import click
from rich.console import Console

from sqz_hw import zoo
from sqz_hw.errors import BadInputError


@click.command(name="evaluate")
@click.option(
    "--model", default=zoo.DEFAULT, show_default=True, help="Name of the zoo, or a .safetensors file."
)
@click.option(
    "--data", required=True, help="cifar10, an .npz with x and y, or a folder with a subfolder a class."
)
@click.option("--engine", required=True, help="float, qkeras, golden, csim or rtl.")
@click.option("--images", type=int, default=None, help="The first so many images; default: all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model: str, data: str, engine: str, images: int | None, as_json: bool) -> int:
    """Score a data set with one engine."""
    from sqz_hw.evaluate import evaluate
    from sqz_hw.model import datasets, modelfile

    if images is not None and images < 1:
        raise BadInputError(f"--images: must be 1 or more, not {images}")
    path = zoo.find(model)
    arch = modelfile.load(path).architecture
    dataset = datasets.load(data, arch.input_size, limit=images)
    dataset.require_classes(arch.classes)
    result = evaluate(path, dataset, engine)
    if as_json:
        click.echo(json.dumps(result.to_dict(), sort_keys=True))
        return 0
    top5 = "" if result.top5 is None else f", top-5 {result.top5:.2f} %"
    Console().print(
        f"{result.engine}: top-1 {result.top1:.2f} %{top5} on {result.images:,} images of {dataset.source} "
        f"({result.images_per_s:.1f} images/s)",
        highlight=False,
    )
    return 0
