"""Fuzz HDF5 parsing: ``PYTHONPATH=tests python -m fuzz.fuzz_hdf5 [--inputs N] [--seed N]``.

libhdf5 may crash on damaged files, and the reader lets it do so in a process of its own. Here a
child parses many inputs in a row under the reader's limits; one that a signal ends is replaced, and
its input is read again through ``isolated``, where it has to end in the error of bad files.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import time
import traceback

import h5py
import numpy as np
from models import TINY, random_weights

from fuzz.mutate import mutate
from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers import hdf5_parser, isolated
from sqz_hw.model.readers.isolated_child import limit
from sqz_hw.model.readers.tensors import most_bytes

SECONDS = 10
BATCH = 2000
MOST = most_bytes(TINY)


def seeds() -> list[bytes]:
    """Weights files as Keras writes them: by name, numbered, deflated."""
    files = []
    for layout in ("{0}/{0}/{1}:0", "layers/conv2d_{2}/vars/{3}"):
        for compression in (None, "gzip"):
            file = io.BytesIO()
            with h5py.File(file, "w") as out:
                for i, spec in enumerate(TINY.convolutions):
                    for j, part in enumerate(("kernel", "bias")):
                        values = random_weights(TINY)[f"{spec.name}/{part}"]
                        path = layout.format(spec.safe_name, part, i, j)
                        out.create_dataset(path, data=values, compression=compression)
                out.attrs["model_config"] = '{"class_name": "Functional"}'
            files.append(file.getvalue())
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    files = seeds()
    counts = {"legal": 0, "refused": 0}
    crashes: dict[str, int] = {}
    at, began = 0, time.monotonic()
    while at < options.inputs:
        end = min(at + BATCH, options.inputs)
        done, legal, status = _batch(files, options.seed, at, end)
        counts["legal"] += legal
        counts["refused"] += done - at - legal
        if done < end:
            how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "an error"
            if how == "an error":
                sys.stdout.write(f"input {done} of seed {options.seed} ends in another error\n")
                return 1
            crashes[how] = crashes.get(how, 0) + 1
            if how == "SIGALRM":
                sys.stdout.write(f"input {done} takes over {SECONDS} s; the reader stops it after 60 s\n")
            else:
                _contained(damaged(files, options.seed, done))
            done += 1
        at = done
    sys.stdout.write(
        f"HDF5: {options.inputs:,} inputs in {time.monotonic() - began:.0f} s, {counts['refused']:,} refused, "
        f"{counts['legal']:,} parsed, ended by a signal in the child: {crashes or 'none'}\n"
    )
    return 0


def damaged(files: list[bytes], seed: int, number: int) -> bytes:
    """Input ``number`` of a run."""
    rng = np.random.default_rng([seed, number])
    return mutate(files[int(rng.integers(0, len(files)))], files, rng)


def _batch(files: list[bytes], seed: int, start: int, end: int) -> tuple[int, int, int]:
    """Inputs done, how many of them were legal, and how the child ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            limit(MOST)
            for number in range(start, end):
                data = damaged(files, seed, number)
                signal.alarm(SECONDS)
                try:
                    hdf5_parser.parse(data, MOST)
                    answer = b"L"
                except (ModelFileError, MemoryError):
                    answer = b"R"
                signal.alarm(0)
                os.write(writing, answer)
        except BaseException:  # noqa: BLE001  whatever it is, the parent has to hear of it
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answers = pipe.read()
    _, status = os.waitpid(child, 0)
    return start + len(answers), answers.count(b"L"), status


def _contained(data: bytes) -> None:
    try:
        isolated.read("x.h5", data, "HDF5", MOST)
    except ModelFileError:
        return
    sys.stdout.write("a file that crashed the child once is read the second time\n")


if __name__ == "__main__":
    sys.exit(main())
