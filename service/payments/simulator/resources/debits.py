"""Bank debits: asked for today, paid or refused by the bank days later."""

from __future__ import annotations

from datetime import UTC, datetime

from service.payments.simulator import agenda
from service.payments.simulator.banks import ListedBank
from service.payments.simulator.errors import ApiError, envelope, unexpected_state
from service.payments.simulator.parameters import (
    Parameters,
    choice,
    integer,
    listing,
    mapping,
    text,
)
from service.payments.simulator.resources import (
    charges,
    disputes,
    endings,
    payment_methods,
    settling,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

OPTIONS = mapping(
    us_bank_account=mapping(verification_method=choice("automatic", "instant", "microdeposits"))
)
VERIFY = Parameters({"amounts": listing(integer), "descriptor_code": text})
RETRIEVE_MANDATE = Parameters()
_DAY = 24 * 3600
_BUSINESS_DAYS = 4
# What Stripe's test accounts are sent.
_AMOUNTS, _CODE = [32, 45], "SM11AA"


def confirm(work: Work, intent: Json, method: Json, bank: ListedBank, given: Json) -> Json:
    """Ask a bank for the money, or first for proof that the account is the payer's.

    Raises:
        ApiError: the bank's currency is another, or nobody agreed to be debited.
    """
    if intent["currency"] != "usd":
        raise ApiError("us_bank_account takes usd only.", param="currency")
    agreement = given.get("mandate_data") or work.private(method["id"]).get("mandate")
    if not agreement and not given.get("off_session"):
        raise ApiError("You must provide mandate_data for a bank debit.", param="mandate_data")
    if needs_proof(work, method, given):
        return _ask_for_proof(work, intent, method)
    return _debit(work, intent, method, bank)


def verify(work: Work, given: Json, intent: str) -> Json:
    """The payer tells what was sent to the account."""
    found = work.require("payment_intent", intent)
    if not is_unproven(found):
        raise unexpected_state("This PaymentIntent waits for no deposits.", found)
    method = work.require("payment_method", found["payment_method"])
    prove(work, method, given)
    bank = payment_methods.source_behind(work, method)
    if not isinstance(bank, ListedBank):
        raise unexpected_state("This PaymentIntent is not paid by a bank account.", found)
    return _debit(work, found | {"next_action": None}, method, bank)


def needs_proof(work: Work, method: Json, given: Json) -> bool:
    """Whether small deposits must show first that the account is the payer's."""
    options = (given.get("payment_method_options") or {}).get("us_bank_account") or {}
    asked = options.get("verification_method") == "microdeposits"
    return asked or bool(work.private(method["id"]).get("unproven"))


def is_unproven(intent: Json) -> bool:
    """Whether an intent waits for its payer to tell what was sent."""
    return bool((intent["next_action"] or {}).get("type") == "verify_with_microdeposits")


def proof(work: Work, intent: Json) -> Json:
    """The next action of an intent that waits for its payer to tell what was sent."""
    page = f"/sim/microdeposits/{intent['id']}?client_secret={intent['client_secret']}"
    asked = {
        "arrival_date": work.now + 2 * _DAY,
        "hosted_verification_url": page,
        "microdeposit_type": "amounts",
    }
    return {"type": "verify_with_microdeposits", "verify_with_microdeposits": asked}


def prove(work: Work, method: Json, given: Json) -> None:
    """The account is the payer's, for good.

    Raises:
        ApiError: that is not what was sent to it.
    """
    if given.get("amounts", _AMOUNTS) != _AMOUNTS or given.get("descriptor_code", _CODE) != _CODE:
        raise ApiError(
            "The amounts provided do not match the amounts that were sent to the bank account.",
            code="payment_method_microdeposit_verification_amounts_mismatch",
        )
    work.save(method, work.private(method["id"]) | {"unproven": False})


def settle(work: Work, charge: str) -> None:
    """The bank has answered."""
    pending = work.require("charge", charge)
    intent = work.require("payment_intent", pending["payment_intent"])
    method = work.require("payment_method", pending["payment_method"])
    bank = payment_methods.source_behind(work, method)
    if not isinstance(bank, ListedBank):
        raise TypeError(f"{charge} is no bank debit")
    if bank.failure is None:
        paid = charges.settle_debit(work, pending)
        endings.succeed(work, intent, method, paid)
        if bank.disputed:
            agenda.schedule(work, work.now + _DAY, "return_debit", charge)
        return
    failed = charges.fail_debit(work, pending, bank.failure, bank.message)
    error = envelope(
        "invalid_request_error",
        bank.message,
        bank.failure,
        charge=failed["id"],
        payment_method=method,
    )
    endings.back_to_start(work, intent, error)


def take_back(work: Work, charge: str) -> None:
    """The bank takes a paid debit back: a dispute, opened and lost at once."""
    dispute = disputes.open_dispute(work, {"charge": charge, "reason": "insufficient_funds"})
    disputes.close(work, dispute, "lost")


def mandate(work: Work, _given: Json, identity: str) -> Json:
    """The mandate with this id."""
    return work.require("mandate", identity)


def _debit(work: Work, intent: Json, method: Json, bank: ListedBank) -> Json:
    charge = charges.begin_debit(work, intent, method, agreed(work, method))
    waiting = intent | {
        "status": "processing",
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": method["id"],
    }
    if intent["customer"] and intent["setup_future_usage"]:
        payment_methods.attached(work, method, intent["customer"])
    work.save(waiting)
    work.emit("payment_intent.processing", waiting)
    settling.payment_begun(work, waiting)
    if not bank.stays:
        agenda.schedule(work, _later(work.now), "settle_debit", charge["id"])
    return waiting


def _ask_for_proof(work: Work, intent: Json, method: Json) -> Json:
    waiting = intent | {
        "status": "requires_action",
        "last_payment_error": None,
        "payment_method": method["id"],
        "next_action": proof(work, intent),
    }
    work.save(waiting)
    work.emit("payment_intent.requires_action", waiting)
    return waiting


def agreed(work: Work, method: Json) -> Json:
    """The payer's mandate for an account, made at the first debit."""
    private = work.private(method["id"])
    if private.get("mandate"):
        return work.require("mandate", private["mandate"])
    made = work.save(
        {
            "id": new_id("mandate"),
            "object": "mandate",
            "created": work.now,
            "customer_acceptance": {"accepted_at": work.now, "type": "online"},
            "livemode": False,
            "multi_use": {},
            "payment_method": method["id"],
            "payment_method_details": {"type": "us_bank_account", "us_bank_account": {}},
            "status": "active",
            "type": "multi_use",
        }
    )
    work.save(method, private | {"mandate": made["id"]})
    return made


def _later(now: int) -> int:
    """Four business days on: Saturdays and Sundays do not count."""
    moment, left = now, _BUSINESS_DAYS
    while left:
        moment += _DAY
        left -= datetime.fromtimestamp(moment, UTC).weekday() < 5
    return moment
