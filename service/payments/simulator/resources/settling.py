"""What a payment does to the invoice it pays."""

from __future__ import annotations

from service.payments.simulator import agenda
from service.payments.simulator.resources import payment_methods
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

DAY = 24 * 3600
# Pauses after the first, second, … failure, much as Smart Retries make them.
PAUSES = tuple(days * DAY for days in (3, 5, 7, 7))
# Of these nothing is tried by itself (docs.stripe.com, smart-retries).
_HARD = frozenset(
    {
        "authentication_required",
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
    }
)


def payment_succeeded(work: Work, intent: Json) -> None:
    """Count a payment for the invoice it was made for, if it was made for one."""
    paid = _payment_of(work, intent)
    if paid is None or paid["status"] == "paid":
        return
    amount = intent["amount_received"]
    settled = paid | {
        "status": "paid",
        "amount_paid": amount,
        "status_transitions": {"canceled_at": None, "paid_at": work.now},
    }
    work.save(settled)
    work.emit("invoice_payment.paid", settled)
    invoice = work.require("invoice", paid["invoice"])
    _keep_method(work, invoice, intent)
    credit(work, invoice, amount)


def payment_failed(work: Work, intent: Json) -> None:
    """Count a failed try of an invoice, and plan the next one if it is charged by itself."""
    paid = _payment_of(work, intent)
    if paid is None:
        return
    invoice = work.require("invoice", paid["invoice"])
    count = invoice["attempt_count"] + 1
    error = intent["last_payment_error"] or {}
    again = None
    if invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically":
        hard = error.get("decline_code") in _HARD
        again = None if hard or count > len(PAUSES) else work.now + PAUSES[count - 1]
    failed = invoice | {"attempted": True, "attempt_count": count, "next_payment_attempt": again}
    work.save(failed)
    if again is not None:
        agenda.schedule(work, again, "collect_invoice", invoice["id"])
    work.emit("invoice.payment_failed", failed)
    if error.get("decline_code") == "authentication_required":
        work.emit("invoice.payment_action_required", failed)
    _follow_failure(work, failed)


def subscription_of(invoice: Json) -> str | None:
    """The subscription an invoice bills, or None."""
    details = (invoice["parent"] or {}).get("subscription_details")
    found: str | None = details["subscription"] if details else None
    return found


def change_subscription(work: Work, subscription: Json, **changes: object) -> Json:
    """Change a subscription and say so."""
    previous = {name: subscription[name] for name in changes if subscription[name] != changes[name]}
    changed = work.save(subscription | changes)
    if previous:
        work.emit("customer.subscription.updated", changed, previous)
    return changed


def end_subscription(work: Work, subscription: Json, reason: str) -> Json:
    """End a subscription for good."""
    ended = subscription | {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or work.now,
        "ended_at": work.now,
        "cancellation_details": {"comment": None, "feedback": None, "reason": reason},
    }
    work.save(ended)
    agenda.cancel(work, "renew_subscription", ended["id"])
    work.emit("customer.subscription.deleted", ended)
    return ended


def _keep_method(work: Work, invoice: Json, intent: Json) -> None:
    """What paid a subscription's invoice pays the next ones, if the subscription says so."""
    identity = subscription_of(invoice)
    if identity is None:
        return
    subscription = work.require("subscription", identity)
    settings = subscription["payment_settings"] or {}
    if settings.get("save_default_payment_method") == "on_subscription":
        method = work.require("payment_method", intent["payment_method"])
        payment_methods.attached(work, method, invoice["customer"])
        change_subscription(work, subscription, default_payment_method=method["id"])


def _follow_failure(work: Work, invoice: Json) -> None:
    identity = subscription_of(invoice)
    if identity is None:
        return
    subscription = work.require("subscription", identity)
    if subscription["status"] in {"active", "trialing"}:
        change_subscription(work, subscription, status="past_due")
    elif subscription["status"] == "past_due" and invoice["attempt_count"] > len(PAUSES):
        end_subscription(work, subscription, "payment_failed")


def _follow_payment(work: Work, invoice: Json) -> None:
    identity = subscription_of(invoice)
    if identity is None:
        return
    subscription = work.require("subscription", identity)
    if subscription["status"] in {"incomplete", "past_due", "unpaid"}:
        change_subscription(work, subscription, status="active")


def credit(work: Work, invoice: Json, amount: int) -> Json:
    """Money came for an invoice: all of it, a part, or too much."""
    paid = invoice["amount_paid"] + amount
    over = max(0, paid - invoice["amount_due"])
    remaining = max(0, invoice["amount_due"] - paid)
    changed = invoice | {
        "amount_paid": paid - over,
        "amount_overpaid": over,
        "amount_remaining": remaining,
        "attempted": True,
    }
    if remaining == 0:
        return _paid(work, changed, over)
    work.save(changed)
    previous = {name: invoice[name] for name in ("amount_paid", "amount_remaining")}
    work.emit("invoice.updated", changed, previous)
    return changed


def _paid(work: Work, invoice: Json, over: int) -> Json:
    if invoice["status"] == "paid":
        work.save(invoice)
    else:
        invoice |= {
            "status": "paid",
            "next_payment_attempt": None,
            "status_transitions": invoice["status_transitions"] | {"paid_at": work.now},
        }
        work.save(invoice)
        agenda.cancel(work, "collect_invoice", invoice["id"])
        work.emit("invoice.paid", invoice)
        work.emit("invoice.payment_succeeded", invoice)
        _follow_payment(work, invoice)
    if over:
        work.emit("invoice.overpaid", invoice)
    return invoice


def _payment_of(work: Work, intent: Json) -> Json | None:
    found = work.page(
        "invoice_payment", {"payment_intent": [intent["id"]]}, {}, before=None, after=None, limit=1
    )
    return found[0] if found else None
