"""Charges: one for each attempt that reached the network."""

from __future__ import annotations

import uuid

from service.payments.simulator.cards import Decline, ListedCard
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import PAGE, Parameters, text
from service.payments.simulator.resources import balance_transactions
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

RETRIEVE = Parameters()
LIST = Parameters({**PAGE, "customer": text, "payment_intent": text})
_UNAVAILABLE = {"status": "unavailable"}


def retrieve(work: Work, _given: Json, charge: str) -> Json:
    """The charge with this id."""
    return work.require("charge", charge)


def listing_of(work: Work, given: Json) -> Json:
    """Charges, newest first, of one PaymentIntent or customer if asked."""
    wanted = {n: [given[n]] for n in ("customer", "payment_intent") if given.get(n)}
    return listed(work, "charge", "/v1/charges", given, wanted)


def create(
    work: Work, intent: Json, method: Json, card: ListedCard, *, authenticated: bool
) -> Json:
    """Charge a card for a PaymentIntent, and say so in an event.

    Args:
        work: the request.
        intent: the PaymentIntent, whose amount, metadata and shipping the charge repeats.
        method: its payment method.
        card: decides approval.
        authenticated: whether 3-D Secure was passed first.
    """
    charge = work.save(_charge(work, intent, method, card, authenticated=authenticated))
    work.emit("charge.failed" if card.decline else "charge.succeeded", charge)
    return charge if card.decline else _booked(work, charge)


def _booked(work: Work, charge: Json) -> Json:
    """The charge a moment later, when Stripe has booked it."""
    booked = balance_transactions.book_charge(work, charge)
    charge = work.save(charge | {"balance_transaction": booked["id"]})
    work.emit("charge.updated", charge, {"balance_transaction": None})
    return charge


def _charge(
    work: Work, intent: Json, method: Json, card: ListedCard, *, authenticated: bool
) -> Json:
    decline, paid = card.decline, card.decline is None
    if method["type"] == "link":
        prefix, details = "py", {"type": "link", "link": {"country": card.country}}
    else:
        shown = _card_details(intent, method, card, authenticated=authenticated)
        prefix, details = "ch", {"type": "card", "card": shown}
    return _plain(work, intent, method, details) | {
        "id": new_id(prefix),
        "amount_captured": intent["amount"] if paid else 0,
        "captured": paid,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "outcome": _outcome(decline),
        "paid": paid,
        "status": "succeeded" if paid else "failed",
    }


def begin_debit(work: Work, intent: Json, method: Json, mandate: Json) -> Json:
    """A bank is asked; until it answers the charge is pending."""
    shown = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4")
    account = method["us_bank_account"]
    details = {
        "type": "us_bank_account",
        "us_bank_account": {
            **{name: account[name] for name in shown},
            "expected_debit_date": None,
            "mandate": mandate["id"],
            "payment_reference": None,
            "routing_number": account["routing_number"],
        },
    }
    charge = work.save(
        _plain(work, intent, method, details)
        | {
            "id": new_id("py"),
            "amount_captured": intent["amount"],
            "captured": True,
            "outcome": _outcome(None),
            "paid": False,
            "status": "pending",
        }
    )
    work.emit("charge.pending", charge)
    return charge


def settle_debit(work: Work, charge: Json) -> Json:
    """The bank has paid."""
    paid = work.save(charge | {"paid": True, "status": "succeeded"})
    work.emit("charge.succeeded", paid)
    return _booked(work, paid)


def fail_debit(work: Work, charge: Json, code: str, message: str) -> Json:
    """The bank has not paid."""
    failed = work.save(
        charge
        | {
            "amount_captured": 0,
            "captured": False,
            "failure_code": code,
            "failure_message": message,
            "paid": False,
            "status": "failed",
        }
    )
    work.emit("charge.failed", failed)
    return failed


def _plain(work: Work, intent: Json, method: Json, details: Json) -> Json:
    """What every charge says, and nothing of how it ended."""
    repeated = ("currency", "customer", "description", "metadata", "receipt_email", "shipping")
    return {
        "object": "charge",
        "amount": intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        # Capture is asynchronous: at this moment Stripe has booked nothing yet.
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "KASSA SIMULATED",
        "created": work.now,
        **{name: intent[name] for name in repeated},
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "on_behalf_of": None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": details,
        "radar_options": {},
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "transfer_data": None,
        "transfer_group": None,
    }


def _outcome(decline: Decline | None) -> Json:
    approved = decline is None
    return {
        "advice_code": None if decline is None else decline.advice_code,
        "network_advice_code": None,
        "network_decline_code": None if decline is None else decline.network_code,
        "network_status": "approved_by_network" if approved else "declined_by_network",
        "reason": None if decline is None else decline.decline_code,
        "risk_level": "normal",
        "risk_score": 16,
        "seller_message": "Payment complete."
        if decline is None
        else f"The bank returned the decline code `{decline.decline_code}`.",
        "type": "authorized" if approved else "issuer_declined",
    }


def _card_details(intent: Json, method: Json, card: ListedCard, *, authenticated: bool) -> Json:
    approved, wallet = card.decline is None, method["card"]["wallet"]
    cvc = "fail" if card.decline and card.decline.code == "incorrect_cvc" else "pass"
    shown = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    return {
        **{name: method["card"][name] for name in shown},
        "amount_authorized": intent["amount"] if approved else None,
        "authorization_code": f"{uuid.uuid4().int % 1_000_000:06d}" if approved else None,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": None if wallet else cvc,  # a wallet asks for no security code
        },
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": _UNAVAILABLE,
        "installments": None,
        "mandate": None,
        "multicapture": _UNAVAILABLE,
        "network": card.brand,
        "network_token": {"used": False},
        "network_transaction_id": str(uuid.uuid4().int % 10**15),
        "overcapture": {"maximum_amount_capturable": intent["amount"], **_UNAVAILABLE},
        "regulated_status": "unregulated",
        "three_d_secure": _passed_challenge() if authenticated else None,
        "transaction_link_id": None,
        "wallet": wallet,
    }


def _passed_challenge() -> Json:
    return {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "exemption_indicator_applied": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": str(uuid.uuid4()),
        "version": "2.2.0",
    }
