"""The frozen layer list: what an architecture expands to, with shapes, parameters and MACs.

Shapes are (height, width, channels) of one image. No TensorFlow here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Shape = tuple[int, int, int]
Padding = tuple[int, int, int, int]
"""Zeros added (top, bottom, left, right)."""


class Kind(str, Enum):
    """What a layer computes."""

    INPUT = "input"
    CONV = "conv"
    RELU = "relu"
    MAX_POOL = "max_pool"
    CONCAT = "concat"
    ADD = "add"
    GLOBAL_AVERAGE = "global_average"


@dataclass(frozen=True)
class LayerSpec:
    """One layer of the network in dataflow order.

    Attributes:
        name: unique name, in the authors' spelling (``fire2/squeeze1x1``).
        kind: what it computes.
        inputs: names of the layers it reads, in order (concatenation order matters).
        in_shape: (height, width, channels) of the first input.
        out_shape: (height, width, channels) of the output.
        kernel: side of the square window (convolution and pooling), else 0.
        stride: step of the window, else 0.
        padding: zeros around the input (top, bottom, left, right).
        parameters: weights and biases.
        macs: multiply-accumulate operations for one image.
        fire: name of the Fire module it belongs to, or None.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    in_shape: Shape
    out_shape: Shape
    kernel: int = 0
    stride: int = 0
    padding: Padding = (0, 0, 0, 0)
    parameters: int = 0
    macs: int = 0
    fire: str | None = None

    @property
    def safe_name(self) -> str:
        """The name with ``/`` replaced by ``_``: legal in Keras, C++ and file systems."""
        return self.name.replace("/", "_")
