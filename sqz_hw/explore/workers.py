"""Workers: Dask processes on this machine, or a Dask cluster that is there already.

A worker has one trial at a time. It is sent the images once (a Dask plugin, which a worker that
joins late or is started again gets as well) and imports TensorFlow once. Dask sends functions
and values as pickles: connect only to a cluster that you trust.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import socket
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dask
import psutil
from distributed import Client, LocalCluster, WorkerPlugin
from distributed.scheduler import KilledWorker

from sqz_hw import __version__
from sqz_hw.errors import BadInputError, SqzError, ToolError
from sqz_hw.explore.trial import Evaluate, Outcome, Task

if TYPE_CHECKING:
    from sqz_hw.explore.subset import Split

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""Set in a worker process before it imports anything."""

POLL_S = 0.05
CONNECT_S = 10
CLOSE_S = 20
NO_WORKER_S = 60
"""Seconds without any worker after which a search gives up."""


class Images(WorkerPlugin):  # type: ignore[misc]
    """Brings a search's images to every worker, and shields workers of this machine from Ctrl-C."""

    def __init__(self, digest: str, split: Split | None, local: bool) -> None:
        self.name = f"sqz_hw-{digest}"
        self._digest, self._split, self._local = digest, split, local

    def setup(self, worker: Any) -> None:
        """Called in the worker's process when it starts, or at once if it runs already."""
        from sqz_hw.explore import objective

        if self._split is not None:
            objective.offer(self._digest, self._split)
        if self._local and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the search itself stops its workers

    def teardown(self, worker: Any) -> None:
        """Called when the worker ends, or the search that it was for."""
        from sqz_hw.explore import objective

        objective.withdraw(self._digest)


class DaskPool:
    """Workers of a Dask cluster, one trial each (a :class:`sqz_hw.explore.study.Pool`)."""

    def __init__(self, client: Client, evaluate: Evaluate) -> None:
        self._client, self._evaluate = client, evaluate
        self._futures: dict[Any, tuple[int, str]] = {}
        self._seen = time.monotonic()

    def idle(self) -> int:
        """Workers without a trial.

        Raises:
            ToolError: the scheduler is gone, or there has been no worker for a minute.
        """
        return len(self._idle())

    def submit(self, task: Task) -> None:
        """Begin a trial on an idle worker, or on any where that one is lost meanwhile."""
        address = self._idle()[0]
        future = self._client.submit(
            run_task, self._evaluate, task, workers=[address], allow_other_workers=True, pure=False, retries=0
        )
        self._futures[future] = (task.number, address)

    def finished(self, seconds: float) -> list[tuple[int, Outcome]]:
        """Trials that have ended; a trial whose process died has failed.

        Raises:
            ToolError: the scheduler is gone.
        """
        until = time.monotonic() + seconds
        while True:
            self._require_scheduler()
            ended = [future for future in self._futures if future.done()]
            if ended or time.monotonic() >= until:
                return [(self._futures.pop(future)[0], _outcome(future)) for future in ended]
            time.sleep(POLL_S)

    def _require_scheduler(self) -> None:
        if self._client.status != "running":
            raise ToolError(
                "the Dask scheduler is no longer reached; see that it runs, then go on with --resume"
            )

    def _idle(self) -> list[str]:
        self._require_scheduler()
        there = sorted(self._client.scheduler_info(n_workers=-1)["workers"])
        if there:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > NO_WORKER_S:
            raise ToolError(
                f"a search needs a worker, and there has been none for {NO_WORKER_S} s; "
                "see that workers run, then go on with --resume"
            )
        busy = {address for _, address in self._futures.values()}
        return [address for address in there if address not in busy]


