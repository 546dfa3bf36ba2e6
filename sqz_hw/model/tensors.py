"""Every tensor of a QKeras network for some images: the reference that hardware is held against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sqz_hw.model.augmentation import to_float
from sqz_hw.model.datasets import Images
from sqz_hw.model.qlayers import StreamGlobalAveragePooling2D

BATCH_ELEMENTS = 1 << 24
"""Tensor elements computed at once: about 64 MB of float32."""


def reference_tensors(network: Any, images: Images) -> Iterator[dict[str, npt.NDArray[np.float64]]]:
    """All layers' outputs, image by image, in batches that bound the memory.

    The global average is replaced by its exact value, the sum over the map divided by
    height x width where that is a power of two, else the sum itself: that is what hardware
    emits, and float32 would round the mean.

    Args:
        network: the QKeras network of ``sqz_hw.hls.convert.qkeras_network``.
        images: uint8, N x H x W x 3.

    Yields:
        Values by Keras layer name, height x width x channels.
    """
    layers = list(network.layers)
    average = next(layer for layer in layers if isinstance(layer, StreamGlobalAveragePooling2D))
    before = next(layer.name for layer in layers if layer.output is average.input)
    _, height, width, _ = average.input.shape
    pixels = height * width
    probe = tf.keras.Model(network.input, [layer.output for layer in layers])
    elements = sum(int(np.prod(layer.output.shape[1:])) for layer in layers)
    batch = max(1, BATCH_ELEMENTS // elements)
    for start in range(0, len(images), batch):
        outputs = probe(to_float(images[start : start + batch]), training=False)
        arrays = {layer.name: out.numpy() for layer, out in zip(layers, outputs, strict=True)}
        for i in range(len(images[start : start + batch])):
            tensors = {name: value[i].astype(np.float64) for name, value in arrays.items()}
            total = tensors[before].sum(axis=(0, 1))
            tensors[average.name] = total / pixels if pixels & (pixels - 1) == 0 else total
            yield tensors
