"""The checkout page and what it sends: render, confirm, check, return."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Row
from werkzeug import Response as AnyResponse

from experiments import InvoiceTerms
from service.checkout.admission import Guest
from service.checkout.checkouts import Checkout, checkout_with_id, keep_buyer
from service.checkout.consent import consent_of
from service.checkout.details import Details, keep_details
from service.checkout.flows import FIELDS, Flow, flow_named, step_at
from service.checkout.knowledge import known_of
from service.errors import (
    Forbidden,
    NotTheirs,
    PaymentBusy,
    PaymentIndeterminate,
    PaymentRefused,
    Refused,
)
from service.languages import sentence
from service.payments.attempts import (
    KEY_LIFETIME,
    OPEN,
    RECENTLY,
    AttemptStatus,
    Outcome,
)
from service.payments.bills import invoice_of
from service.payments.declines import told
from service.payments.gateway import Buyer, PaymentStatus
from service.payments.looks import look
from service.web import analytics, terms
from service.web.bodies import is_form, read_form, read_json, validated
from service.web.client import client
from service.web.context import (
    VISITOR_COOKIE,
    Services,
    address,
    refuse_prefetch,
    services,
    visitor,
)
from service.web.language import language, speak
from service.web.overrides import override
from service.web.page import View

checkout = Blueprint("checkout", __name__, url_prefix="/c")

TOKEN_HEADER = "X-Kassa-Token"  # noqa: S105 - a header's name
CHECKING = "checking"
_REPLY = {
    AttemptStatus.SUCCEEDED: PaymentStatus.SUCCEEDED.value,
    AttemptStatus.PROCESSING: PaymentStatus.PROCESSING.value,
    AttemptStatus.REQUIRES_ACTION: PaymentStatus.REQUIRES_ACTION.value,
    AttemptStatus.DECLINED: PaymentStatus.REQUIRES_PAYMENT_METHOD.value,
    AttemptStatus.REFUSED: PaymentStatus.REQUIRES_PAYMENT_METHOD.value,
    AttemptStatus.STARTED: CHECKING,
}
_STATE = {
    AttemptStatus.SUCCEEDED: "succeeded",
    AttemptStatus.PROCESSING: "processing",
    AttemptStatus.STARTED: "processing",
    AttemptStatus.REQUIRES_ACTION: "action_needed",
}
_ERRORS = {
    AttemptStatus.DECLINED: "payment_declined",
    AttemptStatus.REFUSED: "payment_refused",
}


_EMAIL_WRONG = sentence("Enter an email address like name@example.com")
_Email = Annotated[str, StringConstraints(pattern=r"^[^\s@]+@[^\s@]+$", max_length=254)]
_Text = Annotated[str, StringConstraints(max_length=255)]


def _asked_for(given: dict[str, str]) -> dict[str, str]:
    # A page that was open, or typed into, before its section was taken away must still pay.
    return {name: value for name, value in given.items() if value and name in FIELDS}


_Fields = Annotated[dict[str, _Text], AfterValidator(_asked_for)]


class ConfirmBody(BaseModel):
    """What the page sends when the visitor presses the pay button."""

    model_config = ConfigDict(extra="forbid", strict=True)
    confirmation_token: Annotated[str, StringConstraints(pattern=r"^ctoken_\w{1,200}$")]
    email: _Email | None = None
    fields: _Fields = {}


class AddressBody(BaseModel):
    """Where the visitor is billed, with Stripe's names."""

    model_config = ConfigDict(extra="forbid", strict=True)
    line1: _Text | None = None
    line2: _Text | None = None
    city: _Text | None = None
    state: _Text | None = None
    postal_code: _Text | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None


class DetailsBody(BaseModel):
    """What the page sends while the visitor types; nothing has to be complete."""

    model_config = ConfigDict(extra="forbid", strict=True)
    email: Annotated[str, StringConstraints(max_length=254)] | None = None
    name: _Text | None = None
    address: AddressBody | None = None
    fields: _Fields = {}
    complete: bool = False
    typed_at: Annotated[int, Field(ge=0, lt=2**53)] = 0

    def details(self) -> Details:
        """The same, without what is empty."""
        given = self.address.model_dump() if self.address else {}
        return Details(
            self.email or None,
            self.name or None,
            {name: value for name, value in given.items() if value},
            self.fields,
            self.complete,
            self.typed_at,
        )


