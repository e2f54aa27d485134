"""How each experiment was to be judged when it started: locked once, and never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from service.store.session import insert_once
from service.store.tables import plans


@dataclass(frozen=True)
class LockedPlan:
    """The plan that counts for an experiment, whatever its file says by now.

    Attributes:
        digest: SHA-256 of the plan, to compare it with the file's.
        plan: its analysis, metrics, decision, exposure and unit.
        definitions: version of the definitions it was taken from.
    """

    experiment: str
    locked_at: datetime
    digest: str
    plan: Mapping[str, Any]
    definitions: str


def lock_plans(connection: Connection, new: Sequence[LockedPlan]) -> set[str]:
    """Lock the plan of each of these experiments that has none yet.

    Args:
        connection: a writing transaction.
        new: what their files say.

    Returns:
        The experiments whose plan was locked now.
    """
    return insert_once(connection, plans, [asdict(plan) for plan in new])


def locked_plan(connection: Connection, experiment: str) -> LockedPlan | None:
    """The plan of an experiment, or None while it has not started."""
    row = connection.execute(select(plans).where(plans.c.experiment == experiment)).one_or_none()
    return None if row is None else LockedPlan(**row._asdict())


def locked_experiments(connection: Connection) -> set[str]:
    """Every experiment whose plan is locked."""
    return set(connection.scalars(select(plans.c.experiment)))
