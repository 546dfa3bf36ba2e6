"""The log of a build, and what libraries say while it runs."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def build_log(path: Path) -> Iterator[logging.Logger]:
    """A logger that writes into ``path`` while the context is open."""
    log = logging.getLogger(f"sqz_hw.build.{id(path)}")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        log.removeHandler(handler)
        handler.close()


@contextlib.contextmanager
def heard(log: logging.Logger) -> Iterator[None]:
    """What libraries print or warn of goes to the log, not to the terminal."""
    said = io.StringIO()
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(said):
        warnings.simplefilter("always")
        yield
    for line in said.getvalue().splitlines():
        log.info("%s", line)
    for message in dict.fromkeys(str(warning.message) for warning in warned):
        log.info("warning: %s", message)