class HostedBody(BaseModel):
    """What asks for Stripe's own page: the script's JSON, or a form where there is no script."""

    model_config = ConfigDict(extra="forbid", strict=True)
    email: _Email
    fields: _Fields = {}
    token: str | None = None


class InvoiceBody(BaseModel):
    """What the page sends when the visitor asks for an invoice."""

    model_config = ConfigDict(extra="forbid", strict=True)
    email: _Email
    name: _Text | None = None
    address: AddressBody | None = None
    fields: _Fields = {}


@checkout.get("/<checkout_id>")
def show(checkout_id: str) -> AnyResponse | str:
    """The checkout in the flow of the visitor's variant; showing it is the exposure."""
    refuse_prefetch()
    kassa, unit_id = services(), visitor()
    now = kassa.clock()
    seen = look(kassa.store, checkout_id, unit_id, now=now)
    found, typed = seen.checkout, seen.typed
    speak(found.locale)
    if seen.may_be_paid:
        return redirect(url_for(".finished", checkout_id=checkout_id), 303)
    unsure = any(attempt.status in OPEN for attempt in seen.attempts)
    if found.expired(now) and unsure:
        # Nobody knows what was charged: that page asks.
        return redirect(url_for(".finished", checkout_id=checkout_id), 303)
    if found.expired(now):
        return _expired(found)
    if request.method == "HEAD":
        return Response(mimetype="text/html")
    found = _admitted(kassa, found, unit_id)
    # A link that was passed on shows the order, and nothing of whom it was made for; after a try
    # to pay, the order's address may be that of somebody else.
    if unit_id == found.unit_id and not seen.attempts:
        typed = replace(typed, email=typed.email or found.email)
    flow, at = _place(found, typed)
    consent = consent_of(found.analytics_consent, owner=found.unit_id, unit_id=unit_id)
    view = View(
        flow=flow,
        at=at,
        typed=typed,
        token=kassa.signing.page_token(found.checkout_id, unit_id),
        switch=kassa.cashier.switching.offered(found, seen.attempts),
        recorded=analytics.recorded(consent),
        theirs=unit_id == found.unit_id,
        unsure=unsure,
    )
    return kassa.pages.render(found, view, origin=address(""), today=now.date())


@checkout.post("/<checkout_id>/confirm")
def confirm(checkout_id: str) -> Response:
    """Try to charge; the page's signed token is what a forged request lacks."""
    kassa = services()
    found, _ = _own_checkout(kassa, checkout_id)
    body = validated(ConfirmBody, read_json())
    found = _told_by_buyer(kassa, found, body)
    outcome = kassa.cashier.confirm(found, body.confirmation_token, return_url=_return_url(found))
    return _reply(kassa, found, outcome)


@checkout.post("/<checkout_id>/session")
def session(checkout_id: str) -> Response:
    """What the merchant's customer keeps, for the page of the visitor the order was made for."""
    kassa = services()
    found, unit_id = _own_checkout(kassa, checkout_id)
    read_json()
    try:
        # A link that was passed on shows the order, and nothing of whom it was made for.
        secret = kassa.cashier.session(found) if unit_id == found.unit_id else None
    except (PaymentBusy, PaymentIndeterminate, PaymentRefused):
        secret = None
    return jsonify(client_secret=secret)


@checkout.post("/<checkout_id>/details")
def details(checkout_id: str) -> tuple[str, int]:
    """Keep what the visitor typed so far, for their own page."""
    kassa = services()
    found, unit_id = _own_checkout(kassa, checkout_id)
    typed = validated(DetailsBody, read_json()).details()
    now = kassa.clock()
    if found.expired(now):
        raise found.over("nothing was kept")
    with kassa.store.write() as connection:
        keep_details(connection, checkout_id, unit_id, typed, now=now)
    return "", HTTPStatus.NO_CONTENT


