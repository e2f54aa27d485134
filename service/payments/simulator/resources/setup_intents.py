"""SetupIntents: a payment method is kept, and nothing is paid."""

from __future__ import annotations

import hmac

from service.payments.simulator.banks import ListedBank
from service.payments.simulator.errors import ApiError, Declined, envelope, missing_resource
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import (
    PAGE,
    Parameters,
    boolean,
    choice,
    mapping,
    merged,
    metadata,
    text,
)
from service.payments.simulator.resources import (
    confirmation_tokens,
    debits,
    payment_methods,
    settling,
)
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id, random_text

_CONFIRMED = {
    "confirmation_token": text,
    "payment_method": text,
    "payment_method_options": debits.OPTIONS,
    "return_url": text,
    "use_stripe_sdk": boolean,
}
CREATE = Parameters(
    {
        **_CONFIRMED,
        "automatic_payment_methods": mapping(
            enabled=boolean, allow_redirects=choice("always", "never")
        ),
        "confirm": boolean,
        "customer": text,
        "description": text,
        "metadata": metadata,
        "usage": choice("on_session", "off_session"),
    }
)
CONFIRM = Parameters(_CONFIRMED)
RETRIEVE = Parameters({"client_secret": text})
CANCEL = Parameters()
LIST = Parameters({**PAGE, "customer": text})
_OPEN = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})


def create(work: Work, given: Json) -> Json | Declined:
    """A new SetupIntent, confirmed at once if asked."""
    if given.get("customer"):
        work.require("customer", given["customer"], param="customer", status=400)
    made = new(work, given)
    return _confirmed(work, made, given) if given.get("confirm") else made


def new(work: Work, given: Json, *, types: list[str] | None = None) -> Json:
    """A SetupIntent that waits for its payment method, of one of these types if any are named."""
    setup = _setup(work, given)
    if types is not None:
        named = [each for each in setup["payment_method_types"] if each in types]
        setup |= {"payment_method_types": named, "automatic_payment_methods": None}
    work.save(setup)
    work.emit("setup_intent.created", setup)
    return setup


def retrieve(work: Work, given: Json, setup: str) -> Json:
    """The SetupIntent with this id; its client secret, if given, must be right."""
    found = work.require("setup_intent", setup)
    secret = given.get("client_secret")
    if secret is not None and not hmac.compare_digest(
        secret.encode(), found["client_secret"].encode()
    ):
        raise missing_resource("setup_intent", setup, "intent")
    return found


def listing_of(work: Work, given: Json) -> Json:
    """SetupIntents, newest first, of one customer if asked."""
    wanted = {"customer": [given["customer"]]} if given.get("customer") else {}
    return listed(work, "setup_intent", "/v1/setup_intents", given, wanted)


def confirm(work: Work, given: Json, setup: str) -> Json | Declined:
    """Try to keep a payment method."""
    return _confirmed(work, work.require("setup_intent", setup), given)


def cancel(work: Work, _given: Json, setup: str) -> Json:
    """End a SetupIntent that nobody will finish."""
    found = _open(work.require("setup_intent", setup))
    ended = work.save(found | {"status": "canceled", "next_action": None})
    work.emit("setup_intent.canceled", ended)
    return ended


def authenticate(work: Work, setup: Json, *, passed: bool) -> Json:
    """Finish the 3-D Secure challenge the SetupIntent waits for."""
    if (setup["next_action"] or {}).get("type") != "use_stripe_sdk":
        raise ApiError("This SetupIntent waits for no authentication.", code=_STATE)
    method = work.require("payment_method", setup["payment_method"])
    if passed:
        return _succeeded(work, setup, method)
    message = "The provided PaymentMethod has failed authentication."
    code = "setup_intent_authentication_failure"
    error = envelope("invalid_request_error", message, code, payment_method=method)
    return _failed(work, setup, error)


def verify(work: Work, given: Json, setup: str) -> Json:
    """The payer tells what was sent to the account."""
    found = work.require("setup_intent", setup)
    if not debits.is_unproven(found):
        raise ApiError("This SetupIntent waits for no deposits.", code=_STATE)
    method = work.require("payment_method", found["payment_method"])
    debits.prove(work, method, given)
    return _succeeded(work, found, method)


_STATE = "setup_intent_unexpected_state"


