"""The exposures of one experiment as they were known at a time, and what followed each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Subquery,
    and_,
    case,
    func,
    select,
    type_coerce,
)

from analysis.cells import MOST_VALUES, OTHER, UNKNOWN
from experiments import Experiment
from experiments.attributes import Attribute, AttributeType
from service.store.records import Records
from service.store.tables import exposures, microseconds
from service.store.windows import RESOLUTION

# Each multiplies the groups that are counted.
MOST_BESIDE: Final = 2
OUTSIDE: Final = "not in it"


@dataclass(frozen=True)
class Look:
    """The exposures of one experiment as they were known at a time.

    Attributes:
        connection: a consistent snapshot.
        experiment: whose exposures they are.
        as_of: what the store learnt later is left out.
        seen: the exposures, or rows like them of an experiment that did not run.
        marks: names of columns of `seen` by which units are counted apart, beside the variant.
    """

    connection: Connection
    experiment: Experiment
    as_of: datetime
    seen: FromClause = exposures
    marks: tuple[str, ...] = ()

    @property
    def exposed(self) -> tuple[ColumnElement[bool], ...]:
        """Which exposures are counted; those of variants that were removed are not."""
        return (
            self.seen.c.experiment == self.experiment.key,
            self.seen.c.exposed_at <= self.as_of,
            self.seen.c.variant.in_([variant.key for variant in self.experiment.variants]),
        )

    def units(self) -> dict[str, int]:
        """Exposed units by variant."""
        counted = self.connection.execute(
            select(self.seen.c.variant, func.count())
            .where(*self.exposed)
            .group_by(self.seen.c.variant)
        )
        found = {row[0]: row[1] for row in counted}
        return {variant.key: found.get(variant.key, 0) for variant in self.experiment.variants}

    @property
    def apart(self) -> tuple[ColumnElement[Any], ...]:
        """What units are counted apart by: the variant, and every mark."""
        return (self.seen.c.variant, *(self.seen.c[mark] for mark in self.marks))

    def marked(self, segments: Sequence[Attribute], beside: Sequence[str] = ()) -> Look:
        """The same with the day of each exposure and the unit's value of each attribute.

        Args:
            segments: the attributes.
            beside: keys of other experiments; the unit's variant there is a mark too.
        """
        seen = self.seen.c
        day = type_coerce(seen.exposed_at, BigInteger) // microseconds(timedelta(days=1))
        named: dict[str, ColumnElement[Any]] = {"day": day}
        for index, attribute in enumerate(segments):
            named[f"segment{index}"] = self._shown_apart(_value_of(seen.attributes, attribute))
        source: FromClause = self.seen
        for index, key in enumerate(beside):
            other = exposures.alias()
            source = source.outerjoin(
                other,
                and_(
                    other.c.experiment == key,
                    other.c.unit_id == seen.unit_id,
                    # Whether a unit meets it later may be an outcome of this one.
                    other.c.exposed_at <= seen.exposed_at,
                ),
            )
            named[f"beside{index}"] = func.coalesce(other.c.variant, OUTSIDE)
        columns = [column.label(name) for name, column in named.items()]
        rows = (
            select(seen.experiment, seen.variant, seen.unit_id, seen.exposed_at, *columns)
            .select_from(source)
            .where(*self.exposed)
        )
        return replace(self, seen=rows.subquery(), marks=tuple(named))

    def beside(self) -> list[str]:
        """The other experiments that most of the units were in before, at most `MOST_BESIDE`."""
        other = exposures.alias()
        shared = func.count()
        return list(
            self.connection.scalars(
                select(other.c.experiment)
                .select_from(self.seen.join(other, other.c.unit_id == self.seen.c.unit_id))
                .where(
                    *self.exposed,
                    other.c.experiment != self.experiment.key,
                    other.c.exposed_at <= self.seen.c.exposed_at,
                )
                .group_by(other.c.experiment)
                .order_by(shared.desc(), other.c.experiment)
                .limit(MOST_BESIDE)
            )
        )

    def without_days(self) -> Look:
        """The same, counted apart by everything but the day."""
        return replace(self, marks=tuple(mark for mark in self.marks if mark != "day"))

    def _shown_apart(self, value: ColumnElement[str]) -> ColumnElement[str]:
        """The values that most units have, blind to the variant; all others are one."""
        most = (
            select(value)
            .where(*self.exposed, value.is_not(None))
            .group_by(value)
            .order_by(func.count().desc(), value)
            .limit(MOST_VALUES)
        )
        return case(
            (value.is_(None), UNKNOWN),
            (value.in_(list(self.connection.scalars(most))), value),
            else_=OTHER,
        )

    def first_exposure(self) -> datetime | None:
        """When the first of them was exposed; None where nobody was."""
        first = select(func.min(self.seen.c.exposed_at)).where(*self.exposed)
        found: datetime | None = self.connection.scalar(first)
        return found

    def exposure(self, number: int) -> datetime | None:
        """When the unit of that number was exposed; None where there are not so many yet."""
        found: datetime | None = self.connection.scalar(
            select(self.seen.c.exposed_at)
            .where(*self.exposed)
            .order_by(self.seen.c.exposed_at)
            .limit(1)
            .offset(number - 1)
        )
        return found

    def until(self, time: datetime) -> Subquery:
        """The exposures up to a time."""
        return select(self.seen).where(*self.exposed, self.seen.c.exposed_at <= time).subquery()

    def exposed_since(self, time: datetime) -> int:
        """Units that can still convert: exposed after a window ago."""
        return self.connection.scalars(
            select(func.count())
            .select_from(self.seen)
            .where(*self.exposed, self.seen.c.exposed_at > time)
        ).one()

    def following(self, records: Records, window: timedelta) -> FromClause:
        """Each exposure with what followed it: of its unit, after it, inside the window, known."""
        exposed = type_coerce(self.seen.c.exposed_at, BigInteger)
        return self.seen.join(
            records.rows,
            and_(
                records.owner == self.seen.c.unit_id,
                records.happened_at > exposed - microseconds(RESOLUTION),
                records.happened_at < exposed + microseconds(window),
                records.learnt_at <= self.as_of,
            ),
        )


def _value_of(attributes: ColumnElement[Any], attribute: Attribute) -> ColumnElement[str]:
    """What an exposure says of an attribute, as text; NULL where it says nothing."""
    found = attributes[attribute.key]
    if attribute.type is AttributeType.BOOLEAN:
        return case((found.as_boolean().is_(True), "yes"), (found.as_boolean().is_(False), "no"))
    return cast("ColumnElement[str]", found.as_string())
