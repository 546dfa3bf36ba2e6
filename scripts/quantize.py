#!/usr/bin/env python3
"""Post-training quantisation of a float model: see ``quantize.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("quantize")
