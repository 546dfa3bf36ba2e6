"""The search: asks the sampler for points, hands them to workers, and tells what became of them.

The sampler is Optuna's multi-objective TPE (Ozaki et al. 2022), with a seed for each draw, so
that a search which was stopped goes on to the same trials as one that was not (with one worker;
with several the order in which they finish decides).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import optuna
from optuna.trial import FrozenTrial

from sqz_hw.errors import BadInputError
from sqz_hw.explore.candidate import Candidate, base_architecture, candidate_of
from sqz_hw.explore.objectives import excess
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.explore.space import HARDWARE_FIELDS, Space
from sqz_hw.explore.storage import OUTCOME, result
from sqz_hw.explore.trial import Outcome, Task

DRAW, CANDIDATE = "draw", "candidate"
STARTUP = 12
"""Points drawn at random before the sampler learns."""
DRAWS_A_TRIAL = 20
"""Points drawn at most for each trial asked for: where nearly all are illegal or known, that is the end."""
PATIENCE_S = 1.0


class Pool(Protocol):
    """Workers."""

    def idle(self) -> int:
        """Trials that could begin at once."""

    def submit(self, task: Task) -> None:
        """Begin a trial on an idle worker."""

    def finished(self, seconds: float) -> list[tuple[int, Outcome]]:
        """Numbers and outcomes of trials that have ended, after waiting for one for at most so long."""


@dataclass(frozen=True)
class Record:
    """One trial as the study holds it.

    Attributes:
        number: in the order in which points were drawn.
        params: the point.
        candidate: what it describes, or None where that is illegal.
        outcome: what became of it.
        pareto: no other trial that keeps all limits is better in one objective and no worse in the rest.
    """

    number: int
    params: dict[str, Any]
    candidate: Candidate | None
    outcome: Outcome
    pareto: bool = False

    @property
    def feasible(self) -> bool:
        """Complete, and all limits kept."""
        return self.outcome.state == "complete" and all(v <= 0 for v in self.outcome.constraints.values())


@dataclass(frozen=True)
class Limits:
    """When a search ends: trials that are complete or failed, in all; minutes after which none begins."""

    trials: int
    minutes: float | None = None


Watch = Callable[[Record], None]
"""Told of each trial that has ended."""


def search(
    study: optuna.Study, settings: ExploreSettings, pool: Pool, limits: Limits, watch: Watch
) -> str | None:
    """Run trials until a limit is reached.

    A trial begins as soon as a worker is idle, whatever the others do. Points that are illegal,
    above a limit or known already are pruned without a worker.

    Returns:
        why there are fewer trials than were asked for, or None.
    """
    return _Search(study, settings, pool, limits, watch).run()


def records(study: optuna.Study) -> list[Record]:
    """Trials that have ended, by number; those that were stopped midway are left out."""
    best = {trial.number for trial in study.best_trials}
    found = []
    for trial in study.get_trials(deepcopy=False):
        if not _counts(trial) or not trial.state.is_finished():
            continue
        found.append(_record(trial, trial.number in best))
    return sorted(found, key=lambda record: record.number)


def _counts(trial: FrozenTrial) -> bool:
    """It is running, or has ended by itself (a kill leaves no outcome)."""
    return DRAW in trial.user_attrs and (not trial.state.is_finished() or OUTCOME in trial.user_attrs)


def _record(trial: FrozenTrial, pareto: bool = False) -> Record:
    attrs = trial.user_attrs
    plain = attrs.get(CANDIDATE)
    candidate = None if plain is None else Candidate.from_dict(plain)
    return Record(attrs[DRAW], dict(trial.params), candidate, Outcome.from_dict(attrs[OUTCOME]), pareto)


class _Search:
    def __init__(
        self, study: optuna.Study, settings: ExploreSettings, pool: Pool, limits: Limits, watch: Watch
    ) -> None:
        self._study, self._settings, self._pool = study, settings, pool
        self._limits, self._watch = limits, watch
        self._space = Space.from_plain(settings.space)
        self._running: dict[int, optuna.Trial] = {}
        self._drawn: set[int] = set()
        self._known: dict[str, int] = {}
        self._judged = 0
        for record in records(study):
            self._note(record)
        self._until = None if limits.minutes is None else time.monotonic() + 60 * limits.minutes

    def run(self) -> str | None:
        while True:
            while self._pool.idle() and self._reason_to_stop() is None:
                self._begin()
            if not self._running and self._reason_to_stop() is not None:
                break
            for number, outcome in self._pool.finished(PATIENCE_S):
                self._end(self._running.pop(number), outcome)
        enough = self._judged >= self._limits.trials
        return None if enough else self._reason_to_stop()

    def _reason_to_stop(self) -> str | None:
        if self._judged + len(self._running) >= self._limits.trials:
            return "all trials are done"
        if len(self._drawn) >= DRAWS_A_TRIAL * self._limits.trials:
            return (
                f"{len(self._drawn):,} points were drawn, and the others were illegal, above a limit or known"
            )
        if self._until is not None and time.monotonic() >= self._until:
            return "the time is up"
        return None

    def _begin(self) -> None:
        """Draw a point; give it to a worker, or prune it at once."""
        trial, draw = self._ask()
        try:
            candidate = candidate_of(self._settings, self._space.values(trial.params))
        except BadInputError as error:
            self._end(trial, Outcome("pruned", constraints={"legal": 1.0}, reason=f"illegal: {error}"))
            return
        trial.set_user_attr(CANDIDATE, candidate.to_dict())
        broken, said = excess(self._settings, candidate)
        if said is not None:
            self._end(trial, Outcome("pruned", constraints=broken, reason=f"not trained: {said}"))
            return
        same = self._known.setdefault(_key(candidate), draw)
        if same != draw:
            self._end(trial, Outcome("pruned", reason=f"not trained: the same network as trial {same}"))
            return
        self._running[draw] = trial
        self._pool.submit(Task(draw, candidate, self._settings))

    def _ask(self) -> tuple[optuna.Trial, int]:
        draw = next(n for n in range(len(self._drawn) + 1) if n not in self._drawn)
        self._drawn.add(draw)
        seed = int(np.random.SeedSequence([self._settings.seed, draw]).generate_state(1)[0])
        self._study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)
        if draw == 0:
            self._enqueue_base()
        trial = self._study.ask(fixed_distributions=self._space.distributions())
        trial.set_user_attr(DRAW, draw)
        return trial, draw

    def _enqueue_base(self) -> None:
        """The first trial is the base architecture as it stands, if the space has it: for comparison."""
        base = {**HARDWARE_FIELDS, **base_architecture(self._settings).to_dict()}
        base = {field: self._space.fixed.get(field, value) for field, value in base.items()}
        if self._settings.part is not None and base["target_fps"] is None:
            base["target_fps"] = BASE_FPS
        point = self._space.params(base)
        if point is not None:
            self._study.enqueue_trial(point)

    def _end(self, trial: optuna.Trial, outcome: Outcome) -> None:
        for name, value in outcome.constraints.items():
            trial.set_constraint(name, value)
        trial.set_user_attr(OUTCOME, outcome.to_dict())
        state, values = result(outcome, self._settings)
        self._study.tell(trial, values, state)
        record = _record(self._study.get_trials(deepcopy=False)[trial.number])
        self._note(record)
        self._watch(record)

    def _note(self, record: Record) -> None:
        self._drawn.add(record.number)
        self._judged += record.outcome.state != "pruned"
        if record.candidate is not None:
            self._known.setdefault(_key(record.candidate), record.number)


BASE_FPS = 300
"""Target of the first trial, where the target is searched."""


def _key(candidate: Candidate) -> str:
    plain = candidate.to_dict()
    return repr(sorted(plain.items()))
