#!/usr/bin/env python3
"""Accuracy of one engine on a data set: see ``evaluate.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("evaluate")
