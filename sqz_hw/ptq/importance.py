"""How much an error of each output channel matters to the layers that read it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sqz_hw.model.architecture import Architecture
from sqz_hw.model.layers import LayerSpec
from sqz_hw.model.network import Weights
from sqz_hw.ptq.equalisation import scalable


def output_importance(arch: Architecture, weights: Weights, spec: LayerSpec) -> npt.NDArray[np.float64]:
    """For each output channel of a convolution the sum of squares of the weights that read it.

    An error of a channel, independent from pixel to pixel, changes what is computed from it by that
    factor in mean square. The mean over the channels is 1; where other layers than convolutions read
    them, all are alike.

    Args:
        arch: the architecture.
        weights: the float network's.
        spec: the convolution.
    """
    channels = spec.out_shape[2]
    power = np.zeros(channels)
    relu = next(reader for reader in arch.layers if spec.name in reader.inputs)
    for reader, first in scalable(arch).get(relu.name, []):
        kernel = weights[f"{reader.name}/kernel"][:, :, first : first + channels]
        power += np.square(kernel, dtype=np.float64).sum(axis=(0, 1, 3))
    return power / power.mean() if power.any() else np.ones(channels)
