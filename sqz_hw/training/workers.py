"""Who trains: one process, or several that share each batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Workers:
    """The processes of a run.

    Attributes:
        strategy: the distribution strategy.
        count: how many there are.
        index: this one's number; 0 is the chief.
    """

    strategy: Any
    count: int = 1
    index: int = 0

    @property
    def chief(self) -> bool:
        """Whether this one writes the files."""
        return self.index == 0

    def total(self, value: Any) -> Any:
        """The sum over the workers of what a replica computed."""
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)


def alone() -> Workers:
    """One process on its own."""
    return Workers(tf.distribute.get_strategy())
