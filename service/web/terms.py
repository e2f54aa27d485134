"""What an order costs now and later, in words: beside the button, where it is agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from experiments import InvoiceTerms, Subscription
from service.checkout.checkouts import Checkout
from service.money import money


@dataclass(frozen=True)
class Told:
    """What the visitor is told before anything is charged.

    Attributes:
        action: the words of the last button.
        due_now: charged by the press, in minor units.
        period: what a price is for, e.g. ``a month``; None where it is paid once.
        later: what comes after ``due_now``, on its own line of the summary; None if nothing does.
        agreement: the terms in plain words, beside the button.
    """

    action: str
    due_now: int
    agreement: str
    period: str | None = None
    later: str | None = None


def told(order: Checkout, *, today: date) -> Told:
    """Put an order into words.

    Args:
        order: what is bought.
        today: the day in UTC, from which a trial and the days until due are counted.
    """
    price = money(order.price, order.currency)
    if isinstance(order.terms, Subscription):
        return _subscription(order.terms, order.price, price, today)
    if isinstance(order.terms, InvoiceTerms):
        return _invoice(order.terms, order.price, price, today)
    return Told(
        action=f"Pay {price}",
        due_now=order.price,
        agreement=f"You are charged {price} once, when you press the button.",
    )


def day(when: date, today: date) -> str:
    """A day as people write it, e.g. ``9 December``; with its year where it is another."""
    year = "" if when.year == today.year else f" {when.year}"
    return f"{when.day} {when:%B}{year}"


def due_words(price: str, due: str) -> str:
    """When an invoice has to be paid."""
    return f"You receive an invoice for {price} by email, to be paid by {due}."


def _subscription(terms: Subscription, amount: int, price: str, today: date) -> Told:
    each = period(terms)
    renews = "It renews by itself until you cancel."
    if not terms.trial_days:
        return Told(
            action=f"Subscribe for {price}",
            due_now=amount,
            agreement=f"You are charged {price} now and then {price} {each}. {renews}",
            period=each,
            later=f"Then {price} {each}",
        )
    ends = day(today + timedelta(days=terms.trial_days), today)
    return Told(
        action="Start trial",
        due_now=0,
        agreement=f"Nothing is charged today. From {ends} you are charged {price} {each}. "
        f"{renews} Cancel before {ends} and you pay nothing.",
        period=each,
        later=f"Free until {ends}, then {price} {each}",
    )


def _invoice(terms: InvoiceTerms, amount: int, price: str, today: date) -> Told:
    if not terms.sent:
        return Told(
            action=f"Pay {price}",
            due_now=amount,
            agreement=f"You are charged {price} once and receive an invoice for it.",
        )
    due = day(today + timedelta(days=terms.days_until_due), today)
    return Told(
        action="Send me the invoice",
        due_now=0,
        agreement=f"{due_words(price, due)} Nothing is charged now.",
        later=f"{price} due by {due}",
    )


def period(terms: Subscription) -> str:
    """What a price is paid for, e.g. ``a month`` or ``every 3 months``."""
    return period_words(terms.interval, terms.interval_count)


def period_words(interval: str, count: int) -> str:
    """A number of intervals in words, e.g. ``every 3 months``."""
    return f"a {interval}" if count == 1 else f"every {count} {interval}s"
