"""Payment methods: a listed card or account with the payer's billing details."""

from __future__ import annotations

from collections.abc import Mapping

from service.payments.simulator.banks import (
    BANK_BY_ALIAS,
    BANK_BY_NAME,
    ROUTING_NUMBER,
    ListedBank,
)
from service.payments.simulator.cards import BY_ALIAS, BY_NAME, ListedCard
from service.payments.simulator.errors import ApiError, missing_resource
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import PAGE, Parameters, filled, text
from service.payments.simulator.wallets import WALLET_BY_NAME
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id, random_text

Source = ListedCard | ListedBank
_ALIASES: Mapping[str, Source] = {**BY_ALIAS, **BANK_BY_ALIAS}
RETRIEVE = Parameters()
ATTACH = Parameters({"customer": filled}, required=("customer",))
DETACH = Parameters()
LIST = Parameters({**PAGE, "customer": text, "type": text})
UPDATED = Parameters({"payment_method": filled, "last4": text}, required=("payment_method",))
_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
FAR_EXPIRY = {"exp_month": 12, "exp_year": 2034}


def retrieve(work: Work, _given: Json, method: str) -> Json:
    """The payment method with this id."""
    return work.require("payment_method", method)


def listing_of(work: Work, given: Json) -> Json:
    """A customer's payment methods, newest first."""
    wanted = {"customer": [given["customer"]]} if given.get("customer") else {}
    return listed(work, "payment_method", "/v1/payment_methods", given, wanted)


def attach(work: Work, given: Json, method: str) -> Json:
    """Keep a payment method for a customer."""
    customer = work.require("customer", given["customer"], param="customer", status=400)
    return attached(work, named(work, method), customer["id"])


def attached(work: Work, method: Json, customer: str) -> Json:
    """The payment method, kept for a customer from now on."""
    if method["customer"] == customer:
        return method
    if method["customer"] is not None or work.private(method["id"]).get("spent"):
        raise ApiError(
            "This PaymentMethod belongs to another Customer, or was used or detached before: it "
            "can't be attached.",
            code="payment_method_unexpected_state",
        )
    kept = work.save(method | {"customer": customer})
    work.emit("payment_method.attached", kept)
    return kept


def detach(work: Work, _given: Json, method: str) -> Json:
    """Let a customer's payment method go; it pays nothing any more."""
    found = work.require("payment_method", method)
    if found["customer"] is None:
        raise ApiError(
            "The payment method you provided is not attached to a customer.",
            code="payment_method_unexpected_state",
        )
    freed = found | {"customer": None}
    work.save(freed, work.private(method) | {"spent": True})
    work.emit("payment_method.detached", freed, {"customer": found["customer"]})
    return freed


def preview(
    source: Source,
    entered: Json,
    billing: Json,
    allow_redisplay: str = "unspecified",
    *,
    link: bool = False,
) -> Json:
    """The part of a payment method that a confirmation token shows.

    Args:
        source: the listed card or bank account.
        entered: of a card ``exp_month`` 1…12, ``exp_year``, and the ``wallet`` it came out of if of
            one; of an account, who holds it.
        billing: ``name``, ``email``, ``phone``, ``address``; absent ones become null.
        allow_redisplay: always, limited or unspecified.
        link: whether the payer's Link account pays with the card; Stripe then shows no card.
    """
    kind, shown = _shown(source, entered, billing, link=link)
    return {
        "type": kind,
        "allow_redisplay": allow_redisplay,
        "billing_details": billing_details(billing),
        kind: shown,
        "customer": None,
        "customer_account": None,
    }


def billing_details(given: Json) -> Json:
    """Billing details with every member present."""
    address = given.get("address") or {}
    return {
        "address": {name: address.get(name) for name in _ADDRESS},
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tax_id": None,
    }


def created(work: Work, shown: Json, source: Source, *, unproven: bool = False) -> Json:
    """A payment method out of what a token previewed; it is nobody's until it is attached.

    Args:
        work: the request.
        shown: the preview.
        source: the listed card or bank account.
        unproven: whether small deposits must show first that an account is the payer's.
    """
    method = {
        "id": new_id("pm"),
        "object": "payment_method",
        **shown,
        "created": work.now,
        "customer": None,
        "livemode": False,
        "metadata": {},
    }
    return work.save(method, {"source": source.name, "unproven": unproven})


