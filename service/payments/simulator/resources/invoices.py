"""Invoices: from draft over open to paid, void or given up."""

from __future__ import annotations

from collections.abc import Mapping

from service.payments.simulator import agenda
from service.payments.simulator.errors import ApiError, Declined, InvalidParameterError
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import (
    PAGE,
    Parameters,
    Reader,
    boolean,
    choice,
    currency,
    filled,
    integer,
    mapping,
    merged,
    metadata,
    text,
)
from service.payments.simulator.resources import attempts, invoice_items, payment_intents, settling
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

_HOUR = 3600
_CHANGEABLE: Mapping[str, Reader] = {
    "auto_advance": boolean,
    "collection_method": choice("charge_automatically", "send_invoice"),
    "days_until_due": integer,
    "default_payment_method": text,
    "description": text,
    "metadata": metadata,
}
CREATE = Parameters(
    {
        **_CHANGEABLE,
        "currency": currency,
        "customer": filled,
        "pending_invoice_items_behavior": choice("include", "exclude"),
    },
    required=("customer",),
)
UPDATE = Parameters(_CHANGEABLE)
FINALIZE = Parameters({"auto_advance": boolean})
PAY = Parameters({"off_session": boolean, "paid_out_of_band": boolean, "payment_method": text})
NOTHING = Parameters()
LIST = Parameters(
    {
        **PAGE,
        "customer": text,
        "subscription": text,
        "status": choice("draft", "open", "paid", "uncollectible", "void"),
    }
)

PAYMENTS = Parameters(
    {
        **PAGE,
        "invoice": text,
        "payment": mapping(type=choice("payment_intent"), payment_intent=text),
        "status": choice("open", "paid", "canceled"),
    }
)


def create(work: Work, given: Json) -> Json:
    """A draft, with the customer's pending items if asked."""
    customer = work.require("customer", given["customer"], param="customer", status=400)
    invoice = _draft(work, given, customer)
    if given.get("pending_invoice_items_behavior") == "include":
        for item in invoice_items.items_of(work, "customer", customer["id"]):
            if item["invoice"] is None:
                work.save(item | {"invoice": invoice["id"]})
                _move(work, item["id"], invoice["id"])
    invoice = work.save(_summed(work, invoice), {"days": given.get("days_until_due")})
    work.emit("invoice.created", invoice)
    if invoice["auto_advance"]:
        agenda.schedule(work, work.now + _HOUR, "finalize_invoice", invoice["id"])
    return invoice


def bill_subscription(
    work: Work, subscription: Json, lines: list[Json], reason: str, *, days: int | None
) -> Json:
    """A draft over what a subscription asks for, with what waits for its customer.

    Args:
        work: the request.
        subscription: as it now is.
        lines: what it asks for, without their invoice.
        reason: Stripe's billing reason.
        days: until a sent invoice is due.
    """
    customer = work.require("customer", subscription["customer"])
    asked = {
        "auto_advance": True,
        "collection_method": subscription["collection_method"],
        "currency": subscription["currency"],
        "default_payment_method": subscription["default_payment_method"],
    }
    draft = _draft(work, asked, customer) | {
        "billing_reason": reason,
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription["id"],
                "subscription_proration_date": None,
            },
            "type": "subscription_details",
        },
    }
    preset = [line | {"invoice": draft["id"]} for line in lines]
    work.save(draft, {"days": days, "lines": preset, "subscription": subscription["id"]})
    for item in invoice_items.items_of(work, "customer", customer["id"]):
        if item["invoice"] is None:
            work.save(item | {"invoice": draft["id"]})
            _move(work, item["id"], draft["id"])
    draft = work.save(_summed(work, draft))
    work.emit("invoice.created", draft)
    return draft


def retrieve(work: Work, _given: Json, invoice: str) -> Json:
    """The invoice with this id; a draft with what it asks for by now."""
    found = work.require("invoice", invoice)
    return _summed(work, found) if found["status"] == "draft" else found


def listing_of(work: Work, given: Json) -> Json:
    """Invoices, newest first, of one customer if asked."""
    wanted = {"customer": [given["customer"]]} if given.get("customer") else {}
    subscription = given.get("subscription")
    if subscription:
        wanted["customer"] = [work.require("subscription", subscription)["customer"]]
    page = listed(work, "invoice", "/v1/invoices", given, wanted)
    status = given.get("status")
    kept = [i for i in page["data"] if status is None or i["status"] == status]
    if subscription:
        kept = [i for i in kept if settling.subscription_of(i) == subscription]
    return page | {"data": kept}


