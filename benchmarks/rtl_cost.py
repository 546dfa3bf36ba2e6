#!/usr/bin/env python3
"""Fits StreamRTL's cost model to Yosys's counts of modules, and holds it against modules it has not seen.

    python benchmarks/rtl_cost.py COUNTS.json... [--apart] [--write]
    python benchmarks/rtl_cost.py COUNTS.json... --package
    python benchmarks/rtl_cost.py --sweep SEED

COUNTS.json: ``simulation/counts.json`` of builds with ``--synth``, each row with a family (none: xc7).
The fit takes the 7 series only (what differs on others is known by construction), ``--package`` any.
Modules whose parameters differ only in their weights are a group; every second group is left out of the fit
and predicted. ``--apart`` also leaves out each file in turn and predicts it from the others. With ``--write``
the fit to everything goes to sqz_hw/rtl/cost.json. ``--package`` fits nothing: the package's own coefficients
against modules of COUNTS of which none like it (the same parameters but for weights) was in their fit.
``--sweep`` counts the modules with drawn parameters of a seed (``rtl_sweep.py``), into
benchmarks/rtl_counts_sweepSEED.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import rtl_sweep
from rtl_common import AGAIN, Row, counts_of, one_line
from scipy.optimize import nnls

from sqz_hw.errors import BadInputError
from sqz_hw.files import write_whole
from sqz_hw.rtl import cost
from sqz_hw.rtl.cost_core import core_dsp
from sqz_hw.rtl.cost_features import MODULES
from sqz_hw.rtl.cost_memory import ULTRASCALE

WEIGHTS = ("ENTRIES", "ROWS", "ROWS1", "SUM", "BIAS", "TOTAL", "CODE_BITS", "VALUE", "MAGNITUDE")
"""Parameters that follow from a core's weights."""
RIDGE = 3e-3
"""Keeps coefficients near EXPECTED that the modules at hand cannot tell apart."""
EXPECTED = {
    "one": 10.0, "core": 40.0, "window": 30.0, "columns": 5.0, "rotate_more": 0.4, "slots": 4.0,
    "bits": 1.5, "choose": 0.6, "wraps": 4.0, "changes": 4.0, "several": 5.0, "sums_beside": 0.5,
    "saturate": 0.3, "adders": 2.0, "requantisers": 4.0,
}  # fmt: skip
"""Of a unit of a feature by its source; of any other 1. Not the package's: those have seen every module."""
OF_FEW_INPUTS = {
    "core": 20.0, "window": 20.0, "counters": 0.3, "slots": 2.0, "addresses": 0.1, "choose": 0.3, "read": 0.3,
    "deep": 0.3,
}  # fmt: skip
"""As EXPECTED, of small and medium LUTs."""
WHAT = ("lut", "ff", "small", "medium")
"""What a module's features are of; small and medium LUTs of those that count them apart."""
FITTED = ("rtl_counts", "rtl_counts_v1.0", *(f"rtl_counts_sweep{seed}" for seed in (*range(1, 7), 8)))
"""The files beside this one that the package's coefficients are fitted to."""
TENTH = 0.1
SMALL = 50
"""Modules of fewer LUTs (flip-flops) count in sums only: 10 % of them is a handful."""


def values(row: Row) -> dict[str, int]:
    return {name: int(v) for name, v in row["parameters"].items() if not isinstance(v, str)}


def known(row: Row) -> dict[str, int]:
    """What the model is given: parameters, and what the tables hold."""
    return {**values(row), **row.get("tables", {})}


def family_of(row: Row) -> str:
    return str(row.get("family", "xc7"))


def predicted(row: Row, fitted: cost.Coefficients | None = None) -> cost.Cost:
    return cost.stage_cost(row["module"], row["parameters"], fitted, row.get("tables"), family=family_of(row))


def group_of(row: Row) -> str:
    kept = {name: v for name, v in values(row).items() if name not in WEIGHTS}
    return json.dumps([row["module"], kept], sort_keys=True)


def built(row: Row) -> dict[str, float]:
    """What follows from the construction: LUTs that are memory, DSP slices, tiles."""
    luts, tiles = MODULES[row["module"]].memory({**values(row), ULTRASCALE: int(family_of(row) != "xc7")})
    dsp = core_dsp(values(row)) if row["module"] == "sqz_sparse_core" else 0
    return {"lut_ram": luts, "tiles": tiles, "dsp": dsp}


