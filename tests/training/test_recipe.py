"""The whole recipe on a tiny network: start, teacher, sensitivity, budget; killed and resumed to the same bytes."""

import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from models import TINY, random_float_model, random_images, random_model, tiny_architecture

from sqz_hw.errors import BadInputError
from sqz_hw.model.datasets import Dataset
from sqz_hw.model.modelfile import load, save
from sqz_hw.model.storage import storage
from sqz_hw.training import given
from sqz_hw.training.choices import prunable
from sqz_hw.training.run import Run, check, train
from sqz_hw.training.sensitivity import DENSITIES
from sqz_hw.training.settings import TrainSettings
from sqz_hw.training.threads import fix_threads

SETTINGS = TrainSettings(
    seed=3, batch_size=8, validation_images=16, float_epochs=0, prune_epochs=2, qat_epochs=2, precision="bfloat16",
    density=0.4, max_nonzero_macs=70_000, prune_conv10=True, weight_bits=5, bias_bits=10, activation_bits=6,
    memory_bits=3_000, cutout=4, mixup=0.4, label_smoothing=0.1, distill_weight=0.7, distill_temperature=3.0,
    calibration_images=16,
)  # fmt: skip


def dataset(seed: int, count: int) -> Dataset:
    labels = np.arange(count) % TINY.classes
    images = random_images(TINY, count, seed) // 3 + (50 * labels[:, None, None, None]).astype(np.uint8)
    return Dataset(images, labels, "made")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A start, and a teacher of another width."""
    folder = tmp_path_factory.mktemp("given")
    save(random_float_model(TINY, 4), folder / "start.safetensors")
    save(random_float_model(tiny_architecture(width=2.0), 5), folder / "teacher.safetensors")
    save(random_model(TINY), folder / "quantised.safetensors")
    return folder


def make_run(files, output, **changes) -> Run:
    start = given.read("--start", files / "start.safetensors")
    teacher = given.read("--teacher", files / "teacher.safetensors")
    run = Run("small", TINY, SETTINGS, dataset(1, 32), dataset(2, 16), None, output, start, (teacher,))
    return replace(run, **changes)


class Killed(Exception):  # noqa: N818
    pass


def kill_after(title):
    def report(now, done, total, metrics):
        if now == title and "seconds" in metrics:  # its checkpoint has been written
            raise Killed

    return report


def silent(*report):
    pass


@pytest.fixture(scope="module")
def finished(files, tmp_path_factory):
    """The folder of a run that nothing stopped, and the choices it told of."""
    output = tmp_path_factory.mktemp("whole") / "run"
    noted = []
    train(make_run(files, output), resume=False, report=silent, noted=noted.append)
    return output, noted


def test_a_run_that_is_killed_in_prune_and_in_qat_gives_the_same_bytes(files, finished, tmp_path):
    output, _ = finished
    run = make_run(files, tmp_path / "run")
    for title, resume in (("prune 1/2", False), ("qat 1/2", True)):
        with pytest.raises(Killed):
            train(run, resume=resume, report=kill_after(title))
    train(run, resume=True, report=silent)
    for name in ("model-float.safetensors", "model-pruned.safetensors", "model.safetensors"):
        assert (run.output / name).read_bytes() == (output / name).read_bytes(), name
    whole, again = (read_log(folder) for folder in (output, run.output))
    assert [e["event"] for e in again] == [
        "start", "choice", "epoch", "resume", "epoch", "choice", "epoch", "resume", "epoch",
        "end",
    ]  # fmt: skip
    assert [steady(e) for e in whole if e["event"] == "epoch"] == [
        steady(e) for e in again if e["event"] == "epoch"
    ]


def read_log(folder):
    return [json.loads(line) for line in (folder / "train_log.jsonl").read_text().splitlines()]


def steady(entry):
    return {k: v for k, v in entry.items() if k not in ("seconds", "images_per_s")}


def test_the_start_is_the_float_model(files, finished):
    output, _ = finished
    dense, start = load(output / "model-float.safetensors"), load(files / "start.safetensors")
    for key, values in start.weights.items():
        np.testing.assert_array_equal(dense.weights[key], values)
    record = load(output / "model.safetensors").record
    assert record["start"]["name"] == "tiny"
    assert record["start"]["record"] == {"data": "random weights"}
    assert re.fullmatch(r"[0-9a-f]{64}", record["start"]["sha256"])
    assert [each["name"] for each in record["teachers"]] == ["tiny"]
    assert record["teachers"][0]["sha256"] != record["start"]["sha256"]


def test_densities_are_logged_and_kept(finished):
    output, noted = finished
    model, pruned = (load(output / f"model{s}.safetensors") for s in ("", "-pruned"))
    choice = noted[0]
    layers = prunable(TINY, conv10=True)
    assert choice["by"] == "sensitivity"
    assert set(choice["densities"]) == set(choice["loss_increase"]) == set(layers)
    assert all(set(row) == {f"{d:g}" for d in DENSITIES} for row in choice["loss_increase"].values())
    macs = 0
    for spec in TINY.convolutions:
        kernel = pruned.weights[f"{spec.name}/kernel"]
        kept = np.count_nonzero(kernel)
        assert kept == round(choice["densities"].get(spec.name, 1.0) * kernel.size)
        assert not model.weights[f"{spec.name}/kernel"][kernel == 0].any()
        macs += kept * spec.out_shape[0] * spec.out_shape[1]
    assert macs == choice["nonzero_macs"] <= SETTINGS.max_nonzero_macs
    assert choice["density"] <= 0.4
    assert len(set(choice["densities"].values())) > 2  # not one figure for all
    assert model.record["choices"]["densities"] == choice["densities"]
    assert model.record["choices"]["density_sensitivity"] == choice["loss_increase"]


def test_widths_are_logged_and_within_the_budget(finished):
    output, noted = finished
    model, choice = load(output / "model.safetensors"), noted[1]
    types = model.quantisation
    assert {n: t.width for n, t in types.weights.items()} == choice["bits"]["weights"]
    scores = [s.name for s in TINY.layers if s.kind.value == "relu"][-1]
    widths = {n: t.width for n, t in types.activations.items()}
    assert widths.pop(scores) == SETTINGS.score_bits
    assert widths == choice["bits"]["activations"]
    assert set(choice["bits"]["weights"].values()) <= {3, 4, 5}
    assert len(set(choice["bits"]["weights"].values())) > 1
    assert {t.width for t in types.biases.values()} == {10}
    assert model.record["stored_bits"] <= choice["stored_bits"] + 7
    assert choice["stored_bits"] <= choice["memory_bits"] == 3_000
    assert model.record["stored_bits"] == 8 * storage(model).compressed_bytes


def test_the_log_has_the_choices_as_they_were_told(finished):
    output, noted = finished
    assert [e for e in read_log(output) if e["event"] == "choice"] == noted


def refusal(run: Run, resume: bool = False) -> str:
    with pytest.raises(BadInputError) as caught:
        train(run, resume=resume, report=silent)
    return str(caught.value)


def test_another_start_or_teacher_is_not_resumed(files, finished):
    output, _ = finished
    other = replace(given.read("--start", files / "start.safetensors"), sha256="0" * 64)
    same = make_run(files, output).teachers
    for what, changes in (
        ("start", {"start": other}),
        ("teacher", {"teachers": (other,)}),
        ("teacher", {"teachers": (*same, "self")}),
    ):
        assert refusal(make_run(files, output, **changes), True) == (
            f"{output} was started with another {what}; resume with the same options, or choose another --output"
        )


def test_several_teachers(files, tmp_path):
    """They are all learned from, and the record names them in their order; "self" is none of the float stage."""
    once = change(prune_epochs=1, qat_epochs=1, float_epochs=1)
    alone = make_run(files, tmp_path / "one", settings=once)
    beside = replace(alone, output=tmp_path / "both", teachers=("self", *alone.teachers))
    for run in (alone, beside):
        train(run, resume=False, report=silent)
    one, both = (
        [load(run.output / f"model{stage}.safetensors") for stage in ("-float", "-pruned", "")]
        for run in (alone, beside)
    )
    named, learned = both[2].record["teachers"]
    assert (named, learned["name"]) == ("self", "tiny")
    for key, values in one[0].weights.items():
        np.testing.assert_array_equal(both[0].weights[key], values)
    assert any(not np.array_equal(both[1].weights[k], v) for k, v in one[1].weights.items())


def change(**settings):
    return SETTINGS.model_copy(update=settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"teachers": ()},
            "--distill-weight needs a teacher; give --teacher FILE or --teacher self",
        ),
        ({"start": None}, "--float-epochs 0 needs a network to start from; give --start FILE"),
        (
            {"settings": change(sparsity=0.5)},
            "--sparsity prunes every Fire kernel alike, --density, --max-nonzero-macs and --prune-conv10 by "
            "sensitivity; give one or the others",
        ),
        (
            {"settings": change(score_bits=10)},
            "--precision bfloat16 trains weights and activations of up to 8 bits exactly, and one has 10; lower it, "
            "or train in float32",
        ),
        (
            {"validation": None},
            "choices by sensitivity are made on validation images, and there are none; raise --validation-images, "
            "or prune alike with --sparsity and leave --memory-budget out",
        ),
        (
            {"architecture": tiny_architecture(classes=3)},
            "--start tiny must take 16x16 images of 3 classes, not 16x16 of 4; give another model",
        ),
    ],
    ids=["teacher", "start", "sparsity", "bfloat16", "validation", "classes"],
)
def test_settings_that_contradict_each_other(files, tmp_path, changes, message):
    run = make_run(files, tmp_path / "run", **changes)
    with pytest.raises(BadInputError, match=f"^{re.escape(message)}$"):
        check(run)
    assert not run.output.exists()


def test_a_bound_below_what_stays_dense(files, tmp_path):
    run = make_run(files, tmp_path, settings=change(max_nonzero_macs=1000))
    assert refusal(run) == (
        "--max-nonzero-macs must be above the 55,296 multiplications of the layers that stay dense, not 1,000; "
        "raise it, give --prune-conv10, or choose a smaller network"
    )


def test_files_that_cannot_be_given(files):
    with pytest.raises(BadInputError) as caught:
        given.read("--start", files / "quantised.safetensors")
    assert str(caught.value) == (
        "--start must be a float model, and quantised.safetensors is quantised; give the model-float.safetensors "
        "of its training"
    )
    save(replace(random_float_model(TINY), input_mean=(1.0, 2.0, 3.0)), files / "mean.safetensors")
    with pytest.raises(BadInputError, match=r"mean\.safetensors wants a mean subtracted; give another$"):
        given.read("--teacher", files / "mean.safetensors")


def test_threads_are_fixed_once_a_process():
    cores = len(os.sched_getaffinity(0))
    assert fix_threads(0) == fix_threads(cores) == cores
    with pytest.raises(
        BadInputError,
        match=f"^--threads must be {cores}, which TensorFlow has started with in this process, not {cores + 1}; "
        "start another process$",
    ):
        fix_threads(cores + 1)


def test_a_start_can_be_trained_on_as_float(files, tmp_path):
    """With float epochs it is unfolded first; at a rate of nothing its kernels stay nearly what they were."""
    settings = change(float_epochs=1, float_rate=1e-9, precision="float32", cutout=0, max_nonzero_macs=1)
    run = make_run(files, tmp_path / "run", settings=settings)
    assert "--max-nonzero-macs must be above" in refusal(run)  # after the float stage
    start, dense = load(files / "start.safetensors"), load(run.output / "model-float.safetensors")
    for spec in TINY.convolutions:
        old, new = (m.weights[f"{spec.name}/kernel"].ravel() for m in (start, dense))
        assert np.corrcoef(old, new)[0, 1] > 0.95, spec.name  # another start would have 0
        assert not np.array_equal(old, new)


def test_a_teacher_may_want_larger_images_but_no_other_classes(files, tmp_path):
    larger = given.read("--teacher", files / "teacher.safetensors")
    large = replace(larger.model, architecture=replace(larger.model.architecture, input_size=32))
    check(make_run(files, tmp_path / "run", teachers=("self", replace(larger, model=large))))
    other = replace(larger, model=random_float_model(tiny_architecture(classes=3), 5))
    with pytest.raises(BadInputError) as caught:
        check(make_run(files, tmp_path / "run", teachers=(larger, other)))
    assert str(caught.value) == "--teacher tiny must have 4 classes, not 3; give another model"
