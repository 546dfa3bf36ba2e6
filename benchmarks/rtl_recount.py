#!/usr/bin/env python3
"""Counts modules of earlier counts again, after the library has changed: the same parameters, drawn contents.

    python benchmarks/rtl_recount.py COUNTS.json...

COUNTS.json: as ``benchmarks/rtl_cost.py`` reads, or older; written anew in their place. What memories held
is not in them, so entries, biases, shared weights and schedules are drawn (seed 1, as in ``rtl_sweep.py``).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rtl_common import AGAIN, Row, counts_of, one_line
from rtl_sweep import Draw, core_files, plan_of, table

from sqz_hw.errors import BadInputError
from sqz_hw.rtl.cost import stage_cost
from sqz_hw.rtl.plan import Memory, Plan

Values = Mapping[str, Any]
Ports = dict[str, tuple[int, ...]]


def pool_out(v: Values) -> int:
    return int(v["WOUT"] if v["P"] == v["W"] else v["P"] // 2) * int(v["B"])


PORTS: dict[str, Callable[[Values], Ports]] = {
    "sqz_sparse_core": lambda v: {"in": (v["PIN"] * v["B"],), "out": (v["P"] * v["OUT"],)},
    "sqz_max_pool": lambda v: {"in": (v["P"] * v["B"],), "out": (pool_out(v),)},
    "sqz_reblock": lambda v: {"in": (v["PIN"] * v["B"],), "out": (v["POUT"] * v["B"],)},
    "sqz_add": lambda v: {"a": (v["P"] * v["A"],), "b": (v["P"] * v["BB"],), "out": (v["P"] * v["OUT"],)},
    "sqz_merge": lambda v: {"in": (v["WIDTH"],) * v["N"], "out": (v["WIDTH"],)},
    "sqz_global_sum": lambda v: {"in": (v["P"] * v["B"],), "out": (v["OUT"],)},
    "sqz_space_to_depth": lambda v: {"in": (v["B"],), "out": (v["B"],)},
    "sqz_argmax": lambda v: {"in": (v["B"],), "out": (v["OUT"],)},
    "sqz_fork": lambda v: {"in": (1,), "out": (1,) * v["N"]},
}
"""Bits of each stream, by the prefix of its ports."""


def files_of(draw: Draw, module: str, v: Values) -> dict[str, Memory]:
    """Drawn contents of a module's memories, by the parameter that names the file."""
    if module == "sqz_sparse_core":
        return core_files(draw, v)
    if module == "sqz_global_sum" and v.get("INIT"):
        return {"FILE": table(draw, v["OUT"], v["C"])}
    if module == "sqz_merge":
        cores = v["N"]
        return {
            "FILE": (max(1, (cores - 1).bit_length()), tuple(draw.integers(0, cores, v["ROWS"]).tolist()))
        }
    return {}


def plan_again(rows: Sequence[Row]) -> Plan:
    """The modules of these rows, to be counted."""
    found = []
    for place, row in enumerate(rows):
        values = {name: v for name, v in row["parameters"].items() if not isinstance(v, str)}
        files = files_of(np.random.default_rng([1, place]), row["module"], values)
        found.append((row["name"], row["module"], values, PORTS[row["module"]](values), files))
    return plan_of(found)


def read_again(path: Path) -> tuple[Plan, str]:
    """The modules of a file, and their family.

    Raises:
        BadInputError: it is no file of counts, of several families, or not of this library.
    """
    rows = counts_of(path, numbers=())  # of any age: they are counted again
    families = sorted({str(row.get("family", "xc7")) for row in rows})
    if len(families) > 1:
        raise BadInputError(f"{path} must be of one family, not of {' and '.join(families)}; split it")
    try:
        for row in rows:
            stage_cost(
                row["module"], row["parameters"]
            )  # without all parameters the defaults would be counted
        return plan_again(rows), families[0]
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise BadInputError(
            f"{path} must hold modules of StreamRTL's library with all their parameters, and does not "
            f"({error!r}); {AGAIN}"
        ) from error


@one_line
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("counts", nargs="+", type=Path)
    options = parser.parse_args(argv)
    from sqz_hw.rtl.synthesis import count_plan, write_counts
    from sqz_hw.rtl_flow import CACHE

    plans = [(path, *read_again(path)) for path in options.counts]  # all, before minutes go into the first
    for path, plan, family in plans:
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        write_counts(plan, count_plan(plan, CACHE, family), partial, family)
        partial.replace(path)
        print(f"{path.name}: {len(plan.instances)} modules", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
