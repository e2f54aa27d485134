"""What customers keep, have and owe at Stripe."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import stripe

from service.payments.gateway import OpenInvoice, Payment, Plan, SavedMethod
from service.payments.stripe_gateway.asking import answered, asked, pages

_LIVING = frozenset({"active", "past_due", "trialing", "unpaid"})
_FEATURES: Any = {
    "payment_method_redisplay": "enabled",
    "payment_method_save": "enabled",
    "payment_method_save_usage": "on_session",
    "payment_method_remove": "enabled",
    "payment_method_redisplay_limit": 5,
    "payment_method_allow_redisplay_filters": ["always", "limited"],
}


class StripeAccounts:
    """See `Accounts`."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1

    def session(self, customer_id: str) -> str:
        """See `Accounts.session`."""
        element: Any = {"enabled": True, "features": _FEATURES}
        components: Any = {"payment_element": element}
        made = asked(
            lambda: self._v1.customer_sessions.create(
                {"customer": customer_id, "components": components}
            )
        )
        return made.client_secret

    def methods(self, customer_id: str) -> list[SavedMethod]:
        """See `Accounts.methods`."""
        used = self._used(customer_id)
        listing = self._v1.payment_methods.list
        return [_method(found, used) for found in pages(listing, {"customer": customer_id})]

    def keep(
        self, customer_id: str, confirmation_token: str, *, return_url: str, idempotency_key: str
    ) -> Payment:
        """See `Accounts.keep`."""
        options: stripe.RequestOptions = {"idempotency_key": idempotency_key}
        return answered(
            lambda: self._v1.setup_intents.create(
                {
                    "customer": customer_id,
                    "confirm": True,
                    "confirmation_token": confirmation_token,
                    "return_url": return_url,
                    "usage": "off_session",
                    "automatic_payment_methods": {"enabled": True},
                },
                options,
            )
        )

    def choose(self, customer_id: str, payment_method_id: str) -> None:
        """See `Accounts.choose`."""
        settings: Any = {"invoice_settings": {"default_payment_method": payment_method_id}}
        asked(lambda: self._v1.customers.update(customer_id, settings))
        for plan in self.plans(customer_id):
            self._change(plan.subscription_id, {"default_payment_method": payment_method_id})

    def remove(self, payment_method_id: str) -> None:
        """See `Accounts.remove`."""
        asked(lambda: self._v1.payment_methods.detach(payment_method_id))

    def plans(self, customer_id: str) -> list[Plan]:
        """See `Accounts.plans`."""
        names = _Names(self._v1)
        return [_plan(each, names) for each in self._living(customer_id)]

    def end(self, subscription_id: str, *, ends: bool) -> None:
        """See `Accounts.end`."""
        self._change(subscription_id, {"cancel_at_period_end": ends})

    def collect(self, subscription_id: str, *, days_until_due: int | None) -> None:
        """See `Accounts.collect`."""
        if days_until_due is None:
            self._change(subscription_id, {"collection_method": "charge_automatically"})
        else:
            sent = {"collection_method": "send_invoice", "days_until_due": days_until_due}
            self._change(subscription_id, sent)

    def invoices(self, customer_id: str) -> list[OpenInvoice]:
        """See `Accounts.invoices`."""
        wanted = {"customer": customer_id, "status": "open"}
        return [
            OpenInvoice(
                invoice_id=found["id"],
                number=found["number"] or found["id"],
                amount=found["amount_remaining"],
                currency=found["currency"],
                due_at=_moment(found["due_date"]),
                url=found["hosted_invoice_url"],
            )
            for found in pages(self._v1.invoices.list, wanted)
        ]

    def _used(self, customer_id: str) -> set[str | None]:
        """What the customer's invoices and running subscriptions are charged to."""
        customer = asked(lambda: self._v1.customers.retrieve(customer_id)).to_dict()
        settings = customer.get("invoice_settings") or {}
        living = self._living(customer_id)
        own = {found["default_payment_method"] for found in living}
        # One of the subscription's own is charged in place of the customer's.
        return own if living and None not in own else own | {settings.get("default_payment_method")}

    def _living(self, customer_id: str) -> list[dict[str, Any]]:
        found = pages(self._v1.subscriptions.list, {"customer": customer_id})
        return [each for each in found if each["status"] in _LIVING]

    def _change(self, subscription_id: str, values: Any) -> None:
        asked(lambda: self._v1.subscriptions.update(subscription_id, values))


class _Names:
    """The names of products, each asked for once."""

    def __init__(self, v1: Any) -> None:
        self._v1 = v1
        self._known: dict[str, str] = {}

    def of(self, product: str) -> str:
        if product not in self._known:
            self._known[product] = asked(lambda: self._v1.products.retrieve(product)).name
        return self._known[product]


def _method(found: dict[str, Any], used: set[str | None]) -> SavedMethod:
    kind = found["type"]
    details = found.get(kind) or {}
    expires = (details["exp_month"], details["exp_year"]) if "exp_month" in details else None
    label = details.get("display_brand") or details.get("brand") or details.get("bank_name")
    return SavedMethod(
        payment_method_id=found["id"],
        kind=kind,
        label=(label or kind).replace("_", " ").title(),
        last4=details.get("last4") or "",
        expires=expires,
        default=found["id"] in used,
    )


def _plan(found: dict[str, Any], names: _Names) -> Plan:
    items = found["items"]["data"]
    recurring = items[0]["price"]["recurring"]
    return Plan(
        subscription_id=found["id"],
        status=found["status"],
        names=tuple(names.of(item["price"]["product"]) for item in items),
        amount=sum((item["price"]["unit_amount"] or 0) * item["quantity"] for item in items),
        currency=found["currency"],
        interval=recurring["interval"],
        interval_count=recurring["interval_count"],
        renews_at=datetime.fromtimestamp(items[0]["current_period_end"], UTC),
        ends=found["cancel_at_period_end"],
        sent=found["collection_method"] == "send_invoice",
    )


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
