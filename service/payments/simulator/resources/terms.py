"""The terms of a subscription: what may be agreed, and the object that says what was."""

from __future__ import annotations

from service.payments.simulator.errors import InvalidParameterError
from service.payments.simulator.parameters import merged
from service.payments.simulator.resources import (
    drafts,
    invoices,
    payment_methods,
    seats,
    settling,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

_LONGEST_TRIAL = 730


def check(work: Work, given: Json, customer: str, known: Json | None = None) -> None:
    """What a subscription may not be.

    Raises:
        ApiError: it is sent and nobody knows until when it is to be paid, or its method is
            another customer's.
        InvalidParameterError: a number out of bounds.
    """
    terms = (known or {}) | given
    if terms.get("collection_method") == "send_invoice":
        invoices.check_days(terms.get("days_until_due"))
    if given.get("default_payment_method"):
        method = work.require(
            "payment_method",
            given["default_payment_method"],
            param="default_payment_method",
            status=400,
        )
        payment_methods.usable(work, method, customer)
    if not 0 <= (given.get("trial_period_days") or 0) <= _LONGEST_TRIAL:
        raise InvalidParameterError(
            f"A trial lasts from 0 to {_LONGEST_TRIAL} days.", param="trial_period_days"
        )


def agreed(work: Work, given: Json) -> Json:
    """The subscription on these terms, not kept yet.

    Raises:
        ApiError: there is no such price.
        InvalidParameterError: it has no item, or one that is paid once only.
    """
    identity = new_id("sub")
    days = given.get("trial_period_days")
    trial_end = work.now + days * settling.DAY if days else None
    items = [seats.new_item(work, asked, identity, trial_end) for asked in given["items"]]
    if not items:
        raise InvalidParameterError("A subscription needs an item.", param="items")
    absent = (
        "application", "application_fee_percent", "billing_cycle_anchor_config",
        "billing_thresholds", "cancel_at", "canceled_at", "customer_account", "days_until_due",
        "default_payment_method", "default_source", "description", "ended_at", "latest_invoice",
        "next_pending_invoice_item_invoice", "on_behalf_of", "pause_collection",
        "pending_invoice_item_interval", "pending_setup_intent", "pending_update", "schedule",
        "test_clock", "transfer_data", "trial_end", "trial_settings", "trial_start",
    )  # fmt: skip
    settings = {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    }
    return dict.fromkeys(absent) | {
        "id": identity,
        "object": "subscription",
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": trial_end or work.now,
        "billing_mode": {"flexible": None, "type": "classic"},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": given.get("collection_method") or "charge_automatically",
        "created": work.now,
        "currency": items[0]["price"]["currency"],
        "customer": given["customer"],
        "days_until_due": given.get("days_until_due"),
        "default_payment_method": given.get("default_payment_method"),
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={identity}",
        },
        "livemode": False,
        "metadata": merged({}, given.get("metadata", {})),
        "payment_settings": settings | drafts.settings_of(given),
        "start_date": work.now,
        "status": "incomplete",
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": work.now if days else None,
    }
