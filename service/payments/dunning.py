"""When a failed payment is tried again, and when it must not be.

Banks and networks say what they think of another try. A try against their advice costs fees and
approval, so advice comes before the schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

CARD = "card"
BANK_DEBIT = "us_bank_account"

# Pauses after the first, second, … failure. Stripe advises eight tries of a card at most.
_CARD_PAUSES = tuple(timedelta(days=days) for days in (3, 5, 7, 7, 7, 7, 7))
# A debit that came back for want of money may be sent twice more, and both within a fortnight
# (https://docs.stripe.com/billing/revenue-recovery/smart-retries).
_BANK_PAUSES = (timedelta(days=4), timedelta(days=7))
_BANK_RETRIABLE = frozenset({"insufficient_funds"})
# Another try with the same card can't succeed, or is forbidden: Smart Retries leave these out too.
_FINAL = frozenset(
    {
        "authentication_required",
        "expired_card",
        "highest_risk_level",
        "incorrect_number",
        "invalid_account",
        "lost_card",
        "new_account_information_available",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
    }
)
_FINAL_ADVICE = frozenset({"do_not_try_again", "confirm_card_data"})
# Mastercard's merchant advice codes: 01 and 03 and 21 forbid the same card; the others say how
# long to wait (Transaction Processing Rules, "Merchant Advice Codes").
_FINAL_NETWORK_ADVICE = frozenset({"01", "03", "21"})
_NETWORK_PAUSES = {
    "24": timedelta(hours=1),
    "25": timedelta(hours=24),
    "26": timedelta(days=2),
    "27": timedelta(days=4),
    "28": timedelta(days=6),
    "29": timedelta(days=8),
    "30": timedelta(days=10),
}


@dataclass(frozen=True)
class Try:
    """One failed try to charge an invoice.

    Attributes:
        failed_at: when, UTC.
        method: Stripe's type of the payment method, e.g. ``card``.
        payment_method_id: which one.
        failure_code: Stripe's error code.
        decline_code: the issuer's reason, where there is one.
        advice_code: Stripe's advice about another try.
        network_advice_code: the card network's two digits.
    """

    failed_at: datetime
    method: str = CARD
    payment_method_id: str | None = None
    failure_code: str | None = None
    decline_code: str | None = None
    advice_code: str | None = None
    network_advice_code: str | None = None


def next_try(tries: Sequence[Try]) -> datetime | None:
    """When the same payment method may be tried again; None: not by itself any more.

    Args:
        tries: every failed try of the invoice, in order; at least one.
    """
    last = tries[-1]
    if _final(last):
        return None
    same = [each for each in tries if each.payment_method_id == last.payment_method_id]
    pauses = _BANK_PAUSES if last.method == BANK_DEBIT else _CARD_PAUSES
    if len(same) > len(pauses):
        return None
    advised = _NETWORK_PAUSES.get(last.network_advice_code or "", timedelta(0))
    return last.failed_at + max(pauses[len(same) - 1], advised)


def _final(last: Try) -> bool:
    reasons = {last.failure_code, last.decline_code}
    if last.method == BANK_DEBIT:
        return not reasons & _BANK_RETRIABLE
    return (
        bool(reasons & _FINAL)
        or last.advice_code in _FINAL_ADVICE
        or last.network_advice_code in _FINAL_NETWORK_ADVICE
    )
