"""The face: one console command, ``sqz-hw``, with a verb for each job."""

from sqz_hw.cli.main import main

__all__ = ["main"]
