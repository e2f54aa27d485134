"""The gateway to Stripe: the only module that imports stripe.

With keys it talks to Stripe, with a simulator's address to the simulator; the code is the same.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, TypeVar

import stripe

from service.errors import InvalidSignature, PaymentBusy, PaymentIndeterminate, PaymentRefused
from service.payments.gateway import Confirmation, Payment
from service.payments.wire import read_payment
from service.settings import StripeKeys

TOLERANCE = timedelta(minutes=5)
# Three tries of at most 13 s each and two pauses of at most 5 s: see attempts.LEASE.
_TIMEOUT = (3.05, 10.0)
_RETRIES = 2
# The SDK never repeats a 429; these are our own pauses, in seconds, before it is passed on.
_BUSY_PAUSES = (0.2, 0.6)

_OUR_FAULT = (stripe.AuthenticationError, stripe.PermissionError, stripe.IdempotencyError)
log = logging.getLogger(__name__)
_T = TypeVar("_T")


class StripeGateway:
    """Stripe through stripe-python, with explicit timeouts and retries, and no telemetry."""

    def __init__(self, keys: StripeKeys, *, base_address: str | None = None) -> None:
        stripe.enable_telemetry = False
        stripe.set_app_info("Kassa", version=version("kassa"))
        self._keys = keys
        self._client = stripe.StripeClient(
            keys.secret_key,
            base_addresses={"api": base_address} if base_address else None,
            max_network_retries=_RETRIES,
            http_client=stripe.RequestsClient(timeout=_TIMEOUT),
        )

    @property
    def publishable_key(self) -> str:
        """The key that Stripe.js is started with."""
        return self._keys.publishable_key

    def confirm(self, confirmation: Confirmation) -> Payment:
        """See `PaymentGateway.confirm`."""
        intents = self._client.v1.payment_intents
        options: stripe.RequestOptions = {"idempotency_key": confirmation.idempotency_key}
        token, return_url = confirmation.confirmation_token, confirmation.return_url
        known = confirmation.payment_intent_id
        if known is not None:
            return _answered(
                lambda: intents.confirm(
                    known, {"confirmation_token": token, "return_url": return_url}, options
                )
            )
        return _answered(
            lambda: intents.create(
                {
                    "amount": confirmation.amount,
                    "currency": confirmation.currency,
                    "metadata": dict(confirmation.metadata),
                    "automatic_payment_methods": {"enabled": True},
                    "confirm": True,
                    "confirmation_token": token,
                    "return_url": return_url,
                },
                options,
            )
        )

    def retrieve(self, payment_intent_id: str) -> Payment:
        """See `PaymentGateway.retrieve`."""
        return _answered(lambda: self._client.v1.payment_intents.retrieve(payment_intent_id))

    def pay_invoice(self, invoice_id: str, *, idempotency_key: str) -> str:
        """See `Billing.pay_invoice`."""
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        pay = self._client.v1.invoices.pay
        with _translated():
            try:
                paid = _patiently(lambda: pay(invoice_id, {"off_session": True}, options))
            except stripe.CardError as exc:
                return exc.code or "card_declined"
        return paid.status or "open"

    def events(self, *, since: datetime, until: datetime) -> Iterator[bytes]:
        """See `Books.events`."""
        made = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
        for event in _pages(self._client.v1.events.list, {"created": made}):
            yield json.dumps(event).encode()

    def listed(self, kind: str, *, since: datetime) -> Iterator[Mapping[str, Any]]:
        """See `Books.listed`."""
        return _pages(self._lists[kind], {"created": {"gte": int(since.timestamp())}})

    @property
    def _lists(self) -> Mapping[str, Callable[[Any], Any]]:
        v1 = self._client.v1
        return {
            "payment_intent": v1.payment_intents.list,
            "charge": v1.charges.list,
            "refund": v1.refunds.list,
            "dispute": v1.disputes.list,
            "radar.early_fraud_warning": v1.radar.early_fraud_warnings.list,
            # Else those that ended are left out.
            "subscription": lambda asked: v1.subscriptions.list(asked | {"status": "all"}),
            "invoice": v1.invoices.list,
            "invoice_payment": v1.invoice_payments.list,
            "balance_transaction": v1.balance_transactions.list,
        }

    def verify(self, body: bytes, signature: str | None, *, now: datetime) -> None:
        """See `PaymentGateway.verify`; the clock is bound both ways, which the SDK does not do."""
        header = signature or ""
        if not header.isascii() or not _fresh(header, now):
            raise InvalidSignature("the signature does not match")
        for secret in self._keys.webhook_secrets:
            try:
                stripe.WebhookSignature.verify_header(body, header, secret)
            except (stripe.SignatureVerificationError, UnicodeDecodeError):
                continue
            return
        raise InvalidSignature("the signature does not match")


def _fresh(header: str, now: datetime) -> bool:
    stamps = [part[2:] for part in header.split(",") if part.startswith("t=")]
    if len(stamps) != 1 or not stamps[0].isdigit() or len(stamps[0]) > 12:
        return False
    return abs(now.timestamp() - int(stamps[0])) <= TOLERANCE.total_seconds()


def _pages(listing: Callable[[Any], Any], asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object of a list, page by page, each page with the pauses of any other request."""
    after: dict[str, str] = {}
    more = True
    while more:
        with _translated():
            page = _patiently(lambda after=after: listing({"limit": 100, **asked, **after}))  # type: ignore[misc]  # bound per page
        for found in page.data:
            # The SDK makes Decimals of decimal texts; on the wire they are texts.
            yield json.loads(json.dumps(found.to_dict(), default=str))
        more = bool(page.has_more and page.data)
        after = {"starting_after": page.data[-1].id} if more else {}


