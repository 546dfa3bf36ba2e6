"""Batches of images on several cores: a thread a core, each with a single-threaded BLAS.

NumPy releases the interpreter's lock in BLAS and in array arithmetic. One thread a core that
does both keeps the cores busier than a BLAS of several threads between single-threaded array
operations, and twice as many BLAS threads as cores would only disturb each other. So BLAS is
limited through threadpoolctl while the threads run; without that package, one batch after the
other is computed with whatever threads BLAS takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

try:
    import threadpoolctl  # type: ignore[import-untyped]
except ImportError:  # scikit-learn brings it, QKeras brings scikit-learn
    threadpoolctl = None


_most: ContextVar[int | None] = ContextVar("most", default=None)


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Within the context, ``each_part`` takes no more than so many threads."""
    token = _most.set(threads)
    try:
        yield
    finally:
        _most.reset(token)


def each_part(count: int, batch: int, work: Callable[[slice], None]) -> None:
    """Call ``work`` for consecutive parts of ``count`` items, on all cores this process may use.

    Args:
        count: items in all.
        batch: items in a part, at most; fewer if that is what gives every core a part.
        work: called with each part, from several threads; what it raises is raised here.
    """
    workers = min(_cores(), _most.get() or _cores()) if threadpoolctl is not None else 1
    size = min(batch, -(-count // workers)) if count else 1
    parts = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    if workers == 1 or len(parts) < 2:
        for part in parts:
            work(part)
        return
    with _controller().limit(limits=1, user_api="blas"), ThreadPoolExecutor(min(workers, len(parts))) as pool:
        for _ in pool.map(work, parts):
            pass


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _controller() -> Any:
    return threadpoolctl.ThreadpoolController()
