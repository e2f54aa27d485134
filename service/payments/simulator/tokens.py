"""What the browser may ask: make a token of a listed card, look at its payment, pass 3-D Secure."""

from __future__ import annotations

import hmac
import re

from service.payments.simulator.cards import BY_NUMBER, ListedCard
from service.payments.simulator.errors import ApiError, InvalidParameterError, unauthorized
from service.payments.simulator.forms import Wire
from service.payments.simulator.parameters import (
    ADDRESS,
    SHIPPING,
    Parameters,
    choice,
    currency,
    integer,
    mapping,
    text,
)
from service.payments.simulator.resources import attempts, confirmation_tokens, payment_intents
from service.payments.simulator.resources.confirmation_tokens import Details
from service.payments.simulator.resources.payment_methods import preview
from service.payments.simulator.wire import LIVE_PREFIXES, PUBLISHABLE_KEY, Json
from service.payments.simulator.work import Work

_CARD = mapping(number=text, exp_month=integer, exp_year=integer, cvc=text)
_BILLING = mapping(name=text, email=text, phone=text, address=ADDRESS)
TOKEN = Parameters(
    {
        "key": text,
        "elements": mapping(mode=choice("payment"), amount=integer, currency=currency),
        "payment_method": mapping(type=choice("card"), card=_CARD, billing_details=_BILLING),
        "return_url": text,
        "shipping": SHIPPING,
    },
    required=("key", "elements", "payment_method"),
)
LOOK = Parameters({"key": text, "client_secret": text}, required=("key", "client_secret"))
AUTHENTICATE = Parameters(
    {"key": text, "client_secret": text, "outcome": choice("succeed", "fail")},
    required=("key", "client_secret", "outcome"),
)
# What Stripe.js shows of a PaymentIntent to the holder of its client secret.
_PUBLIC = (
    "id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at",
    "cancellation_reason", "capture_method", "client_secret", "confirmation_method", "created",
    "currency", "description", "last_payment_error", "livemode", "next_action", "payment_method",
    "payment_method_types", "processing", "receipt_email", "setup_future_usage", "shipping",
    "source", "status",
)  # fmt: skip


def as_form(value: object) -> Wire | None:
    """JSON in the shape `forms.decode` gives, so that the same readers check it.

    Returns:
        Text and mappings; None for null, which is as good as absent.

    Raises:
        InvalidParameterError: text no UTF-8 can carry, or a fraction.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return as_form({str(index): member for index, member in enumerate(value)})
    if isinstance(value, dict):
        read = {_text(name): as_form(member) for name, member in value.items()}
        return {name: member for name, member in read.items() if member is not None}
    if isinstance(value, str):
        return _text(value)
    raise InvalidParameterError("Fractions are not understood here.")


def tokenize(work: Work, given: Json) -> Json:
    """A confirmation token of a listed card.

    Raises:
        ApiError: 400 when the number is not listed (it is neither kept nor repeated), 402 when
            expiry or security code can't be right, 401 for another key.
    """
    identify(given["key"])
    method = given["payment_method"] or {}
    elements = given["elements"] or {}
    if not {"amount", "currency"} <= elements.keys():
        raise InvalidParameterError("elements needs amount and currency.", param="elements")
    entered = method.get("card") or {}
    card = _listed(entered.get("number") or "")
    _check_entry(work, card, entered)
    shown = preview(card, entered, method.get("billing_details") or {})
    return confirmation_tokens.create(
        work, Details(shown, card, elements, given.get("return_url"), given.get("shipping"))
    )


def look(work: Work, given: Json, intent: str) -> Json:
    """The PaymentIntent, as far as its payer may see it."""
    return _public(_held(work, given, intent))


def authenticate(work: Work, given: Json, intent: str) -> Json:
    """Finish the 3-D Secure challenge."""
    found = _held(work, given, intent)
    return _public(attempts.authenticate(work, found, passed=given["outcome"] == "succeed"))


def identify(key: str | None) -> None:
    """Let the simulator's publishable key in and nothing else.

    Raises:
        ApiError: 401; the message never repeats the key.
    """
    if (key or "").startswith(LIVE_PREFIXES):
        raise unauthorized("This is the Stripe simulator: it refuses live keys.")
    if not hmac.compare_digest((key or "").encode(), PUBLISHABLE_KEY.encode()):
        raise unauthorized(f"Invalid API Key provided: the simulator's is {PUBLISHABLE_KEY}.")


def _held(work: Work, given: Json, intent: str) -> Json:
    identify(given["key"])
    secret = given["client_secret"] or ""
    return payment_intents.retrieve(work, {"client_secret": secret}, intent)


def _public(intent: Json) -> Json:
    return {name: intent[name] for name in _PUBLIC}


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise InvalidParameterError("Text must be valid Unicode.") from exc
    return value


def _listed(number: str) -> ListedCard:
    card = BY_NUMBER.get(re.sub(r"[\s-]", "", number))
    if card is None:
        raise ApiError(
            "The simulator accepts only its listed test cards. Your card number was not kept.",
            code="card_number_not_listed",
            param="number",
        )
    return card


def _check_entry(work: Work, card: ListedCard, entered: Json) -> None:
    month, year = entered.get("exp_month") or 0, entered.get("exp_year") or 0
    if not 1 <= month <= 12:
        raise _mistyped("Your card's expiration month is invalid.", "invalid_expiry_month")
    if not (work.at.year, work.at.month) <= (year, month) <= (work.at.year + 50, 12):
        raise _mistyped("Your card's expiration year is invalid.", "invalid_expiry_year")
    if not re.fullmatch(f"[0-9]{{{card.cvc_length}}}", entered.get("cvc") or ""):
        raise _mistyped("Your card's security code is invalid.", "invalid_cvc")


def _mistyped(message: str, code: str) -> ApiError:
    param = {"invalid_expiry_month": "exp_month", "invalid_expiry_year": "exp_year"}
    return ApiError(message, code=code, param=param.get(code, "cvc"), status=402, kind="card_error")
