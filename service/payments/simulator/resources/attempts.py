"""An attempt to pay: what a confirmed PaymentIntent becomes."""

from __future__ import annotations

from dataclasses import replace

from service.payments.simulator.banks import ListedBank
from service.payments.simulator.cards import EXPIRED, Decline, ListedCard
from service.payments.simulator.errors import ApiError, Declined, envelope, unexpected_state
from service.payments.simulator.resources import (
    canceling,
    charges,
    confirmation_tokens,
    debits,
    disputes,
    early_fraud_warnings,
    endings,
    payment_methods,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

_ABSENT = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "1A",
    "confirm_card_data",
)
CONFIRMABLE = canceling.UNDECIDED
_FAILED_CHALLENGE = (
    "The provided PaymentMethod has failed authentication. You can provide a new PaymentMethod "
    "to attempt to fulfill this PaymentIntent again."
)


def confirm(work: Work, intent: Json, given: Json) -> Json | Declined:
    """Try to pay: with a token, a named payment method, or the one already set.

    Args:
        work: the request.
        intent: the PaymentIntent as it is kept.
        given: ``confirmation_token`` or ``payment_method``, ``return_url``, ``shipping``, …

    Returns:
        The PaymentIntent, succeeded or waiting for 3-D Secure; or the decline.

    Raises:
        ApiError: the status, the token, the method or the missing return URL forbid it.
    """
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(
            f"This PaymentIntent's status is {intent['status']} and can't be confirmed.", intent
        )
    method, card, token = _chosen(work, intent, given)
    if method["type"] not in intent["payment_method_types"]:
        raise ApiError(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent.",
            code="payment_intent_incompatible_payment_method",
            param="payment_method",
        )
    if not given.get("off_session"):
        _require_return_url(intent, given.get("return_url") or token.get("return_url"))
    overriding = ("shipping", "setup_future_usage")
    intent |= {n: given.get(n) or token.get(n) or intent[n] for n in overriding}
    intent |= {"receipt_email": given.get("receipt_email") or intent["receipt_email"]}
    if isinstance(card, ListedBank):
        agreed = given.get("mandate_data") or token.get("mandate_data")
        return debits.confirm(work, intent, method, card, given | {"mandate_data": agreed})
    if payment_methods.is_expired(work, method):
        card = replace(card, decline=EXPIRED)
    if card.challenge and given.get("off_session"):
        return _charge(work, intent, method, replace(card, decline=_ABSENT), authenticated=False)
    if card.challenge:
        return _challenge(work, intent, method)
    return _charge(work, intent, method, card, authenticated=False)


def authenticate(work: Work, intent: Json, *, passed: bool) -> Json:
    """Finish the 3-D Secure challenge the PaymentIntent waits for.

    Returns:
        The PaymentIntent: succeeded, or back at ``requires_payment_method``.

    Raises:
        ApiError: it waits for no challenge.
    """
    if (intent["next_action"] or {}).get("type") != "use_stripe_sdk":
        raise unexpected_state(
            f"This PaymentIntent's status is {intent['status']}: nothing to authenticate.", intent
        )
    method = work.require("payment_method", intent["payment_method"])
    if not passed:
        code = "payment_intent_authentication_failure"
        error = envelope("invalid_request_error", _FAILED_CHALLENGE, code)
        return endings.back_to_start(work, intent, error | {"payment_method": method})
    card = payment_methods.source_behind(work, method)
    if isinstance(card, ListedBank):
        raise unexpected_state("A bank debit has nothing to authenticate.", intent)
    _charge(work, intent, method, card, authenticated=True)
    return work.require("payment_intent", intent["id"])


def _chosen(work: Work, intent: Json, given: Json) -> tuple[Json, payment_methods.Source, Json]:
    identity, named = given.get("confirmation_token"), given.get("payment_method")
    if identity and named:
        raise ApiError(
            "You may only specify one of these parameters: confirmation_token, payment_method.",
            code="parameters_exclusive",
        )
    if identity:
        token, method, source = confirmation_tokens.spend(work, identity, intent)
        return method, source, token
    chosen = named or intent["payment_method"]
    if not chosen:
        raise unexpected_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. Pass "
            "a confirmation_token.",
            intent,
        )
    method = payment_methods.named(work, chosen)
    payment_methods.usable(work, method, intent["customer"])
    return method, payment_methods.source_behind(work, method), {}


def _require_return_url(intent: Json, return_url: str | None) -> None:
    automatic = intent["automatic_payment_methods"] or {}
    if automatic.get("allow_redirects") == "always" and not return_url:
        raise ApiError(
            "This PaymentIntent is configured to accept payment methods that may redirect your "
            "customer off of your page: provide a return_url, or set "
            "automatic_payment_methods[allow_redirects] to never.",
            param="return_url",
        )


def _challenge(work: Work, intent: Json, method: Json) -> Json:
    waiting = intent | {
        "status": "requires_action",
        "payment_method": method["id"],
        "last_payment_error": None,
        "next_action": {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {
                "type": "three_d_secure_redirect",
                "stripe_js": f"/sim/authenticate/{intent['id']}",
            },
        },
    }
    work.save(waiting)
    work.emit("payment_intent.requires_action", waiting)
    return waiting


def _charge(
    work: Work, intent: Json, method: Json, card: ListedCard, *, authenticated: bool
) -> Json | Declined:
    charge = charges.create(work, intent, method, card, authenticated=authenticated)
    if card.decline is not None:
        return _declined(work, intent | {"latest_charge": charge["id"]}, method, card.decline)
    paid = endings.succeed(work, intent, method, charge)
    if card.afterwards == "dispute":
        disputes.open_dispute(work, {"charge": charge["id"]})
    elif card.afterwards == "warning":
        early_fraud_warnings.raise_warning(work, {"charge": charge["id"]})
    return paid


def _declined(work: Work, intent: Json, method: Json, decline: Decline) -> Declined:
    error = envelope(
        "card_error",
        decline.message,
        decline.code,
        advice_code=decline.advice_code,
        charge=intent["latest_charge"],
        decline_code=decline.decline_code,
        network_decline_code=decline.network_code,
        payment_method=method,
    )
    back = endings.back_to_start(work, intent, error)
    return Declined({"error": error | {"payment_intent": back}})
