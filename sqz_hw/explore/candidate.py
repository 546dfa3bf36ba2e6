"""A point of the space as a network that can be trained: architecture, bits, zeros, target rate."""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqz_hw.errors import BadInputError
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.explore.space import HARDWARE_FIELDS
from sqz_hw.model.architecture import Architecture, named, small_stem
from sqz_hw.model.layers import LayerSpec

SMALL_IMAGES = 64
"""Up to this side, the network gets the stem for small images, as in ``train.py``."""

WEIGHT_BITS, ACTIVATION_BITS = (2, 8), (2, 16)


@dataclass(frozen=True)
class Candidate:
    """What one trial is about.

    Attributes:
        architecture: the network.
        weight_bits, activation_bits: widths of all weights, and of all activations but the scores.
        density: share of each Fire module's kernel that is not zero.
        target_fps: images a second that the folding is to reach; None: the fastest that fits.

    Raises:
        BadInputError: a width, density or rate out of range.
    """

    architecture: Architecture
    weight_bits: int
    activation_bits: int
    density: float
    target_fps: float | None

    def __post_init__(self) -> None:
        for field, (low, high) in (("weight_bits", WEIGHT_BITS), ("activation_bits", ACTIVATION_BITS)):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise BadInputError(f"{field} must be a whole number from {low} to {high}, not {value!r}")
        if not _number(self.density) or not 0 < self.density <= 1:
            raise BadInputError(f"density must be above 0 and at most 1, not {self.density!r}")
        if self.target_fps is not None and (not _number(self.target_fps) or self.target_fps <= 0):
            raise BadInputError(f"target_fps must be above 0, or null, not {self.target_fps!r}")

    def kept(self, spec: LayerSpec) -> int:
        """Weights of a convolution's kernel that pruning leaves, at least one."""
        size = spec.kernel**2 * spec.in_shape[2] * spec.out_shape[2]
        return max(1, round(self.density * size)) if spec.fire else size

    @property
    def nonzero_macs(self) -> int:
        """Multiply-accumulates with the weights that pruning leaves."""
        return sum(
            self.kept(spec) * spec.out_shape[0] * spec.out_shape[1] for spec in self.architecture.convolutions
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        rest = {field: getattr(self, field) for field in HARDWARE_FIELDS}
        return {"architecture": self.architecture.to_dict(), **rest}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Candidate:
        """Inverse of :meth:`to_dict`."""
        return cls(**{**plain, "architecture": Architecture.from_dict(plain["architecture"])})


def base_architecture(settings: ExploreSettings) -> Architecture:
    """The named architecture for the images' size and classes, as ``train.py`` makes it.

    Raises:
        IllegalArchitectureError: no such name, or the images are too small for it.
    """
    base, size = named(settings.architecture), settings.input_size
    shape: dict[str, Any] = {"input_size": size, "classes": settings.classes}
    return small_stem(base, **shape) if size <= SMALL_IMAGES else dataclasses.replace(base, **shape)


def candidate_of(settings: ExploreSettings, values: Mapping[str, Any]) -> Candidate:
    """The network that has these field values, the others as in the base architecture.

    Raises:
        IllegalArchitectureError: they describe no legal network.
        BadInputError: a width, density or rate out of range.
    """
    rest = {field: values.get(field, default) for field, default in HARDWARE_FIELDS.items()}
    changes = {field: value for field, value in values.items() if field not in HARDWARE_FIELDS}
    arch = Architecture.from_dict({**_base_fields(settings), **changes})
    return Candidate(arch, **rest)


def train_command(settings: ExploreSettings, candidate: Candidate, output: str) -> str:
    """The command that trains a candidate fully, on all training images.

    Args:
        settings: of the search.
        candidate: what to train.
        output: folder for the run.
    """
    arch = candidate.architecture
    own = _base_fields(settings) | {"width": arch.width, "bypass": arch.bypass}
    options = [
        "--data", settings.data, "--output", output, "--architecture", settings.architecture,
        "--width", f"{arch.width:g}", "--bypass", arch.bypass,
    ]  # fmt: skip
    for field, value in arch.to_dict().items():
        if value != own[field]:
            options += ["--set", f"{field}={json.dumps(value, separators=(',', ':'))}"]
    options += [
        "--weight-bits", str(candidate.weight_bits), "--activation-bits", str(candidate.activation_bits),
        "--bias-bits", str(settings.bias_bits), "--score-bits", str(settings.score_bits),
        "--sparsity", f"{1 - candidate.density:.10g}", "--seed", str(settings.seed),
    ]  # fmt: skip
    return shlex.join(["python", "scripts/train.py", *options])


def build_command(settings: ExploreSettings, candidate: Candidate, output: str) -> str | None:
    """The command that builds the trained candidate for the part, or None without one."""
    if settings.part is None:
        return None
    options = ["--part", settings.part, "--model", f"{output}/model.safetensors"]
    if settings.clock_mhz != 100.0:
        options += ["--clock-mhz", f"{settings.clock_mhz:g}"]
    if candidate.target_fps is not None:
        options += ["--target-fps", f"{candidate.target_fps:g}"]
    return shlex.join(["python", "scripts/build_hls.py", *options])


def _base_fields(settings: ExploreSettings) -> dict[str, Any]:
    return base_architecture(settings).to_dict()


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
