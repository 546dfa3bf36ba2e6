"""Models that come with the package, and how a name or a path becomes a model file."""

from __future__ import annotations

import difflib
from contextlib import suppress
from pathlib import Path

from sqz_hw.errors import ModelFileError

FOLDER = Path(__file__).resolve().parent
DEFAULT = "cifar10-small"
SUFFIX = ".safetensors"
FLOAT = "-float"


def names() -> tuple[str, ...]:
    """The models that come with the package."""
    return tuple(sorted(p.stem for p in FOLDER.glob(f"*{SUFFIX}") if not p.stem.endswith(FLOAT)))


def find(name_or_path: str) -> Path:
    """The model file of a zoo name or a path.

    Raises:
        ModelFileError: it is neither; the message names the nearest.
    """
    if name_or_path in names():
        return FOLDER / f"{name_or_path}{SUFFIX}"
    path = Path(name_or_path)
    with suppress(OSError):  # a name that no file can have
        if path.is_file():
            return path
        if path.is_dir() and (inside := path / f"model{SUFFIX}").is_file():
            return inside
    close = difflib.get_close_matches(name_or_path, names(), n=3, cutoff=0.4) or list(names())
    raise ModelFileError(
        f"a model must be a name of the zoo or a {SUFFIX} file; there is no {name_or_path}; "
        f"nearest names: {', '.join(close) or 'none'}"
    )


def float_companion(path: Path) -> Path | None:
    """The float network a model was made from, if it lies beside it: ``<stem>-float.safetensors``."""
    beside = path.with_name(f"{path.stem}{FLOAT}{SUFFIX}")
    return beside if beside.is_file() else None
