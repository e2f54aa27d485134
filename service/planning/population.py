"""Whom a change is tried on: the visitors of the last days, or made-up ones."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from experiments import Catalog, Offer
from service.store.visitors import Visitor

# About the mix of a shop that sells in a few countries; only its order of size matters.
_COUNTRIES = (("SE", 40), ("NO", 20), ("DK", 15), ("DE", 15), ("US", 10))
_DEVICES = (("phone", 60), ("desktop", 35), ("tablet", 5))
_LOCALES = {"SE": "sv-SE", "NO": "nb-NO", "DK": "da-DK", "DE": "de-DE", "US": "en-US"}


@dataclass(frozen=True)
class Population:
    """The visitors a change is tried on.

    Attributes:
        visitors: each once.
        simulated: whether they are made up.
        described: who they are, as a part of a sentence.
    """

    visitors: tuple[Visitor, ...]
    simulated: bool
    described: str


def seen(visitors: Sequence[Visitor], *, days: int) -> Population:
    """The visitors of a store's last days."""
    return Population(
        tuple(visitors), simulated=False, described=f"visitors seen in the last {days} days"
    )


def simulated(catalog: Catalog, *, count: int, seed: int, now: datetime) -> Population:
    """Made-up visitors; the same seed makes the same ones.

    Args:
        catalog: whose offers they come for.
        count: how many.
        seed: decides every one of them.
        now: when they are seen.
    """
    chance = random.Random(seed)  # noqa: S311 - made up, not secret
    offers = list(catalog.offers.values())
    visitors = tuple(_made_up(chance, offers, now) for _ in range(count))
    return Population(visitors, simulated=True, described=f"made-up visitors (seed {seed})")


def _made_up(chance: random.Random, offers: Sequence[Offer], now: datetime) -> Visitor:
    country = _one_of(chance, _COUNTRIES)
    attributes: dict[str, str | int | float | bool] = {
        "country": country,
        "device": _one_of(chance, _DEVICES),
        "locale": _LOCALES[country],
    }
    if offers:
        offer = chance.choice(offers)
        attributes |= {"offer": offer.key, "currency": offer.currency, "amount": offer.amount}
    name = f"{chance.getrandbits(128):032x}"
    return Visitor(name, now, f"cus_{name[:14]}", attributes)


def _one_of(chance: random.Random, weighted: Sequence[tuple[str, int]]) -> str:
    names, weights = zip(*weighted, strict=True)
    return str(chance.choices(names, weights)[0])
