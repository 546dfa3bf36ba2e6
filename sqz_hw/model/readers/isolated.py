"""A library's parser in a process of its own: what a hostile file does to it ends there.

HDF5 and torch are large C and C++ libraries that were not written for files from strangers. The
child has limits on memory, processor time and files, and gives tensors back as safetensors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers import safetensors_file
from sqz_hw.model.readers.tensors import Array

SECONDS = 120
REFUSED = 3
"""Exit code of a child that refuses the file; its last line on standard error says why."""
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from sqz_hw.model.readers.isolated_child import main; main(sys.argv[2], int(sys.argv[3]))"
)


def read(name: str, data: bytes, parser: str, most: int) -> tuple[dict[str, Array], dict[str, str]]:
    """Tensors and texts of a file.

    Args:
        name: of the file, for messages.
        data: the whole file.
        parser: one of ``isolated_child.PARSERS``.
        most: bytes that all tensors together may have.

    Raises:
        ModelFileError: the parser refuses the file, crashes, or takes too long or too much memory.
    """
    path = json.dumps([p for p in sys.path if p])
    environment = {**os.environ, "HDF5_PLUGIN_PATH": "::", "HDF5_USE_FILE_LOCKING": "FALSE"}
    command = [sys.executable, "-c", _START, path, parser, str(most)]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(
            f"{name} cannot be read: {parser} took more than {SECONDS} s over it; the file is damaged"
        ) from error
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
    if done.returncode == REFUSED:
        raise ModelFileError(f"{name}: {lines[-1]}")
    if done.returncode:
        how = f"signal {-done.returncode}" if done.returncode < 0 else lines[-1]
        raise ModelFileError(f"{name} cannot be read: {parser} fails on it ({how}); the file is damaged")
    return safetensors_file.read(name, done.stdout), safetensors_file.metadata(done.stdout)