def fit(rows: Sequence[Row]) -> dict[str, Mapping[str, Mapping[str, float]]]:
    """Coefficients of each module that make relative errors small; none is negative.

    Raises:
        BadInputError: a module is not of the 7 series.
    """
    require_7_series(rows, "the rows given")
    fitted: dict[str, Mapping[str, Mapping[str, float]]] = {}
    for module in MODULES:
        some = [row for row in rows if row["module"] == module]
        fitted[module] = (
            {what: _fit(some, module, what) for what in WHAT if getattr(MODULES[module], what)}
            if some
            else cost.coefficients()[module]
        )
    return fitted


def require_7_series(rows: Sequence[Row], where: str) -> None:
    """Of other families LUT RAM and carries differ, and a fit to them would be of neither."""
    other = next((row for row in rows if family_of(row) != "xc7"), None)
    if other is not None:
        raise BadInputError(
            f"a fit needs modules of the 7 series (xc7), and {other['name']} in {where} is of "
            f"{family_of(other)}; leave that file out, or judge it with --package"
        )


def logic(row: Row) -> float:
    """LUTs that the features of ``lut`` are of: without memories, and small ones that are counted apart."""
    model = MODULES[row["module"]]
    apart = cost.shared(row["small"], row["medium"]) if model.small else 0.0
    return float(row["lut"] - model.memory(values(row))[0] - apart)


def _fit(rows: Sequence[Row], module: str, what: str) -> dict[str, float]:
    features = MODULES[module].features(what)
    found = [features(known(row)) for row in rows]
    names = list(found[0])
    table = np.array([[one[name] for name in names] for one in found], float)
    wanted = np.array([logic(row) if what == "lut" else row[what] for row in rows], float)
    whole = "ff" if what == "ff" else "lut"
    scale = 1 / np.maximum(np.array([row[whole] for row in rows], float), 20)
    size = np.maximum((table * scale[:, None]).max(axis=0), 1e-9)
    units = EXPECTED if what in ("lut", "ff") else {**EXPECTED, **OF_FEW_INPUTS}
    before = np.array([units.get(name, 1.0) for name in names])
    ridge = np.sqrt(RIDGE * len(rows)) * size
    a = np.vstack([table * scale[:, None], np.diag(ridge)])
    b = np.concatenate([wanted * scale, ridge * before])
    factors, _ = nnls(a, b)
    return {name: round(float(c), 4) for name, c in zip(names, factors, strict=True)}


def read(path: Path) -> list[Row]:
    """The rows of a file, without modules that have no model and those that say the same twice.

    Raises:
        BadInputError: it is no file of counts, of an older library, or nothing in it has a model.
    """
    rows: dict[str, Row] = {}
    for row in counts_of(path):
        if row["module"] in MODULES:
            try:
                predicted(row)
            except KeyError as error:
                raise BadInputError(
                    f"{path}: {row['name']} must have all parameters of {row['module']}, and {error} is "
                    f"missing; {AGAIN}"
                ) from error
            rows.setdefault(json.dumps([row["module"], known(row), row["lut"], row["ff"]]), row)
    if not rows:
        raise BadInputError(f"{path} must hold modules of StreamRTL's library, and has none; {AGAIN}")
    return list(rows.values())


def read_all(paths: Sequence[Path]) -> dict[str, list[Row]]:
    """The rows of each file, by the shortest ends of their paths that tell them apart; a file only once."""
    places = list(dict.fromkeys(path.resolve() for path in paths))
    length = 1
    while len({place.parts[-length:] for place in places}) < len(places):
        length += 1
    return {str(Path(*place.parts[-length:])): read(place) for place in places}


