"""What the browser may ask: make a token, look at its intent, pass what its bank asks."""

from __future__ import annotations

import hmac
import re
from dataclasses import replace

from service.payments.simulator import elements
from service.payments.simulator.cards import BY_NUMBER, ListedCard
from service.payments.simulator.errors import ApiError, InvalidParameterError, unauthorized
from service.payments.simulator.forms import Wire
from service.payments.simulator.parameters import (
    ADDRESS,
    SHIPPING,
    Parameters,
    boolean,
    choice,
    integer,
    mapping,
    text,
)
from service.payments.simulator.resources import (
    attempts,
    confirmation_tokens,
    debits,
    payment_intents,
    setup_intents,
)
from service.payments.simulator.resources.confirmation_tokens import Details
from service.payments.simulator.resources.payment_methods import (
    FAR_EXPIRY,
    Source,
    preview,
    source_behind,
)
from service.payments.simulator.wallets import WALLET_BY_NAME
from service.payments.simulator.wire import LIVE_PREFIXES, PUBLISHABLE_KEY, Json
from service.payments.simulator.work import Work

_ACCOUNT = mapping(
    account_holder_type=choice("individual", "company"),
    account_number=text,
    routing_number=text,
    verification_method=choice("instant", "microdeposits"),
)
_CARD = mapping(
    number=text, exp_month=integer, exp_year=integer, cvc=text, wallet=choice(*WALLET_BY_NAME)
)
_BILLING = mapping(name=text, email=text, phone=text, address=ADDRESS)
TOKEN = Parameters(
    {
        "key": text,
        "elements": elements.OPTIONS,
        "payment_method": mapping(
            id=text,
            type=choice("card", "link", "us_bank_account"),
            card=_CARD,
            link=mapping(number=text),
            us_bank_account=_ACCOUNT,
            billing_details=_BILLING,
        ),
        "return_url": text,
        "save": boolean,
        "shipping": SHIPPING,
    },
    required=("key", "elements", "payment_method"),
)
LOOK = Parameters({"key": text, "client_secret": text}, required=("key", "client_secret"))
AUTHENTICATE = Parameters(
    {"key": text, "client_secret": text, "outcome": choice("succeed", "fail")},
    required=("key", "client_secret", "outcome"),
)
VERIFY = Parameters(
    {"key": text, "client_secret": text, **debits.VERIFY.readers}, required=("key", "client_secret")
)
# What Stripe.js shows of an intent to the holder of its client secret.
_OF_PAYMENT = (
    "id", "object", "amount", "amount_details", "automatic_payment_methods", "canceled_at",
    "cancellation_reason", "capture_method", "client_secret", "confirmation_method", "created",
    "currency", "description", "last_payment_error", "livemode", "next_action", "payment_method",
    "payment_method_types", "processing", "receipt_email", "setup_future_usage", "shipping",
    "source", "status",
)  # fmt: skip
_PREVIEWED = (
    "type", "allow_redisplay", "billing_details", "card", "link", "us_bank_account", "customer",
    "customer_account",
)  # fmt: skip
_OF_SETUP = (
    "id", "object", "automatic_payment_methods", "cancellation_reason", "client_secret", "created",
    "description", "last_setup_error", "livemode", "next_action", "payment_method",
    "payment_method_types", "status", "usage",
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


def tokenize(work: Work, given: Json, acceptance: Json) -> Json:
    """A confirmation token of a listed card or account, or of a saved payment method.

    Args:
        work: the request.
        given: parameters read by `TOKEN`.
        acceptance: how the payer agrees to a debit: Stripe's ``customer_acceptance``.

    Raises:
        ApiError: 400 when the number is not listed (it is neither kept nor repeated), 402 when
            expiry or security code can't be right, 401 for another key.
    """
    identify(given["key"])
    options = elements.checked(given["elements"])
    method = given["payment_method"] or {}
    if method.get("id"):
        details = _saved(work, options, method["id"])
    else:
        details = _entered(work, options, method, save=given.get("save", False))
    if details.preview["type"] == "us_bank_account":
        details = replace(details, mandate_data={"customer_acceptance": acceptance})
    details = replace(details, return_url=given.get("return_url"), shipping=given.get("shipping"))
    return confirmation_tokens.create(work, details)


def look(work: Work, given: Json, kind: str, intent: str) -> Json:
    """The intent, as far as its payer may see it."""
    return _public(_held(work, given, kind, intent))


def authenticate(work: Work, given: Json, kind: str, intent: str) -> Json:
    """Finish the 3-D Secure challenge."""
    found, passed = _held(work, given, kind, intent), given["outcome"] == "succeed"
    finish = setup_intents.authenticate if _is_setup(found) else attempts.authenticate
    return _public(finish(work, found, passed=passed))


def verify(work: Work, given: Json, kind: str, intent: str) -> Json:
    """The payer tells what was sent to the account."""
    found = _held(work, given, kind, intent)
    if not given.get("amounts") and not given.get("descriptor_code"):
        raise InvalidParameterError("Pass amounts or a descriptor_code.", param="amounts")
    told = {name: given[name] for name in debits.VERIFY.readers if name in given}
    check = setup_intents.verify if _is_setup(found) else debits.verify
    return _public(check(work, told, found["id"]))


def identify(key: str | None) -> None:
    """Let the simulator's publishable key in and nothing else.

    Raises:
        ApiError: 401; the message never repeats the key.
    """
    if (key or "").startswith(LIVE_PREFIXES):
        raise unauthorized("This is the Stripe simulator: it refuses live keys.")
    if not hmac.compare_digest((key or "").encode(), PUBLISHABLE_KEY.encode()):
        raise unauthorized(f"Invalid API Key provided: the simulator's is {PUBLISHABLE_KEY}.")


def _saved(work: Work, options: Json, identity: str) -> Details:
    method = elements.saved(work, options, identity)
    shown = {name: method[name] for name in _PREVIEWED if name in method}
    return Details(
        shown,
        source_behind(work, method),
        _initialised(options),
        setup_future_usage=_usage(options),
        method=identity,
    )


def _entered(work: Work, options: Json, method: Json, *, save: bool) -> Details:
    source, entered = _source(work, options, method)
    redisplay = "limited" if options["mode"] == "subscription" else "unspecified"
    usage = _usage(options)
    if save:
        redisplay, usage = "always", _saving(work, options) or usage
    billing, link = method.get("billing_details") or {}, method.get("type") == "link"
    return Details(
        preview(source, entered, billing, redisplay, link=link),
        source,
        _initialised(options),
        setup_future_usage=usage,
        unproven=entered.get("verification_method") == "microdeposits",
    )


def _source(work: Work, options: Json, method: Json) -> tuple[Source, Json]:
    kind = method.get("type") or "card"
    if kind not in elements.offered(options):
        raise InvalidParameterError(
            f"Elements was not initialised for {kind}.", param="payment_method[type]"
        )
    entered = method.get(kind) or {}
    if kind == "us_bank_account":
        return confirmation_tokens.listed_account(entered, "account_number"), entered
    card = listed_card(entered.get("number") or "")
    if kind == "link" or entered.get("wallet"):
        return card, entered | FAR_EXPIRY  # nobody types the rest of a card that a wallet holds
    _check_entry(work, card, entered)
    return card, entered


def _initialised(options: Json) -> Json:
    return {name: options.get(name) for name in ("mode", "amount", "currency")}


def _usage(options: Json) -> str | None:
    usage: str | None = options.get("setup_future_usage")
    return "off_session" if options["mode"] == "subscription" else usage


def _saving(work: Work, options: Json) -> str | None:
    _, allowed = elements.features(work, options.get("customer_session_client_secret"))
    if allowed.get("payment_method_save") != "enabled":
        raise ApiError("This customer session may not save payment methods.", status=403)
    usage: str | None = allowed["payment_method_save_usage"]
    return usage


def _held(work: Work, given: Json, kind: str, intent: str) -> Json:
    identify(given["key"])
    held = {"client_secret": given["client_secret"] or ""}
    if kind == "setup_intents":
        return setup_intents.retrieve(work, held, intent)
    return payment_intents.retrieve(work, held, intent)


def _is_setup(intent: Json) -> bool:
    return bool(intent["object"] == "setup_intent")


def _public(intent: Json) -> Json:
    return {name: intent[name] for name in (_OF_SETUP if _is_setup(intent) else _OF_PAYMENT)}


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise InvalidParameterError("Text must be valid Unicode.") from exc
    return value


def listed_card(number: str) -> ListedCard:
    """The test card with this number.

    Raises:
        ApiError: 400; the number is neither kept nor repeated.
    """
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
