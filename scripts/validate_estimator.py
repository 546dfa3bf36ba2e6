#!/usr/bin/env python3
"""Hold the synthesis model against public reports: see ``validate_estimator.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("validate")
