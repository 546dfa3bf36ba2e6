#!/usr/bin/env python3
"""A model as small as it can be shipped: see ``compress.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("compress")
