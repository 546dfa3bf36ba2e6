"""One verification: C-simulation against other engines on some images, with what each predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sqz_hw.design import Design, DesignLayer, Op
from sqz_hw.errors import OutputsDifferError
from sqz_hw.verify.compare import Codes, Comparison, Values, describe
from sqz_hw.verify.compiler import Simulator
from sqz_hw.verify.csim import simulate
from sqz_hw.verify.picture import draw_difference
from sqz_hw.verify.weight_files import weight_fault

OUTPUTS_FILE = "outputs.npy"
LOG_FILE = "csim.log"
CSIM = "csim"
Scores = npt.NDArray[np.float64]
Engine = Iterable[Mapping[str, Values | Codes]]
"""For each image, codes by stream name."""


@dataclass(frozen=True)
class Outcome:
    """What a verification found.

    Attributes:
        comparison: differences by layer.
        scores: real values, images x classes, by engine (``csim`` and those it was compared with).
        picture: where the first differing layer differs, if one does.
        weights: what is wrong with the weights in the project's files, or None.
    """

    comparison: Comparison
    scores: Mapping[str, Scores]
    picture: Path | None
    weights: str | None = None

    def require_bit_exact(self) -> None:
        """Refuse a result in which any value differs.

        Raises:
            OutputsDifferError: the message names the first layer that differs.
        """
        engines = " and ".join(self.comparison.engines)
        first = self.comparison.first_difference()
        if first is not None:
            raise OutputsDifferError(
                f"C-simulation must equal {engines} in every layer, and differs first in {describe(first)}"
            )
        if self.comparison.not_compared:
            raise OutputsDifferError(
                f"C-simulation must be compared with {engines} in every layer, and "
                f"{', '.join(sorted(self.comparison.not_compared))} has no counterpart"
            )
        if self.weights is not None:
            raise OutputsDifferError(
                f"no output of these images differs, but the project's weights must be the design's: "
                f"{self.weights}; build the project again"
            )


def verify(
    simulator: Simulator,
    design: Design,
    images: npt.NDArray[np.uint8],
    engines: Mapping[str, Engine],
    folder: Path,
    *,
    workers: int | None = None,
    on_image: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Run and compare, one image at a time: memory does not grow with their number.

    Args:
        simulator: the compiled project.
        design: the hardware.
        images: uint8, N x H x W x 3.
        engines: by name, what to compare with.
        folder: ``csim/``; inputs, stream list, outputs (integer codes), a log and, where a layer
            differs, a picture are written there.
        workers: simulation processes.
        on_image: called with the number of images done.

    Raises:
        ToolError: the simulation broke off.
    """
    comparison = Comparison(design, tuple(engines))
    summing = scores_layer(design)
    stream = summing.outputs[0]
    outputs: list[Codes] = []
    scores: dict[str, list[Scores]] = {name: [] for name in (*engines, CSIM)}
    traces = simulate(simulator, design, images, folder, workers)
    for trace, *others in zip(traces, *engines.values(), strict=True):
        found = dict(zip(engines, others, strict=True))
        comparison.add(trace, found)
        for name, codes in {**found, CSIM: trace.codes}.items():
            scores[name].append(np.asarray(codes[stream], np.float64).reshape(-1) * summing.out_type.lsb)
        outputs.append(trace.codes[design.output.name].reshape(-1).copy())
        on_image(trace.image + 1)
    np.save(folder / OUTPUTS_FILE, np.stack(outputs), allow_pickle=False)
    rows = [
        f"{comparison.images} images, compared with {', '.join(engines)}",
        *map(describe, comparison.rows()),
    ]
    (folder / LOG_FILE).write_text("\n".join(rows) + "\n", encoding="utf-8")
    first = comparison.first_difference()
    picture = draw_difference(first, folder) if first is not None else None
    return Outcome(
        comparison,
        {name: np.stack(per_image) for name, per_image in scores.items()},
        picture,
        weight_fault(simulator.hls, design),
    )


def scores_layer(design: Design) -> DesignLayer:
    """The layer whose output are the class scores (an arg max may follow it)."""
    return next(layer for layer in design.layers if layer.op is Op.GLOBAL_SUM)


def accuracy(scores: Scores, labels: npt.NDArray[np.int64], k: int) -> float | None:
    """Top-k accuracy in percent; of equal scores the first class counts first.

    Returns None with fewer than k classes.
    """
    if scores.shape[1] < k:
        return None
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float(100.0 * (best == labels[:, None]).any(axis=1).mean())
