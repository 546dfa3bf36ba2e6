"""``sqz-hw fit``: the synthesis model's LUT and FF, fitted again."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from sqz_hw.errors import BadInputError


@click.command(name="fit")
@click.argument("designs", type=click.Path(path_type=Path))
@click.option(
    "--output", type=click.Path(path_type=Path), default=None, help="Folder; default: the package's."
)
@click.option(
    "--figure", type=click.Path(path_type=Path), default=None, help="PNG; default: docs/calibration.png."
)
def command(designs: Path, output: Path | None, figure: Path | None) -> int:
    """Fit LUT and FF to the reports in DESIGNS (JSON, schema of hls_designs.json).

    Writes calibration.json and calibration_rows.csv, and a picture; the same input gives the
    same bytes. Errors are of repositories that the fit did not see, with n beside each.
    """
    from sqz_hw.estimate.synthesis.calibration import FILE
    from sqz_hw.estimate.synthesis.refit import refit

    folder = output or FILE.parent
    picture = figure or (
        FILE.parents[3] / "docs" / "calibration.png" if output is None else output / "calibration.png"
    )
    for each in (folder, picture.parent):
        if not each.is_dir():
            raise BadInputError(
                f"results must go to a folder that exists, and {each} does not; make it first"
            )
    content = refit(designs, folder, picture)
    table = Table(title="fits; errors and intervals on repositories left out", title_justify="left")
    for name in ("group", "resource", "layers", "repositories", "median error", "90 % interval, factors"):
        table.add_column(name)
    for group, by_resource in content["fits"].items():
        for resource, fit in by_resource.items():
            error = "-" if fit["median_error"] is None else f"{fit['median_error']:.1%}"
            spread = "; ".join(
                f"{n or 'all'} {low:.2f} {high:.2f}" for n, (low, high) in fit["spread"].items()
            )
            table.add_row(
                group, resource, str(fit["rows"]), str(fit["repositories"]), error, spread or "by structure"
            )
    Console().print(table)
    return 0
