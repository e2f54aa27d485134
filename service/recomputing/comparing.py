"""Two reports as JSON, compared value by value: what was reported, and what is found now."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from analysis.report import Absent

TOLERANCE: Final = 1e-9
"""By what share of itself a number may move: sums of floats depend on the order of rows."""

# When and by which definitions it was made is told apart, and is no finding.
_ASIDE = frozenset({"generated_at", "definitions", "definitions_reason"})
# Tables by a variant's key. What is missing there was left out; elsewhere a later Kassa says more.
_BY_VARIANT = frozenset({"units", "new_units", "shares", "variants"})
_UNREPORTED, _NOT_FOUND = Absent("not in the report"), Absent("not found any more")
_NO_FIELD = Absent("the report has no such field")
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Difference:
    """One value that does not stand.

    Attributes:
        path: where it is, as JSONPath (RFC 9535).
        metric: key of the metric that it belongs to, if any.
        reported: what the report says.
        recomputed: what is found now.
    """

    path: str
    metric: str | None
    reported: Any
    recomputed: Any


@dataclass(frozen=True)
class Compared:
    """What became of a report's values.

    Attributes:
        values: how many were compared.
        differences: those that do not stand, in the order of the report.
        unreported: paths of what is found now and the report has no field for.
    """

    values: int
    differences: tuple[Difference, ...]
    unreported: tuple[str, ...]


def compare(reported: Mapping[str, Any], recomputed: Mapping[str, Any]) -> Compared:
    """Counts and texts must be equal, other numbers up to `TOLERANCE`.

    Args:
        reported: a report, in the shape `kassa.report/1`.
        recomputed: the same report made now.
    """
    one, other = (
        {key: value for key, value in each.items() if key not in _ASIDE}
        for each in (reported, recomputed)
    )
    pairs = list(_pairs(_Place("$"), one, other))
    told = [pair for pair in pairs if pair.reported is not _NO_FIELD]
    return Compared(
        values=len(told),
        differences=tuple(p for p in told if not _same(p.reported, p.recomputed)),
        unreported=tuple(pair.path for pair in pairs if pair.reported is _NO_FIELD),
    )


@dataclass(frozen=True)
class _Place:
    """Where two documents are compared.

    Attributes:
        path: as JSONPath.
        metric: key of the metric that it belongs to, if any.
        by_variant: whether it is a table by the key of a variant.
    """

    path: str
    metric: str | None = None
    by_variant: bool = False

    def entry(self, name: str) -> _Place:
        step = f".{name}" if _PLAIN.fullmatch(name) else f"[{json.dumps(name)}]"
        return _Place(self.path + step, self.metric, name in _BY_VARIANT)

    def element(self, index: int) -> _Place:
        return _Place(f"{self.path}[{index}]", self.metric)

    def within(self, metric: object) -> _Place:
        return replace(self, metric=metric) if isinstance(metric, str) else self


def _pairs(place: _Place, reported: Any, recomputed: Any) -> Iterator[Difference]:
    if isinstance(reported, dict) and isinstance(recomputed, dict):
        yield from _entries(place.within(recomputed.get("metric")), reported, recomputed)
    elif isinstance(reported, list) and isinstance(recomputed, list):
        for index in range(max(len(reported), len(recomputed))):
            one = reported[index] if index < len(reported) else _UNREPORTED
            other = recomputed[index] if index < len(recomputed) else _NOT_FOUND
            yield from _pairs(place.element(index), one, other)
    else:
        yield Difference(place.path, place.metric, reported, recomputed)


def _entries(
    place: _Place, reported: Mapping[str, Any], recomputed: Mapping[str, Any]
) -> Iterator[Difference]:
    missing = _UNREPORTED if place.by_variant else _NO_FIELD
    for name in dict.fromkeys((*reported, *recomputed)):
        one, other = reported.get(name, missing), recomputed.get(name, _NOT_FOUND)
        yield from _pairs(place.entry(name), one, other)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return _is_number(one) and _is_number(other) and math.isclose(one, other, rel_tol=TOLERANCE)
    # True is no 1: a program that reads the report tells them apart.
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
