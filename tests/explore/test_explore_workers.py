"""Workers: two processes share a search, one that dies costs one trial, and a cluster that is there is used."""

import logging
import os
import time

import numpy as np
import psutil
import pytest
from distributed import LocalCluster
from explore_stubs import deadly, made_up, meeting, settings, with_images

from sqz_hw.errors import BadInputError, DataError, ToolError
from sqz_hw.explore import workers
from sqz_hw.explore.candidate import candidate_of
from sqz_hw.explore.objective import evaluate
from sqz_hw.explore.storage import opened
from sqz_hw.explore.study import Limits, records, search
from sqz_hw.explore.subset import Split
from sqz_hw.explore.trial import Outcome, Task
from sqz_hw.explore.workers import DaskPool, cluster_pool, local_pool, run_task

SPLIT = Split(
    np.zeros((5, 16, 16, 3), np.uint8), np.zeros(5, np.int64), np.zeros((3, 16, 16, 3), np.uint8), np.zeros(3, np.int64)
)  # fmt: skip


@pytest.fixture(scope="module")
def pool():
    """Two worker processes; the images of ``settings()`` are there."""
    with local_pool(2, made_up, settings().data_sha256, SPLIT) as made:
        yield made


def run(folder, pool, trials):
    chosen = settings(data=str(folder))
    with opened(folder, chosen, resume=False) as study:
        search(study, chosen, pool, Limits(trials), lambda record: None)
        return [r for r in records(study) if r.outcome.state != "pruned"]


def of(pool, evaluate):
    """The same workers for another kind of trial."""
    return DaskPool(pool._client, evaluate)


def test_two_processes_do_the_trials(tmp_path, pool):
    """At the same time: the first trial ends only when a second one has begun."""
    found = run(tmp_path, of(pool, meeting), 8)
    assert [r.outcome.reason for r in found if r.outcome.state != "complete"] == []
    pids = [r.outcome.where["pid"] for r in found]
    assert len(pids) == 8
    assert len(set(pids)) == 2
    assert os.getpid() not in pids


def test_values_come_back_whole(tmp_path, pool):
    (found,) = run(tmp_path, pool, 1)
    here = made_up(Task(0, found.candidate, settings()))
    assert (found.outcome.values, found.outcome.constraints) == (here.values, here.constraints)


def test_a_process_that_dies_costs_one_trial(tmp_path, pool):
    """It is not tried again, another process takes its place, and the images are there too."""
    found = {r.number: r.outcome for r in run(tmp_path / "deadly", of(pool, deadly), 8)}
    assert found[1].state == "failed"
    assert found[1].reason == "the worker's process ended during the trial (out of memory?)"
    assert (found[2].state, found[2].reason) == ("failed", "ZeroDivisionError: two")
    assert "raise ZeroDivisionError" in found[2].traceback
    others = [outcome for number, outcome in found.items() if number not in (1, 2)]
    assert len(others) == 6
    assert {outcome.state for outcome in others} == {"complete"}
    reasons = [r.outcome.reason for r in run(tmp_path / "images", of(pool, with_images), 4)]
    assert reasons == ["5 and 3 images"] * 4


def test_a_cluster_that_is_there_is_used_and_goes_on(tmp_path, pool):
    address = pool._client.scheduler.address
    with cluster_pool(address, made_up, "1" * 64, SPLIT) as other:
        found = run(tmp_path / "other", other, 3)
    assert {r.outcome.state for r in found} == {"complete"}
    assert len(run(tmp_path / "own", pool, 3)) == 3


def test_workers_of_another_version(pool, monkeypatch):
    monkeypatch.setattr(workers, "__version__", "9.9")
    address = pool._client.scheduler.address
    with (
        pytest.raises(
            ToolError, match=r"the workers of tcp://.+ must have sqz_hw 9\.9, not \d.+; install it there"
        ),
        cluster_pool(address, made_up, "2" * 64, SPLIT),
    ):
        pass


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "tcp://127.0.0.1", "tcp://127.0.0.1:x", "nowhere", "", "foo://bar:1"]
)
def test_no_scheduler_there(address, monkeypatch):
    monkeypatch.setattr(workers, "CONNECT_S", 1)
    with (
        pytest.raises(
            BadInputError, match=r"^--scheduler must be the address of a Dask scheduler that runs, such as"
        ),
        cluster_pool(address, made_up, "3" * 64, SPLIT),
    ):
        pass


def test_no_worker_at_all(monkeypatch):
    class Empty:
        status = "running"

        def scheduler_info(self, n_workers):
            return {"workers": {}}

    monkeypatch.setattr(workers, "NO_WORKER_S", -1)
    with pytest.raises(
        ToolError, match=r"a search needs a worker, and there has been none for -1 s; see that workers"
    ):
        DaskPool(Empty(), made_up).idle()


def test_processes_are_gone_even_if_dask_is_out_of_patience(monkeypatch):
    monkeypatch.setattr(workers, "CLOSE_S", 1e-3)
    with local_pool(1, made_up, "5" * 64, None) as pool:
        (pid,) = pool._client.run(os.getpid).values()
    until = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" and time.monotonic() < until:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


def test_processes_that_do_not_start(monkeypatch):
    def refuses(**options):
        raise RuntimeError("Cluster failed to start: no room")

    monkeypatch.setattr(workers, "LocalCluster", refuses)
    with (
        pytest.raises(
            ToolError,
            match=r"^2 worker processes must start, and they did not \(RuntimeError: Cluster failed to start: no room\);",
        ),
        local_pool(2, made_up, "6" * 64, None),
    ):
        pass


def test_a_scheduler_that_goes_away(monkeypatch):
    """The search ends; its running trials are not taken for failed ones."""
    monkeypatch.setattr(workers, "CONNECT_S", 1)
    with LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        address = cluster.scheduler_address
        with cluster_pool(address, made_up, "4" * 64, SPLIT) as pool:
            assert pool.idle() == 1
            cluster.close()
            with pytest.raises(
                ToolError, match=r"^the Dask scheduler is no longer reached; see that it runs, then"
            ):
                pool.finished(30)


def test_whatever_goes_wrong_is_an_outcome():
    task = Task(2, candidate_of(settings(), {}), settings())
    assert run_task(deadly, task).state == "failed"

    def refuses(task):
        raise DataError("no images")

    outcome = run_task(refuses, task)
    assert (outcome.state, outcome.reason, outcome.traceback) == ("failed", "no images", None)
    assert outcome.where["pid"] == os.getpid()
    assert Outcome.from_dict(outcome.to_dict()) == outcome


def test_a_worker_without_the_images_says_so():
    task = Task(0, candidate_of(settings(), {}), settings(data_sha256="f" * 64))
    with pytest.raises(
        DataError, match=r"^a worker must have the search's images, and has none; start the search again$"
    ):
        evaluate(task)
