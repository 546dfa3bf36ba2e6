#!/usr/bin/env python3
"""Measures a StreamRTL network against its bars: one build with everything, and a table of what it showed.

    python benchmarks/rtl_network.py [--model cifar10-full] [--data DATA] [--target-fps 3000] [--images 50]
        [--part xc7z020] [--output DIR] [--reuse]

Builds with ``--synth``: generation, lint, images in Verilator (every tensor against QKeras and the golden
model, five images again under random stalls), Yosys's counts. ``--reuse`` only reads the build that is there.
Exit code 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

SHARES = {"LUT": 80.0, "FF": 60.0, "DSP": 95.0, "BRAM36": 95.0}
"""Per cent of the part."""
FPS, LATENCY_US, USEFUL, LEVELS, PREDICTED = 1500.0, 1500.0, 80.0, 8, 0.02
MODEL_ERROR = 10.0
"""Per cent that the cost model may be off in all."""


def build(options: argparse.Namespace, folder: Path) -> float:
    from sqz_hw.errors import DoesNotFitError
    from sqz_hw.flow import Watch
    from sqz_hw.flow import build as run
    from sqz_hw.settings import BuildSettings

    settings = BuildSettings(
        part=options.part, model=options.model, data=options.data, images=options.images, output=folder,
        backend="StreamRTL", target_fps=options.target_fps, synth=True,
    )  # fmt: skip
    began = time.monotonic()

    def step(number: int, total: int, title: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  [{number}/{total}] {title}", flush=True)

    try:
        run(settings, Watch(step=step))
    except DoesNotFitError as error:
        print(error)
    return time.monotonic() - began


def rows_of(report: dict[str, Any], counts: list[dict[str, Any]]) -> list[tuple[str, str, str, bool]]:
    """Name, figure, bar, kept."""
    estimate, counted = report["resources"]
    predicted, simulated = report["latency"]
    rows = []
    for name, share in SHARES.items():
        used, budget = counted["totals"][name]["expected"], report["part"]["budget"][name]
        guess = estimate["totals"][name]["expected"]
        percent = 100 * used / budget
        text = f"{used:,} ({percent:.1f} %); model {guess:,} ({100 * (guess / used - 1):+.1f} %)"
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


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="cifar10-full")
    parser.add_argument("--data")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--part", default="xc7z020")
    parser.add_argument("--target-fps", type=float)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--reuse", action="store_true")
    options = parser.parse_args()
    rate = f"-{options.target_fps:g}" if options.target_fps else ""
    folder = options.output or Path("hls_projects") / f"{Path(options.model).stem}-{options.part}-rtl{rate}"
    if not options.reuse:
        seconds = build(options, folder)
        cpu = sum(os.times()[:4])
        print(f"{seconds:.1f} s in all, {cpu:.1f} s of CPU time; load {os.getloadavg()[0]:.1f} at the end")
    report = json.loads((folder / "report" / "report.json").read_text())
    rows = rows_of(report, json.loads((folder / "simulation" / "counts.json").read_text()))
    print("| | measured | bar | |\n|---|---|---|---|")
    for name, figure, bar, kept in rows:
        print(f"| {name} | {figure} | {bar} | {'kept' if kept else '**missed**'} |")
    for note in report["notes"]:
        print(f"* {note}")
    print(json.dumps(json.loads((folder / "build.json").read_text())["seconds"]))
    return 0 if all(kept for *_, kept in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
