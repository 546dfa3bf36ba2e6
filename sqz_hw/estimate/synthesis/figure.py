"""The picture of the calibration: csynth's LUT and FF against a fit that did not see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sqz_hw.estimate.synthesis.calibration import RESOURCES, calibrate
from sqz_hw.estimate.synthesis.rows import Row

COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG: one panel a resource, log-log, a colour a repository, bars for the 90 % intervals.

    Each repository is predicted by a fit without it. Filled: stock kernels, Resource strategy.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    repos = sorted({row.repo for row in rows})
    figure = Figure(figsize=(11, 5.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(RESOURCES))
    without = {repo: calibrate([row for row in rows if row.repo != repo]) for repo in repos}
    for panel, resource in zip(panels, RESOURCES, strict=True):
        biggest = 10.0
        for index, repo in enumerate(repos):
            mine = [row for row in rows if row.repo == repo and _real(row, resource) > 0]
            if not mine:
                continue
            ranges = [without[repo].estimate(resource, row.layer, row.tool) for row in mine]
            real = np.array([_real(row, resource) for row in mine], float)
            expected = np.array([max(1, r.expected) for r in ranges], float)
            bars = np.array([[e - max(1, r.low) for e, r in zip(expected, ranges, strict=True)],
                             [r.high - e for e, r in zip(expected, ranges, strict=True)]])  # fmt: skip
            colour = COLOURS[index % len(COLOURS)]
            face = [colour if row.counts else "white" for row in mine]
            panel.errorbar(real, expected, np.maximum(bars, 0), fmt="none", ecolor=colour, alpha=0.35, lw=0.8)
            label = f"{repo} (n = {len(mine)})"
            panel.scatter(real, expected, s=16, c=face, edgecolors=colour, lw=0.9, label=label, zorder=3)
            biggest = max(biggest, real.max(), expected.max())
        panel.plot([2, biggest], [2, biggest], color="black", lw=0.8)
        panel.set(xscale="log", yscale="log", xlabel=f"{resource}, csynth", ylabel=f"{resource}, predicted")
        panel.set_title(f"{resource}: each repository predicted without it", fontsize=10)
        panel.legend(fontsize=6.5, loc="upper left")
    figure.savefig(path, metadata={"Software": None})


def _real(row: Row, resource: str) -> int:
    return row.lut if resource == "LUT" else row.ff
