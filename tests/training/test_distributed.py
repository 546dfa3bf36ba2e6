"""Two processes on the loopback address train as one would: losses, files, a kill of both and resuming."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from models import TINY, random_images

from sqz_hw.model.modelfile import load

ROOT = Path(__file__).parents[2]
OPTIONS = [
    "--name", "small", "--bypass", "simple", "--validation-images", "16", "--batch-size", "8", "--threads", "1",
    "--float-epochs", "1", "--prune-epochs", "2", "--qat-epochs", "1", "--float-rate", "0.02", "--cutout", "3",
    "--set", "fire_modules=2", "--set", "pools_after=[1]", "--set", "base_e=8", "--set", "incr_e=8",
    "--set", "freq=1", "--set", "squeeze_ratio=0.5", "--set", "conv1_filters=8",
]  # fmt: skip
TIMEOUT = 1800  # seconds; it is a minute on an idle machine
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    count = 8 * 55 + 16
    labels = np.arange(count) % TINY.classes
    images = random_images(TINY, count) // 3 + (50 * labels[:, None, None, None]).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "d.npz"
    np.savez(path, x=images, y=labels)
    return path


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def start(data, outputs, *more, differing=()):
    """One process a folder, in one cluster if there are several."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(outputs))]
    processes = []
    for index, output in enumerate(outputs):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment.pop("TF_CONFIG", None)
        if len(outputs) > 1:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        own = differing if index else ()
        command = [
            sys.executable,
            str(ROOT / "scripts" / "train.py"),
            "--data",
            str(data),
            "--output",
            str(output),
        ]
        processes.append(
            subprocess.Popen(
                [*command, *OPTIONS, *more, *own], env=environment, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
    return processes


def finish(processes):
    try:
        ends = [(p, *p.communicate(timeout=TIMEOUT)) for p in processes]
        return [(p.returncode, out, err) for p, out, err in ends]
    finally:
        for process in processes:
            process.kill()


def log(folder):
    path = folder / "train_log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def epochs(folder):
    return {(e["stage"], e["epoch"]): e for e in log(folder) if e["event"] == "epoch"}


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """A run of one process, and one of two."""
    folder = tmp_path_factory.mktemp("distributed")
    outputs = [folder / "chief", folder / "other"]
    for code, _, err in [*finish(start(data, [folder / "one"])), *finish(start(data, outputs))]:
        assert code == 0, err
    return folder


def test_the_first_fifty_losses_are_those_of_one_process(runs):
    one, two = (epochs(runs / name)["float", 1]["first_losses"] for name in ("one", "chief"))
    assert len(one) == len(two) == 50
    assert np.abs(np.array(one) - two).max() < 1e-3
    assert np.std(one) > 0.01  # and they are no constant


def test_all_stages_come_to_nearly_the_same(runs):
    one, two = epochs(runs / "one"), epochs(runs / "chief")
    assert list(one) == list(two)
    for key, entry in one.items():
        assert two[key]["loss"] == pytest.approx(entry["loss"], abs=0.02)
        assert two[key]["learning_rate"] == entry["learning_rate"]
    a, b = (load(runs / name / "model.safetensors") for name in ("one", "chief"))
    assert b.density() == pytest.approx(a.density(), abs=0.02)


def test_only_the_chief_writes(runs):
    assert (runs / "chief" / "model.safetensors").exists()
    assert not (runs / "other").exists()


def test_bytes_exchanged_are_in_the_log(runs):
    """Weights, gammas and betas of 1,224 - 84 + 2 x 84 float32; no batch norm in QAT, but biases."""
    logged = {key: e["exchanged_each_step"] for key, e in epochs(runs / "chief").items()}
    channels = sum(s.out_shape[2] for s in TINY.convolutions)
    parameters = TINY.parameters
    assert logged["float", 1]["gradient_bytes"] == 4 * (parameters + channels)
    assert logged["float", 1]["batch_norm_bytes"] == 20 * channels
    assert logged["qat", 1]["gradient_bytes"] == 4 * parameters
    assert logged["qat", 1]["batch_norm_bytes"] == 0
    assert all(e["alexnet_gradient_bytes"] == 240_000_000 for e in logged.values())
    assert "exchanged_each_step" not in epochs(runs / "one")["float", 1]


def test_both_killed_and_resumed_give_the_same_bytes(data, runs, tmp_path):
    outputs = [tmp_path / "chief", tmp_path / "other"]
    processes = start(data, outputs)
    deadline = time.monotonic() + TIMEOUT
    while ("prune", 1) not in epochs(outputs[0]):
        assert time.monotonic() < deadline
        assert all(p.poll() is None for p in processes), finish(processes)
        time.sleep(0.2)
    for process in processes:
        process.send_signal(signal.SIGKILL)
    finish(processes)
    assert not (outputs[0] / "model.safetensors").exists()
    for code, _, err in finish(start(data, outputs, "--resume")):
        assert code == 0, err
    for name in ("model-pruned.safetensors", "model.safetensors"):
        assert (outputs[0] / name).read_bytes() == (runs / "chief" / name).read_bytes(), name
    assert any(e["event"] == "resume" for e in log(outputs[0]))


def test_workers_with_other_options_are_refused(data, tmp_path):
    ends = finish(start(data, [tmp_path / "a", tmp_path / "b"], differing=["--seed", "2"]))
    for code, _, err in ends:
        assert code == 5
        assert err.strip().splitlines()[-1] == (
            "error: all 2 workers must have the same options, and 1 differ from the chief; give all of them the same "
            "options and files"
        )


def test_a_worker_left_alone_says_so(data, tmp_path):
    processes = start(data, [tmp_path / "a", tmp_path / "b"])
    deadline = time.monotonic() + TIMEOUT
    while ("float", 1) not in epochs(tmp_path / "a"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    processes[1].send_signal(signal.SIGKILL)
    code, _, err = finish(processes)[0]
    assert code == 5, err
    last = err.strip().splitlines()[-1]
    assert last.startswith("error: worker 0 of 2 at 127.0.0.1:")
    assert last.endswith("see that all run and can be reached, and start all again with --resume")
