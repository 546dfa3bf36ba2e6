"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqz_hw.errors import BadInputError


def write_whole(path: Path, data: bytes) -> None:
    """Write beside ``path`` and move into place: never a half-written file.

    Raises:
        BadInputError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise BadInputError(f"{path} cannot be written ({error.strerror}); choose another place") from error
