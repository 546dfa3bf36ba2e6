"""A picture of where in a feature map a layer differs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from sqz_hw.verify.compare import LayerComparison

INCHES = 5.0
DPI = 120


def draw_difference(layer: LayerComparison, folder: Path) -> Path:
    """Draw the mismatches of a layer over its map, summed over images and channels.

    Args:
        layer: a layer that differs.
        folder: where ``difference-<layer>.png`` is written.
    """
    figure = Figure(figsize=(INCHES, INCHES), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(layer.where, cmap="inferno", interpolation="nearest", vmin=0)
    figure.colorbar(image, ax=axes, label="values that differ, over all images and channels")
    axes.set_title(f"{layer.name}: {layer.mismatches:,} of {layer.elements:,} values differ", fontsize=9)
    axes.set_xlabel("column")
    axes.set_ylabel("row")
    path = folder / f"difference-{layer.name}.png"
    figure.savefig(path, metadata={"Software": None})
    return path
