#!/usr/bin/env python3
"""Other people's SqueezeNet weights as a model file: see ``import_weights.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("import")
