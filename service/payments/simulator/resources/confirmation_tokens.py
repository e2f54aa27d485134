"""Confirmation tokens: the one thing that crosses from the browser to the server.

A token is used once, lives twelve hours, and carries what Elements was initialised with, so that a
PaymentIntent of another amount or currency can't be confirmed with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.payments.simulator.banks import BY_ACCOUNT, ROUTING_NUMBER, ListedBank
from service.payments.simulator.errors import ApiError
from service.payments.simulator.parameters import (
    ADDRESS,
    SHIPPING,
    Parameters,
    choice,
    filled,
    mapping,
    text,
)
from service.payments.simulator.resources.payment_methods import (
    Source,
    created,
    preview,
    ready_made,
    source_named,
    usable,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id

LIFETIME = 12 * 3600
RETRIEVE = Parameters()
# A subscription begins with a payment, or with a setup while nothing is due.
_ONLY_FOR = {"payment": "payment_intent", "setup": "setup_intent"}
CREATE = Parameters(
    {
        "payment_method": text,
        "payment_method_data": mapping(
            type=choice("us_bank_account"),
            us_bank_account=mapping(
                account_holder_type=choice("individual", "company"),
                account_number=filled,
                routing_number=filled,
            ),
            billing_details=mapping(name=text, email=text, phone=text, address=ADDRESS),
        ),
        "return_url": text,
        "setup_future_usage": choice("on_session", "off_session"),
        "shipping": SHIPPING,
    }
)


@dataclass(frozen=True)
class Details:
    """What a token is made of.

    Attributes:
        preview: the payment method as it will be.
        source: the listed card or bank account behind it.
        elements: ``mode``, ``amount`` (minor units), ``currency`` Elements was initialised with;
            None for a token made by the test helper.
        return_url: where a redirect would come back to.
        shipping: recipient, if the page asked for one.
        setup_future_usage: on_session, off_session or None.
        mandate_data: how the payer agreed to be debited, or None.
        method: the id of the saved payment method that was chosen, or None.
        unproven: whether small deposits must show first that an account is the payer's.
    """

    preview: Json
    source: Source
    elements: Json | None = None
    return_url: str | None = None
    shipping: Json | None = None
    setup_future_usage: str | None = None
    mandate_data: Json | None = None
    method: str | None = None
    unproven: bool = False


def create_for_test(work: Work, given: Json) -> Json:
    """A token of one of Stripe's ready-made test payment methods."""
    if given.get("payment_method_data"):
        shown, source = _typed(given["payment_method_data"])
    else:
        shown, source = ready_made(given.get("payment_method") or "")
    details = Details(
        shown,
        source,
        return_url=given.get("return_url"),
        shipping=given.get("shipping"),
        setup_future_usage=given.get("setup_future_usage"),
    )
    return create(work, details)


def _typed(data: Json) -> tuple[Json, Source]:
    """A bank account as somebody typed it in."""
    entered = data.get("us_bank_account") or {}
    bank = listed_account(entered, "payment_method_data[us_bank_account]")
    return preview(bank, entered, data.get("billing_details") or {}), bank


def listed_account(entered: Json, param: str) -> ListedBank:
    """The test account with this number at the test bank.

    Raises:
        ApiError: it is not listed; the number is neither kept nor repeated.
    """
    bank = BY_ACCOUNT.get(entered.get("account_number") or "")
    if bank is None or entered.get("routing_number") != ROUTING_NUMBER:
        raise ApiError(
            "The simulator accepts only its listed test accounts. Your number was not kept.",
            code="account_number_not_listed",
            param=param,
        )
    return bank


def create(work: Work, details: Details) -> Json:
    """Keep a new token and show it."""
    token = {
        "id": new_id("ctoken"),
        "object": "confirmation_token",
        "created": work.now,
        "expires_at": work.now + LIFETIME,
        "livemode": False,
        "mandate_data": details.mandate_data,
        "metadata": {},
        "payment_intent": None,
        "payment_method_options": {"card": {"cvc_token": None, "installments": None}},
        "payment_method_preview": details.preview,
        "return_url": details.return_url,
        "setup_future_usage": details.setup_future_usage,
        "setup_intent": None,
        "shipping": details.shipping,
        "use_stripe_sdk": True,
    }
    private = {
        "source": details.source.name,
        "elements": details.elements,
        "method": details.method,
        "unproven": details.unproven,
    }
    return work.save(token, private)


def retrieve(work: Work, _given: Json, token: str) -> Json:
    """The token with this id, used or not."""
    return work.require("confirmation_token", token)


def spend(work: Work, identity: str, intent: Json) -> tuple[Json, Json, Source]:
    """Use a token for a PaymentIntent or a SetupIntent, once.

    Returns:
        The token as it now is, its payment method (a new one, or the saved one that was chosen),
        and what is behind it.

    Raises:
        ApiError: unknown, used, expired, or made for another mode, amount or currency; or the
            saved method may not be used any more.
    """
    token = work.require("confirmation_token", identity, param="confirmation_token", status=400)
    private = work.private(identity)
    _check(work, token, private["elements"], intent)
    spent = token | {intent["object"]: intent["id"]}
    work.save(spent)
    source = source_named(private.get("source") or private.get("card") or "")
    if private.get("method"):
        kept = work.require("payment_method", private["method"], status=400)
        return spent, usable(work, kept, intent["customer"]), source
    unproven = bool(private.get("unproven"))
    return spent, created(work, token["payment_method_preview"], source, unproven=unproven), source


def _check(work: Work, token: Json, elements: Json | None, intent: Json) -> None:
    if token["payment_intent"] is not None or token["setup_intent"] is not None:
        raise _refusal(f"{token['id']} has already been used.", "token_already_used")
    if token["expires_at"] <= work.now:
        raise _refusal(f"{token['id']} has expired.", "expired_payment_method")
    mode = (elements or {}).get("mode") or ""
    if _ONLY_FOR.get(mode, intent["object"]) != intent["object"]:
        raise _refusal(
            f"Elements was initialised with another mode than {intent['id']} needs.",
            "intent_mode_mismatch",
        )
    for name in ("amount", "currency"):
        if elements is not None and name in intent and elements[name] != intent[name]:
            raise _refusal(
                f"The {name} of {intent['id']} is {intent[name]}, but Elements was initialised "
                f"with {elements[name]}.",
                "payment_intent_invalid_parameter",
            )


def _refusal(reason: str, code: str) -> ApiError:
    return ApiError(
        f"This ConfirmationToken can't be used: {reason}", code=code, param="confirmation_token"
    )
