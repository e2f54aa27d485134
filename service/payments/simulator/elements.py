"""What Elements begins with: the methods it may show, and what its customer session lets it do."""

from __future__ import annotations

from service.payments.simulator.errors import ApiError, InvalidParameterError, missing_resource
from service.payments.simulator.parameters import (
    Parameters,
    choice,
    currency,
    filled,
    integer,
    listing,
    mapping,
    text,
)
from service.payments.simulator.resources import payment_intents, payment_methods
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

OPTIONS = mapping(
    mode=choice("payment", "subscription", "setup"),
    amount=integer,
    currency=currency,
    setup_future_usage=choice("on_session", "off_session"),
    allowed_payment_method_types=listing(filled),
    excluded_payment_method_types=listing(filled),
    customer_session_client_secret=text,
)
BEGIN = Parameters({"key": text, "elements": OPTIONS}, required=("key", "elements"))
REMOVE = Parameters(
    {"key": text, "customer_session_client_secret": filled},
    required=("key", "customer_session_client_secret"),
)
_SHOWN = ("id", "type", "billing_details", "card", "link", "us_bank_account")


def begin(work: Work, given: Json) -> Json:
    """The methods that may be offered, and of a customer what its session shows."""
    options = checked(given["elements"])
    return {
        "object": "elements_session",
        "payment_method_types": offered(options),
        "customer": _customer(work, options),
    }


def checked(given: Json | None) -> Json:
    """The options of Elements, if they go together.

    Raises:
        InvalidParameterError: no mode, or an amount and currency that its mode does not take.
    """
    options = given or {}
    mode, amount = options.get("mode"), options.get("amount")
    if mode is None:
        raise InvalidParameterError("elements needs a mode.", param="elements")
    if mode == "setup" and amount is not None:
        raise InvalidParameterError("Mode setup takes no amount.", param="elements[amount]")
    if mode != "setup" and (amount is None or "currency" not in options):
        raise InvalidParameterError("elements needs amount and currency.", param="elements")
    if amount is not None and amount < (mode == "payment"):
        raise InvalidParameterError("The amount is too small.", param="elements[amount]")
    return options


def offered(options: Json) -> list[str]:
    """The payment methods of these options."""
    return payment_intents.method_types(options)


def features(work: Work, secret: str | None) -> tuple[str | None, Json]:
    """Whose session it is, and what it allows; nobody's allows nothing.

    Raises:
        ApiError: no such session, or its half an hour is over.
    """
    if secret is None:
        return None, {}
    session = work.get(secret)
    # A secret is told to nobody who does not have it.
    if session is None or session["object"] != "customer_session":
        raise missing_resource("customer_session", "…", "customer_session_client_secret")
    if session["expires_at"] <= work.now:
        raise ApiError(
            "The customer session has expired: make another one.",
            code="customer_session_expired",
            param="customer_session_client_secret",
        )
    return session["customer"], session["components"]["payment_element"]["features"] or {}


def saved(work: Work, options: Json, method: str) -> Json:
    """A payment method that the session shows, by its id.

    Raises:
        ApiError: it shows no such method.
    """
    customer, allowed = features(work, options.get("customer_session_client_secret"))
    for each in _redisplayed(work, options, customer, allowed):
        if each["id"] == method:
            return each
    raise missing_resource("payment_method", method, "payment_method", status=400)


def remove(work: Work, given: Json, method: str) -> Json:
    """Let a saved method go, where the session allows that.

    Raises:
        ApiError: it does not, or the method is not its customer's.
    """
    customer, allowed = features(work, given["customer_session_client_secret"])
    if allowed.get("payment_method_remove") != "enabled":
        raise ApiError("This customer session may not remove payment methods.", status=403)
    found = work.require("payment_method", method)
    if found["customer"] != customer:
        raise missing_resource("payment_method", method, "payment_method")
    return _shown(payment_methods.detach(work, {}, method))


def _customer(work: Work, options: Json) -> Json | None:
    customer, allowed = features(work, options.get("customer_session_client_secret"))
    if customer is None:
        return None
    return {
        "payment_methods": [
            _shown(each) for each in _redisplayed(work, options, customer, allowed)
        ],
        "remove": allowed.get("payment_method_remove") == "enabled",
        "save": allowed.get("payment_method_save") == "enabled" and options["mode"] == "payment",
    }


def _redisplayed(work: Work, options: Json, customer: str | None, allowed: Json) -> list[Json]:
    if customer is None or allowed.get("payment_method_redisplay") != "enabled":
        return []
    page = payment_methods.listing_of(work, {"customer": customer, "limit": 100})
    types = offered(options)
    filters = allowed["payment_method_allow_redisplay_filters"]
    fitting = [
        each
        for each in page["data"]
        if each["type"] in types and each["allow_redisplay"] in filters
    ]
    return fitting[: allowed["payment_method_redisplay_limit"]]


def _shown(method: Json) -> Json:
    return {name: method[name] for name in _SHOWN if name in method}