@checkout.post("/<checkout_id>/invoice")
def invoice(checkout_id: str) -> Response:
    """Send the visitor an invoice for the order, where one is offered."""
    kassa = services()
    found, unit_id = _own_checkout(kassa, checkout_id)
    body = validated(InvoiceBody, read_json())
    _refuse_others(found, unit_id)
    switch = kassa.cashier.switch(found)
    offered = found.terms if found.invoiced else switch and switch.invoice
    if not isinstance(offered, InvoiceTerms):
        raise Refused("no invoice is offered for this order")
    found = _told_by_buyer(kassa, found, body)
    address = body.address.model_dump(exclude_none=True) if body.address else None
    buyer = Buyer(body.email, name=body.name, address=address)
    return _reply(kassa, found, kassa.cashier.invoicing.send(found, buyer, offered))


@checkout.post("/<checkout_id>/hosted")
def hosted(checkout_id: str) -> AnyResponse:
    """Lead to Stripe's own page for the order, where ours can't show Stripe's forms."""
    kassa, form = services(), read_form() if is_form() else None
    found, unit_id = _own_checkout(kassa, checkout_id, token=form.get("token") if form else None)
    body = _hosted_body(read_json() if form is None else form)
    _refuse_others(found, unit_id)
    offered = kassa.cashier.switching.hosted(found)
    if offered is None:
        raise Refused("this order has no page at Stripe")
    found = _told_by_buyer(kassa, found, body)
    outcome = kassa.cashier.invoicing.send(found, Buyer(body.email), offered)
    page = kassa.cashier.invoicing.page_of(found) if outcome.invoiced else None
    if form is not None:
        if outcome.status in _ERRORS:
            raise PaymentRefused("Stripe takes no invoice for this order", told(outcome.failure))
        return redirect(page or url_for(".finished", checkout_id=checkout_id), 303)
    return _reply(kassa, found, outcome, redirect=page)


@checkout.post("/<checkout_id>/status")
def status(checkout_id: str) -> Response:
    """Ask how the payment stands, e.g. after the bank's own page."""
    kassa = services()
    found, _ = _own_checkout(kassa, checkout_id)
    read_json()
    outcome = kassa.cashier.check(found, resume_within=KEY_LIFETIME)
    if outcome is None:
        if found.expired(kassa.clock()):
            raise found.over("nothing was charged")
        return jsonify(status=PaymentStatus.REQUIRES_PAYMENT_METHOD.value)
    return _reply(kassa, found, outcome)


@checkout.get("/<checkout_id>/return")
def finished(checkout_id: str) -> AnyResponse | str:
    """Where payments end: asks the ledger and Stripe, and says what they say."""
    refuse_prefetch()
    if request.args:
        # Stripe adds the client secret to the address: it must not stay in history or logs.
        return redirect(url_for(".finished", checkout_id=checkout_id), 303)
    kassa = services()
    with kassa.store.read() as connection:
        found = checkout_with_id(connection, checkout_id)
    looking = RECENTLY if request.method == "GET" else timedelta(0)
    outcome = kassa.cashier.check(found, resume_within=looking)
    if outcome is None:
        return redirect(url_for(".show", checkout_id=checkout_id), 303)
    speak(found.locale)
    now = kassa.clock()
    with kassa.store.read() as connection:
        sent = invoice_of(connection, checkout_id) if outcome.invoiced else None
    state = _state_of_invoice(sent, now) if outcome.invoiced else _state(outcome)
    if state in {"failed", "action_needed"} and found.expired(now):
        return _expired(found)
    today = now.date()
    return render_template(
        "checkout/complete.html",
        state=state,
        message=language().say(told(outcome.failure)),
        checkout=found,
        ordered_on=language().full_day(found.created_at.date()),
        checkout_url=url_for(".show", checkout_id=checkout_id, step=_paying_step(found)),
        terms=terms.told(found, language(), today=today),
        invoice=sent,
        due=sent and sent.due_at and language().day(sent.due_at.date(), today),
        remaining=found.price if sent is None else sent.amount_remaining or 0,
        verification=outcome.verification,
        deposit_day=_deposit_day(outcome, today),
    )


def _paying_step(found: Checkout) -> str | None:
    """The step to come back to where it is a page of its own."""
    flow = flow_named(found.flow)
    return flow.steps[-1].key if flow.reload else None


def _state_of_invoice(sent: Row[Any] | None, now: datetime) -> str:
    """How an invoice stands that is not paid; at first no webhook has told of it."""
    if sent is None or sent.status is None:
        return "invoiced"
    if sent.status == "void":
        return "voided"
    if sent.status == "uncollectible" or (sent.due_at and sent.due_at < now):
        return "overdue"
    return "partly_paid" if sent.amount_remaining < sent.amount_due else "invoiced"


