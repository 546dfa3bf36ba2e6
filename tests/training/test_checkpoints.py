"""Checkpoints: whole or the one before, and refused when damaged."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from sqz_hw.errors import BadInputError
from sqz_hw.training import checkpoints
from sqz_hw.training.checkpoints import FILE_NAME, Progress, read_progress, restore, values, write

PROGRESS = Progress("prune", 3, 12.5, [{"stage": "float", "loss": 0.1 + 0.2}], {"seed": 1, "data": "d.npz"})
X = np.random.default_rng(1).normal(size=(32, 3)).astype(np.float32)
Y = np.arange(32) % 2


def network(units: int = 4):
    tf.keras.utils.set_random_seed(units)
    made = tf.keras.Sequential(
        [
            tf.keras.layers.Dense(units, input_shape=(3,)),
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.Dense(2),
        ]
    )
    optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    made.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return made


def fit(made, steps=1):
    for _ in range(steps):
        made.fit(X, Y, batch_size=32, shuffle=False, verbose=0)
    return made


def groups(made):
    made.optimizer.build(made.trainable_variables)
    return {"model": made.variables, "optimizer": made.optimizer.variables}


def stored(folder):
    path = folder / FILE_NAME
    return path.read_bytes() if path.exists() else None


def test_there_is_none(tmp_path):
    assert read_progress(tmp_path) is None
    assert read_progress(tmp_path / "nowhere") is None


def test_progress_comes_back(tmp_path):
    write(tmp_path / "new", PROGRESS, values(groups(network())))
    assert read_progress(tmp_path / "new") == PROGRESS
    assert [p.name for p in (tmp_path / "new").iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("steps", [0, 1])
def test_training_goes_on_as_if_it_had_not_stopped(tmp_path, steps):
    """Weights, moving averages, momentum and step count are all in it."""
    whole = fit(network(), 6)
    first = fit(network(), 3)
    write(tmp_path, PROGRESS, values(groups(first)))
    second = network()
    fit(second, steps)  # whatever it held before goes
    restore(stored(tmp_path), tmp_path, groups(second))
    assert int(second.optimizer.iterations) == 3
    fit(second, 3)
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    write(tmp_path, PROGRESS, values(groups(fit(network()))))
    with pytest.raises(
        BadInputError, match=r"must be a checkpoint of this very network \(.*\); train into another folder$"
    ):
        restore(stored(tmp_path), tmp_path, groups(network(5)))


def test_a_checkpoint_that_is_gone_is_refused(tmp_path):
    with pytest.raises(BadInputError, match="must be a checkpoint of this very network"):
        restore(stored(tmp_path), tmp_path, groups(network()))


def test_a_write_that_fails_leaves_the_one_before(tmp_path, monkeypatch):
    write(tmp_path, PROGRESS, values(groups(network())))

    def full(self, data):
        with self.open("wb") as file:
            file.write(data[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        BadInputError,
        match=r"cannot be written \(No space left on device\); make room, or choose another --output$",
    ):
        write(tmp_path, Progress("qat", 1, 0.0), values(groups(network())))
    assert read_progress(tmp_path) == PROGRESS
    assert [p.name for p in tmp_path.iterdir()] == [FILE_NAME]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="cannot be written"):
        write(tmp_path / "file" / "run", PROGRESS, values(groups(network())))


DAMAGED = (
    r"checkpoint\.safetensors must be a checkpoint of this program, and is damaged; "
    "remove it, or train into another folder$"
)


def test_a_truncated_checkpoint_is_refused(tmp_path):
    write(tmp_path, PROGRESS, values(groups(fit(network()))))
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for length in range(0, header - 8, 41):  # the header ends in up to 7 spaces
        path.write_bytes(whole[:length])
        with pytest.raises(BadInputError, match=DAMAGED):
            read_progress(tmp_path)
    path.write_bytes(whole[:-1])
    with pytest.raises(BadInputError, match="must be a checkpoint of this very network"):
        restore(stored(tmp_path), tmp_path, groups(network()))


@pytest.mark.parametrize(
    "changes",
    [{"stage": "flot"}, {"stage": None}, {"epoch": -1}, {"epoch": "3"}, {"seconds": "long"},
     {"history": None}, {"settings": []}, {"choices": 3}, {"extra": 1}],
    ids=str,
)  # fmt: skip
def test_progress_that_cannot_be_is_refused(tmp_path, changes):
    plain = {"stage": "float", "epoch": 1, "seconds": 1, "history": [], "settings": {}, **changes}
    header = json.dumps({"__metadata__": {"progress": json.dumps(plain)}}).encode()
    (tmp_path / FILE_NAME).write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(BadInputError, match=DAMAGED):
        read_progress(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\xff" * 20, b"\x02" + b"\x00" * 7 + b"{}", b"\x02" + b"\x00" * 7 + b"[]"]
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        read_progress(tmp_path)
    assert re.search(DAMAGED, str(caught.value))


def test_stages_are_the_pipelines():
    assert checkpoints.STAGES == ("float", "prune", "qat")
