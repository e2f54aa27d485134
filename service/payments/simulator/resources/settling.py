"""What a payment, or a try that failed, does to an invoice and its subscription."""

from __future__ import annotations

from service.payments.simulator import agenda
from service.payments.simulator.resources import invoice_payments, payment_methods
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

DAY = 24 * 3600
# Pauses after the first, second, … failure, much as Smart Retries make them.
PAUSES = tuple(days * DAY for days in (3, 5, 7, 7))
# After these no card is charged by itself again, though its tries are counted on
# (docs.stripe.com, smart-retries).
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
    paid = invoice_payments.of_intent(work, intent)
    if paid is None or paid["status"] == "paid":
        return
    amount = intent["amount_received"]
    invoice_payments.settle(work, paid, amount)
    invoice = work.require("invoice", paid["invoice"])
    _keep_method(work, invoice, intent["payment_method"])
    credit(work, invoice, amount)


def method_set_up(work: Work, setup: Json) -> None:
    """What was set up for a subscription's trial pays it when the trial ends."""
    identity = work.private(setup["id"]).get("subscription")
    subscription = work.require("subscription", identity) if identity else None
    if subscription is None or subscription["ended_at"] is not None:
        return
    changes: Json = {"pending_setup_intent": None}
    if _keeps_methods(subscription):
        changes["default_payment_method"] = setup["payment_method"]
    change_subscription(work, subscription, **changes)


def payment_begun(work: Work, intent: Json) -> None:
    """A debit is under way: for its subscription that is good enough to begin with."""
    paid = invoice_payments.of_intent(work, intent)
    if paid is None:
        return
    invoice = work.require("invoice", paid["invoice"])
    if not invoice["attempted"]:
        invoice = work.save(invoice | {"attempted": True, "attempt_count": 1})
    _follow_payment(work, invoice)


def payment_failed(work: Work, intent: Json, method: str | None) -> None:
    """Count a failed try of the invoice that a PaymentIntent was made for, if for one."""
    paid = invoice_payments.of_intent(work, intent)
    if paid is not None:
        invoice = work.require("invoice", paid["invoice"])
        attempt_failed(work, invoice, intent["last_payment_error"] or {}, method)


def attempt_failed(work: Work, invoice: Json, error: Json, method: str | None) -> None:
    """Count a failed try, and plan the next one if the invoice is charged by itself.

    Only the first try and those that were planned count; a payer who tries again and again
    changes nothing of the plan.
    """
    count = max(1, invoice["attempt_count"])
    failed = invoice | {"attempted": True, "attempt_count": count}
    itself = invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically"
    if itself and invoice["status"] == "open" and invoice["next_payment_attempt"] is None:
        failed |= {"next_payment_attempt": _plan_next(work, failed)}
    hard = error.get("decline_code") in _HARD
    kept = work.private(invoice["id"])
    work.save(failed, kept | {"refused": method} if hard and method else kept)
    work.emit("invoice.payment_failed", failed)
    if error.get("decline_code") == "authentication_required":
        work.emit("invoice.payment_action_required", failed)
    _follow_failure(work, failed)


def tried_in_vain(work: Work, invoice: Json) -> None:
    """A planned try, of a card that may not be charged by itself again: it is only counted."""
    again = _plan_next(work, invoice)
    changed = work.save(invoice | {"next_payment_attempt": again})
    work.emit("invoice.updated", changed, {"attempt_count": invoice["attempt_count"] - 1})
    _follow_failure(work, changed)


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
    """End a subscription for good; nothing of it is charged by itself any more."""
    ended = subscription | {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or work.now,
        "ended_at": work.now,
        "cancellation_details": {"comment": None, "feedback": None, "reason": reason},
    }
    work.save(ended)
    agenda.cancel(work, "renew_subscription", ended["id"])
    work.emit("customer.subscription.deleted", ended)
    wanted = {"subscription": [ended["id"]], "status": ["draft", "open"]}
    for bill in work.page("invoice", wanted, {}, before=None, after=None, limit=1000):
        if bill["auto_advance"]:
            _leave(work, bill)
    return ended


def credit(work: Work, invoice: Json, amount: int) -> Json:
    """Money came for an invoice: all of it, a part, or too much, which the customer keeps."""
    received = invoice["amount_paid"] + invoice["amount_overpaid"] + amount
    over = max(0, received - invoice["amount_due"])
    changed = invoice | {
        "amount_paid": received - over,
        "amount_overpaid": over,
        "amount_remaining": max(0, invoice["amount_due"] - received),
        "attempted": True,
    }
    if changed["amount_remaining"] == 0:
        changed = _paid(work, changed)
    else:
        _save_updated(work, invoice, changed)
        invoice_payments.ask_less(work, changed)
    if over > invoice["amount_overpaid"]:
        owed = over - invoice["amount_overpaid"]
        customer = work.require("customer", invoice["customer"])
        change_balance(work, customer, customer["balance"] - owed)
        work.emit("invoice.overpaid", changed)
    return changed


def change_balance(work: Work, customer: Json, balance: int) -> Json:
    """What a customer owes, or below 0 what they are owed, and have off their next invoices."""
    if balance == customer["balance"]:
        return customer
    changed = work.save(customer | {"balance": balance})
    work.emit("customer.updated", changed, {"balance": customer["balance"]})
    return changed


def _paid(work: Work, invoice: Json) -> Json:
    if invoice["status"] == "paid":
        return work.save(invoice)
    invoice |= {
        "status": "paid",
        "attempt_count": max(1, invoice["attempt_count"]) if invoice["amount_due"] else 0,
        "next_payment_attempt": None,
        "status_transitions": invoice["status_transitions"] | {"paid_at": work.now},
    }
    work.save(invoice)
    agenda.cancel(work, "collect_invoice", invoice["id"])
    if invoice["amount_due"]:
        invoice_payments.close(work, invoice, "automatic")
    work.emit("invoice.paid", invoice)
    work.emit("invoice.payment_succeeded", invoice)
    _follow_payment(work, invoice)
    return invoice


def _plan_next(work: Work, invoice: Json) -> int | None:
    count: int = invoice["attempt_count"]
    if count > len(PAUSES):
        return None
    again = work.now + PAUSES[count - 1]
    agenda.cancel(work, "collect_invoice", invoice["id"])
    agenda.schedule(work, again, "collect_invoice", invoice["id"])
    return again


def _leave(work: Work, bill: Json) -> None:
    for task in ("collect_invoice", "finalize_invoice"):
        agenda.cancel(work, task, bill["id"])
    _save_updated(work, bill, bill | {"auto_advance": False, "next_payment_attempt": None})


def _save_updated(work: Work, before: Json, after: Json) -> None:
    work.save(after)
    previous = {name: before[name] for name in before if before[name] != after[name]}
    work.emit("invoice.updated", after, previous)


def _keep_method(work: Work, invoice: Json, identity: str) -> None:
    """What pays a subscription's invoice pays the next ones, if the subscription says so."""
    billed = subscription_of(invoice)
    if billed is None:
        return
    subscription = work.require("subscription", billed)
    if _keeps_methods(subscription) and subscription["default_payment_method"] != identity:
        method = work.require("payment_method", identity)
        payment_methods.attached(work, method, invoice["customer"])
        change_subscription(work, subscription, default_payment_method=identity)


def _keeps_methods(subscription: Json) -> bool:
    settings = subscription["payment_settings"] or {}
    return bool(settings.get("save_default_payment_method") == "on_subscription")


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
        trial = subscription["trial_end"] is not None and work.now < subscription["trial_end"]
        change_subscription(work, subscription, status="trialing" if trial else "active")
