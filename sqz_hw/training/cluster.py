"""``TF_CONFIG``: which processes train together, and which of them this one is."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any

from sqz_hw.errors import BadInputError

VARIABLE = "TF_CONFIG"
_EXAMPLE = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
_ADDRESS = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})"
_KINDS = ("chief", "worker")
_MOST_PORT = 65535


@dataclass(frozen=True)
class Cluster:
    """The processes of a run.

    Attributes:
        addresses: host:port of each, the chief first.
        index: this one's number; 0 is the chief.
    """

    addresses: tuple[str, ...] = ("",)
    index: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.addresses)

    @property
    def chief(self) -> bool:
        """Whether this one writes the files."""
        return self.index == 0


ALONE = Cluster()


def from_environment() -> Cluster:
    """The cluster of ``TF_CONFIG``; one process alone without it.

    Raises:
        BadInputError: it is no JSON, or describes no cluster with this process in it.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return Cluster()
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{VARIABLE} must be JSON like {_EXAMPLE}, and is not ({error})") from error
    cluster = config.get("cluster") if isinstance(config, dict) else None
    task = config.get("task") if isinstance(config, dict) else None
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise BadInputError(f"{VARIABLE} must have a cluster and a task, as in {_EXAMPLE}, not {text:.200}")
    strange = sorted(set(cluster) - set(_KINDS))
    if strange:
        raise BadInputError(
            f"{VARIABLE}: a cluster must be of workers, perhaps with a chief, not {', '.join(strange)}; "
            "all replicas are workers here"
        )
    groups = {kind: _addresses(kind, cluster.get(kind, [])) for kind in _KINDS}
    if len(groups["chief"]) > 1:
        raise BadInputError(f"{VARIABLE}: there must be at most one chief, not {len(groups['chief'])}")
    addresses = groups["chief"] + groups["worker"]
    if len(set(addresses)) != len(addresses) or not addresses:
        raise BadInputError(
            f"{VARIABLE}: each process must have an address of its own, not {', '.join(addresses) or 'none'}"
        )
    kind, number = task.get("type"), task.get("index")
    if kind not in _KINDS or type(number) is not int or not 0 <= number < len(groups[kind]):
        sizes = " and ".join(f"{len(v)} {k}{'s' * (len(v) != 1)}" for k, v in groups.items() if v)
        raise BadInputError(
            f"{VARIABLE}: the task must be one of its {sizes}, counted from 0, not {json.dumps(task):.200}"
        )
    return Cluster(addresses, number + (len(groups["chief"]) if kind == "worker" else 0))


def _addresses(kind: str, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise BadInputError(f"{VARIABLE}: {kind} must be a list of host:port, not {given!r:.200}")
    for address in given:
        match = re.fullmatch(_ADDRESS, address) if isinstance(address, str) else None
        if match is None or not 0 < int(match[1]) <= _MOST_PORT:
            raise BadInputError(f"{VARIABLE}: an address must be host:port, not {address!r:.200}")
    return tuple(given)
