"""What happened to units, wherever the store keeps it: events of the funnel, rows of the ledger.

A visitor's events carry its id. Everything else belongs to a unit through the checkout it happened
in: to the visitor who saw that, or to the customer that the merchant named. What happened in a
preview belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    String,
    and_,
    case,
    cast,
    null,
    true,
    type_coerce,
)

from experiments import LEDGER_EVENTS, LedgerColumn, Metric, Unit
from service.store.tables import charges, checkouts, events, payments


@dataclass(frozen=True)
class Records:
    """Rows that belong to units, and what each says.

    Attributes:
        rows: the table, joined with what tells whose its rows are.
        owner: the unit that a row belongs to.
        happened_at: when it happened, in microseconds.
        learnt_at: when the store learnt of it.
        counted: which of the rows count.
        value: what a row adds to its unit's sum.
        currency: of `value`; NULL where that is no money.
    """

    rows: FromClause
    owner: ColumnElement[Any]
    happened_at: ColumnElement[int]
    learnt_at: ColumnElement[datetime]
    counted: ColumnElement[bool]
    value: ColumnElement[Any]
    currency: ColumnElement[Any]


def records_of(metric: Metric, unit: Unit) -> Records:
    """The rows that a metric counts, for units of a kind."""
    if metric.ledger is not None:
        return ledger_rows(metric.ledger, unit)
    return replace(funnel_events(unit), counted=events.c.name == str(metric.event))


def funnel_events(unit: Unit) -> Records:
    """Every event of units of a kind."""
    rows, owner = _EVENTS[unit]
    return Records(
        rows=rows,
        owner=owner,
        happened_at=_EVENT_AT,
        learnt_at=events.c.received_at,
        counted=true(),
        value=events.c.value,
        currency=events.c.currency,
    )


# A visitor's clock may be wrong by hours; the ledger's times are Stripe's.
_EVENT_AT = type_coerce(
    case(
        (events.c.name.in_(sorted(LEDGER_EVENTS)), events.c.occurred_at),
        else_=events.c.received_at,
    ),
    BigInteger,
)
_CHECKOUT_OF_EVENT = and_(
    checkouts.c.checkout_id == events.c.checkout_id, checkouts.c.preview.is_(False)
)
_EVENTS: Mapping[Unit, tuple[FromClause, ColumnElement[Any]]] = {
    Unit.VISITOR: (events, events.c.unit_id),
    Unit.CUSTOMER: (events.join(checkouts, _CHECKOUT_OF_EVENT), checkouts.c.customer),
}


@dataclass(frozen=True)
class _Column:
    """A column of the ledger, as a metric reads it."""

    rows: FromClause
    at: ColumnElement[Any]
    counted: ColumnElement[bool]
    value: ColumnElement[Any]
    currency: ColumnElement[Any]


# A payment of another amount than the checkout's is shown to people, and counted nowhere.
_PAYMENTS = payments.join(
    checkouts,
    and_(
        checkouts.c.checkout_id == payments.c.checkout_id,
        checkouts.c.preview.is_(False),
        payments.c.mismatch.is_(False),
    ),
)
_CHARGES = charges.join(_PAYMENTS, payments.c.payment_intent_id == charges.c.payment_intent_id)
_COLUMNS: Mapping[LedgerColumn, _Column] = {
    LedgerColumn.AMOUNT_RECEIVED: _Column(
        _PAYMENTS,
        payments.c.succeeded_at,
        payments.c.amount_received > 0,
        payments.c.amount_received,
        payments.c.currency,
    ),
    # A declined charge has an amount too, which nobody paid.
    LedgerColumn.AMOUNT_CHARGED: _Column(
        _CHARGES,
        charges.c.charged_at,
        charges.c.status == "succeeded",
        charges.c.amount,
        charges.c.currency,
    ),
    LedgerColumn.AMOUNT_REFUNDED: _Column(
        _CHARGES,
        charges.c.charged_at,
        charges.c.amount_refunded > 0,
        charges.c.amount_refunded,
        charges.c.currency,
    ),
    LedgerColumn.DISPUTED: _Column(
        _CHARGES,
        charges.c.charged_at,
        charges.c.disputed.is_(True),
        cast(charges.c.disputed, Integer),
        type_coerce(null(), String),
    ),
}
_OWNERS: Mapping[Unit, ColumnElement[Any]] = {
    Unit.VISITOR: checkouts.c.unit_id,
    Unit.CUSTOMER: checkouts.c.customer,
}


def ledger_rows(named: LedgerColumn, unit: Unit) -> Records:
    """The rows of the ledger, for units of a kind.

    The ledger tells what stands, not since when: a row is known from the time it is about.
    """
    column = _COLUMNS[named]
    return Records(
        rows=column.rows,
        owner=_OWNERS[unit],
        happened_at=type_coerce(column.at, BigInteger),
        learnt_at=column.at,
        counted=column.counted,
        value=column.value,
        currency=column.currency,
    )
