"""The wallets the simulator knows: each pays with a listed card, and none takes another number.

Adding one is one entry of `WALLETS`; the Payment Element offers those of ``assets/wallets.js``.
Stripe publishes no ready-made payment methods of wallets: only a browser makes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.payments.simulator.cards import ListedCard
from service.payments.simulator.wire import Json


@dataclass(frozen=True)
class Wallet:
    """One kind of wallet.

    Attributes:
        name: Stripe's.
        has_device_number: whether it pays by a number of its device in place of the card's.
    """

    name: str
    has_device_number: bool = True

    def holding(self, card: ListedCard) -> Json:
        """What a payment method says of the wallet that its card came out of."""
        return {
            "type": self.name,
            "dynamic_last4": card.last4 if self.has_device_number else None,
            self.name: {},
        }


WALLETS = (Wallet("apple_pay"), Wallet("google_pay"), Wallet("link", has_device_number=False))
WALLET_BY_NAME = {wallet.name: wallet for wallet in WALLETS}
