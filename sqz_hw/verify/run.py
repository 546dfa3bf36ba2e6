"""One verification: C-simulation against a reference on some images, with what each predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design, Op
from sqz_hw.errors import OutputsDifferError
from sqz_hw.verify.compare import Comparison, describe
from sqz_hw.verify.compiler import Simulator
from sqz_hw.verify.csim import simulate

OUTPUTS_FILE = "outputs.npy"
LOG_FILE = "csim.log"
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What a verification found.

    Attributes:
        comparison: differences by layer.
        csim_scores: real values, images x classes, of the C-simulation.
        reference_scores: the same of the reference.
    """

    comparison: Comparison
    csim_scores: Scores
    reference_scores: Scores

    def require_bit_exact(self, reference: str) -> None:
        """Refuse a result in which any value differs.

        Args:
            reference: name of the reference engine, for the message.

        Raises:
            OutputsDifferError: the message names the first layer that differs.
        """
        first = self.comparison.first_difference()
        if first is not None:
            raise OutputsDifferError(
                f"C-simulation must equal {reference} in every layer, and differs first in {describe(first)}"
            )
        if self.comparison.not_compared:
            raise OutputsDifferError(
                f"C-simulation must be compared with {reference} in every layer, and "
                f"{', '.join(sorted(self.comparison.not_compared))} has no counterpart"
            )


def verify(
    simulator: Simulator,
    design: Design,
    images: npt.NDArray[np.uint8],
    reference: Iterable[Mapping[str, Scores]],
    folder: Path,
    *,
    workers: int | None = None,
    on_image: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Run and compare, one image at a time.

    Args:
        simulator: the compiled project.
        design: the hardware.
        images: uint8, N x H x W x 3.
        reference: for each image, values by layer name (see ``Comparison.add``).
        folder: ``csim/``; inputs, stream list, outputs (integer codes) and a log are written there.
        workers: simulation processes.
        on_image: called with the number of images done.

    Raises:
        ToolError: the simulation broke off.
    """
    comparison = Comparison(design)
    summing = next(layer for layer in design.layers if layer.op is Op.GLOBAL_SUM)
    outputs, given, wanted = [], [], []
    for trace, tensors in zip(simulate(simulator, design, images, folder, workers), reference, strict=True):
        comparison.add(trace, tensors)
        codes = trace.codes[summing.outputs[0]].reshape(-1)
        given.append(codes * summing.out_type.lsb)
        wanted.append(np.asarray(tensors[summing.reference or summing.name], np.float64).reshape(-1))
        outputs.append(trace.codes[design.output.name].reshape(-1).copy())
        on_image(trace.image + 1)
    np.save(folder / OUTPUTS_FILE, np.stack(outputs), allow_pickle=False)
    rows = [f"{comparison.images} images", *(describe(row) for row in comparison.rows())]
    (folder / LOG_FILE).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return Outcome(comparison, np.stack(given), np.stack(wanted))


def accuracy(scores: Scores, labels: npt.NDArray[np.int64], k: int) -> float | None:
    """Top-k accuracy in percent; of equal scores the first class counts first.

    Returns None with fewer than k classes.
    """
    if scores.shape[1] < k:
        return None
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float(100.0 * (best == labels[:, None]).any(axis=1).mean())
