"""The test cards the simulator knows: the only card numbers it accepts, anywhere.

Numbers and behaviour follow Stripe's published test cards. Adding a card is one entry of `CARDS`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from service.payments.simulator.wire import Json


@dataclass(frozen=True)
class Decline:
    """How an issuer says no.

    Attributes:
        code: Stripe's error code.
        decline_code: Stripe's reason, more exact than ``code``.
        message: what Stripe says to the customer; a lost or stolen card is never named.
        network_code: the network's two-digit reason, ISO 8583.
        advice_code: what Stripe advises about another try.
    """

    code: str
    decline_code: str
    message: str
    network_code: str
    advice_code: str


@dataclass(frozen=True)
class ListedCard:
    """One test card.

    Attributes:
        number: the card number, digits only.
        name: stable key kept in the store in place of the number.
        aliases: ids Stripe publishes for ready-made payment methods of this card.
        decline: None when the issuer approves.
        challenge: whether 3-D Secure is asked for first.
        afterwards: what follows a charge: ``dispute``, ``warning``, or nothing.
    """

    number: str
    name: str
    aliases: tuple[str, ...] = ()
    brand: str = "visa"
    country: str = "US"
    decline: Decline | None = None
    challenge: bool = False
    funding: str = "credit"
    afterwards: str = ""

    @property
    def last4(self) -> str:
        """The four digits people may see."""
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """Sixteen characters that are the same for the same card."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]

    @property
    def cvc_length(self) -> int:
        """Digits of the security code."""
        return 4 if self.brand == "amex" else 3

    def published(self) -> Json:
        """The card as the Stripe.js stand-in reads it."""
        outcome = self.decline.decline_code if self.decline else "succeeds"
        return {
            "number": self.number,
            "name": self.name,
            "brand": self.brand,
            "funding": self.funding,
            "country": self.country,
            "cvc_length": self.cvc_length,
            "challenge": self.challenge,
            "outcome": outcome,
        }


_DECLINED = "Your card was declined."
_GENERIC = Decline("card_declined", "generic_decline", _DECLINED, "05", "try_again_later")
_NO_FUNDS = Decline(
    "card_declined",
    "insufficient_funds",
    "Your card has insufficient funds.",
    "51",
    "try_again_later",
)
_LOST = Decline("card_declined", "lost_card", _DECLINED, "41", "do_not_try_again")
_STOLEN = Decline("card_declined", "stolen_card", _DECLINED, "43", "do_not_try_again")
EXPIRED = Decline(
    "expired_card", "expired_card", "Your card has expired.", "54", "confirm_card_data"
)
_WRONG_CVC = Decline(
    "incorrect_cvc",
    "incorrect_cvc",
    "Your card's security code is incorrect.",
    "82",
    "confirm_card_data",
)
_BROKEN = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "96",
    "try_again_later",
)

CARDS = (
    ListedCard("4242424242424242", "visa", ("pm_card_visa",)),
    ListedCard(
        "4000000000000002",
        "generic_decline",
        ("pm_card_chargeDeclined", "pm_card_visa_chargeDeclined"),
        decline=_GENERIC,
    ),
    ListedCard(
        "4000000000009995",
        "insufficient_funds",
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "pm_card_visa_chargeDeclinedInsufficientFunds",
        ),
        decline=_NO_FUNDS,
    ),
    ListedCard(
        "4000000000009987",
        "lost_card",
        ("pm_card_visa_chargeDeclinedLostCard",),
        decline=_LOST,
    ),
    ListedCard(
        "4000000000009979",
        "stolen_card",
        ("pm_card_visa_chargeDeclinedStolenCard",),
        decline=_STOLEN,
    ),
    ListedCard(
        "4000000000000069",
        "expired_card",
        ("pm_card_chargeDeclinedExpiredCard",),
        decline=EXPIRED,
    ),
    ListedCard(
        "4000000000000127",
        "incorrect_cvc",
        ("pm_card_chargeDeclinedIncorrectCvc",),
        decline=_WRONG_CVC,
    ),
    ListedCard(
        "4000000000000119",
        "processing_error",
        ("pm_card_chargeDeclinedProcessingError",),
        decline=_BROKEN,
    ),
    ListedCard(
        "4000000000000341",
        "attached_and_declined",
        ("pm_card_chargeCustomerFail",),
        decline=_GENERIC,
    ),
    ListedCard(
        "4000002760003184",
        "three_d_secure",
        ("pm_card_authenticationRequired", "pm_card_threeDSecure2Required"),
        challenge=True,
    ),
    ListedCard(
        "4000008400001629",
        "three_d_secure_declined",
        ("pm_card_threeDSecureRequiredChargeDeclined",),
        decline=_GENERIC,
        challenge=True,
    ),
    ListedCard("4000000000000259", "disputed", ("pm_card_createDispute",), afterwards="dispute"),
    ListedCard(
        "4000000000005423", "warned_of", ("pm_card_createIssuerFraudRecord",), afterwards="warning"
    ),
    ListedCard("5555555555554444", "mastercard", ("pm_card_mastercard",), brand="mastercard"),
    ListedCard("378282246310005", "amex", ("pm_card_amex",), brand="amex"),
)

BY_NUMBER = {card.number: card for card in CARDS}
BY_NAME = {card.name: card for card in CARDS}
BY_ALIAS = {alias: card for card in CARDS for alias in card.aliases}


def published_cards() -> list[Json]:
    """Every listed card, for ``/sim/test-cards.json``."""
    return [card.published() for card in CARDS]
