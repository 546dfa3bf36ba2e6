"""Reads fields of JSON that nobody has checked: what is missing or wrong reads as None or empty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.synthesis.facts import LARGEST

LONGEST = 200
"""Characters of a text that are kept."""


def text_of(value: object) -> str:
    """A text that a terminal can show, of bounded length; empty for anything but a text."""
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else "?" for c in value[:LONGEST])


def object_at(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object at a key, else an empty one."""
    value = item.get(key)
    return value if isinstance(value, dict) else {}


def list_at(item: Mapping[str, Any], key: str) -> list[Any]:
    """The list at a key, else an empty one."""
    value = item.get(key)
    return value if isinstance(value, list) else []


def is_count(value: object) -> bool:
    """Whether it is a whole number from 0 on, and no absurd one."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def count_at(item: Mapping[str, Any], key: str) -> int | None:
    """The whole number from 0 on at a key, else None."""
    value = item.get(key)
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    return int(value) if is_count(value) else None  # type: ignore[arg-type]


def first_at(item: Mapping[str, Any], *keys: str) -> int | None:
    """The first number above 0 at one of the keys, else None."""
    return next((value for key in keys if (value := count_at(item, key))), None)


def need_at(item: Mapping[str, Any], key: str) -> int:
    """The number above 0 at a key.

    Raises:
        BadInputError: there is none.
    """
    value = count_at(item, key)
    if not value:
        raise BadInputError(f"the layer's {key} must be a whole number from 1 on, not {item.get(key)!r}")
    return value
