"""TF_CONFIG: who trains together; a broken one is one line."""

import json
import re

import pytest

from sqz_hw.errors import BadInputError
from sqz_hw.training.cluster import Cluster, from_environment
from sqz_hw.training.workers import alone, exchanged, lost

TWO = ["127.0.0.1:1234", "127.0.0.1:1235"]


def config(cluster=None, task=None):
    return json.dumps({"cluster": cluster or {"worker": TWO}, "task": task or {"type": "worker", "index": 1}})


@pytest.mark.parametrize("text", [None, "", "  "])
def test_without_it_there_is_one_process(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    cluster = from_environment()
    assert (cluster.count, cluster.index, cluster.chief) == (1, 0, True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (config(), Cluster(tuple(TWO), 1)),
        (config(task={"type": "worker", "index": 0}), Cluster(tuple(TWO), 0)),
        (config({"chief": ["a.b:1"], "worker": TWO}), Cluster(("a.b:1", *TWO), 2)),
        (
            config({"chief": ["a.b:1"], "worker": TWO}, {"type": "chief", "index": 0}),
            Cluster(("a.b:1", *TWO), 0),
        ),
        (config({"worker": ["[::1]:80"]}, {"type": "worker", "index": 0}), Cluster(("[::1]:80",), 0)),
    ],
)
def test_clusters(monkeypatch, text, wanted):
    monkeypatch.setenv("TF_CONFIG", text)
    assert from_environment() == wanted
    assert wanted.chief == (wanted.index == 0)


EXAMPLE = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worker 0", f"TF_CONFIG must be JSON like {EXAMPLE}, and is not (Expecting value: line 1"),
        ("[" * 100_000, f"TF_CONFIG must be JSON like {EXAMPLE}, and is not ("),
        ("[]", f"TF_CONFIG must have a cluster and a task, as in {EXAMPLE}, not []"),
        ('{"cluster": {}}', f"TF_CONFIG must have a cluster and a task, as in {EXAMPLE}, not "),
        (
            config({"worker": TWO, "ps": ["a:1"]}),
            "TF_CONFIG: a cluster must be of workers, perhaps with a chief, not ps; all replicas are workers here",
        ),
        (config({"chief": TWO}), "TF_CONFIG: there must be at most one chief, not 2"),
        (config({"worker": "a:1"}), "TF_CONFIG: worker must be a list of host:port, not 'a:1'"),
        (config({"worker": ["a"]}), "TF_CONFIG: an address must be host:port, not 'a'"),
        (config({"worker": ["a:70000"]}), "TF_CONFIG: an address must be host:port, not 'a:70000'"),
        (config({"worker": [3]}), "TF_CONFIG: an address must be host:port, not 3"),
        (
            config({"worker": [TWO[0]] * 2}),
            "TF_CONFIG: each process must have an address of its own, not 127.0.0.1:1234, 127.0.0.1:1234",
        ),
        (config({"worker": []}), "TF_CONFIG: each process must have an address of its own, not none"),
        (
            config(task={"type": "worker", "index": 2}),
            "TF_CONFIG: the task must be one of its 2 workers, counted from 0, not "
            '{"type": "worker", "index": 2}',
        ),
        (
            config({"chief": ["a:1"], "worker": ["b:1"]}, {"type": "evaluator", "index": 0}),
            "TF_CONFIG: the task must be one of its 1 chief and 1 worker, counted from 0, not ",
        ),
        (config(task={"type": "worker", "index": True}), "TF_CONFIG: the task must be one of its 2 workers"),
    ],
)
def test_a_broken_one_is_one_line(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(BadInputError, match=f"^{re.escape(message)}") as caught:
        from_environment()
    assert "\n" not in str(caught.value)


def test_a_worker_that_is_lost_is_one_line():
    error = lost(Cluster(tuple(TWO), 1), ValueError("Connection reset\nAdditional GRPC error information"))
    assert error.exit_code == 5
    assert str(error) == (
        "worker 1 of 2 at 127.0.0.1:1235 cannot go on with the others (Connection reset); see that all run and can "
        "be reached, and start all again with --resume"
    )


def test_bytes_exchanged():
    """100 + 28 weights as float32; 10 channels of batch norm: 3 sums forward, 2 gradients back."""
    assert exchanged([100, 28], 10, 2) == {
        "gradient_bytes": 512,
        "batch_norm_bytes": 200,
        "ring_bytes_sent_by_each_worker": 712,
        "alexnet_gradient_bytes": 240_000_000,
    }
    assert exchanged([100, 28], 0, 4)["ring_bytes_sent_by_each_worker"] == 768
    assert exchanged([100, 28], 10, 1)["ring_bytes_sent_by_each_worker"] == 0


def test_one_process_agrees_with_itself(tmp_path):
    workers = alone()
    workers.agree("options", b"x")
    assert workers.from_chief(b"abc") == b"abc"
    assert workers.from_chief(None) is None
    assert workers.read(tmp_path / "nothing") is None
