"""The search: which trials it runs, what it prunes, and that a stopped one goes on to the same result."""

import json
import re

import numpy as np
import pytest
from explore_stubs import SPACE, TINY_FIELDS, HerePool, made_up, settings

from sqz_hw.errors import BadInputError
from sqz_hw.explore import report
from sqz_hw.explore.candidate import candidate_of
from sqz_hw.explore.objectives import OBJECTIVES
from sqz_hw.explore.storage import opened
from sqz_hw.explore.study import STARTUP, Limits, records, search
from sqz_hw.explore.trial import Outcome


def run(folder, chosen, pool=None, trials=20, resume=False):
    """The records of a search, and why it ended early."""
    with opened(folder, chosen, resume=resume) as study:
        early = search(study, chosen, pool or HerePool(), Limits(trials), lambda record: None)
        return records(study), early


def test_the_same_seed_gives_the_same_trials(tmp_path):
    first, early = run(tmp_path / "a", settings())
    again, _ = run(tmp_path / "b", settings())
    other, _ = run(tmp_path / "c", settings(seed=2))
    assert first == again
    assert early is None
    assert [r.candidate for r in first] != [r.candidate for r in other]
    assert [r.number for r in first] == list(range(len(first)))
    assert sum(r.outcome.state == "complete" for r in first) == 20


@pytest.mark.parametrize("after", [0, 5, STARTUP + 3])
def test_a_stopped_search_goes_on_to_the_same_result(tmp_path, after):
    """Byte for byte, whether it was stopped in the random phase or later; the trial it was in is done again."""
    chosen = settings()
    whole, early = run(tmp_path / "whole", chosen)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", chosen, HerePool(interrupt_after=after))
    with opened(tmp_path / "stopped", chosen, resume=True) as study:
        kept = records(study)
    assert sum(r.outcome.state == "complete" for r in kept) == after
    resumed, _ = run(tmp_path / "stopped", chosen, resume=True)
    assert json.dumps(report.content(chosen, resumed, early)) == json.dumps(
        report.content(chosen, whole, early)
    )


def test_more_trials_of_a_finished_search(tmp_path):
    chosen = settings()
    run(tmp_path, chosen, trials=6)
    pool = HerePool()
    more, _ = run(tmp_path, chosen, pool, trials=9, resume=True)
    assert len(pool.begun) == 3
    assert sum(r.outcome.state == "complete" for r in more) == 9


def test_the_first_trial_is_the_base_architecture(tmp_path):
    chosen = settings(
        {"squeeze_ratio": {"low": 0.125, "high": 0.75, "step": 0.125}, "weight_bits": {"low": 3, "high": 8}}
    )
    (first, *_), _ = run(tmp_path, chosen, trials=3)
    assert first.candidate == candidate_of(chosen, {})
    assert first.candidate.architecture.squeeze_ratio == 0.125


def test_the_sampler_learns(tmp_path):
    """With one objective and enough trials, what it draws later is better than what it drew first."""
    chosen = settings(objectives=("accuracy",))
    found, _ = run(tmp_path, chosen, trials=40)
    scores = [r.outcome.values["accuracy"] for r in found if r.outcome.state == "complete"]
    assert np.mean(scores[-15:]) > np.mean(scores[:STARTUP])


def test_illegal_points_are_pruned_with_their_reason_and_reach_no_worker(tmp_path):
    space = {
        **TINY_FIELDS,
        "pools_after": {"pools": 2, "low": 1, "high": 5},
        "weight_bits": {"low": 3, "high": 8},
    }
    pool = HerePool()
    found, _ = run(tmp_path, settings(space), pool, trials=8)
    illegal = [r for r in found if r.candidate is None]
    assert illegal
    for r in illegal:
        assert r.outcome.state == "pruned"
        assert re.match(r"illegal: pools_after must be rising layer numbers between 1", r.outcome.reason)
        assert not r.feasible
    assert not {t.number for t in pool.begun} & {r.number for r in illegal}


def test_limits_on_macs_are_checked_before_training(tmp_path):
    limit = 150_000
    pool = HerePool()
    found, _ = run(tmp_path, settings(max_nonzero_macs=limit), pool, trials=10)
    assert all(t.candidate.nonzero_macs <= limit for t in pool.begun)
    over = [r for r in found if r.candidate is not None and r.candidate.nonzero_macs > limit]
    assert over
    macs = over[0].candidate.nonzero_macs
    assert over[0].outcome.reason == f"not trained: nonzero macs {macs:,} above the limit of 150,000"
    assert over[0].outcome.constraints["nonzero_macs"] == pytest.approx(macs / limit - 1)


