"""The audit log: who changed what a visitor may see, when, and why."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from service.store.tables import audit_log

KASSA = "kassa"
"""The actor where no person acted."""


class Act(StrEnum):
    """What was done to an experiment."""

    STARTED = "started"
    """It began to run, and its plan was locked."""
    STOPPED = "stopped"
    RESUMED = "resumed"
    APPROVED = "approved"
    """A person allowed the next step of its ramp."""
    RAMPED = "ramped"
    """Its next step was allowed because nothing spoke against it."""


@dataclass(frozen=True)
class Entry:
    """One line of the log; it is never changed.

    Attributes:
        details: what the act needs to be understood, e.g. the step of a ramp.
    """

    at: datetime
    actor: str
    action: Act
    experiment: str
    reason: str
    details: Mapping[str, str | int | float] = field(default_factory=dict)
    entry_id: str = field(default_factory=lambda: f"log_{secrets.token_urlsafe(16)}")


def note(connection: Connection, entry: Entry) -> None:
    """Add an entry, in the transaction of what it tells of."""
    connection.execute(audit_log.insert().values(asdict(entry)))


def entries(connection: Connection, experiment: str | None = None) -> list[Entry]:
    """The log, oldest first; of one experiment if it is named."""
    ordered = select(audit_log).order_by(audit_log.c.at, audit_log.c.entry_id)
    if experiment is not None:
        ordered = ordered.where(audit_log.c.experiment == experiment)
    rows = connection.execute(ordered).mappings()
    return [Entry(**{**row, "action": Act(row["action"])}) for row in rows]
