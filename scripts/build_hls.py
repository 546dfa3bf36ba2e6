#!/usr/bin/env python3
"""Build a verified HLS project of a quantised SqueezeNet: see ``build_hls.py --help``."""

from _venv import run

if __name__ == "__main__":
    run("build")
