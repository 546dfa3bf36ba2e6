"""The errors a user can meet, each with the exit code that the commands promise.

A message is one line: what was wanted, what was given, what to do. Where several
faults hold at once, the order of precedence is 2, 5, 3, 4.
"""

from __future__ import annotations

LONGEST = 2000
"""Characters of a message; what a file can put into one has no bound."""


def _shown(text: str) -> str:
    """Text that a terminal can show: control characters escaped, the middle of an endless one left out."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST // 2]} ... {plain[-LONGEST // 2 :]}"


class SqzError(Exception):
    """Base of all errors that are the user's to mend; never raised itself."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(_shown(" ".join(message.split())))


class BadInputError(SqzError):
    """Bad usage or bad input: an option, a file or its contents (exit code 2)."""

    exit_code = 2


class IllegalArchitectureError(BadInputError):
    """Metaparameters that describe no legal SqueezeNet (exit code 2)."""


class ModelFileError(BadInputError):
    """A model file that is missing, damaged or of the wrong sort (exit code 2)."""


class DataError(BadInputError):
    """A data set that is missing, damaged or of the wrong shape (exit code 2)."""


class UnknownPartError(BadInputError):
    """A part or board name that the part table does not know (exit code 2)."""


class OutputsDifferError(SqzError):
    """Two engines computed different values (exit code 3)."""

    exit_code = 3


class DoesNotFitError(SqzError):
    """The design needs more than the part has (exit code 4)."""

    exit_code = 4


class ToolError(SqzError):
    """A tool is missing or failed: compiler, Python environment, library (exit code 5)."""

    exit_code = 5
