"""``sqz-hw compress``: a model as small as it can be shipped, by Deep Compression."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from sqz_hw import zoo
from sqz_hw.errors import BadInputError
from sqz_hw.files import write_whole

FLOAT_BYTES = 4


@click.command(name="compress")
@click.argument("model")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The file to write (.sqzdc).")
@click.option("--bits", type=int, default=None, help="Share a float model's weights: 1 to 8 bits.")
def command(model: str, output: Path, bits: int | None) -> int:
    """Shared weights, gaps and Huffman codes; sqz-hw import reads the file back."""
    from sqz_hw.model import modelfile
    from sqz_hw.model.compression import container
    from sqz_hw.model.compression.sharing import share_weights
    from sqz_hw.report.sections import ALEXNET

    if output.is_dir():
        raise BadInputError(f"--output must be a file, and {output} is a folder; name a file in it")
    path = zoo.find(model)
    if output.exists() and output.samefile(path):
        raise BadInputError(f"--output must be another file than the model {path}; it would be replaced")
    given = modelfile.load(path)
    shared = given if bits is None else share_weights(given, bits)
    data = container.write(shared)
    write_whole(output, data)
    dense = FLOAT_BYTES * shared.architecture.parameters
    console = Console()
    for line in (
        f"{shared.name}: {len(data):,} bytes, biases and codebooks included",
        f"float32: {dense:,} bytes, {dense / len(data):.1f} times as many",
        f"AlexNet: {ALEXNET.bytes:,} bytes, {ALEXNET.bytes / len(data):.0f} times as many",
        f"wrote {output}",
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    return 0
