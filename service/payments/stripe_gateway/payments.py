"""The gateway to Stripe.

With keys it talks to Stripe, with a simulator's address to the simulator; the code is the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import stripe

from service.errors import InvalidSignature
from service.payments.gateway import Confirmation, Payment
from service.payments.stripe_gateway.accounts import StripeAccounts
from service.payments.stripe_gateway.asking import SETUP, answered, asked, pages
from service.payments.stripe_gateway.billing import StripeBilling
from service.settings import StripeKeys

TOLERANCE = timedelta(minutes=5)
# Three tries of at most 13 s each and two pauses of at most 5 s: see attempts.LEASE.
_TIMEOUT = (3.05, 10.0)
_RETRIES = 2
# Of a trial, whose first payment is nothing, the SetupIntent is confirmed.


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

    @property
    def billing(self) -> StripeBilling:
        """What can be done about customers, subscriptions and invoices."""
        return StripeBilling(self._client)

    @property
    def accounts(self) -> StripeAccounts:
        """What customers may see and change of their own."""
        return StripeAccounts(self._client)

    def confirm(self, confirmation: Confirmation) -> Payment:
        """See `PaymentGateway.confirm`."""
        v1 = self._client.v1
        options: stripe.RequestOptions = {"idempotency_key": confirmation.idempotency_key}
        token, return_url = confirmation.confirmation_token, confirmation.return_url
        known = confirmation.payment_intent_id
        if known is None:
            return answered(lambda: v1.payment_intents.create(_created(confirmation), options))
        if known.startswith(SETUP):
            return answered(
                lambda: v1.setup_intents.confirm(
                    known, {"confirmation_token": token, "return_url": return_url}, options
                )
            )
        return answered(
            lambda: v1.payment_intents.confirm(
                known, {"confirmation_token": token, "return_url": return_url}, options
            )
        )

    def paid_with(self, confirmation_token: str) -> str | None:
        """See `PaymentGateway.paid_with`."""
        found = asked(lambda: self._client.v1.confirmation_tokens.retrieve(confirmation_token))
        return found.payment_intent or found.setup_intent

    def retrieve(self, payment_intent_id: str) -> Payment:
        """See `PaymentGateway.retrieve`."""
        v1 = self._client.v1
        if payment_intent_id.startswith(SETUP):
            return answered(lambda: v1.setup_intents.retrieve(payment_intent_id))
        return answered(lambda: v1.payment_intents.retrieve(payment_intent_id))

    def cancel(self, payment_intent_id: str) -> Payment:
        """See `PaymentGateway.cancel`."""
        cancel = self._client.v1.payment_intents.cancel
        return answered(lambda: cancel(payment_intent_id, {"cancellation_reason": "abandoned"}))

    def events(self, *, since: datetime, until: datetime) -> Iterator[bytes]:
        """See `Books.events`."""
        made = {"gte": int(since.timestamp()), "lte": int(until.timestamp())}
        for event in pages(self._client.v1.events.list, {"created": made}):
            yield json.dumps(event).encode()

    def listed(self, kind: str, *, since: datetime) -> Iterator[Mapping[str, Any]]:
        """See `Books.listed`."""
        return pages(self._lists[kind], {"created": {"gte": int(since.timestamp())}})

    @property
    def _lists(self) -> Mapping[str, Callable[[Any], Any]]:
        v1 = self._client.v1
        return {
            "payment_intent": v1.payment_intents.list,
            "setup_intent": v1.setup_intents.list,
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


def _created(confirmation: Confirmation) -> stripe.params.PaymentIntentCreateParams:
    wanted: stripe.params.PaymentIntentCreateParams = {
        "amount": confirmation.amount,
        "currency": confirmation.currency,
        "metadata": dict(confirmation.metadata),
        "confirm": True,
        "confirmation_token": confirmation.confirmation_token,
        "return_url": confirmation.return_url,
    }
    if confirmation.methods:
        wanted["allowed_payment_method_types"] = list(confirmation.methods)
    else:
        wanted["automatic_payment_methods"] = {"enabled": True}
    if confirmation.customer_id is not None:
        wanted["customer"] = confirmation.customer_id
    return wanted
