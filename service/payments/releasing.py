"""Letting go of what was begun to be paid, so that an order can be paid otherwise, or never."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from service.errors import PaymentUnderWay
from service.payments.attempts import CANCELED, NOT_PAID, AttemptStatus, change_attempt
from service.payments.gateway import PaymentGateway, PaymentStatus
from service.store.session import Store

_STOPPED = {*NOT_PAID, AttemptStatus.REQUIRES_ACTION}


def refuse_under_way(attempts: Sequence[Row[Any]]) -> None:
    """Refuse to let go of a payment that may come.

    Raises:
        PaymentUnderWay: Stripe has not answered a try, or the money is on its way.
    """
    if any(attempt.status not in _STOPPED for attempt in attempts):
        raise PaymentUnderWay("a payment is under way; nothing else was asked for this order")


def released(store: Store, gateway: PaymentGateway, attempts: Sequence[Row[Any]]) -> bool:
    """Whether nothing that was begun can be paid any more.

    Raises:
        PaymentBusy: Stripe asked to slow down; ask again.
        PaymentIndeterminate: no answer; ask again.
    """
    for attempt in attempts:
        if attempt.payment_intent_id is None or attempt.failure_code == CANCELED:
            continue
        payment = gateway.cancel(attempt.payment_intent_id)
        if payment.status is not PaymentStatus.CANCELED:
            return False
        give_up(store, [attempt])
    return True


def give_up(store: Store, attempts: Sequence[Row[Any]]) -> None:
    """Write down that nothing will come of tries any more."""
    over = {"status": AttemptStatus.REFUSED.value, "failure_code": CANCELED}
    with store.write() as connection:
        for attempt in attempts:
            change_attempt(connection, attempt, **over)
