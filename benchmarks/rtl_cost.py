"""Fits StreamRTL's cost model to Yosys's counts of cores, and holds it against cores it has not seen.

    python benchmarks/rtl_cost.py COUNTS.json [--write]

COUNTS.json: a list of {"parameters": {...}, "lut": n, "ff": n, "dsp": n, "tiles": x} of sparse cores. Every
second core is left out of the fit and predicted; with --write the fit to all of them goes to
sqz_hw/rtl/cost.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from sqz_hw.rtl import cost

PRIOR = 0.02
"""Weight of the coefficients as they are: few cores cannot tell all of them apart."""


def fit(rows: list[dict[str, Any]], what: str) -> dict[str, float]:
    """Coefficients that make relative errors small."""
    names = list(cost._fit()[f"core_{what}"])
    before = np.array([cost._fit()[f"core_{what}"][n] for n in names], float)
    features = np.array([[features_of(row)[n] for n in names] for row in rows])
    target = np.array([row[what] - (memory_of(row) if what == "lut" else 0) for row in rows], float)
    scale = 1 / np.array([row[what] for row in rows], float)
    ridge = np.sqrt(PRIOR) / np.maximum(before, 0.2)
    a = np.vstack([features * scale[:, None], np.diag(ridge)])
    b = np.concatenate([target * scale, ridge * before])
    active = np.ones(len(names), bool)
    while True:  # no negative coefficients
        found = np.zeros(len(names))
        found[active] = np.linalg.lstsq(a[:, active], b, rcond=None)[0]
        if (found >= 0).all():
            return {n: round(float(c), 4) for n, c in zip(names, found, strict=True)}
        active &= found >= 0


def features_of(row: dict[str, Any]) -> dict[str, float]:
    return cost.core_features({n: int(v) for n, v in row["parameters"].items() if not isinstance(v, str)})


def memory_of(row: dict[str, Any]) -> float:
    coefficients, features = cost._fit()["core_lut"], features_of(row)
    return cost.core_cost(row["parameters"]).lut - sum(c * features[n] for n, c in coefficients.items())


def errors(rows: list[dict[str, Any]], what: str, fitted: dict[str, float]) -> list[float]:
    result = []
    for row in rows:
        guess = sum(c * features_of(row)[n] for n, c in fitted.items()) + (
            memory_of(row) if what == "lut" else 0
        )
        result.append(guess / row[what] - 1)
    return result


def main() -> None:
    rows = json.loads(Path(sys.argv[1]).read_text())
    known, unseen = rows[::2], rows[1::2]
    whole: dict[str, dict[str, float]] = {}
    for what in ("lut", "ff"):
        off = errors(unseen, what, fit(known, what))
        total = sum(r[what] for r in unseen)
        sums = sum(r[what] * (1 + e) for r, e in zip(unseen, off, strict=True)) / total - 1
        within = sum(abs(e) <= 0.1 for e in off)
        print(
            f"{what}: {len(unseen)} cores not in the fit: {within} within 10 %, "
            f"worst {100 * max(map(abs, off)):.1f} %, together {100 * sums:+.1f} %"
        )
        whole[f"core_{what}"] = fit(rows, what)
    for what in ("dsp", "tiles"):
        same = sum(getattr(cost.core_cost(r["parameters"]), what) == r[what] for r in rows)
        print(f"{what}: {same} of {len(rows)} exact")
    if "--write" in sys.argv:
        (Path(cost.__file__).parent / "cost.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
