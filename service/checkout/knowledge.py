"""What is known of whoever meets a checkout: the attributes that targeting asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiments import Attribute, Attributes
from service.checkout.checkouts import Checkout
from service.errors import Refused

# What the order itself says, and nobody may say otherwise.
FROM_THE_ORDER = ("amount", "currency", "offer")


@dataclass(frozen=True)
class Client:
    """What a browser says of itself; None where it says nothing that can be read.

    Attributes:
        country: ISO 3166 code, by the proxy in front.
        device: phone, tablet or desktop.
        locale: the language it asks for first, such as pt-BR.
    """

    country: str | None = None
    device: str | None = None
    locale: str | None = None


def known_of(checkout: Checkout, client: Client) -> Attributes:
    """Every attribute of a checkout and its visitor.

    The merchant's word comes before the browser's, and the order's before both.
    """
    said = {"country": client.country, "device": client.device, "locale": client.locale}
    ordered = {
        "locale": checkout.locale,
        "amount": checkout.amount,
        "currency": checkout.currency,
        "offer": checkout.offer,
    }
    merged = said | dict(checkout.attributes) | {k: v for k, v in ordered.items() if v is not None}
    return {name: value for name, value in merged.items() if value is not None}


def check_attributes(given: Attributes, declared: Mapping[str, Attribute]) -> None:
    """Refuse what a merchant's server can't mean; attributes nobody declared are only kept.

    Raises:
        Refused: naming the attribute and the rule.
    """
    for name, value in given.items():
        if name in FROM_THE_ORDER:
            raise Refused(f"attributes.{name}: is told by the order itself; leave it out")
        fault = declared[name].fault(value) if name in declared else ""
        if fault:
            raise Refused(f"attributes.{name}: {fault}")
