#!/usr/bin/env python3
"""Speed of verification, side by side: golden model, C-simulation, and hls4ml's own predict.

    python benchmarks/verification.py [--model NAME|FILE|v1.1-224] [--images N] [--golden-images N] [--json]

All three run the same design, one after the other, on images that are made. ``v1.1-224`` is
SqueezeNet v1.1 at 224 with 1000 classes and random weights.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in (".", "scripts", "tests", "benchmarks")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _venv import enter  # noqa: E402

if __name__ == "__main__":
    enter()
    from measure_verification import main

    main()