def update(work: Work, given: Json, invoice: str) -> Json:
    """Change a draft."""
    found = _in(work, invoice, "draft")
    changed = found | {n: v for n, v in given.items() if n in found and n != "metadata"}
    changed["metadata"] = merged(found["metadata"], given.get("metadata", {}))
    kept = work.private(invoice)
    kept |= {"days": given.get("days_until_due", kept.get("days"))}
    changed = work.save(_summed(work, changed), kept)
    work.emit("invoice.updated", changed, {n: found[n] for n in found if found[n] != changed[n]})
    return changed


def delete(work: Work, _given: Json, invoice: str) -> Json:
    """Forget a draft."""
    draft = _in(work, invoice, "draft")
    work.connection.execute("DELETE FROM objects WHERE id = ?", (invoice,))
    agenda.cancel(work, "finalize_invoice", invoice)
    work.emit("invoice.deleted", draft)
    return {"id": invoice, "object": "invoice", "deleted": True}


def finalize(work: Work, given: Json, invoice: str) -> Json:
    """Make a bill of a draft; one over nothing is paid at once."""
    draft = _summed(work, _in(work, invoice, "draft"))
    agenda.cancel(work, "finalize_invoice", invoice)
    customer = work.require("customer", draft["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    work.save(customer | {"next_invoice_sequence": customer["next_invoice_sequence"] + 1})
    sent = draft["collection_method"] == "send_invoice"
    due = work.now + (_days(work, invoice) or 0) * settling.DAY if sent else None
    advance = given.get("auto_advance", draft["auto_advance"])
    bill = draft | {
        "status": "open",
        "number": number,
        "auto_advance": advance,
        "automatically_finalizes_at": None,
        "due_date": due,
        "effective_at": work.now,
        "hosted_invoice_url": f"https://invoice.stripe.com/i/simulated/{invoice}",
        "status_transitions": draft["status_transitions"] | {"finalized_at": work.now},
    }
    if bill["amount_due"]:
        bill |= {"payments": _payments(invoice, [_payment(work, bill)])}
    work.save(bill)
    work.emit("invoice.finalized", bill)
    if not bill["amount_due"]:
        return settling.credit(work, bill, 0)
    if due is not None:
        agenda.schedule(work, due, "mark_overdue", invoice)
    elif advance:
        agenda.schedule(work, work.now + _HOUR, "collect_invoice", invoice)
    return bill


def pay(work: Work, given: Json, invoice: str) -> Json | Declined:
    """Charge an invoice now, a draft too, or note that it was paid elsewhere."""
    if work.require("invoice", invoice)["status"] == "draft":
        finalize(work, {}, invoice)
    bill = _in(work, invoice, "open", "uncollectible")
    if given.get("paid_out_of_band"):
        return settling.credit(work, bill, bill["amount_remaining"])
    customer = work.require("customer", bill["customer"])
    chosen = (
        given.get("payment_method")
        or bill["default_payment_method"]
        or customer["invoice_settings"]["default_payment_method"]
    )
    if not chosen:
        raise ApiError(
            "There is no default_payment_method set on this Customer or Invoice.",
            code="missing",
        )
    (paid,) = _open_payments(work, invoice)
    intent = work.require("payment_intent", paid["payment"]["payment_intent"])
    confirmed = {"payment_method": chosen, "off_session": given.get("off_session", True)}
    outcome = attempts.confirm(work, intent, confirmed)
    if isinstance(outcome, Declined):
        return outcome
    return work.require("invoice", invoice)


def send(work: Work, _given: Json, invoice: str) -> Json:
    """Send a bill to its customer; a draft becomes one first."""
    found = work.require("invoice", invoice)
    bill = finalize(work, {}, invoice) if found["status"] == "draft" else _in(work, invoice, "open")
    work.emit("invoice.sent", bill)
    return bill


def void(work: Work, _given: Json, invoice: str) -> Json:
    """Take a bill back."""
    bill = _in(work, invoice, "open", "uncollectible")
    return _ended(work, bill, "void", "voided_at", "invoice.voided")


def mark_uncollectible(work: Work, _given: Json, invoice: str) -> Json:
    """Give a bill up."""
    bill = _in(work, invoice, "open")
    told = "invoice.marked_uncollectible"
    return _ended(work, bill, "uncollectible", "marked_uncollectible_at", told)


def finalize_due(work: Work, invoice: str) -> None:
    """An hour has passed since the draft was made."""
    found = work.get(invoice)
    if found is not None and found["status"] == "draft":
        finalize(work, {}, invoice)


def collect_due(work: Work, invoice: str) -> None:
    """The time of a try has come."""
    bill = work.require("invoice", invoice)
    if bill["status"] == "open":
        try:
            pay(work, {"off_session": True}, invoice)
        except ApiError:
            # Nothing to charge: the customer has to pay by themselves.
            work.save(bill | {"attempted": True, "next_payment_attempt": None})


def overdue(work: Work, invoice: str) -> None:
    """The due date has passed."""
    bill = work.require("invoice", invoice)
    if bill["status"] == "open":
        work.emit("invoice.overdue", bill)


def receive_money(work: Work, given: Json) -> Json:
    """Money comes by bank transfer: a part, all, or too much."""
    bill = _in(work, given["invoice"], "open", "uncollectible", "paid")
    if given["amount"] < 1:
        raise InvalidParameterError("amount is at least 1.", param="amount")
    return settling.credit(work, bill, given["amount"])


MONEY = Parameters({"invoice": filled, "amount": integer}, required=("invoice", "amount"))


def payments_of(work: Work, given: Json) -> Json:
    """Invoice payments, newest first, of one invoice or PaymentIntent."""
    paid_by = given.get("payment") or {}
    wanted = {"invoice": [given["invoice"]]} if given.get("invoice") else {}
    if paid_by.get("payment_intent"):
        wanted["payment_intent"] = [paid_by["payment_intent"]]
    return listed(work, "invoice_payment", "/v1/invoice_payments", given, wanted)


def _in(work: Work, invoice: str, *statuses: str) -> Json:
    found = work.require("invoice", invoice)
    if found["status"] not in statuses:
        raise ApiError(
            f"This invoice is {found['status']}; that is possible only while it is "
            f"{' or '.join(statuses)}.",
            code="invoice_not_editable" if "draft" in statuses else None,
        )
    return found


def _ended(work: Work, bill: Json, status: str, stamp: str, told: str) -> Json:
    ended = bill | {
        "status": status,
        "next_payment_attempt": None,
        "status_transitions": bill["status_transitions"] | {stamp: work.now},
    }
    work.save(ended)
    agenda.cancel(work, "collect_invoice", bill["id"])
    work.emit(told, ended)
    return ended


def _days(work: Work, invoice: str) -> int | None:
    days: int | None = work.private(invoice).get("days")
    return days


def _move(work: Work, item: str, invoice: str) -> None:
    work.connection.execute("UPDATE objects SET invoice = ? WHERE id = ?", (invoice, item))


def _payment(work: Work, bill: Json) -> Json:
    """How a bill is to be paid: by a PaymentIntent of its own."""
    intent = payment_intents.create_for_invoice(work, bill, bill["amount_due"])
    return work.save(
        {
            "id": new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": bill["amount_due"],
            "created": work.now,
            "currency": bill["currency"],
            "invoice": bill["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def _open_payments(work: Work, invoice: str) -> list[Json]:
    wanted = {"invoice": [invoice]}
    found = work.page("invoice_payment", wanted, {}, before=None, after=None, limit=10)
    return [each for each in found if each["status"] == "open"]


def _payments(invoice: str, found: list[Json]) -> Json:
    url = f"/v1/invoice_payments?invoice={invoice}"
    return {"object": "list", "data": found, "has_more": False, "url": url}


def _summed(work: Work, draft: Json) -> Json:
    """A draft with the lines of its items, and what they come to."""
    items = invoice_items.items_of(work, "invoice", draft["id"])
    preset: list[Json] = work.private(draft["id"]).get("lines", [])
    lines = [*preset, *(invoice_items.line_of(item, draft["id"]) for item in items)]
    total = sum(line["amount"] for line in lines)
    code = lines[0]["currency"] if lines else draft["currency"]
    return draft | {
        "currency": code,
        "lines": draft["lines"] | {"data": lines},
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
        "amount_due": max(0, total),
        "amount_remaining": max(0, total),
    }


def _draft(work: Work, given: Json, customer: Json) -> Json:
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
        },
        "payments": _payments(identity, []),
        "period_end": work.now,
        "period_start": work.now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
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
