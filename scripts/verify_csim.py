#!/usr/bin/env python3
"""Compare every layer of a built project with QKeras and the golden model: see ``verify_csim.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("verify")
