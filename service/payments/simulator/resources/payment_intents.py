"""PaymentIntents: one order's way to being paid."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping

from service.payments.simulator.currencies import LARGEST, minimum
from service.payments.simulator.errors import (
    Declined,
    InvalidParameterError,
    missing_resource,
    unexpected_state,
)
from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import (
    PAGE,
    SHIPPING,
    Parameters,
    Reader,
    boolean,
    choice,
    currency,
    filled,
    integer,
    listing,
    mapping,
    merged,
    metadata,
    text,
)
from service.payments.simulator.resources import (
    attempts,
    canceling,
    debits,
    invoice_payments,
    settling,
)
from service.payments.simulator.resources.payment_methods import named, usable
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work, new_id, random_text

_COMMON: Mapping[str, Reader] = {
    "receipt_email": text,
    "setup_future_usage": choice("on_session", "off_session"),
    "shipping": SHIPPING,
}
_DESCRIBED: Mapping[str, Reader] = {
    "customer": text,
    "description": text,
    "metadata": metadata,
    "statement_descriptor": text,
    "statement_descriptor_suffix": text,
}
_CONFIRMED: Mapping[str, Reader] = {
    "confirmation_token": text,
    "mandate_data": mapping(
        customer_acceptance=mapping(
            type=choice("online"), online=mapping(ip_address=text, user_agent=text)
        )
    ),
    "off_session": boolean,
    "payment_method": text,
    "payment_method_options": debits.OPTIONS,
    "return_url": text,
    "use_stripe_sdk": boolean,
}
_METHODS = ("automatic_payment_methods", "allowed_payment_method_types")
CREATE = Parameters(
    {
        **_COMMON,
        **_DESCRIBED,
        **_CONFIRMED,
        "amount": integer,
        "currency": currency,
        "confirm": boolean,
        "capture_method": choice("automatic", "automatic_async"),
        "automatic_payment_methods": mapping(
            enabled=boolean, allow_redirects=choice("always", "never")
        ),
        "allowed_payment_method_types": listing(filled),
        "excluded_payment_method_types": listing(filled),
    },
    required=("amount", "currency"),
)
CONFIRM = Parameters({**_COMMON, **_CONFIRMED})
UPDATE = Parameters({**_COMMON, **_DESCRIBED, "amount": integer, "currency": currency})
CANCEL = Parameters(
    {"cancellation_reason": choice("duplicate", "fraudulent", "requested_by_customer", "abandoned")}
)
RETRIEVE = Parameters({"client_secret": text})
LIST = Parameters({**PAGE, "customer": text})
SEARCH = Parameters({"query": filled, "limit": integer}, required=("query",))
_QUERY = re.compile(r"metadata\['([^']{1,40})'\]:'([^']{0,500})'")
# What may still change once money has moved or the intent is over.
_ALWAYS_MUTABLE = frozenset({"metadata", "description", "receipt_email", "shipping"})


def create(work: Work, given: Json) -> Json | Declined:
    """A new PaymentIntent, confirmed at once if asked."""
    _check_amount(given["amount"], given["currency"])
    _check_methods(given)
    _check_customer(work, given.get("customer"))
    confirming = given.get("confirm", False)
    if not confirming and given.get("confirmation_token"):
        raise InvalidParameterError(
            "confirmation_token may only be passed with confirm=true.", param="confirmation_token"
        )
    intent = _intent(work, given)
    if given.get("payment_method") and not confirming:
        method = usable(work, named(work, given["payment_method"]), intent["customer"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
    work.save(intent)
    work.emit("payment_intent.created", intent)
    return attempts.confirm(work, intent, given) if confirming else intent


def create_for_invoice(work: Work, invoice: Json) -> Json:
    """The PaymentIntent that an invoice is paid with; it carries no metadata, as Stripe's."""
    described = {
        "amount": invoice["amount_due"],
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": f"Payment for Invoice {invoice['number']}",
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    }
    if settling.subscription_of(invoice) and invoice["collection_method"] != "send_invoice":
        described["setup_future_usage"] = "off_session"  # it pays the next ones
    intent = _intent(work, described)
    if invoice["payment_settings"]["payment_method_types"] is not None:
        allowed = types_for_invoice(invoice)
        intent |= {"payment_method_types": allowed, "automatic_payment_methods": None}
    work.save(intent)
    work.emit("payment_intent.created", intent)
    return intent


def types_for_invoice(invoice: Json) -> list[str]:
    """The methods that an invoice may be paid with.

    Raises:
        InvalidParameterError: none of those it names takes its currency.
    """
    named = invoice["payment_settings"]["payment_method_types"]
    offered = method_types({"currency": invoice["currency"], "allowed_payment_method_types": named})
    if "customer_balance" in (named or ()) and invoice["collection_method"] == "send_invoice":
        offered.append("customer_balance")  # a bank transfer, which comes by itself
    if not offered:
        raise InvalidParameterError(
            f"None of the payment method types takes {invoice['currency']}.",
            param="payment_settings[payment_method_types]",
        )
    return offered


