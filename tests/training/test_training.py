"""The pipeline: float, pruned, quantised; stopped anywhere and resumed to the same weights."""

import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from models import TINY, random_images

from sqz_hw.errors import BadInputError
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import load
from sqz_hw.model.network import float_network, quantised_network, set_weights
from sqz_hw.training import checkpoints, loop
from sqz_hw.training.batches import Batches
from sqz_hw.training.evaluation import accuracy
from sqz_hw.training.run import Run, split, train
from sqz_hw.training.settings import TrainSettings

IMAGES = 40
SETTINGS = TrainSettings(
    seed=5, batch_size=8, float_epochs=2, prune_epochs=2, qat_epochs=2, float_rate=0.02, qat_rate=0.2, dropout=0.25,
    sparsity=0.6, weight_bits=5, bias_bits=10, activation_bits=7, score_bits=9, calibration_images=16,
)  # fmt: skip


def dataset(seed: int, count: int = IMAGES, name: str = "made") -> Dataset:
    """Images of four classes that differ in brightness, so that there is something to learn."""
    labels = np.arange(count) % TINY.classes
    images = random_images(TINY, count, seed) // 3 + (50 * labels[:, None, None, None]).astype(np.uint8)
    return Dataset(images, labels, name)


def make_run(output, **changes) -> Run:
    run = Run("small", TINY, SETTINGS, dataset(1), dataset(2, 8), None, output)
    return replace(run, **changes)


class Stopped(Exception):  # noqa: N818
    pass


def stop_at(title: str, batch: int, after_checkpoint: bool = False):
    def report(now, done, total, metrics):
        if now == title and done == batch and ("seconds" in metrics) == after_checkpoint:
            raise Stopped

    return report


