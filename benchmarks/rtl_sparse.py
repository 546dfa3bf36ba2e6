#!/usr/bin/env python3
"""Does sparse pay: a network in Verilator, skipping zeros and walking them, with the same multipliers.

    python benchmarks/rtl_sparse.py [--model cifar10-full] [--target-fps 1500] [--part xc7z020] [--frames 3]

The sparse network is folded as in a build. The dense one is the fastest folding of the same library with at
most as many multiplier lanes (a DSP slice that two share counts as two), whatever else it needs. Both are
simulated, and their results compared with the golden model. Block RAM of the weights follows from the entries
(as Yosys counts it); for the dense walk also from plain words without gaps, and the smaller one is taken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rtl_common import one_line

from sqz_hw.errors import BadInputError

BISECTIONS = 6
SLOWER = 8
"""Times the interval of the sparse network, at most."""


def lanes_of(solution: Any) -> int:
    return sum(f.pixels * f.cores for f in solution.foldings.values())


def fastest_dense(network: Any, lanes: int, interval: float, family: str) -> Any:
    """The dense solution with the shortest interval and at most so many lanes.

    Raises:
        BadInputError: none was found.
    """
    from sqz_hw.rtl.fold import solve

    best = None
    low, high = interval, SLOWER * interval
    for _ in range(BISECTIONS):
        middle = (low * high) ** 0.5
        try:
            found = solve(network, middle, dense=True, family=family)
        except BadInputError:  # no folding of some stage is that fast
            found = None
        if found is not None and lanes_of(found) <= lanes:
            best, high = found, middle
        else:
            low = middle
    if best is None:
        raise BadInputError(
            f"a comparison needs a dense folding with at most the {lanes} lanes of the sparse one, and none "
            f"was found up to {SLOWER} times its interval; ask for another --target-fps"
        )
    return best


def weight_tiles(plan: Any, dense: bool) -> float:
    from sqz_hw.rtl.cost_memory import block_ram, entry_tiles

    total = 0.0
    for name, cores in plan.cores.items():
        bits = next(rows.code_bits for stage, rows in plan.network.sparse if stage.name == name)
        for core in cores:
            tiles = entry_tiles(len(core.entries), int(core.parameters["SEGMENT"]))
            total += min(tiles, block_ram(len(core.entries), bits)) if dense else tiles
    return total


@one_line
def main(argv: list[str] | None = None) -> int:
    from sqz_hw import zoo
    from sqz_hw.estimate.parts import resolve
    from sqz_hw.evaluate import design_of_model
    from sqz_hw.model import modelfile
    from sqz_hw.rtl.accelerator import accelerate
    from sqz_hw.rtl.families import family_of
    from sqz_hw.rtl.generate import write_rtl
    from sqz_hw.rtl.planner import make_plan
    from sqz_hw.rtl.simulate import compile_plan, run_images, useful_products
    from sqz_hw.verify.golden import GoldenModel

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="cifar10-full")
    parser.add_argument("--target-fps", type=float, default=1500)
    parser.add_argument("--part", default="xc7z020")
    parser.add_argument("--frames", type=int, default=3)
    options = parser.parse_args(argv)
    if options.frames < 1:
        raise BadInputError(f"--frames: at least one image is needed, not {options.frames}; give 3 or more")
    part = resolve(options.part)
    with tempfile.TemporaryDirectory(prefix="sqz_hw-") as scratch:
        folder = Path(scratch)
        model = modelfile.load(zoo.find(options.model))
        design = design_of_model(model, folder / "hls")
        sparse = accelerate(design, part, target_fps=options.target_fps)
        network = sparse.plan.network
        family = family_of(part)
        dense = fastest_dense(network, lanes_of(sparse.solution), sparse.solution.interval, family)
        images = np.random.default_rng(1).integers(0, 256, (options.frames, *network.pixels.shape), np.uint8)
        wanted = GoldenModel(design).run(images, keep=[network.result.name])[network.result.name]
        products = sum(
            sum(len(row) for row in rows.weights) * rows.height * rows.width for _, rows in network.sparse
        )
        used = useful_products(sparse.plan)
        print(f"{100 * used / products:.1f} % of {products:,} products have a nonzero weight")
        print("| | lanes | interval | images/s at 100 MHz | lanes' clocks used | block RAM of weights |")
        print("|---|---|---|---|---|---|")
        fps, tiles, busy = {}, {}, {}
        for name, plan in (("sparse", sparse.plan), ("dense", make_plan(network, dense.foldings))):
            began = time.monotonic()
            sources = write_rtl(plan, folder / name)
            accelerator = compile_plan(plan, sources, folder / name / "memory", folder / f"{name}-build")
            found = run_images(accelerator, images, folder / f"{name}-run")
            if not np.array_equal(found.outputs, wanted.reshape(len(images), -1)):
                print(f"{name}: differs from the golden model")
                return 1
            lanes = sum(f.pixels * f.cores for f in plan.foldings.values())
            fps[name], tiles[name] = 1e8 / found.interval, weight_tiles(plan, name == "dense")
            busy[name] = (used if name == "sparse" else products) / (lanes * found.interval)
            print(
                f"| {name} | {lanes} | {found.interval:,.0f} | {fps[name]:,.0f} | {100 * busy[name]:.1f} % | "
                f"{tiles[name]:g} |",
                flush=True,
            )
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        gain = fps["sparse"] / fps["dense"]
        print(
            f"\nsparse is {gain:.2f} times as fast with {tiles['sparse']:g} of {tiles['dense']:g} block RAMs"
        )
        return 0 if gain >= 2 and busy["dense"] >= 0.9 and tiles["sparse"] < tiles["dense"] else 1


if __name__ == "__main__":
    sys.exit(main())
