"""When another way to pay is offered for the same order: by its amount, or by what banks said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from experiments import InvoiceTerms
from service.checkout.checkouts import Checkout, Mode

BANK_DEBIT = "us_bank_account"
# Where Stripe debits bank accounts that Kassa offers.
_DEBITED = "usd"
# Codes that say: this card can't pay an amount like this.
_TOO_MUCH = frozenset(
    {
        "amount_too_large",
        "card_velocity_exceeded",
        "invalid_amount",
        "withdrawal_count_limit_exceeded",
    }
)
# Codes that say so when they come twice.
_TWICE = frozenset({"do_not_honor", "generic_decline", "insufficient_funds"})


@dataclass(frozen=True)
class Switch:
    """What is offered in place of a card.

    Attributes:
        bank_debit: whether a bank account can pay.
        invoice: how an invoice could be paid; None where none is offered.
    """

    bank_debit: bool
    invoice: InvoiceTerms | None


@dataclass(frozen=True)
class Switching:
    """The merchant's rules.

    Attributes:
        limits: the amount from which cards are not taken, in minor units by currency.
        invoice_days: until an invoice must be paid that is offered; 0 where none is.
    """

    limits: Mapping[str, int]
    invoice_days: int

    def methods(self, checkout: Checkout) -> tuple[str, ...]:
        """Stripe's names of the methods that may pay it; empty where all may.

        A card stays where no bank debit could take its place.
        """
        over = self._over(checkout) and checkout.currency == _DEBITED
        return (BANK_DEBIT,) if over else ()

    def offered(self, checkout: Checkout, attempts: Sequence[Row[Any]]) -> Switch | None:
        """What is offered by the amount, or after the tries there were; None: a card may do."""
        codes = [attempt.decline_code or attempt.failure_code for attempt in attempts]
        twice = sum(code in _TWICE for code in codes) > 1
        if self._over(checkout) or twice or _TOO_MUCH & set(codes):
            return self._switch(checkout)
        return None

    def hosted(self, checkout: Checkout) -> InvoiceTerms | None:
        """The invoice whose page at Stripe takes the payment where the page's form can't.

        None where the merchant sends no invoices, and of a subscription, which begins with a
        payment method that is kept.
        """
        terms = checkout.terms
        if isinstance(terms, InvoiceTerms) and terms.sent:
            return terms
        return self._invoice(checkout)

    def _invoice(self, checkout: Checkout) -> InvoiceTerms | None:
        offered = checkout.mode is Mode.PAYMENT and self.invoice_days
        return InvoiceTerms(days_until_due=self.invoice_days) if offered else None

    def _over(self, checkout: Checkout) -> bool:
        limit = self.limits.get(checkout.currency)
        return limit is not None and checkout.price >= limit

    def _switch(self, checkout: Checkout) -> Switch | None:
        bank_debit, invoice = checkout.currency == _DEBITED, self._invoice(checkout)
        return Switch(bank_debit, invoice) if bank_debit or invoice else None