def halves(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of every second group of each module, and the others."""
    groups = sorted({group_of(row) for row in rows})
    place = {group: number for number, group in enumerate(groups)}
    sides = [place[group_of(row)] % 2 for row in rows]
    return (
        [row for row, side in zip(rows, sides, strict=True) if side == 0],
        [row for row, side in zip(rows, sides, strict=True) if side == 1],
    )


def errors(rows: Sequence[Row], what: str, fitted: cost.Coefficients) -> list[tuple[float, str]]:
    """How far predictions are off, as a share of the count, and of what; of modules of SMALL and more."""
    return [
        (getattr(predicted(row, fitted), what) / row[what] - 1, str(row["name"]))
        for row in rows
        if row[what] >= SMALL
    ]


def together(rows: Sequence[Row], what: str, fitted: cost.Coefficients) -> float:
    """How far their sum is off."""
    counted = sum(row[what] for row in rows)
    return float((sum(getattr(predicted(row, fitted), what) for row in rows) - counted) / max(1, counted))


def sweep(seed: int) -> None:
    from sqz_hw.rtl.synthesis import count_plan, write_counts
    from sqz_hw.rtl_flow import CACHE

    plan = rtl_sweep.sweep(seed)
    write_counts(plan, count_plan(plan, CACHE), Path(__file__).parent / f"rtl_counts_sweep{seed}.json")


def show(title: str, rows: Sequence[Row], fitted: cost.Coefficients) -> None:
    for what in ("lut", "ff"):
        large = errors(rows, what, fitted)
        within = sum(abs(off) <= TENTH for off, _ in large)
        worst, name = max(large, key=lambda pair: abs(pair[0])) if large else (0.0, "none")
        print(
            f"{title:18s} {what:3s}: {within} of {len(large)} within 10 %, worst {100 * worst:+.1f} % "
            f"({name}), all {len(rows)} together {100 * together(rows, what, fitted):+.1f} %"
        )


def not_fitted(rows: Sequence[Row]) -> list[Row]:
    """Those whose group the package's coefficients have not seen."""
    seen = {group_of(row) for name in FITTED for row in read(Path(__file__).parent / f"{name}.json")}
    return [row for row in rows if group_of(row) not in seen]


def show_each(unseen: Sequence[Row], fitted: cost.Coefficients) -> None:
    for module in MODULES:
        some = [row for row in unseen if row["module"] == module]
        if some:
            show(module, some, fitted)
    show("all", unseen, fitted)


def show_judged(title: str, seen: list[Row], unseen: list[Row]) -> None:
    print(f"{title}: {len(seen)} modules in the fit, {len(unseen)} not")
    if not seen or not unseen:
        print(f"{title}: nothing to judge, all modules are of one group")
        return
    show_each(unseen, fit(seen))


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("counts", nargs="*", type=Path)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--sweep", type=int, metavar="SEED", choices=sorted(rtl_sweep.SWEEPS))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--package", action="store_true")
    options = parser.parse_args(argv)
    if options.sweep is not None:
        if options.counts or options.apart or options.write or options.package:
            parser.error("--sweep counts modules of its own: give it no COUNTS.json and no other option")
    elif not options.counts:
        parser.error("COUNTS.json is needed, one or more")
    if options.package and (options.write or options.apart):
        parser.error("--package fits nothing: give it without --write and --apart")
    return options


def judge_package(given: Sequence[Row]) -> None:
    unseen = not_fitted(given)
    print(f"the package's coefficients: {len(unseen)} of {len(given)} modules are like none in their fit")
    if not unseen:
        raise BadInputError(
            f"--package needs modules like none in the package's fit, and all {len(given)} are like some of "
            "it: nothing is left to judge; give counts of other networks or foldings"
        )
    show_each(unseen, cost.coefficients())


@one_line
def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    if options.sweep is not None:
        sweep(options.sweep)
        return 0
    files = read_all(options.counts)
    every = [row for rows in files.values() for row in rows]
    if options.package:
        judge_package(every)
        return 0
    for name, rows in files.items():
        require_7_series(rows, name)
    if options.apart and len(files) < 2:
        raise BadInputError(f"--apart needs two files or more, and {next(iter(files))} is one; give others")
    seen, unseen = halves(every)
    show_judged("every second group", seen, unseen)
    show_judged("the other groups", unseen, seen)
    if options.apart:
        for name, rows in files.items():
            show_judged(name, [row for other in files if other != name for row in files[other]], rows)
    whole = fit(every)
    show("all, in the fit", every, whole)
    for what in ("lut_ram", "dsp", "tiles"):
        wrong = [r["name"] for r in every if built(r)[what] != r[what]]
        print(f"{what}: {len(every) - len(wrong)} of {len(every)} exact {wrong[:5]}")
    if options.write:
        write_whole(Path(cost.__file__).parent / "cost.json", f"{json.dumps(whole, indent=1)}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
