"""Runs a command in a process group of its own, and ends the group when the caller goes away.

Started by :mod:`sqz_hw.synth.process` as a script. The caller holds the other end of standard input:
when that closes, because the caller closed it or was killed (even with SIGKILL), the group is ended.
A vendor's tool is a tree of programs, and to kill only its head would leave the rest running.

Exit code: the command's; 128 + n where signal n ended it; 127 where it could not be started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

SECONDS_TO_STOP = 2.0


def main(command: list[str]) -> int:
    """Run the command to its end, or to the caller's."""
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        sys.stdout.write(f"ERROR: {command[0]} could not be started: {error.strerror}\n")
        return 127
    threading.Thread(target=_end_with_caller, args=(child.pid,), daemon=True).start()
    code = child.wait()
    end_group(child.pid)  # what it left behind would hold its output open
    return code if code >= 0 else 128 - code


def _end_with_caller(group: int) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    end_group(group)


def end_group(group: int) -> None:
    """SIGTERM to a process group, then SIGKILL to what is left of it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        until = time.monotonic() + SECONDS_TO_STOP
        while time.monotonic() < until:
            time.sleep(0.05)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
