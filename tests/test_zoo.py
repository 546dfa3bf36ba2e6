"""How a name or a path becomes a model file."""

from pathlib import Path

import pytest

from sqz_hw import zoo
from sqz_hw.errors import ModelFileError
from sqz_hw.model.modelfile import load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A zoo of two models, one with its float network beside it."""
    models = tmp_path / "zoo"
    models.mkdir()
    for name in ("cifar10-small", "cifar10-small-float", "cifar10-tiny"):
        (models / f"{name}.safetensors").write_bytes(b"")
    (models / "notes.md").write_text("")
    monkeypatch.setattr(zoo, "FOLDER", models)
    monkeypatch.chdir(tmp_path)
    return models


def test_names_leave_the_float_companions_out(folder):
    assert zoo.names() == ("cifar10-small", "cifar10-tiny")


def test_a_name_of_the_zoo(folder):
    assert zoo.find("cifar10-tiny") == folder / "cifar10-tiny.safetensors"


def test_a_path(folder):
    mine = Path("mine.safetensors")
    mine.write_bytes(b"")
    assert zoo.find("mine.safetensors") == mine


def test_a_folder_that_training_wrote(folder):
    run = Path("run")
    run.mkdir()
    with pytest.raises(ModelFileError, match="there is no run"):
        zoo.find("run")
    (run / "model.safetensors").write_bytes(b"")
    assert zoo.find("run") == run / "model.safetensors"


def test_the_zoos_name_goes_before_a_folder_of_that_name(folder):
    Path("cifar10-tiny").mkdir()
    Path("cifar10-tiny", "model.safetensors").write_bytes(b"")
    assert zoo.find("cifar10-tiny") == folder / "cifar10-tiny.safetensors"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("cifar10-smal", "cifar10-small, cifar10-tiny"),
        ("tiny", "cifar10-tiny"),
        ("zzz", "cifar10-small, cifar10-tiny"),
        ("", "cifar10-small, cifar10-tiny"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(folder, name, nearest):
    with pytest.raises(ModelFileError) as caught:
        zoo.find(name)
    wanted = f"a model must be a name of the zoo or a .safetensors file; there is no {name}; "
    assert str(caught.value) == " ".join(wanted.split()) + f" nearest names: {nearest}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "nowhere/model.safetensors", "/"])
def test_names_that_no_file_can_have(folder, name):
    with pytest.raises(ModelFileError, match="a model must be a name of the zoo"):
        zoo.find(name)


def test_an_empty_zoo_says_so(folder):
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(ModelFileError, match=r"nearest names: none$"):
        zoo.find("cifar10-small")


def test_float_companion(folder):
    assert zoo.float_companion(zoo.find("cifar10-small")) == folder / "cifar10-small-float.safetensors"
    assert zoo.float_companion(zoo.find("cifar10-tiny")) is None


def test_every_model_that_ships_loads():
    if not zoo.names():
        pytest.skip("no model has been put into the zoo yet")
    assert zoo.DEFAULT in zoo.names()
    for name in zoo.names():
        path = zoo.find(name)
        assert load(path).kind == "quantised"
        companion = zoo.float_companion(path)
        if companion is not None:
            assert load(companion).kind == "float"