def _state(outcome: Outcome) -> str:
    if outcome.verification is not None:
        return "verify"
    return _STATE.get(outcome.status, "failed")


def _deposit_day(outcome: Outcome, today: date) -> str | None:
    expected = outcome.verification and outcome.verification.expected_at
    return language().day(expected.date(), today) if expected else None


def _told_by_buyer(
    kassa: Services, found: Checkout, body: ConfirmBody | HostedBody | InvoiceBody
) -> Checkout:
    """The checkout with the visitor's address and language, which letters about it keep to."""
    email, locale = body.email or found.email, found.locale or language().region
    fields = body.fields if "fields" in body.model_fields_set else found.fields
    if (email, locale, fields) == (found.email, found.locale, found.fields):
        return found
    with kassa.store.write() as connection:
        return keep_buyer(connection, found, email=email, locale=locale, fields=fields)


def _admitted(kassa: Services, found: Checkout, unit_id: str) -> Checkout:
    if found.unit_id is not None:
        return found
    attributes = known_of(found, client(kassa.settings))
    guest = Guest(unit_id, attributes, override(kassa))
    return kassa.admissions.admit(found, guest)


def _place(found: Checkout, typed: Details) -> tuple[Flow, int]:
    """The visitor's flow, and the step they are at."""
    flow = flow_named(found.flow)
    if "step" in request.args and VISITOR_COOKIE not in request.cookies:
        # Who keeps no cookie can't be given again what they typed: all steps on one page.
        flow = replace(flow, reload=False)
    return flow, step_at(flow, request.args.get("step"), ready=typed.complete)


def _expired(found: Checkout) -> AnyResponse:
    way_on = url_for("shop.buy", offer=found.offer) if found.offer else found.cancel_url
    why = found.over("nothing was charged")
    page = render_template(
        "errors/page.html",
        title=language().say(why.title),
        message=language().say(why.told),
        actions=[{"label": language().say("Start again"), "url": way_on or "/"}],
        status=int(why.status),
    )
    return Response(page, status=int(why.status), mimetype="text/html")


def _hosted_body(given: object) -> HostedBody:
    try:
        return validated(HostedBody, given)
    except Refused as refused:
        # Browsers check the field themselves: it is the one that people can get wrong.
        raise Refused(str(refused), _EMAIL_WRONG) from refused


def _refuse_others(found: Checkout, unit_id: str) -> None:
    """Let a link that was passed on change nothing of the customer that the order is for."""
    if found.customer is not None and unit_id != found.unit_id:
        raise NotTheirs("an order of a customer is invoiced for its own visitor alone")


def _own_checkout(
    kassa: Services, checkout_id: str, *, token: str | None = None
) -> tuple[Checkout, str]:
    """The checkout and the page's visitor, if it comes from a page that we rendered for it."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Forbidden("this request comes from another site")
    unit_id = kassa.signing.page_unit(token or request.headers.get(TOKEN_HEADER), checkout_id)
    with kassa.store.read() as connection:
        found = checkout_with_id(connection, checkout_id)
    speak(found.locale)
    return found, unit_id


def _return_url(found: Checkout) -> str:
    return address(url_for(".finished", checkout_id=found.checkout_id))


def _reply(
    kassa: Services, found: Checkout, outcome: Outcome, *, redirect: str | None = None
) -> Response:
    # Whose bank account has to be proved first can do nothing more here.
    status = AttemptStatus.PROCESSING if outcome.verification else outcome.status
    body: dict[str, Any] = {"status": _REPLY[status]}
    if redirect is not None:
        body["redirect"] = redirect
    if outcome.client_secret is not None and not outcome.verification:
        body["next_action"] = {"client_secret": outcome.client_secret}
    if outcome.status in _ERRORS:
        message = language().say(told(outcome.failure))
        body["error"] = {"code": _ERRORS[outcome.status], "message": message}
        switch = kassa.cashier.switch(found)
        if switch is not None:
            body["switch"] = {
                "bank_debit": switch.bank_debit,
                "invoice": switch.invoice is not None,
            }
    return jsonify(body)
