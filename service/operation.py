"""The operator's switch: stop and resume an experiment, and allow the next step of its ramp.

A switch stands over the file: it takes effect without a deploy, in every process, and each change
of it is in the audit log by the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update

from experiments import Switch
from service.store.audit import Act, Entry, note
from service.store.session import insert_or_read
from service.store.tables import switches


@dataclass(frozen=True)
class Order:
    """Who wants it, when, and why; all of it goes into the audit log."""

    actor: str
    reason: str
    at: datetime


def switched(connection: Connection) -> dict[str, Switch]:
    """Every switch there is, by experiment."""
    rows = connection.execute(select(switches.c.experiment, switches.c.stopped, switches.c.granted))
    return {key: Switch(stopped=stopped, granted=granted) for key, stopped, granted in rows}


def stop(connection: Connection, experiment: str, order: Order) -> bool:
    """Show everybody the control from now on; False when that was so already.

    Args:
        connection: a writing transaction.
        experiment: key of the experiment.
        order: for the audit log.
    """
    changed = _change(
        connection, experiment, switches.c.stopped.is_(False), {"stopped": True}, order
    )
    return changed and _noted(connection, Act.STOPPED, experiment, order)


def resume(connection: Connection, experiment: str, order: Order) -> bool:
    """Assign again as before the stop; False when it was not stopped.

    Args:
        connection: a writing transaction.
        experiment: key of the experiment.
        order: for the audit log.
    """
    changed = _change(
        connection, experiment, switches.c.stopped.is_(True), {"stopped": False}, order
    )
    return changed and _noted(connection, Act.RESUMED, experiment, order)


def grant(
    connection: Connection,
    experiment: str,
    order: Order,
    *,
    act: Act,
    step: int,
    traffic: float,
) -> bool:
    """Allow one step of a ramp; False when somebody else has just done so.

    Args:
        connection: a writing transaction.
        experiment: key of the experiment.
        order: for the audit log.
        act: whether a person approved it, or nothing spoke against it.
        step: index of the step; as many steps before it are allowed already.
        traffic: share of units that it lets in.
    """
    changed = _change(
        connection, experiment, switches.c.granted == step, {"granted": step + 1}, order
    )
    details = {"step": step + 1, "traffic": traffic}
    return changed and _noted(connection, act, experiment, order, details)


def _change(
    connection: Connection,
    experiment: str,
    so_far: ColumnElement[bool],
    values: Mapping[str, bool | int],
    order: Order,
) -> bool:
    """Whether the switch was as it had to be, and is changed now; the database settles races."""
    untouched = {"experiment": experiment, "stopped": False, "granted": 1, "changed_at": order.at}
    insert_or_read(connection, switches, untouched)
    here = switches.c.experiment == experiment
    changed = connection.execute(
        update(switches).where(here, so_far).values(**values, changed_at=order.at)
    )
    return changed.rowcount == 1


def _noted(
    connection: Connection,
    act: Act,
    experiment: str,
    order: Order,
    details: Mapping[str, str | int | float] | None = None,
) -> bool:
    entry = Entry(order.at, order.actor, act, experiment, order.reason, details or {})
    note(connection, entry)
    return True
