"""torchvision's SqueezeNet: key names (``features.3.squeeze.weight``) and layout (OIHW)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sqz_hw.errors import ModelFileError
from sqz_hw.model.architecture import Architecture
from sqz_hw.model.readers.tensors import (
    Array,
    Stored,
    Weights,
    as_float32,
    kernel_shape,
    refuse_strangers,
    wanted,
)

FORMAT = "torchvision weights"
CLASSIFIER = "classifier.1"
"""The last convolution; classifier.0 is the dropout."""


def looks_like(keys: Mapping[str, Array]) -> bool:
    """Whether the keys are torchvision's."""
    return any(key.startswith(("features.", "classifier.", "module.features.")) for key in keys)


def prefixes(arch: Architecture) -> dict[str, str]:
    """torchvision's module name of each convolution.

    ``features`` counts conv1, its ReLU, each max pool and each Fire module.
    """
    names = {"conv1": "features.0"}
    position = 2 + (1 in arch.pools_after)
    for number, fire in enumerate(arch.fires, start=2):
        for part in ("squeeze", "expand1x1", "expand3x3"):
            ours = f"{fire.name}/{'squeeze1x1' if part == 'squeeze' else part}"
            names[ours] = f"features.{position}.{part}"
        position += 1 + (number in arch.pools_after)
    names[arch.convolutions[-1].name] = CLASSIFIER
    return names


def read(name: str, tensors: Mapping[str, Array], arch: Architecture) -> Stored:
    """Kernels and biases from a state dictionary.

    Args:
        name: of the file, for messages.
        tensors: by torchvision's keys; a leading ``module.`` (of DataParallel) is taken off.
        arch: an architecture without bypass.

    Raises:
        ModelFileError: a tensor is missing, strange, of the wrong shape or not finite.
    """
    tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    names = prefixes(arch)
    refuse_strangers(name, tensors, (f"{p}.{what}" for p in names.values() for what in ("weight", "bias")))
    result: Weights = {}
    for spec in arch.convolutions:
        if spec.name not in names:
            raise ModelFileError(
                f"{name}: torchvision's SqueezeNet has no {spec.name}; choose another architecture"
            )
        prefix = names[spec.name]
        height, width, inputs, outputs = kernel_shape(spec)
        weight, bias = f"{prefix}.weight", f"{prefix}.bias"
        oihw = as_float32(name, weight, wanted(name, tensors, weight), (outputs, inputs, height, width))
        result[f"{spec.name}/kernel"] = np.ascontiguousarray(oihw.transpose(2, 3, 1, 0))
        result[f"{spec.name}/bias"] = as_float32(name, bias, wanted(name, tensors, bias), (outputs,))
    return Stored(result, FORMAT)
