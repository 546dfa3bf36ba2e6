"""What a folded stage will need, before anything is synthesised.

DSP slices and block RAM follow from the construction. LUTs and flip-flops are a linear model over what
the modules are made of (``cost_features``); its coefficients are fitted to Yosys's counts of the modules
(``cost.json``, by ``benchmarks/rtl_cost.py``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sqz_hw.rtl.cost_core import core_dsp
from sqz_hw.rtl.cost_features import MODULES
from sqz_hw.rtl.cost_memory import ULTRASCALE

Parameters = Mapping[str, int | str]
Coefficients = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By module and what is counted (lut, ff; of cores small and medium LUTs too): a factor for each feature."""
SPREAD = 0.15
"""Bounds of an estimate of LUTs and flip-flops, as a share of it."""


@dataclass(frozen=True)
class Cost:
    """Resources: LUTs (LUT RAM within), flip-flops, DSP slices, block RAM in tiles of 36 kbit."""

    lut: float = 0.0
    ff: float = 0.0
    dsp: int = 0
    tiles: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.lut + other.lut, self.ff + other.ff, self.dsp + other.dsp, self.tiles + other.tiles)

    def __sub__(self, other: Cost) -> Cost:
        return self + other.times(-1)

    def times(self, count: int) -> Cost:
        """So many of it."""
        return Cost(self.lut * count, self.ff * count, self.dsp * count, self.tiles * count)


@cache
def coefficients() -> Coefficients:
    """The fit that comes with the package."""
    text = (files("sqz_hw.rtl") / "cost.json").read_text()
    fitted: Coefficients = json.loads(text)
    return fitted


def shared(small: float, medium: float) -> float:
    """LUTs that small ones (two inputs) take beside medium ones (three and four).

    As Yosys estimates it (``stat -tech xilinx``): each medium one takes a small one in; of those that are
    left two share a LUT.
    """
    return max(0.0, small - medium) / 2


def stage_cost(
    module: str,
    parameters: Parameters,
    fitted: Coefficients | None = None,
    tables: Mapping[str, int] | None = None,
    *,
    family: str = "xc7",
) -> Cost:
    """A module of the library with these parameters.

    Args:
        module: its name.
        parameters: of the instance.
        fitted: coefficients; None for those of the package.
        tables: what its tables hold (``cost_tables.used_tables``); None if that is not known yet.
        family: of the part, as Yosys names it: their LUT RAM differs.
    """
    value = {name: int(v) for name, v in parameters.items() if not isinstance(v, str)}
    value.update({} if tables is None else tables)
    value[ULTRASCALE] = int(family != "xc7")
    factors = (coefficients() if fitted is None else fitted)[module]
    model = MODULES[module]
    luts, tiles = model.memory(value)
    count = {
        what: sum(some[name] * number for name, number in model.features(what)(value).items())
        for what, some in factors.items()
    }
    return Cost(
        luts + count["lut"] + shared(count.get("small", 0.0), count.get("medium", 0.0)),
        count["ff"],
        core_dsp(value) if module == "sqz_sparse_core" else 0,
        tiles,
    )
