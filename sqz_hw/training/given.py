"""A float model file that a run is given: to start from, or to learn from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.modelfile import Model, load


@dataclass(frozen=True)
class Given:
    """A model file.

    Attributes:
        option: that it was given by, for messages.
        model: what is in it.
        sha256: of the file.
    """

    option: str
    model: Model
    sha256: str

    def require_classes(self, arch: Architecture) -> None:
        """Refuse a model of other classes. Images of another size are brought to its own (a teacher).

        Raises:
            BadInputError: it has others.
        """
        own = self.model.architecture
        if own.classes != arch.classes:
            raise BadInputError(
                f"{self.option} {self.model.name} must have {arch.classes} classes, not {own.classes}; "
                "give another model"
            )

    def require(self, arch: Architecture) -> None:
        """Refuse a model that takes other images or has other classes.

        Raises:
            BadInputError: it does.
        """
        own = self.model.architecture
        if (own.input_size, own.classes) != (arch.input_size, arch.classes):
            raise BadInputError(
                f"{self.option} {self.model.name} must take {arch.input_size}x{arch.input_size} images of "
                f"{arch.classes} classes, not {own.input_size}x{own.input_size} of {own.classes}; "
                "give another model"
            )

    def summary(self) -> dict[str, Any]:
        """What a training record says of it."""
        return {"name": self.model.name, "sha256": self.sha256, "record": dict(self.model.record)}


def read(option: str, path: Path) -> Given:
    """Read a float model for an option.

    Raises:
        ModelFileError: it is missing, damaged, or not one of ours.
        BadInputError: it is quantised, or wants a mean subtracted.
    """
    if not path.is_file():
        raise BadInputError(
            f"{option} must be a .safetensors model file, and there is no {path}; check the path"
        )
    model = load(path)
    if model.quantisation is not None:
        raise BadInputError(
            f"{option} must be a float model, and {path.name} is quantised; give the "
            "model-float.safetensors of its training"
        )
    if any(model.input_mean):
        raise BadInputError(
            f"{option} must take pixels as they are, and {path.name} wants a mean subtracted; give another"
        )
    return Given(option, model, hashlib.sha256(path.read_bytes()).hexdigest())