def silent(title, done, total, metrics):
    pass


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that nothing stopped: its model, its folder and what it reported."""
    output = tmp_path_factory.mktemp("training") / "run"
    reports, epochs = [], []

    def noted(x, y, batch_size, seed, epoch, **more):
        epochs.append((seed, epoch))
        return Batches(x, y, batch_size, seed, epoch, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "Batches", noted)
        model = train(make_run(output), resume=False, report=lambda *report: reports.append(report))
    assert epochs == [(5, n) for n in range(6)]  # over all stages, so that no batches come twice
    return model, output, reports


def test_what_it_writes(finished):
    model, output, _ = finished
    assert sorted(p.name for p in output.iterdir()) == [
        "checkpoint.safetensors", "model-float.safetensors", "model-pruned.safetensors", "model.safetensors",
        "train_log.jsonl",
    ]  # fmt: skip
    assert [load(output / f"model{s}.safetensors").kind for s in ("-float", "-pruned", "")] == [
        "float", "float", "quantised",
    ]  # fmt: skip
    assert (model.name, model.architecture) == ("small", TINY)


def test_density_is_what_was_asked_for(finished):
    model, output, _ = finished
    dense, pruned = (load(output / f"model-{s}.safetensors") for s in ("float", "pruned"))
    assert dense.density() == 1.0
    for spec in TINY.convolutions:
        key = f"{spec.name}/kernel"
        before, after = pruned.weights[key], model.weights[key]
        if spec.fire:
            assert abs(np.count_nonzero(before == 0) - 0.6 * before.size) <= 1, key
            assert not after[before == 0].any(), key  # masks are kept
        else:
            assert before.all(), key
    assert 0.25 < model.density() <= 0.41
    assert pruned.density() == pytest.approx(0.4, abs=0.01)


def test_bits_are_what_was_asked_for(finished):
    model, _, _ = finished
    types = model.quantisation
    assert {t.width for t in types.weights.values()} == {5}
    assert {t.width for t in types.biases.values()} == {10}
    assert {n: t.width for n, t in types.activations.items()} == {
        n: 9 if n == "relu_conv4" else 7 for n in types.activations
    }
    for spec in TINY.convolutions:
        codes = model.codes(f"{spec.name}/kernel")
        assert -16 <= codes.min() <= codes.max() <= 15
        assert len(np.unique(codes)) > 2


def test_every_stage_has_learnt(finished):
    _, output, _ = finished
    previous = None
    for stage in ("-float", "-pruned", ""):
        weights = load(output / f"model{stage}.safetensors").weights["conv1/kernel"]
        assert previous is None or not np.array_equal(weights, previous)
        previous = weights


def test_history_and_record(finished):
    model, output, _ = finished
    progress = checkpoints.read_progress(output)
    assert (progress.stage, progress.epoch) == ("qat", 2)
    epochs = [e for e in progress.history if e["event"] == "epoch"]
    assert [(e["stage"], e["epoch"]) for e in epochs] == [
        (stage, epoch) for stage in ("float", "prune", "qat") for epoch in (1, 2)
    ]
    measured = {"loss", "train_top1", "validation_top1", "learning_rate", "seconds", "images_per_s"}
    assert all(measured <= set(e) for e in epochs)
    assert [e["event"] for e in progress.history if e["event"] != "epoch"] == ["start", "choice", "choice"]
    lines = (output / "train_log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines[:-1]] == progress.history
    end = {"event": "end", "seconds": round(progress.seconds, 1), "accuracy": None}
    assert json.loads(lines[-1]) == end
    start = progress.history[0]
    assert start["threads"] == len(os.sched_getaffinity(0))
    assert start["host_cpus"] == os.cpu_count()
    record = model.record
    assert record["data"] == "made"
    assert (record["training_images"], record["validation_images"], record["test_images"]) == (IMAGES, 8, 0)
    assert TrainSettings(**record["settings"]) == SETTINGS.model_copy(update={"threads": start["threads"]})
    assert not {"seconds", "date"} & set(record)  # or a resumed run would not give the same bytes
    assert "accuracy" not in record


def test_reports_count_the_batches(finished):
    _, _, reports = finished
    titles = list(dict.fromkeys(title for title, *_ in reports))
    assert titles == [f"{stage} {epoch}/2" for stage in ("float", "prune", "qat") for epoch in (1, 2)]
    for title in titles:
        batches = [(done, total) for now, done, total, _ in reports if now == title]
        assert batches == [(n, 5) for n in range(1, 6)] + [(5, 5)]


def stopped(output, resume, *stop):
    with pytest.raises(Stopped):
        train(make_run(output), resume=resume, report=stop_at(*stop))
    assert not (output / "model.safetensors").exists()


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A run stopped in an epoch, between the stage's last checkpoint and its model, and in the next stage."""
    output = tmp_path_factory.mktemp("training") / "run"
    stopped(output, False, "float 2/2", 3)
    stopped(output, True, "float 2/2", 5, True)
    assert not (output / "model-float.safetensors").exists()
    stopped(output, True, "prune 1/2", 1)
    return output


def assert_same_bits(one, other):
    for key, value in one.weights.items():
        np.testing.assert_array_equal(other.weights[key], value, err_msg=key)


def test_the_float_network_of_a_resumed_run_is_the_same_bits(finished, interrupted):
    _, output, _ = finished
    assert_same_bits(load(output / "model-float.safetensors"), load(interrupted / "model-float.safetensors"))


def test_the_quantised_model_of_a_resumed_run_is_the_same_bits(finished, interrupted):
    model, _, _ = finished
    stopped(interrupted, True, "prune 2/2", 2)
    stopped(interrupted, True, "qat 2/2", 4)
    again = train(make_run(interrupted), resume=True, report=silent)
    assert again.quantisation == model.quantisation
    assert_same_bits(model, again)


def test_a_finished_run_is_resumed_without_training_and_measures_what_is_new(finished):
    """Test images that the first command did not have are measured on all three networks."""
    model, output, _ = finished
    reports = []
    test = dataset(3, 24, "unseen")
    again = train(make_run(output, test=test), resume=True, report=lambda *report: reports.append(report))
    assert reports == []
    for key, value in model.weights.items():
        np.testing.assert_array_equal(again.weights[key], value)
    wanted = {}
    for stage in ("float", "pruned"):
        network = float_network(TINY, batch_norm=False)
        set_weights(network, load(output / f"model-{stage}.safetensors").weights)
        wanted[stage] = accuracy(network, test)
    network = quantised_network(TINY, model.quantisation)
    set_weights(network, model.weights)
    wanted["quantised"] = accuracy(network, test)
    assert again.record["accuracy"] == wanted
    assert again.record["test_images"] == 24


