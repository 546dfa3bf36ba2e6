#!/usr/bin/env python3
"""Fit the synthesis model to public reports again: see ``fit_estimator.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("fit")
