"""The child process of ``isolated``: a file on standard input, its tensors on standard output."""

from __future__ import annotations

import importlib
import os
import resource
import sys
from pathlib import Path

from safetensors.numpy import save as save_tensors

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers.isolated import REFUSED

PARSERS = {"HDF5": "sqz_hw.model.readers.hdf5_parser", "torch": "sqz_hw.model.readers.torch_parser"}
CPU_SECONDS = 60
ROOM_BYTES = 1 << 30
"""Memory beyond what the process has once its library is loaded."""
TIMES = 8
"""Copies of all tensors that may be in memory at once."""


def limit(most: int) -> None:
    """Bound this process: memory, processor time; no files written, no core dumps."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + ROOM_BYTES + TIMES * most
    for what, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (lowest, lowest))


def main(parser: str, most: int) -> None:
    """Parse standard input with ``parser``; leaves with 0, or ``REFUSED`` and a line that says why."""
    output = os.dup(1)
    os.dup2(2, 1)  # libraries that print
    module = importlib.import_module(PARSERS[parser])
    data = sys.stdin.buffer.read()
    limit(most)
    try:
        tensors, texts = module.parse(data, most)
    except (ModelFileError, MemoryError) as error:
        sys.stderr.write(f"\n{error or 'it needs more memory than such a network has'}\n")
        sys.stderr.flush()
        os._exit(REFUSED)
    with os.fdopen(output, "wb") as file:
        file.write(save_tensors(tensors, texts))
    os._exit(0)  # a damaged file can crash the library's own clearing up
