"""What a search found: ``explore.json``, ``explore.md``; what differs from run to run: ``times.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

from sqz_hw.explore.candidate import build_command, train_command
from sqz_hw.explore.objectives import OBJECTIVES
from sqz_hw.explore.settings import ExploreSettings
from sqz_hw.explore.space import Space
from sqz_hw.explore.study import Record
from sqz_hw.files import write_whole

SCHEMA = 1
JSON, MARKDOWN, PLOT, TIMES, LOG = "explore.json", "explore.md", "pareto.png", "times.json", "explore.log"


def content(settings: ExploreSettings, records: Sequence[Record], ended_early: str | None) -> dict[str, Any]:
    """``explore.json`` as plain values; the same for the same trials.

    Args:
        settings: of the search.
        records: its trials, by number.
        ended_early: why there are fewer than were asked for, or None.
    """
    front = [record.number for record in records if record.pareto]
    trials = [_trial(settings, record) for record in records]
    best = _best(settings, records)
    made = {
        "schema": SCHEMA,
        "settings": settings.model_dump(mode="json"),
        "proxy": f"{settings.proxy}, judged on {settings.proxy_validation_images:,} other training images",
        "objectives": [
            {
                "name": name,
                "title": OBJECTIVES[name].title,
                "unit": OBJECTIVES[name].unit,
                "direction": OBJECTIVES[name].direction,
                "kind": OBJECTIVES[name].kind(settings),
            }
            for name in settings.objectives
        ],
        "counts": {
            state: sum(r.outcome.state == state for r in records)
            for state in ("complete", "pruned", "failed")
        },
        "ended_early": ended_early,
        "trials": trials,
        "pareto": front,
        "best": best,
    }
    jsonschema.validate(made, schema())
    return made


@cache
def schema() -> Any:
    """The JSON Schema of ``explore.json``."""
    return json.loads((files("sqz_hw.explore") / "schema.json").read_text(encoding="utf-8"))


def write(
    folder: Path, settings: ExploreSettings, records: Sequence[Record], ended_early: str | None
) -> None:
    """Write all that a search found into its folder.

    Raises:
        BadInputError: it cannot be written.
    """
    from sqz_hw.explore.plot import picture

    made = content(settings, records, ended_early)
    write_whole(folder / JSON, _json(made))
    write_whole(folder / MARKDOWN, "".join(f"{line}\n" for line in markdown(made)).encode())
    write_whole(folder / PLOT, picture(made))
    write_whole(
        folder / TIMES, _json({str(r.number): dict(r.outcome.where) for r in records if r.outcome.where})
    )
    faults = [f"trial {r.number}: {r.outcome.traceback}" for r in records if r.outcome.traceback]
    if faults:
        write_whole(folder / LOG, "\n".join(faults).encode())


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _trial(settings: ExploreSettings, record: Record) -> dict[str, Any]:
    candidate, outcome = record.candidate, record.outcome
    complete = outcome.state == "complete"
    output = f"runs/explore-{record.number}"
    return {
        "number": record.number,
        "state": outcome.state,
        "point": {
            f: d.value(f, record.params) for f, d in Space.from_plain(settings.space).dimensions.items()
        },
        "candidate": None if candidate is None else candidate.to_dict(),
        "values": {
            name: {
                "value": value,
                "kind": OBJECTIVES[name].kind(settings) if name in OBJECTIVES else "counted",
            }
            for name, value in outcome.values.items()
        },
        "constraints": dict(outcome.constraints),
        "feasible": record.feasible,
        "pareto": record.pareto,
        "reason": outcome.reason,
        "notes": list(outcome.notes),
        "train": train_command(settings, candidate, output) if complete and candidate is not None else None,
        "build": build_command(settings, candidate, output) if complete and candidate is not None else None,
    }


def _best(settings: ExploreSettings, records: Sequence[Record]) -> int | None:
    """The front's trial that is best in the first objective; of equals the first."""
    front = [record for record in records if record.pareto]
    if not front:
        return None
    first = OBJECTIVES[settings.objectives[0]]
    sign = -1 if first.direction == "maximize" else 1
    return min(front, key=lambda r: (sign * r.outcome.values[first.name], r.number)).number


def shown(made: Mapping[str, Any], trial: Mapping[str, Any]) -> list[str]:
    """A trial's objective values as texts, in the order of the objectives; empty where there are none."""
    values = trial["values"]
    return [
        OBJECTIVES[o["name"]].shown(values[o["name"]]["value"]) if o["name"] in values else ""
        for o in made["objectives"]
    ]


def heads(made: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Title and kind of each objective."""
    return [(o["title"], o["kind"]) for o in made["objectives"]]


def described(trial: Mapping[str, Any]) -> str:
    """The point of a trial, field by field."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in trial["point"].items())


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def markdown(made: Mapping[str, Any]) -> Iterator[str]:
    """``explore.md``, line by line."""
    counts = made["counts"]
    yield "# Design space exploration"
    yield ""
    yield f"Accuracy: {made['proxy']}. It ranks networks; a full training gives more."
    part = made["settings"]["part"]
    if part is not None:
        clock = made["settings"]["clock_mhz"]
        yield f"Images a second, latency and LUTs are estimates for {part} at an assumed {clock:g} MHz."
    yield ""
    yield f"{counts['complete']} trials complete, {counts['pruned']} pruned, {counts['failed']} failed."
    if made["ended_early"]:
        yield f"Ended early: {made['ended_early']}."
    yield ""
    yield f"![Pareto front]({PLOT})"
    yield ""
    yield "## Pareto front"
    yield ""
    yield from _table(made, [t for t in made["trials"] if t["pareto"]])
    yield ""
    yield "## All complete trials"
    yield ""
    yield from _table(made, [t for t in made["trials"] if t["state"] == "complete"])
    others = [t for t in made["trials"] if t["state"] != "complete"]
    if others:
        yield ""
        yield "## Trials without a result"
        yield ""
        yield "| trial | state | reason |"
        yield "|---|---|---|"
        for trial in others:
            yield f"| {trial['number']} | {trial['state']} | {_cell(trial['reason'] or '')} |"
    yield ""
    yield "## Training the front fully"
    yield ""
    for trial in (t for t in made["trials"] if t["pareto"]):
        yield "```sh"
        yield f"# trial {trial['number']}"
        yield trial["train"]
        if trial["build"]:
            yield trial["build"]
        yield "```"


def _table(made: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    titles = [f"{title} ({kind})" for title, kind in heads(made)]
    yield "| trial | " + " | ".join(titles) + " | limits | point |"
    yield "|" + "---|" * (len(titles) + 3)
    for trial in trials:
        limits = "kept" if trial["feasible"] else f"broken: {', '.join(broken(trial))}"
        cells = [str(trial["number"]), *shown(made, trial), limits, described(trial)]
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def broken(trial: Mapping[str, Any]) -> list[str]:
    """Names of the limits that a trial breaks."""
    return [name for name, share in trial["constraints"].items() if share > 0]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
