"""The Pareto plot: accuracy against each other objective, from ``explore.json``."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

GREY, BLUE, ORANGE = "#b0b0b0", "#2f6db3", "#d9622b"
SCALES: Mapping[str, tuple[float, str]] = {
    "memory_bits": (1e6, "Mbit"),
    "nonzero_macs": (1e6, "million"),
    "lut_share": (0.01, "%"),
}
"""What a value is divided by, and its unit then."""


def picture(made: Mapping[str, Any]) -> bytes:
    """A PNG, the same for the same content.

    Args:
        made: ``explore.json``; the first objective is drawn upwards, each other one in a panel of
            its own (with one objective alone: over the trials' numbers).
    """
    names = [o["name"] for o in made["objectives"]]
    across = names[1:] or ["number"]
    figure = Figure(figsize=(4.2 * len(across) + 0.6, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(across), sharey=True, squeeze=False)[0]
    trials = [t for t in made["trials"] if t["state"] == "complete"]
    groups = (
        ("limits broken", [t for t in trials if not t["feasible"]], GREY, "x"),
        ("limits kept", [t for t in trials if t["feasible"] and not t["pareto"]], BLUE, "o"),
        ("Pareto front", [t for t in trials if t["pareto"]], ORANGE, "D"),
    )
    for ax, name in zip(axes, across, strict=True):
        for label, some, colour, marker in groups:
            if some:
                ax.scatter(
                    _values(some, name), _values(some, names[0]), c=colour, marker=marker, s=28, label=label
                )
        for trial in (t for t in trials if t["pareto"]):
            at = (_values([trial], name)[0], _values([trial], names[0])[0])
            ax.annotate(str(trial["number"]), at, fontsize=7, xytext=(3, 3), textcoords="offset points")
        ax.set_xlabel(_label(made, name), fontsize=8)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel(_label(made, names[0]), fontsize=8)
    if trials:
        axes[-1].legend(fontsize=7)
    figure.suptitle(f"{len(trials)} trials; accuracy: {made['proxy']}", fontsize=9)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _values(trials: Sequence[Mapping[str, Any]], name: str) -> list[float]:
    if name == "number":
        return [t["number"] for t in trials]
    scale = SCALES.get(name, (1.0, ""))[0]
    return [t["values"][name]["value"] / scale for t in trials]


def _label(made: Mapping[str, Any], name: str) -> str:
    for o in made["objectives"]:
        if o["name"] == name:
            unit = SCALES.get(name, (1.0, o["unit"]))[1]
            return f"{o['title']}{f', {unit}' if unit else ''}\n({o['kind']})"
    return "trial"
