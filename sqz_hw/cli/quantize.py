"""``sqz-hw quantize``: post-training quantisation of a float model on calibration images."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sqz_hw.errors import BadInputError


@click.command(name="quantize")
@click.argument("model", metavar="MODEL")
@click.option("--weight-bits", type=int, default=8, show_default=True, help="2 to 8.")
@click.option("--activation-bits", type=int, default=8, show_default=True, help="2 to 16.")
@click.option(
    "--code-bits", type=int, default=None, help="Share weights: at most 2^B different values a layer; 1 to 8."
)
@click.option(
    "--calibration",
    required=True,
    help="cifar10, an .npz with x and y, or a folder with a subfolder a class.",
)
@click.option(
    "--calibration-images", type=int, default=128, show_default=True, help="The first so many are used."
)
@click.option(
    "--score-images", type=int, default=512, show_default=True,
    help="So many after them are scored with both networks; 0: none.",
)  # fmt: skip
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The model file to write.")
@click.option("--name", default=None, help="Name of the model; default: the output file's.")
@click.option("--bias-bits", type=int, default=16, show_default=True, help="At most; 2 to 24.")
@click.option(
    "--score-bits", type=int, default=None, help="Of the last layer's map; default: the activations'."
)
@click.option("--seed", type=int, default=1, show_default=True)
def command(
    model: str,
    weight_bits: int,
    activation_bits: int,
    code_bits: int | None,
    calibration: str,
    calibration_images: int,
    score_images: int,
    output: Path,
    name: str | None,
    bias_bits: int,
    score_bits: int | None,
    seed: int,
) -> int:
    """Quantise MODEL, a float one (a file, or a name of the zoo), for hardware.

    The images after the calibration's are scored with the float network and with the quantised one;
    where there are none, the calibration images themselves are.
    """
    from sqz_hw import zoo
    from sqz_hw.agreement import agreement
    from sqz_hw.model import datasets, modelfile
    from sqz_hw.ptq.post_training import quantise_model
    from sqz_hw.ptq.settings import PtqSettings
    from sqz_hw.settings import validated

    settings = validated(
        PtqSettings, weight_bits=weight_bits, activation_bits=activation_bits, code_bits=code_bits,
        bias_bits=bias_bits, score_bits=score_bits, calibration_images=calibration_images, seed=seed,
    )  # fmt: skip
    if score_images < 0:
        raise BadInputError(f"--score-images: must be 0 or more, not {score_images}")
    if code_bits is not None and code_bits > weight_bits:
        raise BadInputError(
            f"--code-bits: must be at most --weight-bits, {weight_bits}, not {code_bits}; leave it out"
        )
    if output.is_dir():
        raise BadInputError(f"--output must be a file, and {output} is a folder; name a file in it")
    name = name if name is not None else output.stem
    modelfile.check_name(name)
    source = zoo.find(model)
    if output.exists() and output.samefile(source):
        raise BadInputError(f"--output must not be the float model itself, {output}; choose another")
    reference = modelfile.load(source)
    data = datasets.load(
        calibration, reference.architecture.input_size, train=True, limit=calibration_images + score_images
    )
    data.require_classes(reference.architecture.classes)
    began = time.monotonic()
    console = Console()
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("")

        def report(title: str, done: int, total: int) -> None:
            bars.update(task, description=title, completed=done, total=total)

        made = quantise_model(reference, data.x, settings, report)
    seconds = time.monotonic() - began
    lines = [
        f"{reference.name}: {weight_bits}-bit weights, {activation_bits}-bit activations"
        + ("" if code_bits is None else f", weights shared through {code_bits}-bit codes")
        + f"; calibrated on {min(calibration_images, len(data))} images of {data.source} in {seconds:.0f} s"
    ]
    record = dict(made.record)
    if score_images:
        own = len(data) <= calibration_images
        rest = data if own else datasets.Dataset(
            data.x[calibration_images:], None if data.y is None else data.y[calibration_images:], data.source
        )  # fmt: skip
        found = agreement(reference, made, rest, calibration=own)
        record["agreement"] = found.to_dict()
        lines += described(found)
    modelfile.save(dataclasses.replace(made, name=name, record=record), output)
    for line in [*lines, f"wrote {output}"]:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    return 0


def described(found: object) -> list[str]:
    """The lines about agreement and accuracy."""
    from sqz_hw.agreement import Agreement

    if not isinstance(found, Agreement):
        return []
    which = "images, those of the calibration" if found.calibration else "other images"
    lines = [f"same top-1 as float: {found.same_top1:.2f} % of {found.images:,} {which}"]
    if found.float_top1 is not None and found.quantised_top1 is not None:
        top5 = ""
        if found.float_top5 is not None and found.quantised_top5 is not None:
            top5 = f"; top-5: float {found.float_top5:.2f} %, quantised {found.quantised_top5:.2f} %"
        lines.append(
            f"top-1 on them: float {found.float_top1:.2f} %, quantised {found.quantised_top1:.2f} %{top5}"
        )
    return lines
