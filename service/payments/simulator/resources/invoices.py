"""Invoices: from draft over open to paid, void or given up."""

from __future__ import annotations

from collections.abc import Mapping

from service.payments.simulator import agenda
from service.payments.simulator.errors import ApiError, InvalidParameterError
from service.payments.simulator.pages import listed, listed_among
from service.payments.simulator.parameters import (
    METHOD_TYPES,
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
from service.payments.simulator.resources import (
    drafts,
    invoice_payments,
    payment_intents,
    settling,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

_HOUR = 3600
_WARNED_BEFORE = 3 * settling.DAY
_LATEST = 3650
_CHANGEABLE: Mapping[str, Reader] = {
    "auto_advance": boolean,
    "collection_method": choice("charge_automatically", "send_invoice"),
    "days_until_due": integer,
    "default_payment_method": text,
    "description": text,
    "metadata": metadata,
    "payment_settings": mapping(payment_method_types=METHOD_TYPES),
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
NOTHING = Parameters()
LIST = Parameters(
    {
        **PAGE,
        "customer": text,
        "subscription": text,
        "status": choice("draft", "open", "paid", "uncollectible", "void"),
    }
)
LINES = Parameters({"ending_before": text, "limit": integer, "starting_after": text})


def create(work: Work, given: Json) -> Json:
    """A draft, with the customer's pending items if asked."""
    customer = work.require("customer", given["customer"], param="customer", status=400)
    draft = drafts.new_draft(work, given, customer)
    if draft["collection_method"] == "send_invoice":
        check_days(given.get("days_until_due"))
    if given.get("pending_invoice_items_behavior") == "include":
        drafts.collect_items(work, draft["id"], customer["id"])
    draft = work.save(drafts.summed(work, draft, customer), {"days": given.get("days_until_due")})
    work.emit("invoice.created", draft)
    if draft["auto_advance"]:
        agenda.schedule(work, work.now + _HOUR, "finalize_invoice", draft["id"])
    return draft


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
    draft = _over(work, subscription, customer, reason)
    preset = [line | {"invoice": draft["id"]} for line in lines]
    work.save(draft, {"days": days, "lines": preset})
    drafts.collect_items(work, draft["id"], customer["id"])
    draft = work.save(drafts.summed(work, draft, customer))
    work.emit("invoice.created", draft)
    return draft


def preview(work: Work, subscription: Json, lines: list[Json]) -> None:
    """Tell of the invoice that a subscription will be billed by; there is none of it yet."""
    customer = work.require("customer", subscription["customer"])
    coming = _over(work, subscription, customer, "upcoming")
    coming |= {
        "id": f"upcoming_{coming['id']}",
        "next_payment_attempt": lines[0]["period"]["start"],
    }
    named = [line | {"invoice": coming["id"]} for line in lines]
    work.emit("invoice.upcoming", drafts.counted(coming, named, customer))


def _over(work: Work, subscription: Json, customer: Json, reason: str) -> Json:
    asked = {
        "auto_advance": True,
        "collection_method": subscription["collection_method"],
        "currency": subscription["currency"],
        "payment_settings": {
            "payment_method_types": subscription["payment_settings"]["payment_method_types"]
        },
    }
    return drafts.new_draft(work, asked, customer) | {
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


def retrieve(work: Work, _given: Json, invoice: str) -> Json:
    """The invoice with this id; a draft with what it asks for by now."""
    found = work.require("invoice", invoice)
    return _counted(work, found) if found["status"] == "draft" else found


def listing_of(work: Work, given: Json) -> Json:
    """Invoices, newest first, of one customer, subscription or status if asked."""
    names = ("customer", "subscription", "status")
    wanted = {name: [given[name]] for name in names if given.get(name)}
    return listed(work, "invoice", "/v1/invoices", given, wanted)


def lines_of(work: Work, given: Json, invoice: str) -> Json:
    """An invoice's lines, in their order."""
    return listed_among(retrieve(work, {}, invoice)["lines"], "line_item", given)


def update(work: Work, given: Json, invoice: str) -> Json:
    """Change a draft."""
    found = bill_in(work, invoice, "draft")
    special = {"metadata", "payment_settings"}
    changed = found | {n: v for n, v in given.items() if n in found and n not in special}
    changed["metadata"] = merged(found["metadata"], given.get("metadata", {}))
    if "payment_settings" in given:
        changed["payment_settings"] = found["payment_settings"] | drafts.settings_of(given)
    kept = work.private(invoice)
    kept |= {"days": given.get("days_until_due", kept.get("days"))}
    if changed["collection_method"] == "send_invoice":
        check_days(kept["days"])
    changed = work.save(_counted(work, changed), kept)
    agenda.cancel(work, "finalize_invoice", invoice)
    if changed["auto_advance"]:
        due = max(work.now, changed["created"] + _HOUR)
        agenda.schedule(work, due, "finalize_invoice", invoice)
    work.emit("invoice.updated", changed, {n: found[n] for n in found if found[n] != changed[n]})
    return changed


def delete(work: Work, _given: Json, invoice: str) -> Json:
    """Forget a draft."""
    draft = bill_in(work, invoice, "draft")
    work.connection.execute("DELETE FROM objects WHERE id = ?", (invoice,))
    agenda.cancel(work, "finalize_invoice", invoice)
    work.emit("invoice.deleted", draft)
    return {"id": invoice, "object": "invoice", "deleted": True}


def finalize(work: Work, given: Json, invoice: str) -> Json:
    """Make a bill of a draft; one over nothing is paid at once.

    Raises:
        ApiError: its lines have several currencies, or no payment method takes theirs.
    """
    draft = _counted(work, bill_in(work, invoice, "draft"))
    payment_intents.types_for_invoice(draft)
    agenda.cancel(work, "finalize_invoice", invoice)
    customer = work.require("customer", draft["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    customer |= {"next_invoice_sequence": customer["next_invoice_sequence"] + 1}
    work.save(customer)
    balance = draft["starting_balance"] + draft["total"] - draft["amount_due"]
    settling.change_balance(work, customer, balance)
    sent = draft["collection_method"] == "send_invoice"
    due = work.now + (work.private(invoice)["days"] or 0) * settling.DAY if sent else None
    advance = given.get("auto_advance", draft["auto_advance"])
    bill = draft | {
        "status": "open",
        "number": number,
        "auto_advance": advance,
        "automatically_finalizes_at": None,
        "due_date": due,
        "effective_at": work.now,
        "ending_balance": balance,
        "hosted_invoice_url": f"{work.origin}/sim/invoices/{invoice}",
        "status_transitions": draft["status_transitions"] | {"finalized_at": work.now},
    }
    work.save(bill)
    if bill["amount_due"]:
        intent = payment_intents.create_for_invoice(work, bill)
        invoice_payments.begin(work, bill, intent)
    work.emit("invoice.finalized", bill)
    if not bill["amount_due"]:
        return settling.credit(work, bill, 0)
    if due is not None:
        agenda.schedule(work, due, "mark_overdue", invoice)
        if due - _WARNED_BEFORE > work.now:
            agenda.schedule(work, due - _WARNED_BEFORE, "announce_due_date", invoice)
    elif advance:
        agenda.schedule(work, work.now + _HOUR, "collect_invoice", invoice)
    return bill


def send(work: Work, _given: Json, invoice: str) -> Json:
    """Send a bill to its customer; a draft becomes one first."""
    found = work.require("invoice", invoice)
    bill = (
        finalize(work, {}, invoice)
        if found["status"] == "draft"
        else bill_in(work, invoice, "open")
    )
    work.emit("invoice.sent", bill)
    return bill


def void(work: Work, _given: Json, invoice: str) -> Json:
    """Take a bill back, and return to the customer what it took of their balance."""
    bill = bill_in(work, invoice, "open", "uncollectible")
    intent = invoice_payments.open_intent(work, bill)
    if intent is not None and intent["status"] == "processing":
        raise ApiError("This invoice has a payment under way: it can't be voided.")
    invoice_payments.close(work, bill, "void_invoice")
    customer = work.require("customer", bill["customer"])
    taken = bill["ending_balance"] - bill["starting_balance"]
    settling.change_balance(work, customer, customer["balance"] - taken)
    return _ended(work, bill, "void", "voided_at", "invoice.voided")


def mark_uncollectible(work: Work, _given: Json, invoice: str) -> Json:
    """Give a bill up."""
    bill = bill_in(work, invoice, "open")
    told = "invoice.marked_uncollectible"
    return _ended(work, bill, "uncollectible", "marked_uncollectible_at", told)


def finalize_due(work: Work, invoice: str) -> None:
    """An hour has passed since the draft was made."""
    found = work.get(invoice)
    if found is None or found["status"] != "draft":
        return
    try:
        finalize(work, {}, invoice)
    except ApiError as refusal:
        failed = work.save(found | {"last_finalization_error": refusal.body["error"]})
        work.emit("invoice.finalization_failed", failed)


def overdue(work: Work, invoice: str) -> None:
    """The due date has passed."""
    _announce(work, invoice, "invoice.overdue")


def announce_due_date(work: Work, invoice: str) -> None:
    """The due date is near."""
    _announce(work, invoice, "invoice.will_be_due")


def check_days(days: int | None) -> None:
    """What is sent is to be paid by some day.

    Raises:
        InvalidParameterError: no day is given, or one out of bounds.
    """
    if days is None or not 0 <= days <= _LATEST:
        raise InvalidParameterError(
            f"An invoice that is sent needs days_until_due, from 0 to {_LATEST}.",
            param="days_until_due",
        )


def _announce(work: Work, invoice: str, told: str) -> None:
    bill = work.require("invoice", invoice)
    if bill["status"] == "open":
        work.emit(told, bill)


def _counted(work: Work, draft: Json) -> Json:
    return drafts.summed(work, draft, work.require("customer", draft["customer"]))


def bill_in(work: Work, invoice: str, *statuses: str) -> Json:
    """The invoice with this id, in one of these statuses.

    Raises:
        ApiError: there is none, or it is in another.
    """
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
