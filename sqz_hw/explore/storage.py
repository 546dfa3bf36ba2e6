"""The study on disk: a journal that a killed search goes on from.

Only the search itself writes the journal, whatever machines its workers are on, so the folder
need not be shared. Each line of it is flushed to disk when it is written.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from sqz_hw.errors import BadInputError
from sqz_hw.explore.objectives import OBJECTIVES
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.explore.trial import Outcome

JOURNAL = "study.journal"
LOCK = ".explore.lock"
STUDY = "explore"
SETTINGS = "settings"
OUTCOME = "outcome"
NOT_IDENTITY = frozenset({"data"})
"""Settings that may differ in a resumed search: where the images are, not what they are."""


@contextmanager
def opened(folder: Path, settings: ExploreSettings, *, resume: bool) -> Iterator[optuna.Study]:
    """The study of a folder, held alone while the context is open.

    Trials that a stopped search left running count as never begun; one whose outcome was written
    down is ended with it.

    Args:
        folder: made if it is not there.
        settings: of the search; those of a study that is there must be the same.
        resume: go on with a study that is there.

    Raises:
        BadInputError: the folder cannot be written, another search uses it, it holds a study and
            ``resume`` is false, the study has other settings, or the journal is damaged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise BadInputError(
            f"{folder} cannot be written ({error.strerror}); choose another --output"
        ) from error
    with lock:
        _hold(lock, folder)
        yield _study(folder, settings, resume)


def _hold(lock: Any, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BadInputError(
            f"{folder} is in use by another search; wait for it, or choose another --output"
        ) from error


def _study(folder: Path, settings: ExploreSettings, resume: bool) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = folder / JOURNAL
    _mend(path)
    identity = settings.model_dump(mode="json", exclude=set(NOT_IDENTITY))
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        there = [s.study_name for s in storage.get_all_studies()]
        if STUDY in there:
            study = optuna.load_study(study_name=STUDY, storage=storage)
            stored = study.user_attrs.get(SETTINGS, {})
            trials = study.get_trials(deepcopy=False)
    except (ValueError, LookupError, TypeError, AssertionError, optuna.exceptions.OptunaError) as error:
        raise BadInputError(
            f"{path} must be the journal of a search, and is damaged ({type(error).__name__}); "
            "remove it, or choose another --output"
        ) from error
    if STUDY not in there:
        study = optuna.create_study(
            study_name=STUDY,
            storage=storage,
            directions=[OBJECTIVES[o].direction for o in settings.objectives],
        )
        study.set_user_attr(SETTINGS, identity)
        return study
    if not resume:
        raise BadInputError(
            f"{folder} holds a search of {len(trials)} trials; give --resume to go on with it, "
            "or another --output"
        )
    differing = sorted(key for key in identity if stored.get(key) != identity[key])
    if differing:
        raise BadInputError(
            f"{folder} was started with another {', '.join(differing)}; "
            "resume with the same options, or choose another --output"
        )
    for trial in trials:
        if not trial.state.is_finished():
            plain = trial.user_attrs.get(OUTCOME)
            ended = (TrialState.FAIL, None) if plain is None else result(Outcome.from_dict(plain), settings)
            storage.set_trial_state_values(trial._trial_id, *ended)
    return study


def result(outcome: Outcome, settings: ExploreSettings) -> tuple[TrialState, list[float] | None]:
    """Optuna's state and objective values of an outcome."""
    if outcome.state == "complete":
        return TrialState.COMPLETE, [outcome.values[name] for name in settings.objectives]
    return (TrialState.PRUNED if outcome.state == "pruned" else TrialState.FAIL), None


def _mend(path: Path) -> None:
    """Cut off a line that a kill left unfinished, and the lock that it left; nobody else is writing."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    if path.exists():
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            path.write_bytes(data[:whole])
