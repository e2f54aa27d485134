"""Who was seen lately, and what is known of them: the past that a change is tried on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Subquery,
    cast,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)

from experiments import Experiment, FunnelEvent, Unit
from experiments.attributes import Scalar
from service.store.tables import UtcTime, checkouts, events, exposures


@dataclass(frozen=True)
class Visitor:
    """Somebody who was shown a checkout.

    Attributes:
        unit_id: the visitor's id.
        seen_at: when they were first shown one in the period.
        customer: the merchant's id of them, where an order told it.
        attributes: what was known of them then.
    """

    unit_id: str
    seen_at: datetime
    customer: str | None
    attributes: Mapping[str, Scalar]

    def id_of(self, unit: Unit) -> str | None:
        """The id that an experiment about such units assigns; None where nobody knows it."""
        return self.customer if unit is Unit.CUSTOMER else self.unit_id


class _Sight(NamedTuple):
    """One time that somebody was seen."""

    at: datetime
    customer: str | None
    attributes: Mapping[str, Any]
    exposed: bool


def read_visitors(
    connection: Connection,
    *,
    since: datetime,
    until: datetime,
    customer_experiments: Collection[str] = (),
) -> tuple[Visitor, ...]:
    """Everybody who was shown a checkout or exposed in a period, in the order they came.

    Args:
        connection: a consistent snapshot.
        since: where the period starts.
        until: where it ends, included.
        customer_experiments: experiments whose units are customers: their exposures name no
            visitor.
    """
    sights: dict[str, list[_Sight]] = {}
    for unit_id, sight in (
        *_shown(connection, since, until),
        *_exposed(connection, since, until, customer_experiments),
    ):
        sights.setdefault(unit_id, []).append(sight)
    visitors = (_visitor(unit_id, found) for unit_id, found in sights.items())
    return tuple(sorted(visitors, key=lambda visitor: (visitor.seen_at, visitor.unit_id)))


def first_sights(
    experiment: Experiment,
    *,
    since: datetime,
    until: datetime,
    customer_experiments: Collection[str] = (),
) -> Subquery:
    """The exposures an experiment would have had in a period, with the columns of `exposures`.

    Where units count from an event of the page, those that never told it are not among them.

    Args:
        experiment: the definition, which need not have run; all are told to have seen its control.
        since: where the period starts.
        until: where it ends, included.
        customer_experiments: experiments whose units are customers.
    """
    if experiment.exposure.trigger is FunnelEvent.CHECKOUT_VIEWED:
        sights = _pages(experiment.unit, since, until, customer_experiments)
    else:
        sights = _triggers(experiment, since, until)
    return (
        select(
            literal(experiment.key).label("experiment"),
            sights.c.unit_id,
            literal(experiment.control.key).label("variant"),
            type_coerce(sights.c.first, UtcTime).label("exposed_at"),
        )
        .where(sights.c.unit_id.is_not(None))
        .subquery()
    )


def _pages(unit: Unit, since: datetime, until: datetime, others: Collection[str]) -> Subquery:
    """When each unit was first shown a checkout."""
    same = exposures.c.experiment.in_(sorted(others))
    nothing = cast(null(), BigInteger)
    shown = select(
        _OWNER[unit].label("unit_id"),
        type_coerce(checkouts.c.created_at, BigInteger).label("shown_at"),
        nothing.label("exposed_at"),
    ).where(_OWNER[unit].is_not(None), *_was_shown(since, until))
    exposed = select(
        exposures.c.unit_id, nothing, type_coerce(exposures.c.exposed_at, BigInteger)
    ).where(same if unit is Unit.CUSTOMER else ~same, *_was_exposed(since, until))
    sights = union_all(shown, exposed).subquery()
    # An order is made before its page is shown; the exposure tells when it was.
    first = func.coalesce(func.min(sights.c.exposed_at), func.min(sights.c.shown_at))
    return select(sights.c.unit_id, first.label("first")).group_by(sights.c.unit_id).subquery()


def _triggers(experiment: Experiment, since: datetime, until: datetime) -> Subquery:
    """When each unit first told the event from which it counts, as the service would take it."""
    owner = _OWNER[experiment.unit]
    told = type_coerce(func.min(events.c.received_at), BigInteger)
    return (
        select(owner.label("unit_id"), told.label("first"))
        .select_from(events.join(checkouts, checkouts.c.checkout_id == events.c.checkout_id))
        .where(
            events.c.name == experiment.exposure.trigger.value,
            events.c.unit_id == checkouts.c.unit_id,
            events.c.received_at >= since,
            events.c.received_at <= until,
            checkouts.c.preview.is_(False),
        )
        .group_by(owner)
        .subquery()
    )


_OWNER: Mapping[Unit, ColumnElement[Any]] = {
    Unit.VISITOR: checkouts.c.unit_id,
    Unit.CUSTOMER: checkouts.c.customer,
}


def _was_shown(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        checkouts.c.unit_id.is_not(None),
        checkouts.c.preview.is_(False),
        checkouts.c.created_at >= since,
        checkouts.c.created_at <= until,
    )


def _was_exposed(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    return (exposures.c.exposed_at >= since, exposures.c.exposed_at <= until)


def read_kept(connection: Connection, experiment: str) -> dict[str, str]:
    """The variant that each unit was exposed to, which it keeps, by unit."""
    rows = connection.execute(
        select(exposures.c.unit_id, exposures.c.variant).where(exposures.c.experiment == experiment)
    )
    return {row[0]: row[1] for row in rows}


def _shown(
    connection: Connection, since: datetime, until: datetime
) -> Iterator[tuple[str, _Sight]]:
    rows = connection.execute(
        select(
            checkouts.c.unit_id,
            checkouts.c.created_at,
            checkouts.c.customer,
            checkouts.c.attributes,
            checkouts.c.currency,
            checkouts.c.amount,
            checkouts.c.locale,
            checkouts.c.offer,
        ).where(*_was_shown(since, until))
    )
    for row in rows:
        known = dict(zip(("currency", "amount", "locale", "offer"), row[4:], strict=True))
        yield row[0], _Sight(row[1], row[2], {**row[3], **known}, exposed=False)


def _exposed(
    connection: Connection, since: datetime, until: datetime, others: Collection[str]
) -> Iterator[tuple[str, _Sight]]:
    rows = connection.execute(
        select(exposures.c.unit_id, exposures.c.exposed_at, exposures.c.attributes).where(
            exposures.c.experiment.not_in(sorted(others)), *_was_exposed(since, until)
        )
    )
    for unit_id, at, attributes in rows:
        yield unit_id, _Sight(at, None, attributes, exposed=True)


def _visitor(unit_id: str, sights: list[_Sight]) -> Visitor:
    """What is known of the first visit; what only a later one told fills the gaps."""
    sights = sorted(sights, key=lambda sight: sight.at)
    attributes: dict[str, Scalar] = {}
    for sight in sights:
        for name, value in sight.attributes.items():
            if isinstance(value, str | int | float):
                attributes.setdefault(name, value)
    # An order is made before its page is shown; the exposure tells when it was.
    exposed = [sight.at for sight in sights if sight.exposed]
    customer = next((sight.customer for sight in sights if sight.customer), None)
    return Visitor(unit_id, min(exposed, default=sights[0].at), customer, attributes)
