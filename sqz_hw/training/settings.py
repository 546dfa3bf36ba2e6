"""Settings of a training run, validated once and stored with its checkpoints."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DISTILL_WEIGHT = 0.5
"""Of a run with a teacher that was not told another."""

DENSITY = 0.45


class TrainSettings(BaseModel):
    """What a training run does.

    Learning rates are peaks of cosine schedules. ``weight_decay`` is decoupled
    (Loshchilov and Hutter 2019): each step shrinks kernels by ``rate * weight_decay``.

    Attributes:
        seed: of weights, order and augmentation.
        threads: of TensorFlow, for one operation; 0 is one for each core. Sums, and so the last
            bits of a run, depend on it.
        precision: of convolutions while training; batch norm, losses and weights stay float32, and
            accuracy is measured in float32.
        batch_size: images a step, over all workers.
        validation_images: held out of the training images; all choices are made on them.
        float_epochs, prune_epochs, qat_epochs: length of the stages.
        float_rate, prune_rate, qat_rate: learning rates.
        momentum, weight_decay, dropout, label_smoothing: as in the literature.
        cutout: side of the square that is blanked in each training image (DeVries and Taylor 2017).
        mixup: each training image is mixed with another, its share drawn from a Beta distribution with this
            alpha (Zhang et al. 2018); 0 mixes none.
        distill_weight: share of the teacher in the loss (Hinton et al. 2015); None is 0.5 with a
            teacher.
        distill_temperature: of the softmax that teacher and student are compared in.
        density: share of the Fire modules' weights that stay, divided among the layers by
            sensitivity; None is 0.45.
        max_nonzero_macs: bound on the multiplications an image with a weight that is not zero.
        prune_conv10: prune the last convolution as well.
        sparsity: prune every Fire kernel to this share of zeros instead, without looking.
        weight_bits, bias_bits, activation_bits, score_bits: widths; with ``memory_bits`` the most
            that a kernel and an activation get.
        expand_bits: width of what Fire modules put out, in place of ``activation_bits``: wide streams,
            which cost an HLS design its LUTs.
        equalisation: rescale channels before quantisation, with this share of their differences taken over
            by the weights (``rescale``); None leaves them.
        memory_bits: bound on the bits of weights, their indices and biases; widths are then chosen
            by sensitivity.
        activation_tolerance: loss increase (nats) up to which an activation is made narrower, where
            widths are chosen.
        calibration_images: training images that set the ranges of activations.
        sensitivity_images: validation images that sensitivity is measured on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: int = Field(1, ge=0, le=2**31 - 1)
    threads: int = Field(0, ge=0, le=1024)
    precision: Literal["float32", "bfloat16"] = "float32"
    batch_size: int = Field(128, ge=1, le=65536)
    validation_images: int = Field(1000, ge=0)
    float_epochs: int = Field(26, ge=0)
    float_rate: float = Field(0.1, gt=0)
    prune_epochs: int = Field(6, ge=0)
    prune_rate: float = Field(0.02, gt=0)
    qat_epochs: int = Field(8, ge=1)
    qat_rate: float = Field(0.005, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.003, ge=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    cutout: int = Field(0, ge=0)
    mixup: float = Field(0.0, ge=0)
    distill_weight: float | None = Field(None, ge=0, le=1)
    distill_temperature: float = Field(2.0, gt=0)
    density: float | None = Field(None, gt=0, le=1)
    max_nonzero_macs: int | None = Field(None, ge=1)
    prune_conv10: bool = False
    sparsity: float | None = Field(None, ge=0, lt=1)
    weight_bits: int = Field(6, ge=2, le=16)
    bias_bits: int = Field(12, ge=2, le=16)
    activation_bits: int = Field(6, ge=2, le=16)
    expand_bits: int | None = Field(None, ge=2, le=16)
    score_bits: int = Field(8, ge=2, le=16)
    equalisation: float | None = Field(None, ge=0, le=1)
    memory_bits: int | None = Field(None, ge=1)
    activation_tolerance: float = Field(0.001, ge=0)
    calibration_images: int = Field(1024, ge=1)
    sensitivity_images: int = Field(1000, ge=1)
