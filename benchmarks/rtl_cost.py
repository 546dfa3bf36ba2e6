#!/usr/bin/env python3
"""Fits StreamRTL's cost model to Yosys's counts of modules, and holds it against modules it has not seen.

    python benchmarks/rtl_cost.py COUNTS.json... [--sweep N] [--write]

COUNTS.json: ``simulation/counts.json`` of builds with ``--synth``. ``--sweep N`` counts N more of each module
that designs have few of, with drawn parameters. Modules whose parameters differ only in their weights are a
group; every second group is left out of the fit and predicted. With ``--write`` the fit to all of them goes
to sqz_hw/rtl/cost.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from sqz_hw.rtl import cost
from sqz_hw.rtl.cost_features import MODULES

Row = Mapping[str, Any]
WEIGHTS = ("ENTRIES", "ROWS", "ROWS1", "SUM", "BIAS", "TOTAL", "CODE_BITS", "VALUE")
"""Parameters that follow from a core's weights."""
RIDGE = 3e-3
"""Keeps coefficients near EXPECTED that the modules at hand cannot tell apart."""
EXPECTED = {
    "one": 10.0, "core": 50.0, "window": 30.0, "columns": 15.0, "read": 0.5, "rotate_more": 0.4, "slots": 4.0,
    "drain": 1.5, "biases_choices": 0.35, "entries_choices": 0.5, "table_choices": 0.4, "weights": 2.0,
    "compares": 2.0, "bits": 1.5, "choose": 0.6,
}  # fmt: skip
"""Of one unit of a feature, by its source (of any other: 1). Not the package's: those have seen every module."""
SMALL = 50
"""Modules of fewer LUTs (flip-flops) count in sums only: 10 % of them is a handful."""


def values(row: Row) -> dict[str, int]:
    return {name: int(v) for name, v in row["parameters"].items() if not isinstance(v, str)}


def known(row: Row) -> dict[str, int]:
    """What the model is given: parameters, and what the tables hold."""
    return {**values(row), **row.get("tables", {})}


def predicted(row: Row, fitted: cost.Coefficients | None = None) -> cost.Cost:
    return cost.stage_cost(row["module"], row["parameters"], fitted, row.get("tables"))


def group_of(row: Row) -> str:
    kept = {name: v for name, v in values(row).items() if name not in WEIGHTS}
    return json.dumps([row["module"], kept], sort_keys=True)


def fit(rows: list[Row]) -> dict[str, Mapping[str, Mapping[str, float]]]:
    """Coefficients of each module that make relative errors small; none is negative."""
    fitted: dict[str, Mapping[str, Mapping[str, float]]] = {}
    for module in MODULES:
        some = [row for row in rows if row["module"] == module]
        fitted[module] = (
            {what: _fit(some, module, what) for what in ("lut", "ff")}
            if some
            else cost.coefficients()[module]
        )
    return fitted


def _fit(rows: list[Row], module: str, what: str) -> dict[str, float]:
    memory, *features = MODULES[module]
    found = [features[what == "ff"](known(row)) for row in rows]
    names = list(found[0])
    table = np.array([[one[name] for name in names] for one in found], float)
    wanted = np.array([row[what] - (memory(values(row))[0] if what == "lut" else 0) for row in rows], float)
    scale = 1 / np.maximum(np.array([row[what] for row in rows], float), 20)
    size = np.maximum((table * scale[:, None]).max(axis=0), 1e-9)
    before = np.array([EXPECTED.get(name, 1.0) for name in names])
    ridge = np.sqrt(RIDGE * len(rows)) * size
    a = np.vstack([table * scale[:, None], np.diag(ridge)])
    b = np.concatenate([wanted * scale, ridge * before])
    factors, _ = nnls(a, b)
    return {name: round(float(c), 4) for name, c in zip(names, factors, strict=True)}


def sweep(count: int) -> list[Row]:
    from rtl_sweep import drawn_plan

    from sqz_hw.rtl.synthesis import count_plan, count_rows
    from sqz_hw.rtl_flow import CACHE

    plan = drawn_plan(count)
    return count_rows(plan, count_plan(plan, CACHE))


def show(title: str, rows: list[Row], fitted: Mapping[str, Any]) -> None:
    for what in ("lut", "ff"):
        guesses = [getattr(predicted(r, fitted), what) for r in rows]
        pairs = [(g, r[what], r["name"]) for g, r in zip(guesses, rows, strict=True)]
        large = [(g / n - 1, name) for g, n, name in pairs if n >= SMALL]
        within = sum(abs(off) <= 0.1 for off, _ in large)
        worst, name = max(large, key=lambda pair: abs(pair[0])) if large else (0.0, "none")
        whole = sum(g for g, *_ in pairs) / max(1, sum(n for _, n, _ in pairs)) - 1
        print(
            f"{title:16s} {what:3s}: {within} of {len(large)} within 10 %, worst {100 * worst:+.1f} % "
            f"({name}), all {len(rows)} together {100 * whole:+.1f} %"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("counts", nargs="+", type=Path)
    parser.add_argument("--sweep", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows: dict[str, Row] = {}
    for path in options.counts:
        for row in json.loads(path.read_text()):
            rows.setdefault(json.dumps([row["module"], values(row), row["lut"], row["ff"]]), row)
    for row in sweep(options.sweep) if options.sweep else []:
        rows.setdefault(json.dumps([row["module"], values(row), row["lut"], row["ff"]]), row)
    every = [row for row in rows.values() if row["module"] in MODULES]
    groups = sorted({group_of(row) for row in every})
    known = [row for row in every if groups.index(group_of(row)) % 2 == 0]
    unseen = [row for row in every if groups.index(group_of(row)) % 2 == 1]
    print(f"{len(every)} modules in {len(groups)} groups, {len(known)} of them in the fit")
    fitted = fit(known)
    for module in MODULES:
        some = [row for row in unseen if row["module"] == module]
        if some:
            show(module, some, fitted)
    show("all unseen", unseen, fitted)
    for what in ("dsp", "tiles"):
        wrong = [
            r["name"]
            for r in every
            if getattr(predicted(r, fitted), what) != r[what]
        ]
        print(f"{what}: {len(every) - len(wrong)} of {len(every)} exact {wrong[:5]}")
    if options.write:
        whole = fit(every)
        show("all, refitted", every, whole)
        (Path(cost.__file__).parent / "cost.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
