"""Runs images through the compiled C-simulation in worker processes, every stream recorded."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design, Stream
from sqz_hw.errors import ToolError
from sqz_hw.verify.compiler import Simulator

Codes = npt.NDArray[np.int32]
IMAGES_FILE = "inputs.npy"
STREAMS_FILE = "streams.txt"


@dataclass(frozen=True)
class Trace:
    """One image's integer codes.

    Attributes:
        image: its number.
        codes: by stream name, int32, height x width x channels.
    """

    image: int
    codes: dict[str, Codes]


def simulate(
    simulator: Simulator,
    design: Design,
    images: npt.NDArray[np.uint8],
    folder: Path,
    workers: int | None = None,
    keep: Collection[str] | None = None,
) -> Iterator[Trace]:
    """Run images and yield each one's trace, in order.

    Worker k takes images k, k + workers, ...; each is a process of its own, because the
    kernels keep their line buffers in static storage. At most one image a worker is held.

    Args:
        simulator: the compiled project.
        design: names and shapes of the streams.
        images: uint8, N x H x W x 3.
        folder: ``csim/``: ``inputs.npy`` and ``streams.txt`` are written there.
        workers: processes; default: one for each core, no more than images.
        keep: names of the streams to record besides the design's input and output; None records all.

    Raises:
        ToolError: the simulation broke off; the message says why.
    """
    streams = ordered_streams(design)
    if keep is not None:
        streams = [streams[0], *(s for s in streams[1:-1] if s.name in keep), streams[-1]]
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / IMAGES_FILE, np.ascontiguousarray(images), allow_pickle=False)
    lines = [f"{s.name} {int(np.prod(s.shape))}" for s in streams]
    (folder / STREAMS_FILE).write_text("\n".join(lines) + "\n", encoding="ascii")
    size = int(np.prod(images.shape[1:]))
    offset = (folder / IMAGES_FILE).stat().st_size - images.size
    count = max(1, min(workers or os.cpu_count() or 1, len(images)))
    total = sum(int(np.prod(s.shape)) for s in streams)
    files = [str((folder / name).resolve()) for name in (STREAMS_FILE, IMAGES_FILE)]
    fixed = [str(simulator.program), *files, str(offset), str(size)]
    commands = [[*fixed, str(k), str(count), str(len(images))] for k in range(count)]
    with _processes(commands, simulator.hls) as running:
        for image in range(len(images)):
            process = running[image % count]
            raw = process.stdout.read(4 * total) if process.stdout is not None else b""
            if len(raw) != 4 * total:
                raise ToolError(f"C-simulation broke off at image {image}: {_reason(process)}")
            yield Trace(image, _split(np.frombuffer(raw, "<i4"), streams))


def ordered_streams(design: Design) -> list[Stream]:
    """All streams, the design's input first and its output last."""
    inner = [s for s in design.streams if s.source is not None and s.sink is not None]
    return [design.input, *inner, design.output]


def _split(flat: Codes, streams: list[Stream]) -> dict[str, Codes]:
    parts, at = {}, 0
    for stream in streams:
        size = int(np.prod(stream.shape))
        parts[stream.name] = flat[at : at + size].reshape(stream.shape)
        at += size
    return parts


@contextmanager
def _processes(commands: list[list[str]], folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start all commands; whatever happens, none is left running."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            running.append(
                subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            )
        yield running
    except OSError as error:
        raise ToolError(
            f"C-simulation could not be started ({error.strerror}); build the project again"
        ) from error
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.communicate()


def _reason(process: subprocess.Popen[bytes]) -> str:
    _, errors = process.communicate()
    text = errors.decode("utf-8", "replace").strip().splitlines()
    if text:
        return "; ".join(text[:3])
    return f"exit code {process.returncode} without a message"
