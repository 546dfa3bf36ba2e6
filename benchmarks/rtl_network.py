#!/usr/bin/env python3
"""Measures a StreamRTL network against its bars: one build with everything, and a table of what it showed.

    python benchmarks/rtl_network.py [--model cifar10-full] [--data DATA] [--target-fps 3000] [--images 50]
        [--part xc7z020] [--output DIR] [--reuse]

Builds with ``--synth``: generation, lint, images in Verilator (every tensor against QKeras and the golden
model, five images again under random stalls), Yosys's counts. ``--reuse`` only reads the build that is there.
Exit code 1 if a bar is missed; 4 if it does not fit (without a table if no project could be made).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from rtl_common import counts_of, json_of, one_line

from sqz_hw.errors import BadInputError, DoesNotFitError

SHARES = {"LUT": 80.0, "FF": 60.0, "DSP": 95.0, "BRAM36": 95.0}
"""Per cent of the part."""
FPS, LATENCY_US, USEFUL, LEVELS, PREDICTED = 1500.0, 1500.0, 80.0, 8, 0.02
MODEL_ERROR = 10.0
"""Per cent that the cost model may be off in all."""


def placed(folder: Path) -> tuple[int, int] | None:
    """Which build is in a folder: every one moves a record of its own there."""
    try:
        record = (folder / "build.json").stat()
    except OSError:
        return None
    return record.st_ino, record.st_mtime_ns


def build(options: argparse.Namespace, folder: Path) -> DoesNotFitError | None:
    """Build; what does not fit is returned if its project was placed.

    Raises:
        DoesNotFitError: no project was placed; what is in the folder is an earlier one.
    """
    from sqz_hw.flow import Watch
    from sqz_hw.flow import build as run
    from sqz_hw.settings import BuildSettings, validated

    settings = validated(
        BuildSettings, part=options.part, model=options.model, data=options.data, images=options.images,
        output=folder, backend="StreamRTL", target_fps=options.target_fps, synth=True,
    )  # fmt: skip
    began = time.monotonic()

    def step(number: int, total: int, title: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  [{number}/{total}] {title}", flush=True)

    before, short = placed(folder), None
    try:
        run(settings, Watch(step=step))
    except DoesNotFitError as error:
        if placed(folder) == before:
            raise
        print(f"error: {error}", file=sys.stderr)
        short = error
    cpu = sum(os.times()[:4])
    seconds = time.monotonic() - began
    print(f"{seconds:.1f} s in all, {cpu:.1f} s of CPU time; load {os.getloadavg()[0]:.1f} at the end")
    return short


def off(guess: float, found: float) -> str:
    """How far a prediction is off, in per cent of what was found."""
    return f"{100 * (guess / found - 1):+.1f} %" if found else "exact" if guess == found else "of none"


def rows_of(report: dict[str, Any], counts: list[dict[str, Any]]) -> list[tuple[str, str, str, bool]]:
    """Name, figure, bar, kept."""
    estimate, counted = report["resources"]
    predicted, simulated = report["latency"]
    rows = []
    for name, share in SHARES.items():
        used, budget = counted["totals"][name]["expected"], report["part"]["budget"][name]
        guess = estimate["totals"][name]["expected"]
        percent = 100 * used / budget
        text = f"{used:,} ({percent:.1f} %); model {guess:,} ({off(guess, used)})"
        rows.append((f"{name}, counted by Yosys", text, f"at most {share:g} %", percent <= share))
    apart = sum(row["unshared"] for row in counts)
    budget = report["part"]["budget"]["LUT"]
    rows.append(
        ("LUT, if no two small ones shared one", f"{apart:,} ({100 * apart / budget:.1f} %)", "none", True)
    )
    fps, wait = simulated["fps"], simulated["latency_us"]
    interval, guess = simulated["interval_cycles"], predicted["interval_cycles"]
    useful = float(report["notes"][0].split(": ")[2].split(" %")[0])
    deepest = max(row["levels"] for row in counts)
    exact, images = report["verification"]["bit_exact"], report["verification"]["images"]
    rows += [
        ("images/s at 100 MHz, simulated", f"{fps:,.0f}", f"at least {FPS:,.0f}", fps >= FPS),
        ("interval, cycles", f"{interval:,}; predicted {guess:,} ({100 * (guess / interval - 1):+.2f} %)",
         f"within {100 * PREDICTED:g} %", abs(guess / interval - 1) <= PREDICTED),
        ("one image by itself", f"{wait:,.0f} us ({simulated['latency_cycles']:,} cycles)",
         f"at most {LATENCY_US:,.0f} us", wait <= LATENCY_US),
        ("useful products / lanes' clocks", f"{useful} %", f"at least {USEFUL:g} %", useful >= USEFUL),
        ("bit-exact, every tensor", f"{exact}, {images} images", "True", exact is True),
        ("LUT levels of the deepest module", str(deepest), f"at most {LEVELS}", deepest <= LEVELS),
    ]  # fmt: skip
    return rows


def read(folder: Path) -> tuple[dict[str, Any], list[tuple[str, str, str, bool]], dict[str, float]]:
    """The report, rows and seconds of the build in a folder.

    Raises:
        BadInputError: there is none with counts.
    """
    wanted, advice = "a StreamRTL build with --synth", "build it again, without --reuse"
    report = json_of(folder / "report" / "report.json", wanted, advice)
    counts = counts_of(folder / "simulation" / "counts.json")
    record = json_of(folder / "build.json", wanted, advice)
    try:
        return report, rows_of(report, counts), record["seconds"]
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise BadInputError(
            f"{wanted} is needed, and the report in {folder} is of another kind ({error!r}); {advice}"
        ) from error


@one_line
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="cifar10-full")
    parser.add_argument("--data")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--part", default="xc7z020")
    parser.add_argument("--target-fps", type=float)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--reuse", action="store_true")
    options = parser.parse_args(argv)
    rate = f"-{options.target_fps:g}" if options.target_fps else ""
    folder = options.output or Path("hls_projects") / f"{Path(options.model).stem}-{options.part}-rtl{rate}"
    short = None if options.reuse else build(options, folder)
    report, rows, seconds = read(folder)
    print("| | measured | bar | |\n|---|---|---|---|")
    for name, figure, bar, kept in rows:
        print(f"| {name} | {figure} | {bar} | {'kept' if kept else '**missed**'} |")
    for note in report["notes"]:
        print(f"* {note}")
    print(json.dumps(seconds))
    if not all(kept for *_, kept in rows):
        return 1
    return 0 if short is None else short.exit_code


if __name__ == "__main__":
    sys.exit(main())
