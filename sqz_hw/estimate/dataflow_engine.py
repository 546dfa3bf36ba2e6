"""The compiled part of the dataflow simulation: ``cpp/dataflow.cpp`` and the arrays that it works on.

A search for FIFO depths runs some hundred simulations of some hundred thousand words each, and
bounded FIFOs couple every process to its neighbours word by word, which leaves NumPy nothing to
vectorise. g++, which the C-simulation needs anyway, compiles the loop in 0.3 s, once a process.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design
from sqz_hw.errors import ToolError
from sqz_hw.estimate.cycles import PIPELINE_CYCLES, Program, latency_of, layer_program, overhead_of

SOURCE = Path(__file__).resolve().parent / "cpp" / "dataflow.cpp"
FLAGS = ("-std=c++17", "-O2", "-shared", "-fPIC")
SECONDS = 120.0
"""Longest that the compiler may take."""

Array = npt.NDArray[np.int64]


class _Design(ctypes.Structure):
    _fields_ = (
        ("processes", ctypes.c_int32),
        ("first_operation", ctypes.c_void_p),
        ("cycles", ctypes.c_void_p),
        ("kind", ctypes.c_void_p),
        ("latency", ctypes.c_void_p),
        ("drain", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("first_input", ctypes.c_void_p),
        ("inputs", ctypes.c_void_p),
        ("first_output", ctypes.c_void_p),
        ("outputs", ctypes.c_void_p),
        ("streams", ctypes.c_int32),
        ("words", ctypes.c_void_p),
        ("depth", ctypes.c_void_p),
        ("source", ctypes.c_void_p),
        ("sink", ctypes.c_void_p),
    )


class _Times(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_void_p)
        for name in ("arrived", "read", "ended", "starved", "blocked", "stalls", "waits_for")
    )


class Run:
    """What happened in one run; all times in cycles.

    Attributes:
        images: how many went through; fewer than asked for only where the design is deadlocked.
        arrived, read: by stream, for each word the first cycle in which it can be read, and the
            cycle in which it is.
        ended, starved, blocked: images x processes; the last two processes are the host's, in and out.
        stalls: images x streams.
        waits_for: by process, the process that it waits for, or -1; of use after a deadlock only.
        high_water: by stream.
    """

    def __init__(self, images: int, processes: int, words: Array) -> None:
        self.images = images
        self._all_arrived = np.zeros(int(words.sum()) * images, np.int64)
        self._all_read = np.zeros_like(self._all_arrived)
        ends = np.cumsum(words * images)[:-1]
        self.arrived: list[Array] = np.split(self._all_arrived, ends)
        self.read: list[Array] = np.split(self._all_read, ends)
        self.ended = np.zeros((images, processes), np.int64)
        self.starved = np.zeros_like(self.ended)
        self.blocked = np.zeros_like(self.ended)
        self.stalls = np.zeros((images, len(words)), np.int64)
        self.waits_for = np.full(processes, -1, np.int32)
        self.high_water = np.zeros(len(words), np.int64)
        self._pointers = [
            np.array([part.ctypes.data for part in parts], np.uintp) for parts in (self.arrived, self.read)
        ]

    def structure(self) -> _Times:
        """The arrays as C++ sees them."""
        rest = (self.ended, self.starved, self.blocked, self.stalls, self.waits_for)
        return _Times(*(array.ctypes.data for array in (*self._pointers, *rest)))


class Engine:
    """A design laid out for the compiled loop, for any number of runs with different depths.

    Args:
        design: in dataflow order.
        tool: whose cycles, a key of ``cycles.CONV_OVERHEAD``.
        held: words that a layer's pipeline keeps inside until more arrive, by layer; 0 where not named.

    Attributes:
        processes: layers, and the host twice.
        words: of each stream, an image.
        period: cycles that the busiest layer is busy with an image.

    Raises:
        BadInputError: an unknown tool, or a layer whose shapes do not fit its kernel.
        ToolError: g++ is missing or failed.
    """

    def __init__(self, design: Design, tool: str, held: Mapping[str, int] | None = None) -> None:
        self._library = _library()
        index = {stream.name: i for i, stream in enumerate(design.streams)}
        host_in, host_out = len(design.layers), len(design.layers) + 1
        place = {layer.name: i for i, layer in enumerate(design.layers)}
        programs = [
            layer_program(layer, overhead_of(layer, tool), (held or {}).get(layer.name, 0))
            for layer in design.layers
        ]
        programs.append(Program.of_host(writes=design.input.words))
        programs.append(Program.of_host(reads=design.output.words))
        inputs = [[index[name] for name in layer.inputs] for layer in design.layers]
        outputs = [[index[name] for name in layer.outputs] for layer in design.layers]
        inputs += [[], [index[design.output.name]]]
        outputs += [[index[design.input.name]], []]
        layers = len(design.layers)
        self.processes = layers + 2
        self.words = np.array([stream.words for stream in design.streams], np.int64)
        self.period = max(int(p.cycles.sum()) + PIPELINE_CYCLES for p in programs[:layers])
        self._release = np.zeros(self.processes, np.int64)
        self._host_in = host_in
        self._arrays: dict[str, npt.NDArray[Any]] = {
            "first_operation": _offsets([len(program.cycles) for program in programs]),
            "cycles": np.concatenate([program.cycles for program in programs]).astype(np.int32),
            "kind": np.concatenate([program.kinds for program in programs]).astype(np.uint8),
            "latency": np.array([*map(latency_of, design.layers), 0, 0], np.int64),
            "drain": np.array([PIPELINE_CYCLES] * layers + [0, 0], np.int64),
            "release": self._release,
            "first_input": _offsets([len(names) for names in inputs]).astype(np.int32),
            "inputs": np.array([i for indices in inputs for i in indices], np.int32),
            "first_output": _offsets([len(names) for names in outputs]).astype(np.int32),
            "outputs": np.array([i for indices in outputs for i in indices], np.int32),
            "words": self.words,
            "source": np.array([place.get(s.source or "", host_in) for s in design.streams], np.int32),
            "sink": np.array([place.get(s.sink or "", host_out) for s in design.streams], np.int32),
        }
        self._spare: dict[int, Run] = {}

    def run(self, depths: Array, images: int) -> Run:
        """Images back to back.

        Args:
            depths: words of each stream, 0 for no bound.
            images: how many, at least 1.
        """
        run = Run(images, self.processes, self.words)
        design, times = self._design(depths, 0), run.structure()
        run.images = self._library.dataflow_run(ctypes.byref(design), ctypes.byref(times), images)
        self._library.dataflow_high_water(
            ctypes.byref(design), ctypes.byref(times), run.images, run.high_water.ctypes.data
        )
        return run

    def sustains(self, depths: Array, period: int, images: int) -> tuple[int, Run]:
        """Whether images that may begin every ``period`` cycles come to move exactly so.

        Two images of which every word moves ``period`` cycles apart prove it for all that follow
        (and one more for each further image that the deepest FIFO holds): the times of an image
        depend on those before it and on nothing else.

        Args:
            depths: words of each stream, 0 for no bound.
            period: cycles between two images' release.
            images: after which to give up, not counting those further ones.

        Returns:
            images that it took (0: they did not within ``images``, -1: deadlock), and the run,
            whose ``arrived``, ``read`` and, if they did, ``high_water`` are good until the next call.
        """
        alike = max(1, int(np.max(-(-depths // self.words))))
        images += alike - 1
        if images not in self._spare:
            self._spare = {images: Run(images, self.processes, self.words)}
        run = self._spare[images]
        design, times = self._design(depths, period), run.structure()
        taken = self._library.dataflow_sustains(
            ctypes.byref(design), ctypes.byref(times), images, period, alike
        )
        if taken > 0:
            self._library.dataflow_high_water(
                ctypes.byref(design), ctypes.byref(times), taken, run.high_water.ctypes.data
            )
        return int(taken), run

    def _design(self, depths: Array, period: int) -> _Design:
        self._release[self._host_in] = period
        self._arrays["depth"] = np.ascontiguousarray(depths, np.int64)
        counts = {"processes": self.processes, "streams": len(self.words)}
        return _Design(**counts, **{name: array.ctypes.data for name, array in self._arrays.items()})


def _offsets(counts: list[int]) -> Array:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """The compiled loop; the file is gone as soon as it is loaded, so nothing has to be kept up to date."""
    compiler = shutil.which("g++")
    if compiler is None:
        raise ToolError(
            "the dataflow simulation needs g++ on the PATH, and there is none; "
            "install it (Debian: apt install g++)"
        )
    with tempfile.TemporaryDirectory(prefix="sqz_hw_") as folder:
        target = Path(folder) / "dataflow.so"
        try:
            done = subprocess.run(
                [compiler, *FLAGS, "-o", str(target), str(SOURCE)],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolError(f"g++ could not compile {SOURCE.name}: {error}; see that it works") from error
        if done.returncode:
            said = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
            raise ToolError(f"g++ must compile {SOURCE.name}, and failed ({said}); install another g++")
        library = ctypes.CDLL(str(target))
    for name in ("dataflow_run", "dataflow_sustains"):
        getattr(library, name).restype = ctypes.c_int64
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    library.dataflow_run.argtypes = (pointer, pointer, number)
    library.dataflow_sustains.argtypes = (pointer, pointer, number, number, number)
    library.dataflow_high_water.argtypes = (pointer, pointer, number, pointer)
    library.dataflow_high_water.restype = None
    return library