def _answered(call: Callable[[], stripe.PaymentIntent]) -> Payment:
    with _translated():
        try:
            return read_payment(_patiently(call).to_dict())
        except stripe.CardError as exc:
            return _described(exc)
        except stripe.StripeError as exc:
            if exc.code == "payment_intent_unexpected_state":
                return _described(exc)
            raise


@contextmanager
def _translated() -> Iterator[None]:
    """What goes wrong at Stripe, in Kassa's words."""
    try:
        yield
    except stripe.RateLimitError as exc:
        raise PaymentBusy("Stripe asks to slow down; nothing was charged") from exc
    except (stripe.APIConnectionError, stripe.APIError) as exc:
        raise PaymentIndeterminate("Stripe did not answer; the payment is being checked") from exc
    except _OUR_FAULT as exc:
        # About our keys or our parameters, never about the charge: an earlier try may have paid.
        log.error("Stripe refuses our requests: %s, request %s", exc, exc.request_id)  # noqa: TRY400 - the sentence is what an operator needs
        raise PaymentIndeterminate("Stripe did not say how the payment stands") from exc
    except stripe.StripeError as exc:
        if exc.http_status == HTTPStatus.CONFLICT:
            raise PaymentIndeterminate("the same attempt is under way at Stripe") from exc
        log.error("Stripe refused a request: %s, request %s", exc, exc.request_id)  # noqa: TRY400 - the sentence is what an operator needs
        raise PaymentRefused(exc.code or type(exc).__name__) from exc


def _patiently(call: Callable[[], _T]) -> _T:
    for pause in _BUSY_PAUSES:
        try:
            return call()
        except stripe.RateLimitError:
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, no secret
    return call()


def _described(exc: stripe.StripeError) -> Payment:
    """The payment that an error tells of: a decline, or one that is past confirming."""
    body: Any = exc.json_body or {}
    error = body.get("error", {})
    if "payment_intent" not in error:
        raise PaymentRefused(exc.code or type(exc).__name__) from exc
    return read_payment(error["payment_intent"])
