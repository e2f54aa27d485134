"""What a visitor is told when a payment does not go through.

Plain words and what to do next. Codes that would tell a thief something (lost, stolen,
fraudulent) read like any other decline.
"""

from __future__ import annotations

from service.languages import sentence
from service.payments.gateway import Failure

# Our fault or Stripe's: the bank was never asked.
REFUSED = sentence(
    "We could not take this payment, and nothing was charged. It is not your card: try again."
)
GENERIC = sentence("Your bank declined this payment. Try another card, or ask your bank why.")

_MESSAGES = {
    "insufficient_funds": sentence("Your bank says there is not enough money. Try another card."),
    "expired_card": sentence("Your card has expired. Check the date, or use another card."),
    "incorrect_cvc": sentence("The security code is not right. Check it and try again."),
    "invalid_cvc": sentence("The security code is not right. Check it and try again."),
    "incorrect_number": sentence("The card number is not right. Check it and try again."),
    "invalid_expiry_month": sentence("The expiry date is not right. Check it and try again."),
    "invalid_expiry_year": sentence("The expiry date is not right. Check it and try again."),
    "processing_error": sentence(
        "Your bank could not process the payment just now. Try again in a moment."
    ),
    "try_again_later": sentence(
        "Your bank could not process the payment just now. Try again in a moment."
    ),
    "payment_intent_authentication_failure": sentence(
        "Your bank could not confirm that it was you. Try again, or use another card."
    ),
    "currency_not_supported": sentence("This card can't pay in this currency. Try another card."),
    "card_not_supported": sentence("This card can't be used for this payment. Try another card."),
}


def told(failure: Failure | None) -> str:
    """The sentence for a failure; never more than the visitor should know."""
    if failure is None:
        return REFUSED
    known = _MESSAGES.get(failure.decline_code or "") or _MESSAGES.get(failure.code)
    return known or (GENERIC if failure.code == "card_declined" else REFUSED)
