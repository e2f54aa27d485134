"""Seats: a subscription's items, and the lines that their periods put on an invoice."""

from __future__ import annotations

from service.payments.simulator.errors import InvalidParameterError
from service.payments.simulator.periods import end_of
from service.payments.simulator.resources import products
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

_MOST_SEATS = 1_000_000


def items_of(subscription: Json) -> list[Json]:
    """A subscription's items."""
    items: list[Json] = subscription["items"]["data"]
    return items


def new_item(work: Work, asked: Json, subscription: str, trial_end: int | None) -> Json:
    """An item over a price, there already or made for it.

    Raises:
        ApiError: there is no such price.
        InvalidParameterError: it is paid once only, or the quantity is out of bounds.
    """
    price = products.named_or_made(work, asked, "items")
    recurring = price["recurring"]
    if recurring is None:
        raise InvalidParameterError("A subscription needs recurring prices.", param="items")
    end = end_of(work.now, recurring["interval"], recurring["interval_count"], work.now)
    shared = ("active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname")
    return {
        "id": new_id("si"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": work.now,
        "current_period_end": trial_end or end,
        "current_period_start": work.now,
        "discounts": [],
        "metadata": {},
        "plan": {name: price[name] for name in shared}
        | {
            "id": price["id"],
            "object": "plan",
            "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"],
            "interval": recurring["interval"],
            "interval_count": recurring["interval_count"],
            "meter": None,
            "product": price["product"],
            "tiers_mode": None,
            "transform_usage": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "price": price,
        "quantity": checked(asked.get("quantity", 1), "items"),
        "subscription": subscription,
        "tax_rates": [],
    }


def line_of(subscription: Json, item: Json, *, trial: bool = False) -> Json:
    """What an item costs for its period, as a line of an invoice still to be named."""
    price = item["price"]
    amount = 0 if trial else price["unit_amount"] * item["quantity"]
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": "Trial period" if trial else f"{item['quantity']} seats",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": subscription["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": None,
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
        "pretax_credit_amounts": [],
        "pricing": products.pricing_of(price),
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "subscription": subscription["id"],
        "subtotal": amount,
        "taxes": [],
    }


def next_period(item: Json, anchor: int) -> Json:
    """The item in the period after its present one."""
    recurring = item["price"]["recurring"]
    start = item["current_period_end"]
    end = end_of(start, recurring["interval"], recurring["interval_count"], anchor)
    return item | {"current_period_start": start, "current_period_end": end}


def reseated(work: Work, subscription: Json, asked: list[Json]) -> tuple[Json, list[Json]]:
    """The items with new seats, and what the change costs for the rest of the period."""
    wanted = {
        each["id"]: checked(each["quantity"], "items") for each in asked if "quantity" in each
    }
    known = {item["id"] for item in items_of(subscription)}
    if {each.get("id") for each in asked} - known:
        raise InvalidParameterError("No such subscription_item.", param="items")
    items, lines = [], []
    for item in items_of(subscription):
        seats = wanted.get(item["id"], item["quantity"])
        items.append(item | {"quantity": seats})
        begin, end = item["current_period_start"], item["current_period_end"]
        rest = (end - work.now) / (end - begin)
        for quantity, sign in ((item["quantity"], -1), (seats, 1)):
            if seats != item["quantity"]:
                amount = sign * round(item["price"]["unit_amount"] * quantity * rest)
                line = line_of(subscription, item | {"quantity": quantity}) | {"amount": amount}
                lines.append(_prorated(line, work.now, end))
    return subscription["items"] | {"data": items}, lines


def _prorated(line: Json, start: int, end: int) -> Json:
    details = line["parent"]["subscription_item_details"] | {"proration": True}
    return line | {
        "subtotal": line["amount"],
        "period": {"start": start, "end": end},
        "parent": line["parent"] | {"subscription_item_details": details},
    }


def checked(quantity: int, param: str) -> int:
    """A quantity within its bounds.

    Raises:
        InvalidParameterError: it is not.
    """
    if not 0 <= quantity <= _MOST_SEATS:
        raise InvalidParameterError(
            f"A quantity is from 0 to {_MOST_SEATS}.", param=f"{param}[quantity]"
        )
    return quantity
