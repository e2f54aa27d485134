"""What a customer may be written. A new notice is one entry of `KINDS` and its translations.

Sentences name their values in braces; every language's catalogue translates whole sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.languages import sentence


class Kind(StrEnum):
    """Why a customer is written."""

    INVOICE_SENT = "invoice_sent"
    INVOICE_PAID = "invoice_paid"
    INVOICE_OVERDUE = "invoice_overdue"
    INVOICE_VOIDED = "invoice_voided"
    INVOICE_PARTLY_PAID = "invoice_partly_paid"
    INVOICE_OVERPAID = "invoice_overpaid"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_FAILED_FINALLY = "payment_failed_finally"
    PAYMENT_ACTION_REQUIRED = "payment_action_required"
    BANK_DEBIT_PENDING = "bank_debit_pending"
    BANK_DEBIT_FAILED = "bank_debit_failed"
    TRIAL_ENDING = "trial_ending"
    SUBSCRIPTION_ENDED = "subscription_ended"


@dataclass(frozen=True)
class Wording:
    """A notice in English.

    Attributes:
        subject: the line in the inbox.
        paragraphs: what it says.
        action: the words on the button, where there is something to do.
    """

    subject: str
    paragraphs: tuple[str, ...]
    action: str | None = None


KINDS: dict[Kind, Wording] = {
    Kind.INVOICE_SENT: Wording(
        sentence("Invoice {number} from {merchant}"),
        (sentence("Your invoice {number} over {amount} is ready. It is due on {due}."),),
        sentence("View and pay the invoice"),
    ),
    Kind.INVOICE_PAID: Wording(
        sentence("Invoice {number} is paid"),
        (sentence("We have received {amount} for invoice {number}. Thank you."),),
        sentence("View the receipt"),
    ),
    Kind.INVOICE_OVERDUE: Wording(
        sentence("Invoice {number} is overdue"),
        (
            sentence("Invoice {number} over {amount} was due on {due} and is not paid yet."),
            sentence("If you have paid in the last few days, you need not do anything."),
        ),
        sentence("View and pay the invoice"),
    ),
    Kind.INVOICE_VOIDED: Wording(
        sentence("Invoice {number} is cancelled"),
        (
            sentence(
                "Invoice {number} over {amount} is cancelled. There is nothing left to pay on it."
            ),
        ),
    ),
    Kind.INVOICE_PARTLY_PAID: Wording(
        sentence("Part of invoice {number} is paid"),
        (sentence("We have received {paid} for invoice {number}. {amount} is still to be paid."),),
        sentence("View and pay the invoice"),
    ),
    Kind.INVOICE_OVERPAID: Wording(
        sentence("Invoice {number} is paid twice or in excess"),
        (
            sentence("We have received {amount} more than invoice {number} asked for."),
            sentence("Answer this message if you would like it back."),
        ),
    ),
    Kind.PAYMENT_FAILED: Wording(
        sentence("Your payment to {merchant} did not go through"),
        (
            sentence("We could not take {amount} for invoice {number}. Nothing was charged."),
            sentence(
                "We will try again on {next_try}. "
                "You can also pay now or choose another way to pay."
            ),
        ),
        sentence("Pay now"),
    ),
    Kind.PAYMENT_FAILED_FINALLY: Wording(
        sentence("Please choose another way to pay {merchant}"),
        (
            sentence("We could not take {amount} for invoice {number}. Nothing was charged."),
            sentence("We will not try this payment method again. Please choose another one."),
        ),
        sentence("Pay now"),
    ),
    Kind.PAYMENT_ACTION_REQUIRED: Wording(
        sentence("Please confirm your payment to {merchant}"),
        (sentence("Your bank asks you to confirm the payment of {amount} for invoice {number}."),),
        sentence("Confirm the payment"),
    ),
    Kind.BANK_DEBIT_PENDING: Wording(
        sentence("Your bank debit is on its way"),
        (
            sentence("We have asked your bank for {amount}. That takes about four working days."),
            sentence("You need not do anything."),
        ),
    ),
    Kind.BANK_DEBIT_FAILED: Wording(
        sentence("Your bank debit did not go through"),
        (sentence("Your bank did not pay {amount}. Please choose another way to pay."),),
        sentence("Pay now"),
    ),
    Kind.TRIAL_ENDING: Wording(
        sentence("Your free trial ends on {due}"),
        (sentence("From {due} on we charge {amount} for each period, unless you cancel before."),),
        sentence("See your subscription"),
    ),
    Kind.SUBSCRIPTION_ENDED: Wording(
        sentence("Your subscription with {merchant} has ended"),
        (sentence("Your subscription has ended, and nothing more will be charged for it."),),
    ),
}

GREETING = sentence("Hello,")
FOOTNOTE = sentence("You get this message because you bought something from {merchant}.")
SIMULATED = sentence("SIMULATED: no real money moves, and this invoice is not real.")
