"""Runs a command under a guard, and hands on its output line by line."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from sqz_hw.errors import BadInputError, ToolError
from sqz_hw.synth import guard

LONGEST_LINE = 4096
"""Characters of a line that are passed on; the log keeps all of it."""
LARGEST_LOG = 2**30
"""Bytes of the log; what the tool says beyond is passed on and not kept."""
CHUNK = 65_536
SECONDS_TO_STOP = 3 * guard.SECONDS_TO_STOP


class GuardedProcess:
    """A command whose process group ends when this process ends, is killed, or closes it.

    Args:
        arguments: the command, as a list.
        folder: where it runs.
        log: file that keeps all of its output.

    Raises:
        BadInputError: the log cannot be written.
        ToolError: the guard cannot be started.
    """

    def __init__(self, arguments: list[str], folder: Path, log: Path) -> None:
        try:
            self._log: BinaryIO = log.open("wb")
        except OSError as error:
            raise BadInputError(f"{log} cannot be written ({error.strerror}); make room") from error
        self._kept = 0
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, *arguments],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._log.close()
            raise ToolError(f"{arguments[0]} could not be started ({error.strerror})") from error

    def lines(self, deadline: float | None) -> Iterator[str]:
        """Lines of output until it ends or the deadline is past; an endless line is cut.

        Args:
            deadline: on the monotonic clock, or None.

        Raises:
            ToolError: the log cannot be written.
        """
        rest = b""
        for chunk in self._chunks(deadline):
            self._keep(chunk)
            *whole, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
            for line in whole:
                if line:
                    yield _text(line)
            if len(rest) > LONGEST_LINE:
                yield _text(rest)
                rest = b""
        if rest:
            yield _text(rest)

    def code(self, deadline: float | None) -> int | None:
        """The exit code; None if the deadline passed first."""
        wait = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            return self._process.wait(wait)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """End the tool if it still runs, and close the log."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()  # the guard ends the group
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._log):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _chunks(self, deadline: float | None) -> Iterator[bytes]:
        if self._process.stdout is None:
            return
        pipe = self._process.stdout.fileno()
        while True:
            wait = None if deadline is None else deadline - time.monotonic()
            if wait is not None and wait <= 0:
                return
            if select.select([pipe], [], [], wait)[0]:
                chunk = os.read(pipe, CHUNK)
                if not chunk:
                    return
                yield chunk

    def _keep(self, chunk: bytes) -> None:
        room = LARGEST_LOG - self._kept
        if room <= 0:
            return
        try:
            self._log.write(chunk[:room])
            self._log.flush()
        except OSError as error:
            raise ToolError(
                f"the log of the synthesis cannot be written ({error.strerror}); make room on the disk"
            ) from error
        self._kept += len(chunk)


def _text(line: bytes) -> str:
    return line[:LONGEST_LINE].decode("utf-8", errors="replace")
