"""The console command and how errors reach the user: one line and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from sqz_hw import __version__
from sqz_hw.errors import SqzError

VERBS = {
    "build": "sqz_hw.cli.build",
    "compress": "sqz_hw.cli.compress",
    "evaluate": "sqz_hw.cli.evaluate",
    "explore": "sqz_hw.cli.explore",
    "fit": "sqz_hw.cli.fit",
    "import": "sqz_hw.cli.import_weights",
    "quantize": "sqz_hw.cli.quantize",
    "train": "sqz_hw.cli.train",
    "validate": "sqz_hw.cli.validate",
    "verify": "sqz_hw.cli.verify",
}


class LazyGroup(click.Group):
    """Imports a verb's module only when it is used: TensorFlow takes seconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command object of one verb."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(VERBS[cmd_name]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{VERBS[cmd_name]}.command must be a click command")
        return command


@click.group(cls=LazyGroup, no_args_is_help=False)
@click.version_option(__version__, prog_name="sqz-hw")
def cli() -> None:
    """From a trained SqueezeNet to FPGA hardware that provably computes the same thing."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)
"""What a disk says that takes no more."""


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """SIGTERM and SIGHUP end a command as Ctrl-C does: processes stopped, unfinished work cleared."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: list[str] | None = None, program: str = "sqz-hw") -> int:
    """Run a verb.

    Returns:
        0 built and verified; 2 bad usage or input; 3 outputs differ; 4 does not fit;
        5 a tool is missing or failed; 130 stopped by Ctrl-C or a signal.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _terminated_like_ctrl_c():
            result = cli.main(args=argv, prog_name=program, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SqzError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except OSError as error:
        if error.errno not in NO_ROOM and "requested and" not in str(error):  # NumPy's, without a number
            raise
        where = f"{error.filename} " if error.filename else "a file "
        click.echo(f"error: {where}cannot be written ({error.strerror or error}); make room", err=True)
        return 2
    except MemoryError:
        click.echo(
            "error: it needs more memory than there is; give fewer images or a smaller network", err=True
        )
        return 2
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except click.UsageError as error:
        hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
        click.echo(f"error: {error.format_message()}{hint}", err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        return 2


if __name__ == "__main__":
    sys.exit(main())
