#!/usr/bin/env python3
"""This project beside its peers: writes benchmarks/peers.md and docs/peers.png.

    python benchmarks/peers.py                         # from the data that lies here
    python benchmarks/peers.py --measure --data DATA   # builds and scores each shipped CIFAR-10 model first

Measuring writes own_figures.json; a minute or two for each model.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in (".", "scripts", "benchmarks")]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _venv import enter  # noqa: E402

if __name__ == "__main__":
    enter()
    from make_peers import main

    sys.exit(main())
