"""Sums by variant, day and segment: the smallest groups that anything is counted in.

One pass over the data makes them. Totals, days and segments are added up from them, so a report
costs the same however many units there were, and no two of its parts can count differently.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TypeVar

from analysis.aggregates import Aggregates, added

# Of an attribute's values, those with most units are shown apart; a forest of more has no reader.
MOST_VALUES = 12
OTHER, UNKNOWN = "other values", "not known"
_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cell:
    """The units of one variant that were first exposed on one day, in one segment.

    Attributes:
        variant: Its key.
        day: Of the first exposure, in UTC; None where nobody knows.
        values: Of each attribute that segments are made by, in their order.
        units: How many they are.
        metrics: Their sums, by metric key.
    """

    variant: str
    day: date | None
    values: tuple[str, ...]
    units: int
    metrics: Mapping[str, Aggregates]


@dataclass(frozen=True)
class Group:
    """Units with something in common, and what they did.

    Attributes:
        units: By variant key; 0 where a variant has none of them.
        metrics: Sums by metric key, then variant key.
    """

    units: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, Aggregates]]


def together(cells: Iterable[Cell], variants: Sequence[str], metrics: Sequence[str]) -> Group:
    """All cells in one group.

    Args:
        cells: In any order.
        variants: Every variant key, also of those without a unit.
        metrics: Every metric key.
    """
    arms: dict[str, list[Cell]] = {variant: [] for variant in variants}
    for cell in cells:
        arms[cell.variant].append(cell)
    return Group(
        units={variant: sum(cell.units for cell in arm) for variant, arm in arms.items()},
        metrics={
            key: {v: added(cell.metrics[key] for cell in arm) for v, arm in arms.items()}
            for key in metrics
        },
    )


def by_day(
    cells: Iterable[Cell], variants: Sequence[str], metrics: Sequence[str]
) -> dict[date, Group]:
    """One group for each day on which a unit was first exposed, in their order."""
    days = _apart((cell for cell in cells if cell.day is not None), lambda cell: cell.day)
    return {day: together(days[day], variants, metrics) for day in sorted(filter(None, days))}


def by_segment(
    cells: Sequence[Cell],
    attributes: Sequence[str],
    variants: Sequence[str],
    metrics: Sequence[str],
) -> dict[str, dict[str, Group]]:
    """For each attribute one group for each of its values, those with most units first."""
    found = {}
    for at, attribute in enumerate(attributes):
        values = _largest(_apart(cells, partial(_value, at)))
        found[attribute] = {
            value: together(some, variants, metrics) for value, some in values.items()
        }
    return found


def _value(at: int, cell: Cell) -> str:
    return cell.values[at]


def _apart(cells: Iterable[Cell], name: Callable[[Cell], _Name]) -> dict[_Name, list[Cell]]:
    found: dict[_Name, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[name(cell)].append(cell)
    return found


def _largest(values: Mapping[str, list[Cell]]) -> dict[str, list[Cell]]:
    """The values with most units, blind to variant and outcome; the rest are one value."""

    def rank(value: str) -> tuple[bool, int, str]:
        return value == OTHER, -sum(cell.units for cell in values[value]), value

    ordered = sorted(values, key=rank)
    shown, rest = ordered[:MOST_VALUES], ordered[MOST_VALUES:]
    found = {value: values[value] for value in shown}
    if rest:
        found[OTHER] = [cell for value in rest for cell in values[value]]
    return found
