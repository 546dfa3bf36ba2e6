"""``sqz-hw import``: other people's SqueezeNet weights as a model file of this project."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import MAX_SIDE, named
from sqz_hw.model.modelfile import Model
from sqz_hw.model.preprocessing import NAMED, Preprocessing


def chosen(
    preprocessing: str | None, channels: str | None, mean: str | None, scale: str | None
) -> Preprocessing | None:
    """The preprocessing that the options describe, or None where none was given.

    Raises:
        BadInputError: an unknown name, or numbers that are none.
    """
    if preprocessing is None:
        if channels is None and mean is None and scale is None:
            return None
        raise BadInputError("--channels, --mean and --scale change a --preprocessing; give that as well")
    if preprocessing not in NAMED:
        raise BadInputError(f"--preprocessing must be one of {', '.join(NAMED)}, not {preprocessing!r}")
    base = NAMED[preprocessing]
    order = channels if channels is not None else base.channels
    if order not in ("RGB", "BGR"):
        raise BadInputError(f"--channels must be RGB or BGR, not {order!r}")
    return Preprocessing(
        "RGB" if order == "RGB" else "BGR",
        base.mean if mean is None else _three("--mean", mean),
        base.scale if scale is None else _three("--scale", scale),
    )


def _three(option: str, text: str) -> tuple[float, float, float]:
    try:
        numbers = [float(number) for number in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3:
        raise BadInputError(f"{option} must be one number or three with commas between, not {text!r}")
    return numbers[0], numbers[1], numbers[2]


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--architecture", default=None, help="v1.0 or v1.1; compressed models of our own know theirs.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The model file to write.")
@click.option("--name", default=None, help="Name of the model; default: the output file's.")
@click.option(
    "--input-size", type=int, default=None, help="Side of the images; default: 227, torchvision 224."
)
@click.option(
    "--preprocessing",
    default=None,
    help="Of the network as trained: caffe, torchvision or x/256; default: the file format's.",
)
@click.option("--channels", default=None, help="RGB or BGR, instead of the preprocessing's.")
@click.option("--mean", default=None, help="Subtracted from pixels of 0 to 255: one number or three.")
@click.option("--scale", default=None, help="Factor after that: one number or three.")
def command(
    file: Path,
    architecture: str | None,
    output: Path,
    name: str | None,
    input_size: int | None,
    preprocessing: str | None,
    channels: str | None,
    mean: str | None,
    scale: str | None,
) -> int:
    """Read SqueezeNet weights: Deep Compression, .npz, .safetensors, Keras, .pth."""
    from sqz_hw.model import modelfile
    from sqz_hw.model.readers.importing import import_weights

    if input_size is not None and not 1 <= input_size <= MAX_SIDE:
        raise BadInputError(f"--input-size must be between 1 and {MAX_SIDE}, not {input_size}")
    if output.is_dir():
        raise BadInputError(f"--output must be a file, and {output} is a folder; name a file in it")
    if file.exists() and output.exists() and output.samefile(file):
        raise BadInputError(f"--output must be another file than the weights {file}; they would be replaced")
    name = name if name is not None else output.stem
    modelfile.check_name(name)
    model = import_weights(
        file,
        None if architecture is None else named(architecture),
        name=name,
        preprocessing=chosen(preprocessing, channels, mean, scale),
        input_size=input_size,
    )
    modelfile.save(model, output)
    console = Console()
    for line in summary(model, file.name, output):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    return 0


def summary(model: Model, file: str, output: Path) -> tuple[str, ...]:
    """What was read, what was assumed of it, and where it went."""
    imported, arch = model.record["imported"], model.architecture
    lines = [
        f"{file}: {imported['format']}, SqueezeNet {arch.name}, {arch.parameters:,} parameters, "
        f"{100 * model.density(fire_only=False):.2f} % of the weights nonzero"
    ]
    if "preprocessing" in imported:
        source = "given" if imported["preprocessing_given"] else "the usual of this format"
        lines.append(
            f"pixels: {Preprocessing.from_dict(imported['preprocessing'])} ({source}); "
            + ("the mean stays to be subtracted" if any(model.input_mean) else "folded into conv1")
        )
    lines.append(
        f"images {arch.input_size} x {arch.input_size}, pooling rounds "
        f"{'up' if arch.ceil_pooling else 'down'}, conv10 padding {arch.conv10_padding}"
    )
    return (*lines, f"wrote {output}")
