"""What a merchant's customer sees and changes without anybody's help, by a signed link."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from pydantic import BaseModel, ConfigDict, StringConstraints
from werkzeug import Response as AnyResponse

from service.errors import (
    Forbidden,
    NotFound,
    PaymentBusy,
    PaymentIndeterminate,
    PaymentRefused,
)
from service.languages import sentence
from service.payments.bills import Biller, account_of
from service.payments.declines import told
from service.payments.gateway import Accounts, Buyer, Payment, PaymentStatus
from service.web.bodies import read_json, validated
from service.web.context import address, services
from service.web.keys import require_api_key
from service.web.language import language
from service.web.signing import LINK_LIFETIME

account = Blueprint("account", __name__, url_prefix="/account")
sessions = Blueprint("sessions", __name__, url_prefix="/v1/customers")

_UNANSWERED = (PaymentBusy, PaymentIndeterminate, PaymentRefused)
_DONE = {
    "kept": sentence("Your new payment method is saved, and used from now on."),
    "default": sentence("Used from now on."),
    "removed": sentence("Removed. It is charged no more."),
    "ends": sentence("Your subscription ends with its period. Nothing is charged after that."),
    "goes-on": sentence("Your subscription goes on."),
    "sent": sentence("Invoices are emailed to you from now on."),
    "charged": sentence("Invoices are charged to your payment method from now on."),
    "unanswered": sentence(
        "That did not work just now, and nothing was changed. Try again in a moment."
    ),
    "deposit": sentence(
        "Your bank receives a small deposit. Your account can be used once it is confirmed."
    ),
}


class SessionBody(BaseModel):
    """What the merchant's server tells of a customer it sends to their account."""

    model_config = ConfigDict(extra="forbid", strict=True)
    email: (
        Annotated[str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+$", max_length=254)] | None
    ) = None


class KeepBody(BaseModel):
    """What the page sends to keep a payment method."""

    model_config = ConfigDict(extra="forbid", strict=True)
    confirmation_token: Annotated[str, StringConstraints(pattern=r"^ctoken_\w{1,200}$")]


sessions.before_request(require_api_key)


@sessions.post("/<customer>/session")
def begin(customer: str) -> tuple[Response, int]:
    """A link to a customer's account, for the merchant's server to send them to."""
    kassa = services()
    if not 1 <= len(customer) <= 500:
        raise NotFound("customer: must have 1 to 500 characters")
    body = validated(SessionBody, read_json())
    now = kassa.clock()
    biller = Biller(kassa.store, kassa.gateway.billing, kassa.clock)
    biller.account(customer, Buyer(body.email), idempotency_key=f"account:{uuid.uuid4()}")
    token = kassa.signing.account_token(customer)
    ends = (now + LINK_LIFETIME).isoformat().replace("+00:00", "Z")
    return jsonify(url=address(url_for("account.show", token=token)), expires_at=ends), 201


@account.get("/<token>")
def show(token: str) -> str:
    """Payment methods, subscriptions and open invoices, as Stripe has them now."""
    kassa, customer = services(), _customer(token)
    accounts = kassa.gateway.accounts
    plans = accounts.plans(customer)
    today = kassa.clock().date()
    return render_template(
        "account/page.html",
        token=token,
        methods=accounts.methods(customer),
        plans=plans,
        invoices=accounts.invoices(customer),
        invoice_days=kassa.settings.invoice_days,
        done=_DONE.get(request.args.get("done", "")),
        day=lambda moment: language().day(moment.date(), today),
        currency=plans[0].currency if plans else "usd",
        page={
            "publishable_key": kassa.gateway.publishable_key,
            "stripe_js": kassa.stripe_js,
            "keep_url": url_for(".keep", token=token),
            "page_url": address(url_for(".show", token=token)),
        },
    )


@account.post("/<token>/methods")
def keep(token: str) -> Response:
    """Keep what the customer entered, without a payment."""
    customer = _customer(token)
    body = validated(KeepBody, read_json())
    setup = services().gateway.accounts.keep(
        customer,
        body.confirmation_token,
        return_url=address(url_for(".show", token=token)),
        idempotency_key=f"{customer}:keep:{body.confirmation_token}",
    )
    return _kept(token, customer, setup)


@account.post("/<token>/methods/<setup_intent>/use")
def use(token: str, setup_intent: str) -> Response:
    """Use what was kept, after the customer's bank has asked what it asks."""
    customer = _customer(token)
    read_json()
    setup = services().gateway.retrieve(setup_intent)
    if setup.customer_id != customer:
        raise NotFound("there is nothing at this address")
    return _kept(token, customer, setup)


@account.post("/<token>/methods/<method>/default")
def default(token: str, method: str) -> AnyResponse:
    """Charge invoices to it from now on."""
    customer, accounts = _customer(token), services().gateway.accounts
    return _changed(
        token, "default", lambda: accounts.choose(customer, _own(accounts, customer, method))
    )


@account.post("/<token>/methods/<method>/remove")
def remove(token: str, method: str) -> AnyResponse:
    """Let it go."""
    customer, accounts = _customer(token), services().gateway.accounts
    return _changed(token, "removed", lambda: accounts.remove(_own(accounts, customer, method)))


@account.post("/<token>/plans/<plan>/<any(end, resume, send, charge):change>")
def change_plan(token: str, plan: str, change: str) -> AnyResponse:
    """Let a subscription end or go on, and have its invoices sent or charged."""
    customer, kassa = _customer(token), services()
    accounts, days = kassa.gateway.accounts, kassa.settings.invoice_days
    if change == "send" and not days:
        raise NotFound("invoices are not sent here")

    def act() -> None:
        known = {each.subscription_id for each in accounts.plans(customer)}
        if plan not in known:
            raise NotFound("there is no such subscription")
        if change in {"end", "resume"}:
            accounts.end(plan, ends=change == "end")
        else:
            accounts.collect(plan, days_until_due=days if change == "send" else None)

    said = {"end": "ends", "resume": "goes-on", "send": "sent", "charge": "charged"}[change]
    return _changed(token, said, act)


def _customer(token: str) -> str:
    """Whom Stripe knows the customer as that the link was made for."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site" and (
        request.method == "POST"
    ):
        raise Forbidden("this request comes from another site")
    kassa = services()
    customer = kassa.signing.account_customer(token)
    with kassa.store.read() as connection:
        found = account_of(connection, customer)
    if found is None:
        raise NotFound("there is no such account")
    return found


def _own(accounts: Accounts, customer: str, method: str) -> str:
    if method not in {each.payment_method_id for each in accounts.methods(customer)}:
        raise NotFound("there is no such payment method")
    return method


def _changed(token: str, said: str, act: Any) -> AnyResponse:
    try:
        act()
    except _UNANSWERED:
        said = "unanswered"
    return redirect(url_for(".show", token=token, done=said), 303)


def _kept(token: str, customer: str, setup: Payment) -> Response:
    if setup.verification is not None:
        return jsonify(redirect=url_for(".show", token=token, done="deposit"))
    if setup.status is PaymentStatus.REQUIRES_ACTION:
        action = {"client_secret": setup.client_secret}
        use_url = url_for(".use", token=token, setup_intent=setup.payment_intent_id)
        return jsonify(next_action=action, use_url=use_url)
    if setup.status is not PaymentStatus.SUCCEEDED or setup.payment_method_id is None:
        return jsonify(error={"message": language().say(told(setup.failure))})
    services().gateway.accounts.choose(customer, setup.payment_method_id)
    return jsonify(redirect=url_for(".show", token=token, done="kept"))
