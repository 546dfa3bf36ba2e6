"""The tables of ``sqz-hw validate``: predicted against real, for each layer and design, and in sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from sqz_hw.estimate.synthesis.validation import RESOURCES, DesignCheck, LayerCheck


def tables(checks: Sequence[DesignCheck], figures: Mapping[str, Any]) -> Iterator[Table | str]:
    """Tables and lines in the order that they are printed."""
    for check in checks:
        if check.layers:
            yield _layers(check)
    yield _designs(checks)
    yield _summary("stock kernels, Resource strategy", figures)
    yield _kinds(figures["by_kind"])
    yield _summary("other kernels and strategies (no bar)", figures["other"])
    for strategy, by_resource in figures["post_synthesis"].items():
        for name, ratio in by_resource.items():
            spread = f"{ratio['low']} to {ratio['high']}, median {ratio['median']}" if ratio["n"] else "none"
            yield f"csynth / Vivado synthesis, {strategy}, {name}: {spread} (n = {ratio['n']})"
    yield f"skipped: {len(figures['skipped'])}"
    for item in figures["skipped"]:
        yield escape(f"  {item['design']} {item.get('layer', '')}: {item['reason']}")


def _layers(check: DesignCheck) -> Table:
    design = check.measured
    fit = "fit without this repository" if check.left_out else "full fit"
    sort = f"{'stock' if design.stock else 'modified'}, {design.strategy}"
    title = (
        f"{design.name}: {design.tool.name} {design.tool.version}, {design.tool.clock_ns:g} ns; {sort}; {fit}"
    )
    table = Table(title=escape(title), title_justify="left")
    table.add_column("layer")
    table.add_column("cycles", justify="right")
    for name in RESOURCES:
        table.add_column(f"{name}: low expected high / real", justify="right")
    for layer in check.layers:
        cycles = _pair(layer.predicted.cycles_worst, layer.measured.cycles)
        cells = [_cell(layer, name) for name in RESOURCES]
        table.add_row(escape(layer.measured.name), cycles, *cells)
    return table


def _cell(layer: LayerCheck, name: str) -> str:
    each, real = layer.range(name), layer.measured.figures.get(name)
    if each.high == 0 and not real:
        return ""
    if real is None:
        return f"{each.low} {each.expected} {each.high} / -"
    outside = "" if each.low <= real <= each.high else " !"
    error = f" {each.expected / real - 1:+.0%}" if real else ""
    return f"{each.low} {each.expected} {each.high} / {real}{error}{outside}"


def _pair(predicted: float, real: float | None) -> str:
    if not real:
        return f"{predicted:.0f} / -"
    return f"{predicted:.0f} / {real:.0f} {predicted / real - 1:+.1%}"


def _designs(checks: Sequence[DesignCheck]) -> Table:
    table = Table(title=f"designs (n = {len(checks)}): predicted / csynth, whole cores", title_justify="left")
    for name in ("design", "interval", "cosim", *RESOURCES):
        table.add_column(name, justify="left" if name == "design" else "right")
    for check in checks:
        interval = _pair(check.interval.predicted, check.interval.real) if check.interval else ""
        cosim = "; ".join(f"{x.what[6:]} {_pair(x.predicted, x.real)}" for x in check.cosim)
        whole = check.measured.whole and bool(check.fifos)
        totals = [
            _pair(check.total(name).expected, check.measured.totals.get(name)) if whole else ""
            for name in RESOURCES
        ]
        table.add_row(escape(check.measured.name), interval, cosim, *totals)
    return table


def _summary(title: str, figures: Mapping[str, Any]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("figure", "n", "value"):
        table.add_column(name, justify="right" if name == "n" else "left")
    for name in ("conv_cycles", "top_interval", "cosim", "dsp", "bram18", "lut", "ff"):
        values = figures[name]
        shown = ", ".join(f"{key} {value}" for key, value in values.items() if key not in ("n", "kind"))
        table.add_row(name, str(values["n"]), shown)
    return table


def _kinds(by_kind: Mapping[str, Any]) -> Table:
    table = Table(
        title="by kind of layer: median error %, within the bar, 90 % coverage", title_justify="left"
    )
    table.add_column("kind")
    for name in ("bram18", "lut", "ff"):
        table.add_column(name, justify="right")
    for kind, values in by_kind.items():
        table.add_row(
            kind,
            *(
                f"{v['median_abs_pct']} {v['within_bar']} {v['coverage_90']} (n = {v['n']})" if v["n"] else ""
                for v in (values[name] for name in ("bram18", "lut", "ff"))
            ),
        )
    return table
