"""Settings of a training run, validated once and stored with its checkpoints."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TrainSettings(BaseModel):
    """What a training run does; defaults are the shipped model's.

    Learning rates are peaks of cosine schedules. ``weight_decay`` is decoupled
    (Loshchilov and Hutter 2019): each step shrinks kernels by ``rate * weight_decay``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(1, ge=0, le=2**31 - 1)
    batch_size: int = Field(128, ge=1, le=65536)
    validation_images: int = Field(1000, ge=0)
    float_epochs: int = Field(26, ge=1)
    float_rate: float = Field(0.1, gt=0)
    prune_epochs: int = Field(6, ge=1)
    prune_rate: float = Field(0.02, gt=0)
    qat_epochs: int = Field(8, ge=1)
    qat_rate: float = Field(0.005, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.003, ge=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    sparsity: float = Field(0.55, ge=0, lt=1)
    weight_bits: int = Field(6, ge=2, le=16)
    bias_bits: int = Field(12, ge=2, le=16)
    activation_bits: int = Field(6, ge=2, le=16)
    score_bits: int = Field(8, ge=2, le=16)
    calibration_images: int = Field(1024, ge=1)