def retrieve(work: Work, given: Json, intent: str) -> Json:
    """The PaymentIntent with this id; its client secret, if given, must be right."""
    secret = given.get("client_secret")
    found = work.require("payment_intent", intent, param="intent")
    if secret is not None and not hmac.compare_digest(
        secret.encode(), found["client_secret"].encode()
    ):
        raise missing_resource("payment_intent", intent, "intent")
    return found


def update(work: Work, given: Json, intent: str) -> Json:
    """Change what is not settled yet."""
    found = work.require("payment_intent", intent, param="intent")
    if found["status"] not in attempts.CONFIRMABLE and given.keys() - _ALWAYS_MUTABLE - {"expand"}:
        raise unexpected_state(
            f"This PaymentIntent's status is {found['status']}; only its metadata, description, "
            "receipt_email and shipping can change.",
            found,
        )
    changed = found | {n: v for n, v in given.items() if n not in {"expand", "metadata"}}
    changed["metadata"] = merged(found["metadata"], given.get("metadata", {}))
    _check_amount(changed["amount"], changed["currency"])
    _check_customer(work, given.get("customer"))
    return work.save(changed)


def confirm(work: Work, given: Json, intent: str) -> Json | Declined:
    """Try to pay."""
    found = work.require("payment_intent", intent, param="intent")
    return attempts.confirm(work, found, given)


def cancel(work: Work, given: Json, intent: str) -> Json:
    """End a PaymentIntent that nobody will pay."""
    found = work.require("payment_intent", intent, param="intent")
    if invoice_payments.of_intent(work, found) is not None:
        raise unexpected_state(
            "You cannot cancel this PaymentIntent because it pays an invoice: void the invoice.",
            found,
        )
    if found["status"] not in attempts.CONFIRMABLE:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because its status is {found['status']}.", found
        )
    return canceling.cancel_intent(work, found, given.get("cancellation_reason"))


def listing_of(work: Work, given: Json) -> Json:
    """PaymentIntents, newest first, of one customer if asked."""
    wanted = {"customer": [given["customer"]]} if given.get("customer") else {}
    return listed(work, "payment_intent", "/v1/payment_intents", given, wanted)


def search(work: Work, given: Json) -> Json:
    """PaymentIntents with one value in their metadata, as ``metadata['order_id']:'…'``."""
    found = _QUERY.fullmatch(given["query"].strip())
    if found is None:
        raise InvalidParameterError(
            "The simulator searches by one metadata field: metadata['key']:'value'.", param="query"
        )
    rows = work.connection.execute(
        "SELECT body FROM objects WHERE object = 'payment_intent'"
        " AND json_extract(body, '$.metadata.' || json_quote(?)) = ? ORDER BY seq DESC LIMIT ?",
        (*found.groups(), given.get("limit", 10)),
    )
    data = [json.loads(row["body"]) for row in rows]
    return {
        "object": "search_result",
        "data": data,
        "has_more": False,
        "next_page": None,
        "url": "/v1/payment_intents/search",
    }


def _check_amount(amount: int, code: str) -> None:
    if amount < minimum(code):
        raise InvalidParameterError(
            f"Amount must be at least {minimum(code)} (minor units) {code}",
            code="amount_too_small",
            param="amount",
        )
    if amount > LARGEST:
        raise InvalidParameterError(
            f"Amount must be no more than {LARGEST} (minor units) {code}",
            code="amount_too_large",
            param="amount",
        )


def _check_methods(given: Json) -> None:
    allowed, excluded = (
        given.get(n) for n in ("allowed_payment_method_types", "excluded_payment_method_types")
    )
    if allowed and (excluded or given.get("automatic_payment_methods")):
        raise InvalidParameterError(
            "allowed_payment_method_types excludes excluded_payment_method_types and "
            "automatic_payment_methods.",
            code="parameters_exclusive",
            param="allowed_payment_method_types",
        )


def method_types(given: Json) -> list[str]:
    """The methods that a payment may be made with: those of its currency, less what is left out."""
    known = ["card", "link"] + (["us_bank_account"] if given.get("currency") == "usd" else [])
    allowed = given.get("allowed_payment_method_types")
    excluded = given.get("excluded_payment_method_types") or ()
    return [each for each in known if (not allowed or each in allowed) and each not in excluded]


def _check_customer(work: Work, customer: str | None) -> None:
    if customer:
        work.require("customer", customer, param="customer", status=400)


def _intent(work: Work, given: Json) -> Json:
    identity = new_id("pi")
    automatic = None if given.get("allowed_payment_method_types") else {"enabled": True}
    if automatic is not None:
        automatic |= {"allow_redirects": "always"} | (given.get("automatic_payment_methods") or {})
    absent = dict.fromkeys([*_COMMON, *_DESCRIBED, *_METHODS, "excluded_payment_method_types"])
    given_names = absent | {name: given[name] for name in absent if name in given}
    return {
        "id": identity,
        "object": "payment_intent",
        **given_names,
        "amount": given["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": given.get("capture_method") or "automatic_async",
        "client_secret": f"{identity}_secret_{random_text(25)}",
        "confirmation_method": "automatic",
        "created": work.now,
        "currency": given["currency"],
        "customer_account": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": merged({}, given.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": {"id": "pmc_simulated", "parent": None},
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": method_types(given),
        "processing": None,
        "review": None,
        "source": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
