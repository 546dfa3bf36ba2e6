#!/usr/bin/env python3
"""The mean of the weights of float networks that were trained on from one another: one network, untrained.

    python scripts/elsewhere/average.py --name NAME --output MEAN.safetensors FILE.safetensors FILE...

Weight averaging along training (Izmailov et al. 2018, arXiv 1803.05407, section 3) and over runs from one
start (Wortsman et al. 2022, arXiv 2203.05482, section 2, "uniform soup"). Networks without such a common
start have no good mean. A weight is zero where it is zero in all of them. Needs neither torch nor TensorFlow.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sqz_hw.errors import BadInputError
from sqz_hw.model.modelfile import Model, load, save


def mean(models: list[Model], name: str) -> Model:
    """A float network whose every weight is the mean of theirs, in float64, rounded to float32 once.

    Raises:
        BadInputError: fewer than two, one that is quantised, or one of another architecture.
    """
    if len(models) < 2:
        raise BadInputError(f"a mean needs two networks or more, not {len(models)}; name more files")
    first = models[0]
    for model in models:
        if model.quantisation is not None:
            raise BadInputError(
                f"{model.name} must be a float network, and is quantised; give its float file"
            )
        if model.architecture != first.architecture:
            raise BadInputError(
                f"{model.name} must have the architecture of {first.name}, and has another; "
                "a mean of weights needs networks trained on from one another"
            )
    weights = {
        key: np.mean([m.weights[key] for m in models], axis=0, dtype=np.float64).astype(np.float32)
        for key in first.weights
    }
    record = {"made_by": "scripts/elsewhere/average.py", "mean_of": [dict(m.record or {}) for m in models]}
    return Model(name, first.architecture, weights, None, record)


@click.command()
@click.option("--name", required=True)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="File of the mean.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(name: str, output: Path, files: tuple[Path, ...]) -> None:
    """Average the weights of float networks."""
    try:
        save(mean([load(path) for path in files], name), output)
    except BadInputError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