def test_a_network_is_trained_once_and_a_small_space_ends(tmp_path):
    pool = HerePool()
    found, early = run(
        tmp_path, settings({**TINY_FIELDS, "weight_bits": {"low": 3, "high": 5}}), pool, trials=4
    )
    assert sorted(t.candidate.weight_bits for t in pool.begun) == [3, 4, 5]
    assert early == "80 points were drawn, and the others were illegal, above a limit or known"
    again = [r for r in found if r.outcome.state == "pruned"]
    assert len(again) == 77
    assert re.fullmatch(r"not trained: the same network as trial \d+", again[0].outcome.reason)


def test_a_failed_trial_is_recorded_and_the_search_goes_on(tmp_path):
    def evaluate(task):
        return Outcome("failed", reason="it broke") if task.number == 2 else made_up(task)

    found, early = run(tmp_path, settings(), HerePool(evaluate), trials=6)
    failed = [r for r in found if r.outcome.state == "failed"]
    assert [(r.number, r.outcome.reason, r.pareto) for r in failed] == [(2, "it broke", False)]
    assert sum(r.outcome.state == "complete" for r in found) == 5  # it counts as one of the six
    assert early is None


def test_a_slow_trial_does_not_hold_the_other_worker_up(tmp_path):
    """The first trial ends last: all others have been done meanwhile."""
    pool = HerePool(slots=2, held=0)
    found, _ = run(tmp_path, settings(), pool, trials=10)
    assert pool.most == 2
    assert sum(r.outcome.state == "complete" for r in found) == 10
    assert pool.ended == 10
    assert len({json.dumps(r.candidate.to_dict()) for r in found if r.outcome.state == "complete"}) == 10


def test_no_trial_begins_when_the_time_is_up(tmp_path):
    with opened(tmp_path, settings(), resume=False) as study:
        early = search(study, settings(), HerePool(), Limits(5, minutes=1e-9), lambda record: None)
        assert early == "the time is up"
        assert records(study) == []


def test_the_front_is_what_nothing_else_dominates(tmp_path):
    """Against a comparison of all pairs; trials that break a limit are not in it."""
    limit = 12_000
    chosen = settings(max_memory_bits=limit)

    def evaluate(task):
        made = made_up(task)
        return Outcome("complete", made.values, {"memory_bits": made.values["memory_bits"] / limit - 1})

    found, _ = run(tmp_path, chosen, HerePool(evaluate), trials=25)
    signs = [-1 if OBJECTIVES[o].direction == "maximize" else 1 for o in chosen.objectives]
    legal = [r for r in found if r.outcome.state == "complete" and r.outcome.values["memory_bits"] <= limit]
    costs = {
        r.number: np.array([s * r.outcome.values[o] for s, o in zip(signs, chosen.objectives, strict=True)])
        for r in legal
    }
    front = {
        n for n, cost in costs.items()
        if not any((other <= cost).all() and (other < cost).any() for m, other in costs.items() if m != n)
    }  # fmt: skip
    assert {r.number for r in found if r.pareto} == front
    assert 0 < len(front) < len(legal)
    assert any(r.outcome.state == "complete" and not r.feasible for r in found)


def test_a_search_is_not_begun_again_by_mistake(tmp_path):
    run(tmp_path, settings(), trials=2)
    with pytest.raises(
        BadInputError, match=r"holds a search of \d+ trials; give --resume to go on with it, or another"
    ):
        run(tmp_path, settings(), trials=2)


def test_another_search_is_not_gone_on_with(tmp_path):
    run(tmp_path, settings(), trials=2)
    other = settings({**SPACE, "bypass": "simple"}, proxy_epochs=7)
    with pytest.raises(BadInputError) as caught:
        run(tmp_path, other, trials=2, resume=True)
    assert str(caught.value) == (
        f"{tmp_path} was started with another proxy_epochs, space; "
        "resume with the same options, or choose another --output"
    )


def test_the_place_of_the_images_may_change(tmp_path):
    run(tmp_path, settings(), trials=2)
    found, _ = run(tmp_path, settings(data="elsewhere.npz"), trials=3, resume=True)
    assert sum(r.outcome.state == "complete" for r in found) == 3
