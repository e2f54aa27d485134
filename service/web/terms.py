"""What an order costs now and later, in words: beside the button, where it is agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from experiments import InvoiceTerms, Subscription
from service.checkout.checkouts import Checkout
from service.languages import Language


@dataclass(frozen=True)
class Told:
    """What the visitor is told before anything is charged.

    Attributes:
        action: the words of the last button.
        due_now: charged by the press, in minor units.
        agreement: the terms in plain words, beside the button.
        period: what a price is for, e.g. ``a month``; None where it is paid once.
        later: what comes after ``due_now``, on its own line of the summary; None if nothing does.
    """

    action: str
    due_now: int
    agreement: str
    period: str | None = None
    later: str | None = None


def told(order: Checkout, language: Language, *, today: date) -> Told:
    """Put an order into words.

    Args:
        order: what is bought.
        language: the visitor's.
        today: the day in UTC, from which a trial and the days until due are counted.
    """
    price = language.money(order.price, order.currency)
    if isinstance(order.terms, Subscription):
        return _subscription(order.terms, order.price, price, language, today)
    if isinstance(order.terms, InvoiceTerms):
        return _invoice(order.terms, order.price, price, language, today)
    return Told(
        action=language.say("Pay {price}", price=price),
        due_now=order.price,
        agreement=language.say(
            "You are charged {price} once, when you press the button.", price=price
        ),
    )


def _subscription(
    terms: Subscription, amount: int, price: str, language: Language, today: date
) -> Told:
    period = period_words(language, terms.interval, terms.interval_count)
    each = language.say("{price} {period}", price=price, period=period)
    if not terms.trial_days:
        return Told(
            action=language.say("Subscribe for {price}", price=price),
            due_now=amount,
            agreement=language.say(
                "You are charged {price} now and then {each}. "
                "It renews by itself until you cancel.",
                price=price,
                each=each,
            ),
            period=period,
            later=language.say("Then {each}", each=each),
        )
    ends = language.day(today + timedelta(days=terms.trial_days), today)
    return Told(
        action=language.say("Start trial"),
        due_now=0,
        agreement=language.say(
            "Nothing is charged today. From {day} you are charged {each}. It renews by itself "
            "until you cancel. Cancel before {day} and you pay nothing.",
            day=ends,
            each=each,
        ),
        period=period,
        later=language.say("Free until {day}, then {each}", day=ends, each=each),
    )


def _invoice(terms: InvoiceTerms, amount: int, price: str, language: Language, today: date) -> Told:
    if not terms.sent:
        return Told(
            action=language.say("Pay {price}", price=price),
            due_now=amount,
            agreement=language.say(
                "You are charged {price} once and receive an invoice for it.", price=price
            ),
        )
    due = language.day(today + timedelta(days=terms.days_until_due), today)
    return Told(
        action=language.say("Send me the invoice"),
        due_now=0,
        agreement=language.say(
            "You receive an invoice for {price} by email, to be paid by {day}. "
            "Nothing is charged now.",
            price=price,
            day=due,
        ),
        later=language.say("{price} due by {day}", price=price, day=due),
    )


def period_words(language: Language, interval: str, count: int) -> str:
    """What a price is paid for, e.g. ``a month`` or ``every 3 months``."""
    return {
        "day": language.say_many("a day", "every {count} days", count),
        "week": language.say_many("a week", "every {count} weeks", count),
        "month": language.say_many("a month", "every {count} months", count),
        "year": language.say_many("a year", "every {count} years", count),
    }[interval]