def named(work: Work, identity: str) -> Json:
    """The payment method with this id, or a fresh one of Stripe's ready-made test methods.

    Raises:
        ApiError: ``resource_missing``.
    """
    source = _ALIASES.get(identity)
    if source is not None:
        return created(work, preview(source, FAR_EXPIRY, {}), source)
    return work.require("payment_method", identity, param="payment_method", status=400)


def is_expired(work: Work, method: Json) -> bool:
    """Whether a card's last month is over."""
    card = method.get("card")
    until = card and (card["exp_year"], card["exp_month"])
    return bool(until and until < (work.at.year, work.at.month))


def update_by_network(work: Work, given: Json) -> Json:
    """The card's network tells a new date, and a new number if asked for."""
    found = work.require("payment_method", given["payment_method"], param="payment_method")
    if found["type"] != "card":
        raise ApiError("Only cards are updated by their network.", param="payment_method")
    card = found["card"]
    changes = {"exp_month": card["exp_month"], "exp_year": work.at.year + 4}
    if given.get("last4"):
        changes |= {"last4": given["last4"], "fingerprint": random_text(16)}
    updated = work.save(found | {"card": card | changes})
    previous = {"card": {name: card[name] for name in changes}}
    work.emit("payment_method.automatically_updated", updated, previous)
    return updated


def usable(work: Work, method: Json, customer: str | None) -> Json:
    """The payment method, if it may pay for this customer.

    Raises:
        ApiError: it is somebody else's, or it was let go.
    """
    if work.private(method["id"]).get("spent"):
        raise ApiError(
            "The provided PaymentMethod was previously used without being attached to a Customer, "
            "or was detached from one, and may not be used again.",
            code="payment_method_unexpected_state",
            param="payment_method",
        )
    if method["customer"] not in {None, customer}:
        raise ApiError(
            f"The payment method {method['id']} does not belong to the customer.",
            param="payment_method",
        )
    return method


def ready_made(identity: str) -> tuple[Json, Source]:
    """Preview and source of one of Stripe's ready-made test methods, e.g. ``pm_card_visa``.

    Raises:
        ApiError: ``resource_missing``.
    """
    source = _ALIASES.get(identity)
    if source is None:
        raise missing_resource("payment_method", identity, "payment_method", status=400)
    return preview(source, FAR_EXPIRY, {}), source


def source_named(name: str) -> Source:
    """The listed card or account that the store keeps by this name.

    Raises:
        ApiError: it was kept by another version of the simulator.
    """
    found: Source | None = BY_NAME.get(name) or BANK_BY_NAME.get(name)
    if found is None:
        raise ApiError(
            "This PaymentMethod is no longer known.", code="payment_method_unexpected_state"
        )
    return found


def source_behind(work: Work, method: Json) -> Source:
    """What a payment method pays with."""
    private = work.private(method["id"])
    return source_named(private.get("source") or private.get("card") or "")


def _shown(source: Source, entered: Json, billing: Json, *, link: bool) -> tuple[str, Json]:
    """Stripe's type of a payment method, and what stands below that name."""
    if isinstance(source, ListedBank):
        return "us_bank_account", _bank(source, entered)
    if link:
        return "link", {"email": billing.get("email"), "persistent_token": None}
    return "card", _card(source, entered)


def _bank(bank: ListedBank, entered: Json) -> Json:
    return {
        "account_holder_type": entered.get("account_holder_type") or "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": bank.fingerprint,
        "last4": bank.last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": ROUTING_NUMBER,
        "status_details": None,
    }


def _card(card: ListedCard, entered: Json) -> Json:
    wallet = WALLET_BY_NAME.get(entered.get("wallet") or "")
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": None,
        },
        "country": card.country,
        "display_brand": "american_express" if card.brand == "amex" else card.brand,
        "exp_month": entered["exp_month"],
        "exp_year": entered["exp_year"],
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": wallet and wallet.holding(card),
    }
