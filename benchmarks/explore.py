#!/usr/bin/env python3
"""Trials of a search in the same minutes: one worker, then two, one thread each.

    python benchmarks/explore.py [--minutes M] [--data DATA] [--part PART] [--space equal|default] [--json]

``equal``: all trials cost the same (only the density differs), so that whole trials measure
the machine and not the luck of the draw; ``default``: the default space. Minutes count from the
start of the command, processes and imports included; a trial counts if it ended within them. With
no data, images are made: what a trial costs does not depend on them. Run it on an idle machine:
the load before each run is reported.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts")]

from _venv import enter  # noqa: E402

EQUAL = {
    "density": {"low": 0.3, "high": 0.6, "step": 0.001},
    "width": 0.5,
    "bypass": "simple",
    "target_fps": 300,
}
"""The shipped model's network but for its pools."""


def made_data(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    path = folder / "made.npz"
    np.savez(path, x=rng.integers(0, 256, (12_000, 32, 32, 3), np.uint8), y=np.arange(12_000) % 10)
    return path


def measure(workers: int, options: argparse.Namespace, data: Path, folder: Path) -> dict[str, float]:
    output = folder / f"workers-{workers}"
    command = [
        sys.executable, str(ROOT / "scripts" / "explore.py"), "--data", str(data), "--output", str(output),
        "--workers", str(workers), "--minutes", str(options.minutes), "--trials", "100000",
        "--proxy-images", str(options.proxy_images), "--proxy-epochs", str(options.proxy_epochs),
    ]  # fmt: skip
    if options.part:
        command += ["--part", options.part]
    if options.space == "equal":
        space = folder / "space.json"
        space.write_text(json.dumps({k: v for k, v in EQUAL.items() if options.part or k != "target_fps"}))
        command += ["--space", str(space)]
    load, began = os.getloadavg()[0], time.time()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    until = began + 60 * options.minutes
    times = json.loads((output / "times.json").read_text()).values()
    within = [t for t in times if t["started"] + t["seconds"] <= until]
    seconds = [t["seconds"] for t in times]
    return {
        "workers": workers,
        "processes": len({t["pid"] for t in times}),
        "load_before": round(load, 2),
        "trials_in_time": len(within),
        "trials": len(seconds),
        "seconds_a_trial": round(float(np.mean(seconds)), 2) if seconds else 0.0,
        "trials_a_minute": round(60 * workers / float(np.mean(seconds)), 3) if seconds else 0.0,
        "peak_mb": max((t["peak_mb"] for t in times), default=0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Trials of a search in the same minutes, by workers.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--part", default="xc7z020")
    parser.add_argument("--space", choices=("equal", "default"), default="equal")
    parser.add_argument("--proxy-images", type=int, default=2048)
    parser.add_argument("--proxy-epochs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sqz_hw-") as name:
        folder = Path(name)
        data = options.data or made_data(folder)
        one, two = (measure(workers, options, data, folder) for workers in (1, 2))
    result = {
        "minutes": options.minutes,
        "cores": os.cpu_count(),
        "runs": [one, two],
        "ratio": round(two["trials_in_time"] / max(1, one["trials_in_time"]), 3),
        "ratio_of_rates": round(two["trials_a_minute"] / max(1e-9, one["trials_a_minute"]), 3),
    }
    if options.json:
        print(json.dumps(result, sort_keys=True))
        return
    print(f"{options.minutes:g} minutes each, {os.cpu_count()} cores; every worker has one thread")
    for run in (one, two):
        print(
            f"{run['workers']} worker{'s' * (run['workers'] > 1)}: {run['trials_in_time']} trials in time, "
            f"{run['seconds_a_trial']} s a trial, peak {run['peak_mb']} MB a process, "
            f"load before {run['load_before']}"
        )
    ratio, rates = result["ratio"], result["ratio_of_rates"]
    print(f"two finish {ratio} times the trials of one (bar: 1.6); by seconds a trial {rates}")


if __name__ == "__main__":
    enter()
    main()
