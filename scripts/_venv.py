"""Runs a script under the checkout's .venv, whatever Python it was started with (standard library only)."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HANDED_OVER = "SQZ_HW_HANDED_OVER"
"""Set for the .venv's Python, so that a broken .venv ends in an error instead of a loop."""


def enter() -> None:
    """Go on under the checkout's .venv if this is another Python; refuse one that lacks what is needed."""
    python = ROOT / ".venv" / "bin" / "python"
    inside = Path(sys.prefix).resolve() == (ROOT / ".venv").resolve()
    if python.exists() and not inside and not os.environ.get(HANDED_OVER):
        os.environ[HANDED_OVER] = "1"
        os.execv(python, [str(python), *sys.argv])  # noqa: S606  the same script, another Python
    missing = [
        name for name in ("click", "tensorflow", "hls4ml", "qkeras") if importlib.util.find_spec(name) is None
    ]
    if missing:
        sys.stderr.write(
            f"error: {Path(sys.argv[0]).name} needs the project's .venv with {', '.join(missing)}, "
            f"and {sys.executable} has none of it; run 'make venv' first\n"
        )
        sys.exit(5)


def run(verb: str) -> None:
    """Hand over to ``sqz-hw VERB`` with this script's arguments; never returns."""
    enter()
    sys.path.insert(0, str(ROOT))
    from sqz_hw.cli import main

    sys.exit(main([verb, *sys.argv[1:]], program=Path(sys.argv[0]).name))
