"""What all tests share; this file also makes ``tests/`` importable (``from models import ...``)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from hypothesis import settings
from models import TINY, random_model

from sqz_hw.model.modelfile import Model, save

# The same examples every time, so that a commit that passed once passes again; others with SQZ_EXPLORE=1.
settings.register_profile("same", derandomize=True)
if "SQZ_EXPLORE" not in os.environ:
    settings.load_profile("same")


@dataclass(frozen=True)
class Project:
    """A project that a build has made; tests must not change it."""

    model: Model
    model_path: Path
    folder: Path


@pytest.fixture(scope="session")
def tiny_model() -> Model:
    """A quantised model with random weights: two Fire modules, 16x16 images, 4 classes."""
    return random_model(TINY)


@pytest.fixture(scope="session")
def project(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The tiny model, built for an xc7z020 and verified on ten images that are made."""
    from sqz_hw.flow import build
    from sqz_hw.settings import BuildSettings

    root = tmp_path_factory.mktemp("project")
    path = root / "tiny.safetensors"
    save(tiny_model, path)
    built = build(BuildSettings(part="xc7z020", model=str(path), images=10, output=root / "tiny"))
    return Project(tiny_model, path, built.folder)
