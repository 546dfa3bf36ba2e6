"""What goes to a worker and what comes back: plain values, so that any transport carries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqz_hw.explore.candidate import Candidate
from sqz_hw.explore.settings import ExploreSettings

State = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Task:
    """One trial to be done.

    Attributes:
        number: of the trial.
        candidate: what to train and estimate.
        settings: how, and for what.
    """

    number: int
    candidate: Candidate
    settings: ExploreSettings


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        state: ``complete``; ``pruned`` where it was not worth training; ``failed`` where something broke.
        values: by name of ``objectives.OBJECTIVES``, and ``macs``; empty unless complete.
        constraints: above 0 where broken, as a share of the limit.
        reason: why it was pruned or failed, or None.
        notes: the verdict's reasons.
        where: ``host``, ``pid``, ``started`` (seconds since 1970), ``seconds`` and ``peak_mb`` (largest
            memory of the process so far).
        traceback: of a failure that is a fault of the program.
    """

    state: State
    values: Mapping[str, float] = field(default_factory=dict)
    constraints: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None
    notes: tuple[str, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict)
    traceback: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "state": self.state,
            "values": dict(self.values),
            "constraints": dict(self.constraints),
            "reason": self.reason,
            "notes": list(self.notes),
            "where": dict(self.where),
            "traceback": self.traceback,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Outcome:
        """Inverse of :meth:`to_dict`."""
        return cls(**{**plain, "notes": tuple(plain["notes"])})


Evaluate = Callable[[Task], Outcome]
"""A function of a module, so that another process can find it."""
