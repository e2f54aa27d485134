"""Customers: who pays."""

from __future__ import annotations

from service.payments.simulator.parameters import (
    ADDRESS,
    SHIPPING,
    Parameters,
    merged,
    metadata,
    text,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id, random_text

CREATE = Parameters(
    {
        "address": ADDRESS,
        "description": text,
        "email": text,
        "metadata": metadata,
        "name": text,
        "phone": text,
        "shipping": SHIPPING,
    }
)
RETRIEVE = Parameters()


def create(work: Work, given: Json) -> Json:
    """A new customer; nothing is required."""
    customer = work.save(_customer(work, given))
    work.emit("customer.created", customer)
    return customer


def retrieve(work: Work, _given: Json, customer: str) -> Json:
    """The customer with this id."""
    return work.require("customer", customer)


def _customer(work: Work, given: Json) -> Json:
    return {
        "id": new_id("cus"),
        "object": "customer",
        "address": given.get("address"),
        "balance": 0,
        "created": work.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": given.get("description"),
        "discount": None,
        "email": given.get("email"),
        "invoice_prefix": random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": merged({}, given.get("metadata", {})),
        "name": given.get("name"),
        "next_invoice_sequence": 1,
        "phone": given.get("phone"),
        "preferred_locales": [],
        "shipping": given.get("shipping"),
        "tax_exempt": "none",
        "test_clock": None,
    }
