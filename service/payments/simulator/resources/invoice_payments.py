"""What an invoice is paid with: a PaymentIntent of its own, and money that came otherwise."""

from __future__ import annotations

from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import PAGE, Parameters, choice, mapping, text
from service.payments.simulator.resources import canceling
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

LIST = Parameters(
    {
        **PAGE,
        "invoice": text,
        "payment": mapping(type=choice("payment_intent"), payment_intent=text),
        "status": choice("open", "paid", "canceled"),
    }
)
RETRIEVE = Parameters()
_MOST = 100


def retrieve(work: Work, _given: Json, payment: str) -> Json:
    """The invoice payment with this id."""
    return work.require("invoice_payment", payment)


def listing_of(work: Work, given: Json) -> Json:
    """Invoice payments, newest first, of one invoice or PaymentIntent if asked."""
    paid_by = given.get("payment") or {}
    asked = {n: given.get(n) for n in ("invoice", "status")}
    asked["payment_intent"] = paid_by.get("payment_intent")
    wanted = {name: [value] for name, value in asked.items() if value}
    return listed(work, "invoice_payment", "/v1/invoice_payments", given, wanted)


def of_invoice(work: Work, invoice: Json) -> Json:
    """The list that ``payments`` of an invoice expands to."""
    found = _found(work, {"invoice": [invoice["id"]]})
    url = f"/v1/invoice_payments?invoice={invoice['id']}"
    return {"object": "list", "data": found[::-1], "has_more": False, "url": url}


def secret_of(work: Work, invoice: Json) -> Json | None:
    """What ``confirmation_secret`` of an invoice expands to; None when nothing is to be paid."""
    intent = open_intent(work, invoice)
    return intent and {"client_secret": intent["client_secret"], "type": "payment_intent"}


def open_intent(work: Work, invoice: Json) -> Json | None:
    """The PaymentIntent that an invoice can still be paid with, or None."""
    waiting = waiting_of(work, invoice)
    return work.get(waiting["payment"]["payment_intent"]) if waiting else None


def waiting_of(work: Work, invoice: Json) -> Json | None:
    """The payment that an invoice waits for, or None."""
    found = _found(work, {"invoice": [invoice["id"]], "status": ["open"]})
    return found[0] if found else None


def of_intent(work: Work, intent: Json) -> Json | None:
    """The payment that a PaymentIntent was made for, or None."""
    found = _found(work, {"payment_intent": [intent["id"]]})
    return found[0] if found else None


def begin(work: Work, invoice: Json, intent: Json) -> Json:
    """An invoice is to be paid by this PaymentIntent."""
    payment = {"payment_intent": intent["id"], "type": "payment_intent"}
    return work.save(_payment(work, invoice, payment, invoice["amount_remaining"]))


def receive(work: Work, invoice: Json, amount: int) -> Json:
    """Money came outside of Stripe, or by bank transfer."""
    payment = {"payment_record": new_id("pr"), "type": "payment_record"}
    return settle(work, _payment(work, invoice, payment, amount), amount)


def settle(work: Work, payment: Json, amount: int) -> Json:
    """It is paid."""
    paid = payment | {
        "status": "paid",
        "amount_paid": amount,
        "status_transitions": {"canceled_at": None, "paid_at": work.now},
    }
    work.save(paid)
    work.emit("invoice_payment.paid", paid)
    return paid


def ask_less(work: Work, invoice: Json) -> None:
    """A part is paid: what is waited for is the rest."""
    waiting, intent = waiting_of(work, invoice), open_intent(work, invoice)
    if waiting and intent and intent["status"] in canceling.UNDECIDED:
        work.save(waiting | {"amount_requested": invoice["amount_remaining"]})
        work.save(intent | {"amount": invoice["amount_remaining"]})


def close(work: Work, invoice: Json, reason: str) -> None:
    """Nothing more is waited for; a debit that is under way still comes."""
    waiting, intent = waiting_of(work, invoice), open_intent(work, invoice)
    if waiting and intent and intent["status"] in canceling.UNDECIDED:
        canceling.cancel_intent(work, intent, reason)
        moments = {"canceled_at": work.now, "paid_at": None}
        work.save(waiting | {"status": "canceled", "status_transitions": moments})


def _found(work: Work, equal: dict[str, list[str]]) -> list[Json]:
    return work.page("invoice_payment", equal, {}, before=None, after=None, limit=_MOST)


def _payment(work: Work, invoice: Json, payment: Json, amount: int) -> Json:
    return {
        "id": new_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": amount,
        "created": work.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": payment["type"] == "payment_intent",
        "livemode": False,
        "payment": payment,
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
