"""``sqz-hw validate``: the synthesis model against synthesis reports."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

WIDTH = 200
"""Columns of the tables where no terminal says how many there are."""


@click.command(name="validate")
@click.argument("designs", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON instead of tables.")
def command(designs: Path, as_json: bool) -> int:
    """Hold the synthesis model against the reports in DESIGNS (JSON, schema of hls_designs.json).

    The figures are of designs with stock kernels and the Resource strategy; 'other' has the rest,
    'skipped' what could not be used and why. LUT and FF of a repository that the model was fitted
    on are predicted by a fit without it.

    JSON: conv_cycles {n, within_5pct, max_abs_pct}, top_interval {n, within_10pct}, cosim {n,
    within_10pct}, dsp {n, exact_fraction, total_abs_pct}, and bram18, lut, ff {n, kind,
    median_abs_pct, within_bar, coverage_90, median_high_over_low}. within_*, exact_fraction and
    coverage_90 are fractions from 0 to 1; *_pct are percent; within_bar counts layers within 15 %
    (bram18), 40 % (lut) and 30 % (ff); n is the number of layers, designs or comparisons; null
    where n is 0. Further: by_kind, by_tool, design_totals, post_synthesis, other, skipped.
    """
    from sqz_hw.estimate.synthesis.ground_truth import read
    from sqz_hw.estimate.synthesis.validation import check_designs, summary

    measured, unusable = read(designs)
    checks, more = check_designs(measured)
    figures = summary(checks, (*unusable, *more))
    if as_json:
        click.echo(json.dumps(figures, indent=2, sort_keys=False))
        return 0
    from sqz_hw.cli.validation_tables import tables

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    for table in tables(checks, figures):
        console.print(table) if isinstance(table, Table) else console.print(table, highlight=False)
    return 0
