"""The page that Stripe hosts for an invoice: what is owed, and two ways to pay it."""

from __future__ import annotations

from service.payments.simulator.errors import Declined
from service.payments.simulator.parameters import Parameters, filled, integer, text
from service.payments.simulator.resources import collecting, invoices, payment_methods
from service.payments.simulator.tokens import identify, listed_card
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

LOOK = Parameters({"key": text})
PAY = Parameters({"key": text, "number": filled}, required=("number",))
TRANSFER = Parameters({"key": text, "amount": integer}, required=("amount",))
_SHOWN = (
    "number",
    "status",
    "currency",
    "total",
    "amount_due",
    "amount_paid",
    "amount_remaining",
    "due_date",
)
# A draft has no page yet.
_FINAL = ("open", "paid", "uncollectible", "void")


def look(work: Work, given: Json, invoice: str) -> Json:
    """What whoever has the address may see of an invoice."""
    identify(given.get("key"))
    bill = invoices.bill_in(work, invoice, *_FINAL)
    lines = bill["lines"]["data"]
    named = bill["payment_settings"]["payment_method_types"]
    return {name: bill[name] for name in _SHOWN} | {
        "takes_cards": named is None or "card" in named,
        "lines": [{name: line[name] for name in ("description", "amount")} for line in lines],
    }


def pay(work: Work, given: Json, invoice: str) -> Json | Declined:
    """Pay what is left with a listed card.

    Raises:
        ApiError: the number is not listed, or nothing is owed.
    """
    identify(given.get("key"))
    card = listed_card(given["number"])
    shown = payment_methods.preview(card, payment_methods.FAR_EXPIRY, {})
    method = payment_methods.created(work, shown, card)
    asked = {"payment_method": method["id"], "off_session": False}
    outcome = collecting.pay(work, asked, invoice)
    return outcome if isinstance(outcome, Declined) else look(work, given, invoice)


def transfer(work: Work, given: Json, invoice: str) -> Json:
    """Let money come by bank transfer: a part, all, or too much."""
    identify(given.get("key"))
    collecting.receive_money(work, {"invoice": invoice, "amount": given["amount"]})
    return look(work, given, invoice)
