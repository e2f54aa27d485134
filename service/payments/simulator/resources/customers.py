"""Customers: who pays."""

from __future__ import annotations

from service.payments.simulator.errors import missing_resource
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import (
    ADDRESS,
    PAGE,
    SHIPPING,
    Parameters,
    mapping,
    merged,
    metadata,
    text,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id, random_text

_CHANGEABLE = {
    "address": ADDRESS,
    "description": text,
    "email": text,
    "invoice_settings": mapping(default_payment_method=text),
    "metadata": metadata,
    "name": text,
    "phone": text,
    "shipping": SHIPPING,
}
CREATE = Parameters(_CHANGEABLE)
UPDATE = Parameters(_CHANGEABLE)
DELETE = Parameters()
LIST = Parameters({**PAGE, "email": text})
RETRIEVE = Parameters()


def create(work: Work, given: Json) -> Json:
    """A new customer; nothing is required."""
    customer = work.save(_customer(work, given))
    work.emit("customer.created", customer)
    return customer


def retrieve(work: Work, _given: Json, customer: str) -> Json:
    """The customer with this id, or that they were deleted."""
    found = work.require("customer", customer)
    gone = {"id": customer, "object": "customer", "deleted": True}
    return gone if found.get("deleted") else found


def update(work: Work, given: Json, customer: str) -> Json:
    """Change what a customer says of themselves, and what their invoices are charged to."""
    before = _living(work, customer)
    settings = given.get("invoice_settings") or {}
    default = settings.get("default_payment_method")
    if default is not None:
        work.require("payment_method", default, param="invoice_settings", status=400)
    after = before | {
        name: value
        for name, value in given.items()
        if name not in {"expand", "metadata", "invoice_settings"}
    }
    after["metadata"] = merged(before["metadata"], given.get("metadata", {}))
    after["invoice_settings"] = before["invoice_settings"] | settings
    previous = {name: before[name] for name in before if before[name] != after[name]}
    work.save(after)
    work.emit("customer.updated", after, previous)
    return after


def delete(work: Work, _given: Json, customer: str) -> Json:
    """Forget a customer; what is left says only that."""
    found = _living(work, customer)
    work.save(found | {"deleted": True})
    work.emit("customer.deleted", found)
    return {"id": customer, "object": "customer", "deleted": True}


def listing_of(work: Work, given: Json) -> Json:
    """Customers, newest first, of one address if asked."""
    page = listed(work, "customer", "/v1/customers", given, {})
    email = given.get("email")
    kept = [each for each in page["data"] if not each.get("deleted")]
    return page | {"data": [each for each in kept if email is None or each["email"] == email]}


def _living(work: Work, customer: str) -> Json:
    found = work.require("customer", customer)
    if found.get("deleted"):
        raise missing_resource("customer", customer, "id")
    return found


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
            **(given.get("invoice_settings") or {}),
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
