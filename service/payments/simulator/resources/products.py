"""Products and their prices."""

from __future__ import annotations

from service.payments.simulator.errors import ApiError, InvalidParameterError
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import (
    PAGE,
    Parameters,
    choice,
    currency,
    filled,
    integer,
    mapping,
    merged,
    metadata,
    text,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

RECURRING = mapping(interval=choice("day", "week", "month", "year"), interval_count=integer)
# A period lasts three years at most.
_LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}
CREATE = Parameters(
    {"description": text, "id": filled, "metadata": metadata, "name": filled}, required=("name",)
)
PRICE = Parameters(
    {
        "currency": currency,
        "metadata": metadata,
        "nickname": text,
        "product": filled,
        "recurring": RECURRING,
        "unit_amount": integer,
    },
    required=("currency", "product", "unit_amount"),
)
RETRIEVE = Parameters()
LIST = Parameters(PAGE)


def create(work: Work, given: Json) -> Json:
    """Something to sell, under an id of the merchant's if they like."""
    wished = given.get("id")
    if wished is not None and work.get(wished) is not None:
        raise ApiError(
            f"Product already exists with id: {wished}", code="resource_already_exists", param="id"
        )
    product = work.save(
        {
            "id": wished or new_id("prod"),
            "object": "product",
            "active": True,
            "created": work.now,
            "default_price": None,
            "description": given.get("description"),
            "images": [],
            "livemode": False,
            "marketing_features": [],
            "metadata": merged({}, given.get("metadata", {})),
            "name": given["name"],
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "type": "service",
            "unit_label": None,
            "updated": work.now,
            "url": None,
        }
    )
    work.emit("product.created", product)
    return product


def retrieve(work: Work, _given: Json, product: str) -> Json:
    """The product with this id."""
    return work.require("product", product)


def listing_of(work: Work, given: Json) -> Json:
    """Products, newest first."""
    return listed(work, "product", "/v1/products", given, {})


def create_price(work: Work, given: Json) -> Json:
    """What a product costs, once or for each period."""
    work.require("product", given["product"], param="product", status=400)
    recurring = given.get("recurring")
    if recurring:
        _check_period(recurring)
    if given["unit_amount"] < 0:
        raise InvalidParameterError("A price is not below 0.", param="unit_amount")
    price = work.save(
        {
            "id": new_id("price"),
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "created": work.now,
            "currency": given["currency"],
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": None,
            "metadata": merged({}, given.get("metadata", {})),
            "nickname": given.get("nickname"),
            "product": given["product"],
            "recurring": recurring
            and {
                "interval": recurring["interval"],
                "interval_count": recurring.get("interval_count", 1),
                "meter": None,
                "trial_period_days": None,
                "usage_type": "licensed",
            },
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if recurring else "one_time",
            "unit_amount": given["unit_amount"],
            "unit_amount_decimal": str(given["unit_amount"]),
        }
    )
    work.emit("price.created", price)
    return price


def named_or_made(work: Work, asked: Json, param: str) -> Json:
    """The price that an item names, or one made of what it says.

    Raises:
        ApiError: there is no such price or product.
        InvalidParameterError: what it says is not enough for a price.
    """
    data = asked.get("price_data")
    if not data:
        return work.require("price", asked.get("price") or "", param=param, status=400)
    for name in PRICE.required:
        if name not in data:
            path = f"{param}[price_data][{name}]"
            raise InvalidParameterError(
                f"Missing required param: {path}.", code="parameter_missing", param=path
            )
    return create_price(work, data)


def pricing_of(price: Json) -> Json:
    """What a line says of the price it comes from."""
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def _check_period(recurring: Json) -> None:
    if recurring.get("interval") is None:
        message = "Missing required param: recurring[interval]."
        raise InvalidParameterError(message, code="parameter_missing", param="recurring[interval]")
    longest = _LONGEST[recurring["interval"]]
    if not 1 <= recurring.get("interval_count", 1) <= longest:
        raise InvalidParameterError(
            f"A period has from 1 to {longest} times its interval.",
            param="recurring[interval_count]",
        )


def retrieve_price(work: Work, _given: Json, price: str) -> Json:
    """The price with this id."""
    return work.require("price", price)


def listing_of_prices(work: Work, given: Json) -> Json:
    """Prices, newest first."""
    return listed(work, "price", "/v1/prices", given, {})
