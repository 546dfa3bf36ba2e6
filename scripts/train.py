#!/usr/bin/env python3
"""Train, prune and quantise a SqueezeNet: see ``train.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("train")
