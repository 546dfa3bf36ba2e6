"""Settings of a search, validated once; they are the study's identity, so a resumed search has the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Objective = Literal["accuracy", "memory_bits", "fps", "lut_share", "latency_us", "nonzero_macs"]


class ExploreSettings(BaseModel):
    """What a search is asked for.

    Attributes:
        seed: of the sampler, of the split of the images and of each training.
        architecture: ``v1.0`` or ``v1.1``; fields that the space does not name keep its values.
        input_size, classes: of the images.
        data, data_sha256: name and contents of the images that are trained and validated on.
        part, clock_mhz: the part's short name and the clock of the estimates; no part, no estimates.
        strict: "unsure" counts as not fitting.
        objectives: what is traded against each other, see ``objectives.OBJECTIVES``.
        max_macs, max_nonzero_macs: multiply-accumulates an image that are allowed.
        max_memory_bits: bits of weights, as stored, that are allowed.
        space: plain form of the dimensions and of the fixed fields, see ``space.Space``.
        proxy_images, proxy_epochs: training images of a trial, and how often each is seen.
        proxy_validation_images: images that its accuracy is measured on.
        proxy_batch, proxy_rate: batch size, and peak of the cosine schedule.
        weight_decay: decoupled; each step shrinks kernels by ``rate * weight_decay``.
        calibration_images: training images that types are chosen on.
        bias_bits, score_bits: widths that are not searched.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(1, ge=0, le=2**31 - 1)
    architecture: str = "v1.0"
    input_size: int = Field(32, ge=1)
    classes: int = Field(10, ge=1)
    data: str = ""
    data_sha256: str = ""
    part: str | None = None
    clock_mhz: float = Field(100.0, ge=1.0, le=1000.0)
    strict: bool = False
    objectives: tuple[Objective, ...] = ("accuracy", "memory_bits", "fps", "lut_share")
    max_macs: float | None = Field(None, gt=0)
    max_nonzero_macs: float | None = Field(None, gt=0)
    max_memory_bits: float | None = Field(None, gt=0)
    space: Mapping[str, Any] = Field(default_factory=dict)
    proxy_images: int = Field(8192, ge=1)
    proxy_epochs: int = Field(4, ge=1)
    proxy_validation_images: int = Field(2000, ge=1)
    proxy_batch: int = Field(64, ge=1, le=65536)
    proxy_rate: float = Field(0.05, gt=0)
    weight_decay: float = Field(0.003, ge=0)
    calibration_images: int = Field(32, ge=1, le=100_000)
    bias_bits: int = Field(12, ge=2, le=16)
    score_bits: int = Field(8, ge=2, le=16)

    @property
    def proxy(self) -> str:
        """What stands in for a full training, as it is to be called wherever its accuracy is shown."""
        return f"proxy, {_counted(self.proxy_epochs, 'epoch')} on {_counted(self.proxy_images, 'image')}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