def _open(setup: Json) -> Json:
    if setup["status"] not in _OPEN:
        raise ApiError(f"This SetupIntent's status is {setup['status']}.", code=_STATE)
    return setup


def _confirmed(work: Work, setup: Json, given: Json) -> Json | Declined:
    _open(setup)
    method, card = _chosen(work, setup, given)
    if method["type"] not in setup["payment_method_types"]:
        raise ApiError(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this SetupIntent.",
            param="payment_method",
        )
    if isinstance(card, ListedBank):
        if debits.needs_proof(work, method, given):
            return _ask(work, setup, method, debits.proof(work, setup))
        return _succeeded(work, setup, method)
    if card.challenge:
        challenge = {
            "type": "three_d_secure_redirect",
            "stripe_js": f"/sim/authenticate/{setup['id']}",
        }
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": challenge}
        return _ask(work, setup, method, action)
    # A card that is declined when it pays may still be kept, if that is what it is listed for.
    if card.decline is not None and card.name != "attached_and_declined":
        error = envelope(
            "card_error",
            card.decline.message,
            card.decline.code,
            decline_code=card.decline.decline_code,
            payment_method=method,
        )
        failed = _failed(work, setup, error)
        return Declined({"error": error | {"setup_intent": failed}})
    return _succeeded(work, setup, method)


def _ask(work: Work, setup: Json, method: Json, action: Json) -> Json:
    waiting = setup | {
        "status": "requires_action",
        "payment_method": method["id"],
        "next_action": action,
    }
    work.save(waiting)
    work.emit("setup_intent.requires_action", waiting)
    return waiting


def _chosen(work: Work, setup: Json, given: Json) -> tuple[Json, payment_methods.Source]:
    identity = given.get("confirmation_token")
    if identity:
        _, method, source = confirmation_tokens.spend(work, identity, setup)
        return method, source
    chosen = given.get("payment_method") or setup["payment_method"]
    if not chosen:
        raise ApiError(
            "You cannot confirm this SetupIntent because it's missing a payment method.",
            code=_STATE,
        )
    method = payment_methods.usable(work, payment_methods.named(work, chosen), setup["customer"])
    return method, payment_methods.source_behind(work, method)


def _succeeded(work: Work, setup: Json, method: Json) -> Json:
    if setup["customer"]:
        method = payment_methods.attached(work, method, setup["customer"])
    bank = isinstance(payment_methods.source_behind(work, method), ListedBank)
    done = setup | {
        "mandate": debits.agreed(work, method)["id"] if bank else None,
        "status": "succeeded",
        "payment_method": method["id"],
        "next_action": None,
        "last_setup_error": None,
    }
    work.save(done)
    work.emit("setup_intent.succeeded", done)
    settling.method_set_up(work, done)
    return done


def _failed(work: Work, setup: Json, error: Json) -> Json:
    failed = setup | {
        "status": "requires_payment_method",
        "last_setup_error": error,
        "next_action": None,
        "payment_method": None,
    }
    work.save(failed)
    work.emit("setup_intent.setup_failed", failed)
    return failed


def _setup(work: Work, given: Json) -> Json:
    identity = new_id("seti")
    automatic = {"enabled": True, "allow_redirects": "always"}
    absent = (
        "allowed_payment_method_types", "application", "attach_to_self", "cancellation_reason",
        "customer_account", "excluded_payment_method_types", "flow_directions",
        "last_setup_error", "latest_attempt", "mandate", "next_action", "on_behalf_of",
        "payment_method", "single_use_mandate",
    )  # fmt: skip
    return dict.fromkeys(absent) | {
        "id": identity,
        "object": "setup_intent",
        "automatic_payment_methods": automatic | (given.get("automatic_payment_methods") or {}),
        "client_secret": f"{identity}_secret_{random_text(25)}",
        "created": work.now,
        "customer": given.get("customer"),
        "description": given.get("description"),
        "livemode": False,
        "metadata": merged({}, given.get("metadata", {})),
        "payment_method_configuration_details": {"id": "pmc_simulated", "parent": None},
        "payment_method_options": {"card": {"mandate_options": None, "network": None,
                                            "request_three_d_secure": "automatic"}},
        "payment_method_types": ["card", "link", "us_bank_account"],
        "status": "requires_payment_method",
        "usage": given.get("usage") or "off_session",
    }  # fmt: skip