def run_task(evaluate: Evaluate, task: Task) -> Outcome:
    """Run a trial in this process; whatever goes wrong is its outcome."""
    began = time.time()
    try:
        outcome = evaluate(task)
    except SqzError as error:
        outcome = Outcome("failed", reason=str(error))
    except Exception as error:  # noqa: BLE001  a fault of one trial must not end the search
        outcome = Outcome("failed", reason=_reason(error), traceback=traceback.format_exc())
    where = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": round(began, 2),
        "seconds": round(time.time() - began, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    return replace(outcome, where=where)


def _outcome(future: Any) -> Outcome:
    if future.status == "finished":
        outcome = future.result()
        return outcome if isinstance(outcome, Outcome) else Outcome("failed", reason="no outcome came back")
    error = future.exception() if future.status == "error" else None
    if isinstance(error, KilledWorker):
        return Outcome("failed", reason="the worker's process ended during the trial (out of memory?)")
    return Outcome("failed", reason="the worker was lost" if error is None else _reason(error))


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


@contextmanager
def local_pool(workers: int, evaluate: Evaluate, digest: str, split: Split | None) -> Iterator[DaskPool]:
    """Worker processes on this machine, one thread each; they end with the context.

    Args:
        workers: how many.
        evaluate: what a trial is; a function of a module.
        digest, split: the images, or None where ``evaluate`` needs none.
    """
    config = {
        "distributed.scheduler.allowed-failures": 0,  # a trial that kills its worker is not tried again
        "distributed.nanny.pre-spawn-environ": {"MALLOC_TRIM_THRESHOLD_": 65536, **ONE_THREAD},
        "distributed.comm.timeouts.connect": f"{NO_WORKER_S}s",  # a busy machine
        "distributed.scheduler.worker-ttl": None,  # tracing a graph may hold up a worker's heartbeat
        "distributed.worker.profile.enabled": False,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    scratch = tempfile.TemporaryDirectory(prefix="sqz_hw-", ignore_cleanup_errors=True)
    with scratch as folder, dask.config.set(config):
        cluster, client = _started(workers, folder)
        try:
            client.register_plugin(Images(digest, split, local=True))
            yield DaskPool(client, evaluate)
        finally:
            _close(cluster, client)


def _started(workers: int, folder: str) -> tuple[Any, Any]:
    try:
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=logging.CRITICAL,
            local_directory=folder,
        )
        return cluster, Client(cluster, set_as_default=False)
    except (OSError, RuntimeError, AssertionError, asyncio.TimeoutError) as error:
        raise ToolError(
            f"{workers} worker processes must start, and they did not ({_reason(error)}); "
            "ask for fewer --workers, or try again when the machine is less busy"
        ) from error


def _close(cluster: Any, client: Any) -> None:
    """End the cluster and its processes; on a machine that is too busy for Dask's patience, by force."""
    workers = [nanny.process.pid for nanny in cluster.workers.values() if nanny.process is not None]
    started = [found for found in psutil.Process().children(recursive=True) if found.pid in workers]
    for closing in (client, cluster):
        with suppress(Exception):
            closing.close(timeout=CLOSE_S)
    for process in started:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def cluster_pool(address: str, evaluate: Evaluate, digest: str, split: Split | None) -> Iterator[DaskPool]:
    """Workers of a cluster that runs already; it goes on running.

    Args:
        address: of its scheduler, ``tcp://host:port``.
        evaluate, digest, split: as in :func:`local_pool`.

    Raises:
        BadInputError: there is no scheduler at that address.
        ToolError: it has no workers, or workers without this version of the program.
    """
    client = _connected(address)
    with client:
        _check_workers(client, address)
        plugin = Images(digest, split, local=False)
        client.register_plugin(plugin)
        try:
            yield DaskPool(client, evaluate)
        finally:
            with suppress(Exception):
                client.unregister_worker_plugin(plugin.name)


def _connected(address: str) -> Any:
    """A client of the scheduler; that something listens there is seen first: Dask's own refusal is slow."""
    try:
        place = urlsplit(address)
        if place.scheme not in ("tcp", "tls") or not place.hostname or place.port is None:
            raise ValueError("no host and port")
        socket.create_connection((place.hostname, place.port), CONNECT_S).close()
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        raise BadInputError(
            f"--scheduler must be the address of a Dask scheduler that runs, such as tcp://host:8786, "
            f"and {address!r} is not reached ({_reason(error)})"
        ) from error


def _check_workers(client: Client, address: str) -> None:
    if not client.scheduler_info(n_workers=-1)["workers"]:
        raise ToolError(
            f"the scheduler at {address} must have workers, and has none; start dask worker {address}"
        )
    try:
        versions = client.run(version)
    except Exception as error:
        raise ToolError(
            f"the workers of {address} must have sqz_hw {__version__}, and {_reason(error)}; install it there"
        ) from error
    other = sorted({found for found in versions.values() if found != __version__})
    if other:
        raise ToolError(
            f"the workers of {address} must have sqz_hw {__version__}, not {other[0]}; install it there"
        )


def version() -> str:
    """The program's version on a worker."""
    return __version__
