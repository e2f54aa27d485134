"""The test bank accounts the simulator knows: the only account numbers it accepts.

Numbers and behaviour follow Stripe's published ones (docs.stripe.com, ach-direct-debit). Adding one
is one entry of `BANKS`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from service.payments.simulator.wire import Json

ROUTING_NUMBER = "110000000"


@dataclass(frozen=True)
class ListedBank:
    """One test account.

    Attributes:
        number: the account number.
        name: stable key kept in the store in place of the number.
        aliases: ids Stripe publishes for ready-made payment methods of this account.
        failure: Stripe's code when the debit comes back days later, or None.
        message: what Stripe says to the customer then.
        disputed: whether the bank takes the money back after it succeeded.
        stays: whether it is never settled.
    """

    number: str
    name: str
    aliases: tuple[str, ...] = ()
    failure: str | None = None
    message: str = ""
    disputed: bool = False
    stays: bool = False

    @property
    def last4(self) -> str:
        """The four digits people may see."""
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """Sixteen characters that are the same for the same account."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]

    @property
    def outcome(self) -> str:
        """What comes of a debit, in one word."""
        if self.disputed:
            return "disputed"
        return "processing" if self.stays else self.failure or "succeeds"


BANKS = (
    ListedBank("000123456789", "bank_succeeds", ("pm_usBankAccount_success",)),
    ListedBank(
        "000111111113",
        "bank_account_closed",
        ("pm_usBankAccount_accountClosed",),
        failure="account_closed",
        message="The customer's bank account has been closed.",
    ),
    ListedBank(
        "000111111116",
        "bank_no_account",
        ("pm_usBankAccount_noAccount",),
        failure="no_account",
        message="The customer's bank account could not be located.",
    ),
    ListedBank(
        "000222222227",
        "bank_insufficient_funds",
        ("pm_usBankAccount_insufficientFunds",),
        failure="insufficient_funds",
        message="The customer's account has insufficient funds to cover this payment.",
    ),
    ListedBank(
        "000333333335",
        "bank_not_authorized",
        ("pm_usBankAccount_debitNotAuthorized",),
        failure="debit_not_authorized",
        message="The customer has notified their bank that this payment was unauthorized.",
    ),
    ListedBank("000555555559", "bank_dispute", ("pm_usBankAccount_dispute",), disputed=True),
    ListedBank("000000000009", "bank_processing", ("pm_usBankAccount_processing",), stays=True),
)
BY_ACCOUNT = {bank.number: bank for bank in BANKS}
BANK_BY_NAME = {bank.name: bank for bank in BANKS}
BANK_BY_ALIAS = {alias: bank for bank in BANKS for alias in bank.aliases}


def published_banks() -> list[Json]:
    """Every listed account, for ``/sim/test-banks.json``."""
    return [
        {"account_number": bank.number, "routing_number": ROUTING_NUMBER, "outcome": bank.outcome}
        for bank in BANKS
    ]
