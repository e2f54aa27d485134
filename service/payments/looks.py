"""Looks at a checkout: all that its page needs to know, asked of the database at once.

Pages are looked at far more often than paid, and each question costs more than its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, exists, select

from service.checkout.checkouts import Checkout, checkout_of, shaped
from service.checkout.details import TYPED, Details, typed_in
from service.errors import UnknownCheckout
from service.payments.attempts import MAY_BE_PAID, RECENTLY, attempts_of
from service.store.session import Store
from service.store.tables import checkouts, confirmations, details


@dataclass(frozen=True)
class Look:
    """What there is to show.

    Attributes:
        may_be_paid: whether it is paid or invoiced, or was tried moments ago without an answer.
        attempts: to pay it, the first one first.
        typed: what this visitor typed so far.
    """

    checkout: Checkout
    may_be_paid: bool
    attempts: Sequence[Row[Any]]
    typed: Details


def look(store: Store, checkout_id: str, unit_id: str, *, now: datetime) -> Look:
    """What a visitor is to see of a checkout.

    Raises:
        UnknownCheckout: there is none of that id.
        StoreUnavailable: the database does not answer.
    """
    if not shaped(checkout_id):
        raise _unknown(checkout_id)
    values = {"checkout_id": checkout_id, "unit_id": unit_id, "recently": now - RECENTLY}
    with store.ask() as connection:
        row = _row(connection, values)
    if not row.tried:
        return _look(row, ())
    with store.read() as connection:  # the tries and what came of them, of one moment
        row = _row(connection, values)
        return _look(row, attempts_of(connection, checkout_of(row), lock=False))


def _row(connection: Connection, values: Mapping[str, Any]) -> Row[Any]:
    row = connection.execute(_LOOK, values).one_or_none()
    if row is None:
        raise _unknown(values["checkout_id"])
    return row


def _look(row: Row[Any], attempts: Sequence[Row[Any]]) -> Look:
    return Look(
        checkout=checkout_of(row),
        may_be_paid=bool(row.may_be_paid),
        attempts=attempts,
        typed=typed_in(row[-len(TYPED) :]) if row.typed else Details(),
    )


def _unknown(checkout_id: str) -> UnknownCheckout:
    return UnknownCheckout(f"there is no checkout {checkout_id!r}")


_LOOK = (
    select(
        checkouts,
        MAY_BE_PAID.label("may_be_paid"),
        exists().where(confirmations.c.checkout_id == bindparam("checkout_id")).label("tried"),
        details.c.checkout_id.is_not(None).label("typed"),
        *(column.label(f"typed_{column.name}") for column in TYPED),
    )
    .outerjoin(
        details,
        and_(
            details.c.checkout_id == checkouts.c.checkout_id,
            details.c.unit_id == bindparam("unit_id"),
        ),
    )
    .where(checkouts.c.checkout_id == bindparam("checkout_id"))
)
