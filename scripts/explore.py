#!/usr/bin/env python3
"""Search the paper's design space for accurate, small, fast networks: see ``explore.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("explore")
