"""What a search writes: every number with its kind, the same bytes again, and images that are training images."""

import dataclasses
import json

import jsonschema
import numpy as np
import pytest
from explore_stubs import HerePool, made_up, settings

from sqz_hw.errors import BadInputError
from sqz_hw.explore import report
from sqz_hw.explore.objectives import OBJECTIVES
from sqz_hw.explore.plot import picture
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.explore.storage import opened
from sqz_hw.explore.study import Limits, records, search
from sqz_hw.explore.subset import subset
from sqz_hw.explore.trial import Outcome
from sqz_hw.model.datasets import Dataset


def evaluate(task):
    """Every fourth fails; every third breaks a limit; times differ from run to run."""
    where = {"pid": id(task), "seconds": 1.5, "host": "h", "started": 0.0}
    if task.number % 4 == 3:
        return Outcome("failed", reason="it | broke", where=where, traceback="Traceback ...")
    broken = {"memory_bits": 0.5 if task.number % 3 == 2 else -0.5}
    return dataclasses.replace(made_up(task), constraints=broken, where=where, notes=("a note",))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    with opened(folder, settings(), resume=False) as study:
        search(study, settings(), HerePool(evaluate), Limits(12), lambda record: None)
        return records(study)


def test_every_value_has_its_kind(found):
    made = report.content(settings(), found, None)
    kinds = {
        "accuracy": "proxy, 4 epochs on 8,192 images",
        "memory_bits": report.OBJECTIVES["memory_bits"].kind(settings()),
    }
    for trial in made["trials"]:
        for name, entry in trial["values"].items():
            assert entry["kind"]
            assert entry["kind"] == kinds.get(name, entry["kind"])
    assert made["counts"] == {"complete": 9, "failed": 3, "pruned": len(made["trials"]) - 12}
    front = [t for t in made["trials"] if t["pareto"]]
    assert made["pareto"] == [t["number"] for t in front]
    assert all(t["feasible"] for t in front)
    assert made["best"] == max(front, key=lambda t: t["values"]["accuracy"]["value"])["number"]
    assert {t["feasible"] for t in made["trials"] if t["state"] == "complete"} == {True, False}


def test_proxies_and_estimates_are_called_so():
    one = ExploreSettings(proxy_epochs=1, proxy_images=1)
    assert one.proxy == "proxy, 1 epoch on 1 image"
    kinds = {name: objective.kind(one) for name, objective in OBJECTIVES.items()}
    assert kinds["accuracy"] == one.proxy
    assert {kinds[n] for n in ("fps", "lut_share", "latency_us")} == {"estimate, clock assumed"}


def test_files_are_the_same_again_and_times_are_elsewhere(found, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        report.write(tmp_path / name, settings(), found, None)
    for file in ("explore.json", "explore.md", "pareto.png"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert "seconds" not in (tmp_path / "a" / "explore.json").read_text()
    times = json.loads((tmp_path / "a" / "times.json").read_text())
    assert times["0"]["seconds"] == 1.5
    assert "trial 3: Traceback ..." in (tmp_path / "a" / "explore.log").read_text()


def test_markdown_has_all_trials(found):
    made = report.content(settings(), found, "the time is up")
    text = "\n".join(report.markdown(made))
    assert "Accuracy: proxy, 4 epochs on 8,192 images, judged on 2,000 other training images." in text
    assert "Ended early: the time is up." in text
    assert r"| 3 | failed | it \| broke |" in text
    assert text.count("scripts/train.py") == len(made["pareto"])
    assert text.count("broken: memory_bits") == sum(
        not t["feasible"] for t in made["trials"] if t["state"] == "complete"
    )


@pytest.mark.parametrize("change", [{"proxy": "90 %"}, {"schema": 2}, {"best": "0"}, {"trials": [{}]}])
def test_the_schema_refuses(found, change):
    made = report.content(settings(), found, None)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**made, **change}, report.schema())


@pytest.mark.parametrize(
    "objectives", [("accuracy",), ("nonzero_macs", "accuracy"), ("accuracy", "memory_bits", "nonzero_macs")]
)
def test_a_picture_of_any_objectives(tmp_path, objectives):
    chosen = settings(objectives=objectives)
    with opened(tmp_path, chosen, resume=False) as study:
        search(study, chosen, HerePool(), Limits(4), lambda record: None)
        made = report.content(chosen, records(study), None)
    png = picture(made)
    assert png == picture(made)
    assert png.startswith(b"\x89PNG")
    assert made["best"] is not None


def test_nothing_was_done():
    made = report.content(settings(), [], "stopped")
    assert (made["best"], made["pareto"], made["trials"]) == (None, [], [])
    assert picture(made).startswith(b"\x89PNG")
    assert "Ended early: stopped." in list(report.markdown(made))


def images(count):
    x = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1) * np.ones((1, 4, 4, 3), np.uint8)
    return Dataset(x, np.arange(count, dtype=np.int64), "d.npz")


def test_both_parts_are_disjoint_and_drawn_by_the_seed():
    split = subset(images(100), 60, 30, seed=1)
    assert (len(split.x), len(split.validation_x)) == (60, 30)
    assert not set(split.y) & set(split.validation_y)
    assert (split.x[:, 0, 0, 0] == split.y).all()
    assert subset(images(100), 60, 30, seed=1).digest == split.digest
    assert subset(images(100), 60, 30, seed=2).digest != split.digest
    assert subset(images(100), 50, 30, seed=1).digest != split.digest


def test_what_full_training_holds_out_is_not_trained_on():
    from sqz_hw.training.run import split as train_split

    kept, held = train_split(images(100), 20, 5)
    found = subset(images(100), 60, 30, seed=5)
    assert set(held.y) <= set(found.validation_y)
    assert not set(held.y) & set(found.y)
    assert len(kept) == 80


def test_images_without_labels():
    with pytest.raises(
        BadInputError, match=r"^d\.npz: a search needs labels, and there are none; give data with y$"
    ):
        subset(Dataset(images(4).x, None, "d.npz"), 2, 1, 1)