def refusal(run: Run, resume: bool) -> str:
    with pytest.raises(BadInputError) as caught:
        train(run, resume=resume, report=silent)
    return str(caught.value)


def test_a_run_is_not_overwritten(finished):
    _, output, _ = finished
    assert refusal(make_run(output), False) == (
        f"{output} holds a run that has come to qat epoch 2; "
        "give --resume to go on with it, or another --output"
    )


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"settings": SETTINGS.model_copy(update={"seed": 6})}, "seed"),
        (
            {"settings": SETTINGS.model_copy(update={"sparsity": 0.5, "float_rate": 0.1})},
            "float_rate, sparsity",
        ),
        ({"architecture": replace(TINY, width=2.0)}, "architecture"),
        ({"train": dataset(1, name="others")}, "data"),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(finished, changes, names):
    _, output, _ = finished
    assert refusal(make_run(output, **changes), True) == (
        f"{output} was started with another {names}; resume with the same options, or choose another --output"
    )


def test_a_damaged_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"hello")
    for resume in (False, True):
        assert "is damaged; remove it, or train into another folder" in refusal(make_run(tmp_path), resume)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    text = refusal(make_run(tmp_path / "file" / "run"), False)
    assert re.search(
        r"run cannot be written \((File exists|Not a directory)\); choose another --output$", text
    )


def test_fewer_images_than_a_batch(tmp_path):
    run = make_run(tmp_path, settings=SETTINGS.model_copy(update={"batch_size": 41}))
    assert refusal(run, False) == (
        "made: a batch of 41 must not exceed the 40 training images; lower --batch-size"
    )


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    run = make_run(tmp_path, settings=SETTINGS.model_copy(update={"float_rate": 1e30}))
    assert re.match(
        r"^float 1/2: the loss must stay finite, not (nan|inf); "
        "lower --float-rate and train into another folder$",
        refusal(run, False),
    )
    assert [p.name for p in tmp_path.iterdir()] == ["train_log.jsonl"]


# parts


def test_split_holds_images_out():
    data = Dataset(random_images(TINY, 20), np.arange(20), "made")
    kept, held = split(data, 6, 1)
    assert sorted([*kept.y, *held.y]) == list(range(20))
    assert len(held) == 6
    for part in (kept, held):
        np.testing.assert_array_equal(part.x, data.x[part.y])
        assert part.source == "made"
    assert split(data, 6, 1)[1].y.tolist() == held.y.tolist() != split(data, 6, 2)[1].y.tolist()
    assert split(data, 0, 1) == (data, None)


def test_split_refusals():
    data = dataset(1, 20)
    with pytest.raises(
        BadInputError,
        match=r"^made: 20 validation images must be fewer than the 20 images; lower --validation-images$",
    ):
        split(data, 20, 1)
    with pytest.raises(BadInputError, match=r"^made: training needs labels, and there are none$"):
        split(replace(data, y=None), 2, 1)


class Lookup:
    """A network that says the class by the first pixel."""

    def __call__(self, images, training):
        scores = np.eye(10)[np.rint(images[:, 0, 0, 0] * 256).astype(int)]
        return type("Tensor", (), {"numpy": lambda self: scores})()


@pytest.mark.parametrize("batch", [1, 3, 500])
def test_accuracy_counts_all_images(batch):
    labels = np.arange(10)
    images = np.zeros((10, 2, 2, 3), np.uint8)
    images[:, 0, 0, 0] = np.where(labels < 7, labels, 0)
    assert accuracy(Lookup(), Dataset(images, labels, "made"), batch) == 70.0
    with pytest.raises(BadInputError, match=r"^made: accuracy needs labels, and there are none$"):
        accuracy(Lookup(), Dataset(images, None, "made"))
