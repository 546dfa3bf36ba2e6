"""Data for the test bench that hls4ml emits: ``tb_data/`` with images and the scores to expect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design, Op


def write_testbench_data(
    hls: Path, design: Design, images: npt.NDArray[np.uint8], scores: npt.NDArray[np.float64]
) -> None:
    """Write ``tb_input_features.dat`` and ``tb_output_predictions.dat``.

    Args:
        hls: the project folder.
        design: the hardware (an arg max at its end expects an index).
        images: uint8, N x H x W x 3; written as k/256, exactly.
        scores: what the reference computed, at least N x classes.
    """
    folder = hls / "tb_data"
    folder.mkdir(parents=True, exist_ok=True)
    if any(layer.op is Op.ARGMAX for layer in design.layers):
        expected = scores.argmax(axis=1)[:, None].astype(np.float64)
    else:
        expected = scores
    pixels = images.reshape(len(images), -1) / 256.0
    _write(folder / "tb_input_features.dat", pixels)
    _write(folder / "tb_output_predictions.dat", expected[: len(images)])


def _write(path: Path, rows: npt.NDArray[np.float64]) -> None:
    text = "\n".join(" ".join(repr(float(v)) for v in row) for row in rows)
    path.write_text(text + "\n", encoding="ascii")
