"""Balance transactions: what a movement did to the account, after Stripe's fee."""

from __future__ import annotations

from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import PAGE, Parameters, text
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

RETRIEVE = Parameters()
LIST = Parameters({**PAGE, "type": text, "source": text})
# Settled in the currency that was charged: the simulated account holds a balance in each.
_SHARE, _FIXED = 290, 30
_DISPUTED = 1500
_AVAILABLE_AFTER = 2 * 24 * 3600


def retrieve(work: Work, _given: Json, booked: str) -> Json:
    """The balance transaction with this id."""
    return work.require("balance_transaction", booked)


def listing_of(work: Work, given: Json) -> Json:
    """Balance transactions, newest first."""
    wanted = {"type": [given["type"]]} if given.get("type") else {}
    return listed(work, "balance_transaction", "/v1/balance_transactions", given, wanted)


def book_charge(work: Work, charge: Json) -> Json:
    """Book a successful charge: 2.9 % and 30 minor units are kept, rounded half up."""
    amount: int = charge["amount"]
    fee = min(amount, (amount * _SHARE + 5_000) // 10_000 + _FIXED)
    return _book(work, charge, "charge", amount, fee)


def book_refund(work: Work, refund: Json) -> Json:
    """Book money given back; the fee of the charge stays with Stripe."""
    return _book(work, refund, "refund", -refund["amount"], 0)


def book_dispute(work: Work, dispute: Json) -> Json:
    """Book money that a bank took back, and what the dispute costs."""
    return _book(work, dispute, "adjustment", -dispute["amount"], _DISPUTED)


def _book(work: Work, source: Json, kind: str, amount: int, fee: int) -> Json:
    fees = {
        "amount": fee,
        "application": None,
        "currency": source["currency"],
        "description": "Stripe processing fees" if kind == "charge" else "Dispute fee",
        "type": "stripe_fee",
    }
    return work.save(
        {
            "id": new_id("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": work.now + _AVAILABLE_AFTER,
            "balance_type": "payments",
            "created": work.now,
            "currency": source["currency"],
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [fees] if fee else [],
            "net": amount - fee,
            "reporting_category": "dispute" if kind == "adjustment" else kind,
            "source": source["id"],
            "status": "pending",
            "type": kind,
        }
    )
