"""The design space: which fields vary, over what, and what a point of it means.

The paper's metaparameters (Iandola et al. 2016, section 5.1, and bypass, section 6), where to
downsample (strategy 3, section 3.1), and what hardware adds: bits, density, target rate.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from sqz_hw.errors import BadInputError
from sqz_hw.model.architecture import MAX_FIRE_MODULES, Architecture

HARDWARE_FIELDS: Mapping[str, Any] = {
    "weight_bits": 6,
    "activation_bits": 6,
    "density": 0.45,
    "target_fps": None,
}
"""What a candidate has besides its architecture, with the values of a field that is not searched."""

GIVEN = ("name", "input_size", "classes")
"""Fields that the images and the base architecture decide."""

FIELDS = (*(f.name for f in fields(Architecture) if f.name not in GIVEN), *HARDWARE_FIELDS)
MAX_POOLS = 8
DIGITS = 10
"""Decimals kept of a number on a grid (0.2 + 2 * 0.05 is not 0.3)."""

Params = Mapping[str, Any]
"""A point as the sampler has it: numbers and texts by name."""


@dataclass(frozen=True)
class Choices:
    """One of some values (numbers, texts, true or false, null, lists)."""

    values: tuple[Any, ...]

    def distributions(self, field: str) -> dict[str, BaseDistribution]:
        """A category for each value; lists go by their JSON text."""
        return {field: CategoricalDistribution([json.dumps(value) for value in self.values])}

    def value(self, field: str, params: Params) -> Any:
        """The value that a point has."""
        return json.loads(params[field])

    def params(self, field: str, value: Any) -> dict[str, Any] | None:
        """Inverse of :meth:`value`; None where the value is not in the dimension."""
        text = json.dumps(value)
        return {field: text} if text in [json.dumps(v) for v in self.values] else None

    def plain(self) -> dict[str, Any]:
        """As the space file has it."""
        return {"choices": list(self.values)}


@dataclass(frozen=True)
class Span:
    """Numbers from ``low`` to ``high``, whole where these and ``step`` are; ``log``: evenly by factors."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def whole(self) -> bool:
        """Only whole numbers."""
        return all(isinstance(v, int) for v in (self.low, self.high, self.step) if v is not None)

    def distributions(self, field: str) -> dict[str, BaseDistribution]:
        """An integer or a float."""
        if self.whole:
            step = 1 if self.step is None else int(self.step)
            return {field: IntDistribution(int(self.low), int(self.high), log=self.log, step=step)}
        return {field: FloatDistribution(self.low, self.high, log=self.log, step=self.step)}

    def value(self, field: str, params: Params) -> Any:
        """The number that a point has."""
        value = params[field]
        return int(value) if self.whole else round(float(value), DIGITS)

    def params(self, field: str, value: Any) -> dict[str, Any] | None:
        """Inverse of :meth:`value`; None where the value is not in the dimension."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        if not self.low <= value <= self.high or (self.whole and value != int(value)):
            return None
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return {field: value} if abs(steps - round(steps)) < 1e-6 or self.step is None else None

    def plain(self) -> dict[str, Any]:
        """As the space file has it."""
        more = {} if self.step is None else {"step": self.step}
        return {"low": self.low, "high": self.high, **more, **({"log": True} if self.log else {})}


@dataclass(frozen=True)
class Placement:
    """Up to ``pools`` layer numbers from ``low`` to ``high``; numbers that agree are one pool."""

    pools: int
    low: int
    high: int

    def distributions(self, field: str) -> dict[str, BaseDistribution]:
        """An integer for each pool."""
        return {f"{field}_{i + 1}": IntDistribution(self.low, self.high) for i in range(self.pools)}

    def value(self, field: str, params: Params) -> Any:
        """Rising layer numbers."""
        return sorted({int(params[f"{field}_{i + 1}"]) for i in range(self.pools)})

    def params(self, field: str, value: Any) -> dict[str, Any] | None:
        """Inverse of :meth:`value`; None where the value is not in the dimension."""
        places = list(value) if isinstance(value, (list, tuple)) else []
        if not 0 < len(places) <= self.pools or any(not self.low <= p <= self.high for p in places):
            return None
        filled = places + places[-1:] * (self.pools - len(places))
        return {f"{field}_{i + 1}": place for i, place in enumerate(filled)}

    def plain(self) -> dict[str, Any]:
        """As the space file has it."""
        return {"pools": self.pools, "low": self.low, "high": self.high}


Dimension: TypeAlias = Choices | Span | Placement

DEFAULT: Mapping[str, Dimension] = {
    "base_e": Span(32, 256, 32),
    "incr_e": Span(0, 256, 32),
    "freq": Span(1, 4),
    "pct3x3": Span(0.125, 0.875, 0.125),
    "squeeze_ratio": Span(0.125, 0.75, 0.125),
    "width": Span(0.25, 1.0, 0.125),
    "pools_after": Placement(3, 1, 9),
    "bypass": Choices(("none", "simple", "complex")),
    "weight_bits": Span(3, 8),
    "activation_bits": Span(3, 8),
    "density": Span(0.2, 1.0, 0.05),
    "target_fps": Span(100, 3000, log=True),
}
"""Searched where nothing is said; ``target_fps`` only with a part."""


@dataclass(frozen=True)
class Space:
    """What varies and what is fixed.

    Attributes:
        dimensions: by field, in the order of :data:`FIELDS`.
        fixed: values of fields that differ from the base architecture's or from :data:`HARDWARE_FIELDS`.
    """

    dimensions: Mapping[str, Dimension]
    fixed: Mapping[str, Any]

    def distributions(self) -> dict[str, BaseDistribution]:
        """What the sampler draws from, by name of the parameter."""
        return {
            name: distribution
            for field, dimension in self.dimensions.items()
            for name, distribution in dimension.distributions(field).items()
        }

    def values(self, params: Params) -> dict[str, Any]:
        """Field values of a point, the fixed ones included."""
        drawn = {field: dimension.value(field, params) for field, dimension in self.dimensions.items()}
        return {**self.fixed, **drawn}

    def params(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The point that has these values in all dimensions, or None where there is none."""
        point: dict[str, Any] = {}
        for field, dimension in self.dimensions.items():
            part = dimension.params(field, values.get(field))
            if part is None:
                return None
            point |= part
        return point

    def plain(self) -> dict[str, Any]:
        """As a space file has it, the fixed values included."""
        return {
            **{field: dimension.plain() for field, dimension in self.dimensions.items()},
            **{field: {"fixed": value} for field, value in self.fixed.items()},
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Space:
        """Inverse of :meth:`plain`; a bare value is a fixed one.

        Raises:
            BadInputError: an unknown field, or no dimension that can be searched.
        """
        _known(plain)
        dimensions: dict[str, Dimension] = {}
        fixed: dict[str, Any] = {}
        for field in (name for name in FIELDS if name in plain):
            given = plain[field]
            if not isinstance(given, Mapping):
                fixed[field] = given
            elif set(given) == {"fixed"}:
                fixed[field] = given["fixed"]
            else:
                dimensions[field] = _dimension(field, given)
        return cls(dimensions, fixed)


def space_of(
    file: Mapping[str, Any] | None, searched: tuple[str, ...], fixed: Mapping[str, Any], hardware: bool
) -> Space:
    """The space that a search is asked for.

    Args:
        file: plain form; what it does not name is not searched. None: the default space.
        searched: the only fields to search; none: all of the file or of the default space.
        fixed: values of fields, which are then not searched.
        hardware: a part is named, so that a target rate means something.

    Raises:
        BadInputError: an unknown field, a dimension that cannot be, or nothing left to search.
    """
    _known(dict.fromkeys(searched))
    _known(fixed)
    space = Space(DEFAULT, {}) if file is None else Space.from_plain(file)
    unsearched = sorted(set(searched) - set(space.dimensions))
    if unsearched:
        raise BadInputError(
            f"--search takes fields of the space, {', '.join(space.dimensions)}, not {unsearched[0]}; "
            "give it a range in a --space file"
        )
    kept = {
        field: dimension
        for field, dimension in space.dimensions.items()
        if field not in fixed and (not searched or field in searched)
    }
    values = {**space.fixed, **fixed}
    if not hardware:
        if file is None:
            kept.pop("target_fps", None)
        if "target_fps" in kept or values.get("target_fps") is not None:
            raise BadInputError("target_fps needs a part to be estimated for, and none is named; give --part")
    if not kept:
        raise BadInputError("a search needs a field that varies, and all are fixed; leave out a --fix")
    return Space(kept, {field: values[field] for field in FIELDS if field in values})


def _known(names: Mapping[str, Any]) -> None:
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        raise BadInputError(f"fields of the space must be among {', '.join(FIELDS)}, not {unknown[0]!r}")


def _dimension(field: str, given: Mapping[str, Any]) -> Dimension:
    keys = set(given)
    if keys == {"choices"}:
        return _choices(field, given["choices"])
    if keys == {"pools", "low", "high"} and field == "pools_after":
        return _placement(given)
    if {"low", "high"} <= keys <= {"low", "high", "step", "log"}:
        return _span(field, given)
    raise BadInputError(
        f'{field} must be a value, {{"choices": [...]}} or {{"low": ..., "high": ...}} with "step" or "log"'
        f"{PLACEMENT if field == 'pools_after' else ''}, not {_short(given)}"
    )


PLACEMENT = ', or {"pools": ..., "low": ..., "high": ...}'


def _choices(field: str, values: Any) -> Choices:
    texts = [json.dumps(v) for v in values] if isinstance(values, list) else []
    if not texts or len(set(texts)) != len(texts):
        raise BadInputError(f"{field}: choices must be a list of different values, not {_short(values)}")
    return Choices(tuple(values))


def _span(field: str, given: Mapping[str, Any]) -> Span:
    low, high, step, log = given["low"], given["high"], given.get("step"), given.get("log", False)
    numbers = [v for v in (low, high, step) if v is not None]
    plain = all(isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in numbers)
    if low is None or high is None or not plain or not isinstance(log, bool):
        raise BadInputError(
            f"{field}: low, high and step must be numbers, log true or false; {_short(given)}"
        )
    if not low < high or (step is not None and not 0 < step <= high - low) or (log and low <= 0):
        raise BadInputError(
            f"{field}: low must be below high, step above 0 and at most their difference, and low above 0 "
            f"with log, not {_short(given)}"
        )
    if log and step is not None:
        raise BadInputError(f"{field} takes step or log, not both; leave one out of {_short(given)}")
    return Span(low, high, step, log)


def _placement(given: Mapping[str, Any]) -> Placement:
    pools, low, high = given["pools"], given["low"], given["high"]
    if any(isinstance(v, bool) or not isinstance(v, int) for v in (pools, low, high)) or not (
        1 <= pools <= MAX_POOLS and 1 <= low <= high <= MAX_FIRE_MODULES + 1
    ):
        raise BadInputError(
            f"pools_after: pools must be 1 to {MAX_POOLS}, and 1 <= low <= high layer numbers, "
            f"not {_short(given)}"
        )
    return Placement(pools, low, high)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:80]}..."
