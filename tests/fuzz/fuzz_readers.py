"""Fuzz the readers of foreign weights (``make fuzz``).

``PYTHONPATH=tests python -m fuzz.fuzz_readers [--inputs N] [--engine atheris|mutate] [--seed N]``:
atheris (guided by coverage) where it is installed, else damage at random. A crash, a hang (over
10 s for one input), memory beyond 2 GiB or any error but the one of bad files ends the run and
leaves the input in ``--crashes``.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import signal
import sys
import time
from pathlib import Path

SECONDS = 10
MEMORY = 2 << 30
LONGEST = 1 << 15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    has = importlib.util.find_spec("atheris") is not None
    parser.add_argument("--engine", choices=("atheris", "mutate"), default="atheris" if has else "mutate")
    parser.add_argument("--crashes", type=Path, default=Path("build/fuzz"))
    options = parser.parse_args()
    options.crashes.mkdir(parents=True, exist_ok=True)
    if options.engine == "atheris":
        return _guided(options)
    return _at_random(options)


def _guided(options: argparse.Namespace) -> int:
    import atheris

    with atheris.instrument_imports(include=["sqz_hw.model.readers", "sqz_hw.model.compression"]):
        from fuzz import targets
    corpus = options.crashes / "corpus"
    corpus.mkdir(exist_ok=True)
    for i, data in enumerate(targets.seeds()):
        (corpus / f"seed-{i:02d}").write_bytes(data)
    taken, began = [0, 0], time.monotonic()

    def one(data: bytes) -> None:
        taken[targets.one_input(data)] += 1
        if taken[0] + taken[1] == options.inputs:  # libFuzzer ends the process by itself
            _report("atheris", taken[0], taken[1], time.monotonic() - began)

    flags = [
        f"-runs={options.inputs}", f"-seed={options.seed}", f"-timeout={SECONDS}", f"-max_len={LONGEST}",
        f"-rss_limit_mb={MEMORY >> 20}", f"-artifact_prefix={options.crashes}/", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, str(corpus)], one)
    atheris.Fuzz()
    return 0


def _at_random(options: argparse.Namespace) -> int:
    import numpy as np

    from fuzz import targets
    from fuzz.mutate import mutate

    rng = np.random.default_rng(options.seed)
    seeds = targets.seeds()
    for seed in seeds:
        if not targets.one_input(seed):
            raise SystemExit("a seed is refused: the fuzzer would test nothing")
    soft = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (soft, resource.getrlimit(resource.RLIMIT_AS)[1]))
    taken, began = [0, 0], time.monotonic()
    for _ in range(options.inputs):
        source = seeds[int(rng.integers(0, len(seeds)))]
        data = source[:1] + mutate(source[1:], seeds, rng)[:LONGEST]
        signal.alarm(SECONDS)
        try:
            taken[targets.one_input(data)] += 1
        except BaseException:
            (options.crashes / f"crash-{options.seed}-{sum(taken)}").write_bytes(data)
            raise
        signal.alarm(0)
    _report("random damage", taken[0], taken[1], time.monotonic() - began)
    return 0


def _report(engine: str, refused: int, legal: int, seconds: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    sys.stdout.write(
        f"{engine}: {refused + legal:,} inputs in {seconds:.0f} s, {refused:,} refused, {legal:,} legal, "
        f"no crash, no hang; peak memory {peak:,} MiB\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
