"""The only writers of exposures and events."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from experiments import Assignment, Experiment, FrictionEvent, FunnelEvent, kept
from service.store.session import insert_once, insert_or_read
from service.store.tables import events, exposures, forged_events

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Something that happened to a unit; ``value`` in minor units of ``currency``."""

    event_id: str
    unit_id: str
    name: FunnelEvent | FrictionEvent
    occurred_at: datetime
    received_at: datetime
    checkout_id: str | None = None
    value: int | None = None
    currency: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


def expose(
    connection: Connection,
    experiment: Experiment,
    assignment: Assignment,
    *,
    checkout_id: str,
    attributes: Mapping[str, Any],
    definitions: str,
    now: datetime,
) -> Assignment:
    """Record that the unit saw the experiment; the first record stands for good.

    Args:
        connection: a writing transaction.
        experiment: the definition that made the assignment; it runs now.
        assignment: what the definition says of the unit, which enters.
        checkout_id: where it was seen.
        attributes: what the merchant says about the order.
        definitions: version of the catalog in force.
        now: the time of the exposure.

    Returns:
        The assignment to show: the recorded variant, whatever weights and traffic have become
        since; the control, not enrolled, where the recorded variant is no longer defined.
    """
    row, _ = insert_or_read(
        connection,
        exposures,
        {
            "experiment": assignment.experiment,
            "unit_id": assignment.unit_id,
            "variant": assignment.variant.key,
            "exposed_at": now,
            "reason": assignment.reason.value,
            "bucket": assignment.bucket,
            "checkout_id": checkout_id,
            "definitions": definitions,
            "attributes": dict(attributes),
        },
    )
    if row.variant not in experiment.shares:
        log.warning("%s: variant %s was shown and is gone", experiment.key, row.variant)
    return kept(experiment, assignment, row.variant)


# Column by column: of pairs SQLite would look for none in the key, and read the whole table.
_SHOWN = select(exposures.c.experiment, exposures.c.unit_id, exposures.c.variant).where(
    exposures.c.experiment.in_(bindparam("experiments", expanding=True)),
    exposures.c.unit_id.in_(bindparam("units", expanding=True)),
)


def shown(connection: Connection, found: Iterable[Assignment]) -> dict[str, str]:
    """The variant that each unit was shown before, by the experiment's key; none where nothing."""
    units = {each.experiment: each.unit_id for each in found if each.unit_id}
    if not units:
        return {}
    asked = {"experiments": list(units), "units": list(set(units.values()))}
    rows = connection.execute(_SHOWN, asked)
    return {row.experiment: row.variant for row in rows if units[row.experiment] == row.unit_id}


def record(connection: Connection, new: Sequence[Event]) -> set[str]:
    """Store events once each by their id.

    Returns:
        The ids that are new; the others were counted before.
    """
    return insert_once(connection, events, [asdict(event) for event in new])


def record_joined(connection: Connection, event: Event) -> None:
    """Store an event once: at the earliest times and with the largest value anybody gives it."""
    if record(connection, [event]):
        return
    here = events.c.event_id == event.event_id
    for column, given, wins in (
        (events.c.occurred_at, event.occurred_at, events.c.occurred_at > event.occurred_at),
        (events.c.received_at, event.received_at, events.c.received_at > event.received_at),
        (events.c.value, event.value, events.c.value < event.value),
    ):
        connection.execute(update(events).where(here, wins).values({column: given}))


def count_forged(connection: Connection, count: int, *, now: datetime) -> None:
    """Count events that claimed to be the ledger's, by day."""
    if not count:
        return
    day = now.date().isoformat()
    insert_once(connection, forged_events, [{"day": day, "count": 0}])
    connection.execute(
        update(forged_events)
        .where(forged_events.c.day == day)
        .values(count=forged_events.c.count + count)
    )
