"""One trial on a worker: is it worth training, how accurate is it, what does it cost.

TensorFlow and hls4ml are imported here, once a process, when the first trial begins.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from sqz_hw.errors import DataError
from sqz_hw.explore.objectives import violations
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.explore.trial import Outcome, Task

if TYPE_CHECKING:
    from sqz_hw.explore.hardware import Estimate
    from sqz_hw.explore.subset import Split

_SPLITS: dict[str, Split] = {}
_ONE_AT_A_TIME = threading.Lock()


def offer(digest: str, split: Split) -> None:
    """Give this process the images of a search."""
    _SPLITS[digest] = split


def withdraw(digest: str) -> None:
    """Take them away again."""
    _SPLITS.pop(digest, None)


def evaluate(task: Task) -> Outcome:
    """Train the proxy, compute its accuracy as hardware would, and estimate the hardware.

    A candidate whose untrained network is already shown not to fit, or not to reach its target
    rate, is pruned instead.

    Raises:
        DataError: this process has not been given the images.
        BadInputError: the loss leaves the finite numbers; a target above the clock.
        ToolError: g++ is missing.
    """
    with _ONE_AT_A_TIME:
        return _evaluate(task)


def _evaluate(task: Task) -> Outcome:
    candidate, settings = task.candidate, task.settings
    split = _SPLITS.get(settings.data_sha256)
    if split is None:
        raise DataError("a worker must have the search's images, and has none; start the search again")
    _one_thread()
    from sqz_hw.explore.hardware import designed, estimated
    from sqz_hw.explore.proxy import trained, untrained
    from sqz_hw.model.storage import storage
    from sqz_hw.verify.golden import GoldenModel
    from sqz_hw.verify.parallel import at_most

    if settings.part is not None:
        first = estimated(designed(untrained(candidate, settings), settings), settings, candidate.target_fps)
        broken = _hardware_constraints(first)
        if any(share > 0 for share in broken.values()):
            return Outcome(
                "pruned", constraints=broken, reason=_said(first, settings), notes=first.verdict.reasons
            )
    model = trained(candidate, settings, split)
    design = designed(model, settings)
    with at_most(1):
        scores = GoldenModel(design).scores(split.validation_x)
    nonzero_macs = sum(
        layer.out_shape[0] * layer.out_shape[1] * conv.nonzeros for layer, conv in design.convolutions
    )
    values = {
        "accuracy": 100.0 * float(np.mean(scores.argmax(axis=1) == split.validation_y)),
        "memory_bits": 8 * storage(model).compressed_bytes,
        "nonzero_macs": nonzero_macs,
        "macs": candidate.architecture.macs,
    }
    constraints = violations(settings, values)
    notes: tuple[str, ...] = ()
    if settings.part is not None:
        found = estimated(design, settings, candidate.target_fps)
        values |= {
            "fps": round(found.fps, 3),
            "lut_share": round(found.lut_share, 6),
            "latency_us": round(found.latency_us, 3),
        }
        constraints |= _hardware_constraints(found)
        notes = (f"{settings.part}: {found.verdict.fits}", *found.verdict.reasons)
    return Outcome("complete", values, constraints, notes=notes)


def _hardware_constraints(estimate: Estimate) -> dict[str, float]:
    return {"part": round(estimate.overflow, 6), "target_fps": round(estimate.delay, 6)}


def _said(estimate: Estimate, settings: ExploreSettings) -> str:
    if estimate.overflow > 0:
        full = "; ".join(r for r in estimate.verdict.reasons if "needed" in r)
        return f"not trained: does not fit {settings.part} ({full})"
    return f"not trained: gives {estimate.fps:,.0f} images/s by the estimate, below its target"


def _one_thread() -> None:
    """One thread a worker, and the same result each time; what has started already stays as it is."""
    import tensorflow as tf
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threadpool_limits(1)
    with suppress(RuntimeError):  # the process has computed before
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
