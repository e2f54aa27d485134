"""Asking Stripe: patient with what passes, and what goes wrong told in Kassa's words."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

import stripe

from service.errors import PaymentBusy, PaymentFaulted, PaymentIndeterminate, PaymentRefused
from service.payments.gateway import Payment
from service.payments.wire import read_payment

# The SDK never repeats a 429; these are our own pauses, in seconds, before it is passed on.
_BUSY_PAUSES = (0.2, 0.6)
_OUR_FAULT = (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError)
# Past confirming: what it says of itself is the answer.
_PAST = {"payment_intent_unexpected_state", "setup_intent_unexpected_state"}
log = logging.getLogger(__name__)
_T = TypeVar("_T")

SETUP = "seti_"
"""How the ids of SetupIntents begin, which stand for the payment of a trial."""


def asked(call: Callable[[], _T]) -> _T:
    """What Stripe answers.

    Raises:
        PaymentRefused: Stripe will not take the request; the message is its code.
        PaymentBusy: Stripe asked to slow down.
        PaymentFaulted: Stripe failed at it.
        PaymentIndeterminate: no answer, or one that says nothing about the charge.
    """
    with translated():
        return patiently(call)


def answered(call: Callable[[], stripe.PaymentIntent | stripe.SetupIntent]) -> Payment:
    """The payment that Stripe answers with; a decline is an answer. Raises as `asked`."""
    with translated():
        try:
            return read_payment(patiently(call).to_dict())
        except stripe.CardError as exc:
            return _described(exc)
        except stripe.StripeError as exc:
            if exc.code in _PAST:
                return _described(exc)
            raise


def _described(exc: stripe.StripeError) -> Payment:
    """The payment that an error tells of: a decline, or one that is past confirming."""
    body: Any = exc.json_body or {}
    error = body.get("error", {})
    found = error.get("payment_intent") or error.get("setup_intent")
    if found is None:
        raise PaymentRefused(exc.code or type(exc).__name__) from exc
    return read_payment(found)


def patiently(call: Callable[[], _T]) -> _T:
    """What Stripe answers, after pauses where it asks to slow down; errors are the SDK's."""
    for pause in _BUSY_PAUSES:
        try:
            return call()
        except stripe.RateLimitError:
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, no secret
    return call()


@contextmanager
def translated() -> Iterator[None]:
    """What goes wrong at Stripe, in Kassa's words; see `asked`."""
    try:
        yield
    except stripe.RateLimitError as exc:
        raise PaymentBusy("Stripe asks to slow down; nothing was charged") from exc
    except (stripe.APIConnectionError, stripe.APIError) as exc:
        # Only a 500 is Stripe's last word on a request; behind others it may still be at work.
        faulted = exc.http_status == HTTPStatus.INTERNAL_SERVER_ERROR
        kind = PaymentFaulted if faulted else PaymentIndeterminate
        raise kind("Stripe did not answer; the payment is being checked") from exc
    except _OUR_FAULT as exc:
        # About our keys or our parameters, never about the charge: an earlier try may have paid.
        log.error("Stripe refuses our requests: %s, request %s", exc, exc.request_id)  # noqa: TRY400 - the sentence is what an operator needs
        raise PaymentIndeterminate("Stripe did not say how the payment stands") from exc
    except stripe.StripeError as exc:
        if exc.http_status == HTTPStatus.CONFLICT:
            raise PaymentIndeterminate("the same attempt is under way at Stripe") from exc
        log.error("Stripe refused a request: %s, request %s", exc, exc.request_id)  # noqa: TRY400 - the sentence is what an operator needs
        raise PaymentRefused(exc.code or type(exc).__name__) from exc


def pages(listing: Callable[[Any], Any], wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object of a list, page by page, each page with the pauses of any other request."""
    after: dict[str, str] = {}
    more = True
    while more:
        page = asked(lambda after=after: listing({"limit": 100, **wanted, **after}))  # type: ignore[misc]  # bound per page
        for found in page.data:
            # The SDK makes Decimals of decimal texts; on the wire they are texts.
            yield json.loads(json.dumps(found.to_dict(), default=str))
        more = bool(page.has_more and page.data)
        after = {"starting_after": page.data[-1].id} if more else {}
