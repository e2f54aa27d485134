"""A shop's last weeks: seeded visitors, what they were shown and who of them paid."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.store.session import Store
from service.store.tables import checkouts, events, exposures


@dataclass(frozen=True)
class Seen:
    """One made-up visitor of the past."""

    unit: str
    at: datetime
    country: str
    paid: bool
    variant: str


def visitors(
    count: int,
    *,
    until: datetime,
    days: int,
    seed: int = 7,
    rate: Callable[[str], float] = lambda _variant: 0.3,
) -> list[Seen]:
    """Visitors spread evenly over the last days; the rate at which they pay is by variant."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        variant = chance.choice(("two_page", "one_page"))
        found.append(
            Seen(
                unit=f"visitor-{number}",
                at=until - timedelta(days=days) * (1 - (number + 0.5) / count),
                country=chance.choice(("SE", "SE", "NO", "DE")),
                paid=chance.random() < rate(variant),
                variant=variant,
            )
        )
    return found


def fill(store: Store, seen: list[Seen]) -> None:
    """Write them as the service does: a checkout, an exposure and the payment."""
    tables = (
        (checkouts, [_checkout(each) for each in seen]),
        (exposures, [_exposure(each) for each in seen]),
        (events, [_payment(each) for each in seen if each.paid]),
    )
    with store.write() as connection:
        for table, rows in tables:
            connection.execute(table.insert(), rows)


def _checkout(seen: Seen) -> dict[str, Any]:
    return {
        "checkout_id": f"chk_{seen.unit}",
        "created_at": seen.at - timedelta(seconds=2),
        "expires_at": seen.at + timedelta(days=1),
        "mode": "payment",
        "currency": "sek",
        "amount": 2400,
        "lines": [],
        "attributes": {},
        "metadata": {},
        "unit_id": seen.unit,
        "preview": False,
    }


def _exposure(seen: Seen) -> dict[str, Any]:
    return {
        "experiment": "one-page-checkout",
        "unit_id": seen.unit,
        "variant": seen.variant,
        "exposed_at": seen.at,
        "reason": "SPLIT",
        "bucket": 0.5,
        "checkout_id": f"chk_{seen.unit}",
        "definitions": "0" * 64,
        "attributes": {"country": seen.country, "currency": "sek", "amount": 2400},
    }


def _payment(seen: Seen) -> dict[str, Any]:
    return {
        "event_id": f"evt_{seen.unit}",
        "unit_id": seen.unit,
        "checkout_id": f"chk_{seen.unit}",
        "name": "payment_succeeded",
        "occurred_at": seen.at + timedelta(minutes=2),
        "received_at": seen.at + timedelta(minutes=2),
        "value": 2400 + 100 * (len(seen.unit) % 3),
        "currency": "sek",
        "properties": {},
    }
