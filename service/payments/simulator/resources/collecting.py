"""Getting paid: a bill is charged when asked or when its time comes, or money comes by itself."""

from __future__ import annotations

from service.payments.simulator.errors import ApiError, Declined, InvalidParameterError
from service.payments.simulator.parameters import Parameters, boolean, filled, integer, text
from service.payments.simulator.resources import attempts, invoice_payments, invoices, settling
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

PAY = Parameters({"off_session": boolean, "paid_out_of_band": boolean, "payment_method": text})
MONEY = Parameters({"invoice": filled, "amount": integer}, required=("invoice", "amount"))


def pay(work: Work, given: Json, invoice: str) -> Json | Declined:
    """Charge an invoice now, a draft too, or note that it was paid elsewhere."""
    if work.require("invoice", invoice)["status"] == "draft":
        invoices.finalize(work, {}, invoice)
    bill = invoices.bill_in(work, invoice, "open", "uncollectible")
    if given.get("paid_out_of_band"):
        return _receive(work, bill, bill["amount_remaining"])
    chosen = given.get("payment_method") or _method_for(work, bill)
    if not chosen:
        raise ApiError(
            "There is no default_payment_method set on this Customer or Invoice.",
            code="missing",
        )
    confirmed = {"payment_method": chosen, "off_session": given.get("off_session", True)}
    outcome = attempts.confirm(work, _intent_of(work, bill), confirmed)
    if isinstance(outcome, Declined):
        return outcome
    return work.require("invoice", invoice)


def collect_due(work: Work, invoice: str) -> None:
    """The time of a try has come."""
    bill = work.require("invoice", invoice)
    if bill["status"] != "open":
        return
    intent = _intent_of(work, bill)
    if intent["status"] == "processing":
        return  # a bank has been asked, and will answer
    counted = {"attempted": True, "attempt_count": bill["attempt_count"] + 1}
    bill = work.save(bill | counted | {"next_payment_attempt": None})
    chosen = _method_for(work, bill)
    if chosen is not None and chosen == work.private(invoice).get("refused"):
        settling.tried_in_vain(work, bill)
        return
    if chosen is None:
        settling.attempt_failed(work, bill, {}, None)
        return
    try:
        attempts.confirm(work, intent, {"payment_method": chosen, "off_session": True})
    except ApiError:  # its method can't pay this, e.g. in this currency
        settling.attempt_failed(work, bill, {}, chosen)


def receive_money(work: Work, given: Json) -> Json:
    """Money comes by bank transfer: a part, all, or too much."""
    bill = invoices.bill_in(work, given["invoice"], "open", "uncollectible", "paid")
    if given["amount"] < 1:
        raise InvalidParameterError("amount is at least 1.", param="amount")
    return _receive(work, bill, given["amount"])


def _receive(work: Work, bill: Json, amount: int) -> Json:
    invoice_payments.receive(work, bill, amount)
    return settling.credit(work, bill, amount)


def _intent_of(work: Work, bill: Json) -> Json:
    intent = invoice_payments.open_intent(work, bill)
    if intent is None:
        raise ApiError("There is no payment to make for this invoice.")
    return intent


def _method_for(work: Work, bill: Json) -> str | None:
    """What a bill is charged to: its own, its subscription's or its customer's default."""
    identity = settling.subscription_of(bill)
    billed = work.require("subscription", identity) if identity else {}
    settings = work.require("customer", bill["customer"])["invoice_settings"]
    found: str | None = (
        bill["default_payment_method"]
        or billed.get("default_payment_method")
        or settings["default_payment_method"]
    )
    return found
