"""Settings of a post-training quantisation, validated once and stored with the model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PtqSettings(BaseModel):
    """What a quantisation is asked for.

    Attributes:
        weight_bits: width of each kernel's type.
        activation_bits: width of each ReLU's output but the last.
        code_bits: share weights: at most ``2**code_bits`` different values a layer; None: do not.
        bias_bits: largest width of a bias.
        score_bits: width of the last ReLU's output, the class scores' map; None: ``activation_bits``.
        calibration_images: how many images ranges and moments are taken from.
        equalisation: share of the channels' differences that weights take over from activations.
        damping: added to the Hessian's diagonal, as a share of its mean.
        seed: of the pixels that ranges are taken from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weight_bits: int = Field(8, ge=2, le=8)
    activation_bits: int = Field(8, ge=2, le=16)
    code_bits: int | None = Field(None, ge=1, le=8)
    bias_bits: int = Field(16, ge=2, le=24)
    score_bits: int | None = Field(None, ge=2, le=16)
    calibration_images: int = Field(128, ge=1, le=100_000)
    equalisation: float = Field(0.5, ge=0, le=1)
    damping: float = Field(0.05, gt=0, le=1)
    seed: int = Field(1, ge=0, le=2**31 - 1)
