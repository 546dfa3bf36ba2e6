"""Runs the accelerator on a PYNQ-Z2: images in, scores out.

NOT RUN by the authors: no board was at hand. Needs the board's own Python with ``pynq`` and numpy, and
``sqz.bit`` and ``sqz.hwh`` beside each other (see ``pynq_overlay.tcl``).
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from pynq import Overlay, allocate  # on the board only

Array = np.ndarray[Any, Any]


class Accelerator:
    """The overlay and its DMA.

    Args:
        bitstream: path of ``sqz.bit``.
        settings: path of ``settings.json``, which comes with the project: shape of an image, words out.
    """

    def __init__(self, bitstream: str, settings: str) -> None:
        about = json.loads(Path(settings).read_text())
        self.overlay = Overlay(bitstream)
        self.shape = (about["height"], about["width"], about["channels"])
        self.words, self.fraction = about["words"], about["fraction"]
        self.type = {16: np.uint16, 32: np.uint32}[about["word_bits"]]

    def scores(self, images: Array) -> Array:
        """Scores of uint8 images, N x height x width x 3, as real values, N x words.

        The accelerator marks each image's last word, which ends a receiving transfer, so that an
        image is received at a time while the next ones are already on their way in.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.shape:
            raise ValueError(f"images must be uint8, N x {self.shape}, not {images.dtype}, {images.shape}")
        source = allocate(shape=images.shape, dtype=np.uint8)
        target = allocate(shape=(self.words,), dtype=self.type)
        source[:] = images
        source.flush()
        result = np.empty((len(images), self.words))
        dma = self.overlay.dma
        dma.sendchannel.transfer(source)
        for number in range(len(images)):
            dma.recvchannel.transfer(target)
            dma.recvchannel.wait()
            target.invalidate()
            result[number] = target * 2.0**-self.fraction
        dma.sendchannel.wait()
        return result

    def images_per_s(self, images: Array) -> float:
        """Images a second with the transfers."""
        began = time.perf_counter()
        self.scores(images)
        return len(images) / (time.perf_counter() - began)
