"""Searches without training: settings of tiny networks, objectives that cost nothing, workers that are none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.explore.space import space_of
from sqz_hw.explore.trial import Outcome, Task

TINY_FIELDS: dict[str, Any] = {
    "conv1_filters": 8, "base_e": 8, "incr_e": 8, "freq": 1, "squeeze_ratio": 0.5, "fire_modules": 2,
    "pools_after": [1],
}  # fmt: skip
"""Two Fire modules on 16 x 16."""

SPACE: dict[str, Any] = {
    **TINY_FIELDS,
    "width": {"low": 0.5, "high": 2.0, "step": 0.25},
    "bypass": {"choices": ["none", "simple", "complex"]},
    "weight_bits": {"low": 3, "high": 8},
    "density": {"low": 0.2, "high": 1.0, "step": 0.1},
}


def settings(space: dict[str, Any] = SPACE, **changes: Any) -> ExploreSettings:
    """A search of tiny networks, without a part unless one is named."""
    part = changes.get("part")
    objectives = ("accuracy", "memory_bits", "nonzero_macs")
    given = {
        "input_size": 16, "classes": 4, "objectives": objectives, "data": "some.npz", "data_sha256": "0" * 64,
        "space": space_of(space, (), {}, hardware=part is not None).plain(), **changes,
    }  # fmt: skip
    return ExploreSettings(**given)


def made_up(task: Task) -> Outcome:
    """Values that a small formula gives: more of everything is more accurate and larger."""
    candidate = task.candidate
    size = candidate.architecture.parameters * candidate.density * candidate.weight_bits
    bonus = {"none": 0.0, "simple": 2.0, "complex": 1.0}[candidate.architecture.bypass]
    return Outcome(
        "complete",
        {
            "accuracy": 90 - 4000 / size - (8 - candidate.weight_bits) ** 2 / 4 + bonus,
            "memory_bits": int(size),
            "nonzero_macs": candidate.nonzero_macs,
            "macs": candidate.architecture.macs,
        },
    )


def meeting(task: Task) -> Outcome:
    """As :func:`made_up`, but the first trial ends only when another has begun meanwhile.

    The folder that they meet in is what the settings call the data.
    """
    folder = Path(task.settings.data)
    (folder / f"begun-{task.number}").touch()
    until = time.monotonic() + 120
    while task.number == 0 and len(list(folder.glob("begun-*"))) < 2:
        if time.monotonic() > until:
            return Outcome("failed", reason="nobody came")
        time.sleep(0.02)
    return made_up(task)


def deadly(task: Task) -> Outcome:
    """The second trial ends its process, the third raises; the others are :func:`made_up`."""
    if task.number == 1:
        os._exit(3)
    if task.number == 2:
        raise ZeroDivisionError("two")
    return made_up(task)


def with_images(task: Task) -> Outcome:
    """What is known of the images in this process."""
    from sqz_hw.explore.objective import _SPLITS

    split = _SPLITS[task.settings.data_sha256]
    return Outcome("failed", reason=f"{len(split.x)} and {len(split.validation_x)} images")


class HerePool:
    """Does trials in this process; with several slots, the latest begun ends first.

    Args:
        evaluate: what a trial is.
        slots: trials at once.
        interrupt_after: Ctrl-C is pressed when so many have ended.
        held: number of a trial that ends only when no other runs.
    """

    def __init__(
        self,
        evaluate: Callable[[Task], Outcome] = made_up,
        slots: int = 1,
        interrupt_after: int | None = None,
        held: int | None = None,
    ) -> None:
        self.evaluate, self.slots, self.interrupt_after, self.held = evaluate, slots, interrupt_after, held
        self.running: list[Task] = []
        self.begun: list[Task] = []
        self.most = 0
        self.ended = 0

    def idle(self) -> int:
        return self.slots - len(self.running)

    def submit(self, task: Task) -> None:
        assert self.idle() > 0
        self.running.append(task)
        self.begun.append(task)
        self.most = max(self.most, len(self.running))

    def finished(self, seconds: float) -> list[tuple[int, Outcome]]:
        if self.ended == self.interrupt_after:
            raise KeyboardInterrupt
        if not self.running:
            return []
        free = [task for task in self.running if task.number != self.held] or self.running
        task = free[-1]
        self.running.remove(task)
        self.ended += 1
        return [(task.number, self.evaluate(task))]
