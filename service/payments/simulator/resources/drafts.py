"""Drafts: what an invoice will ask for, as long as that may still change."""

from __future__ import annotations

from service.payments.simulator.errors import InvalidParameterError
from service.payments.simulator.parameters import merged
from service.payments.simulator.resources import invoice_items
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id


def summed(work: Work, draft: Json, customer: Json) -> Json:
    """A draft with the lines of its items, and what they come to.

    Raises:
        InvalidParameterError: its items are in several currencies.
    """
    items = invoice_items.items_of(work, "invoice", draft["id"])
    preset: list[Json] = work.private(draft["id"]).get("lines", [])
    lines = [*preset, *(invoice_items.line_of(item, draft["id"]) for item in items)]
    return counted(draft, lines, customer)


def counted(draft: Json, lines: list[Json], customer: Json) -> Json:
    """A draft with these lines; what the customer is owed comes off, what they owe is added.

    Raises:
        InvalidParameterError: they are in several currencies.
    """
    currencies = {line["currency"] for line in lines} or {draft["currency"]}
    if len(currencies) > 1:
        raise InvalidParameterError("All items of an invoice have one currency.", param="currency")
    total = sum(line["amount"] for line in lines)
    due = max(0, total + customer["balance"])
    return draft | {
        "currency": currencies.pop(),
        "lines": draft["lines"] | {"data": lines},
        "starting_balance": customer["balance"],
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "amount_due": due,
        "amount_remaining": due,
    }


def settings_of(given: Json) -> Json:
    """The payment settings a caller gave; no types named means all."""
    settings: Json = given.get("payment_settings") or {"payment_method_types": None}
    if "payment_method_types" in settings:
        return settings | {"payment_method_types": settings["payment_method_types"] or None}
    return settings


def collect_items(work: Work, draft: str, customer: str) -> None:
    """What waits for the customer's next invoice comes on this one."""
    for item in invoice_items.items_of(work, "customer", customer):
        if item["invoice"] is None:
            work.save(item | {"invoice": draft})


def new_draft(work: Work, given: Json, customer: Json) -> Json:
    """An invoice over nothing yet; neither kept nor told of."""
    identity = new_id("in")
    off = {"enabled": False, "disabled_reason": None, "liability": None, "provider": None}
    absent = (
        "account_name", "account_tax_ids", "application", "automatically_finalizes_at",
        "custom_fields", "customer_account", "customer_shipping", "default_source", "due_date",
        "effective_at", "ending_balance", "footer", "from_invoice", "hosted_invoice_url",
        "invoice_pdf", "last_finalization_error", "latest_revision", "next_payment_attempt",
        "number", "on_behalf_of", "parent", "receipt_number", "rendering", "shipping_cost",
        "shipping_details", "statement_descriptor", "status_details", "test_clock",
        "webhooks_delivered_at",
    )  # fmt: skip
    return dict.fromkeys(absent) | {
        "id": identity,
        "object": "invoice",
        "account_country": "US",
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": given.get("auto_advance", False),
        "automatic_tax": off | {"status": None},
        "billing_reason": "manual",
        "collection_method": given.get("collection_method") or "charge_automatically",
        "created": work.now,
        "currency": given.get("currency") or customer["currency"] or "usd",
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": given.get("default_payment_method"),
        "default_tax_rates": [],
        "description": given.get("description"),
        "discounts": [],
        "issuer": {"type": "self"},
        "lines": {
            "object": "list",
            "data": [],
            "has_more": False,
            "url": f"/v1/invoices/{identity}/lines",
        },
        "livemode": False,
        "metadata": merged({}, given.get("metadata", {})),
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
            **settings_of(given),
        },
        "period_end": work.now,
        "period_start": work.now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": customer["balance"],
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "threshold_reason": None,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }
