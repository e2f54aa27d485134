"""Disputes: a payer's bank takes the money back. Only the control endpoint opens them."""

from __future__ import annotations

from service.payments.simulator.errors import ApiError
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import PAGE, Parameters, filled, text
from service.payments.simulator.resources import balance_transactions
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

RETRIEVE = Parameters()
LIST = Parameters({**PAGE, "charge": text, "payment_intent": text})
OPEN = Parameters({"charge": filled, "reason": text}, required=("charge",))
_RESPONSE_TIME = 7 * 24 * 3600
_EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy",
    "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
    "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
    "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
    "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
    "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
    "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def open_dispute(work: Work, given: Json) -> Json:
    """Dispute a successful charge in full.

    Raises:
        ApiError: no such charge, or it did not succeed, or it is disputed already.
    """
    charge = work.require("charge", given["charge"], param="charge")
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise ApiError("This charge can't be disputed.", code="charge_disputed", param="charge")
    work.save(charge | {"disputed": True})
    dispute = _dispute(work, charge, given.get("reason") or "fraudulent")
    booked = balance_transactions.book_dispute(work, dispute)
    dispute = work.save(dispute | {"balance_transactions": [booked]})
    work.emit("charge.dispute.created", dispute)
    return dispute


def close(work: Work, dispute: Json, status: str) -> Json:
    """Decide a dispute: won or lost."""
    closed = work.save(dispute | {"status": status})
    work.emit("charge.dispute.closed", closed)
    return closed


def retrieve(work: Work, _given: Json, dispute: str) -> Json:
    """The dispute with this id."""
    return work.require("dispute", dispute)


def listing_of(work: Work, given: Json) -> Json:
    """Disputes, newest first, of one PaymentIntent if asked."""
    wanted = {"payment_intent": [given["payment_intent"]]} if given.get("payment_intent") else {}
    return listed(work, "dispute", "/v1/disputes", given, wanted)


def _dispute(work: Work, charge: Json, reason: str) -> Json:
    details = charge["payment_method_details"]
    return {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": work.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(_EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": work.now + _RESPONSE_TIME,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": _details(details),
        "reason": reason,
        "status": "needs_response",
    }


def _details(details: Json) -> Json | None:
    """What is disputed; of bank debits and Link Stripe says nothing here."""
    if details["type"] != "card":
        return None
    return {
        "card": {
            "brand": details["card"]["brand"],
            "case_type": "chargeback",
            "network": details["card"]["network"],
            "network_reason_code": "10.4",
        },
        "type": "card",
    }
