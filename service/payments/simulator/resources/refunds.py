"""Refunds: money back, in whole or in part."""

from __future__ import annotations

from service.payments.simulator.errors import ApiError, InvalidParameterError
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import (
    PAGE,
    Parameters,
    choice,
    integer,
    merged,
    metadata,
    text,
)
from service.payments.simulator.resources import balance_transactions
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

CREATE = Parameters(
    {
        "amount": integer,
        "charge": text,
        "metadata": metadata,
        "payment_intent": text,
        "reason": choice("duplicate", "fraudulent", "requested_by_customer"),
    }
)
RETRIEVE = Parameters()
LIST = Parameters({**PAGE, "charge": text, "payment_intent": text})


def create(work: Work, given: Json) -> Json:
    """Give back an amount, by default all that is left of the charge."""
    charge = _charge_of(work, given)
    amount = _amount(charge, given.get("amount"))
    refunded = charge["amount_refunded"] + amount
    charge |= {"amount_refunded": refunded, "refunded": refunded == charge["amount"]}
    refund = _refund(work, charge, amount, given)
    refund |= {"balance_transaction": balance_transactions.book_refund(work, refund)["id"]}
    work.save(refund)
    work.save(charge)
    work.emit("refund.created", refund)
    work.emit("charge.refunded", charge)
    return refund


def retrieve(work: Work, _given: Json, refund: str) -> Json:
    """The refund with this id."""
    return work.require("refund", refund)


def listing_of(work: Work, given: Json) -> Json:
    """Refunds, newest first, of one PaymentIntent if asked."""
    wanted = {"payment_intent": [given["payment_intent"]]} if given.get("payment_intent") else {}
    return listed(work, "refund", "/v1/refunds", given, wanted)


def _charge_of(work: Work, given: Json) -> Json:
    if given.get("charge"):
        charge = work.require("charge", given["charge"], param="charge", status=400)
    elif given.get("payment_intent"):
        named = given["payment_intent"]
        intent = work.require("payment_intent", named, param="payment_intent", status=400)
        charge = work.get(intent["latest_charge"] or "") or {"status": "absent", "id": named}
    else:
        raise InvalidParameterError(
            "One of the following params should be provided for this request: payment_intent or "
            "charge.",
            code="parameter_missing",
        )
    if charge["status"] != "succeeded":
        raise ApiError(
            f"{charge['id']} does not have a successful charge to refund.",
            code="charge_not_refundable",
        )
    return charge


def _amount(charge: Json, asked: int | None) -> int:
    left: int = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise ApiError(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount = left if asked is None else asked
    if amount < 1:
        raise InvalidParameterError(
            "Refund amount must be at least 1.", code="parameter_invalid_integer", param="amount"
        )
    if amount > left:
        raise ApiError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
            param="amount",
        )
    return amount


def _refund(work: Work, charge: Json, amount: int, given: Json) -> Json:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": work.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": merged({}, given.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
