"""The checkout page: rendered once for alike orders, with places for what is one visitor's own.

Most orders of an offer differ in nothing but that, and rendering is the dearest part of a page.
"""

from __future__ import annotations

import re
from dataclasses import asdict, astuple, dataclass, field, fields
from datetime import date
from functools import lru_cache, partial
from secrets import token_hex
from typing import Any

from flask import render_template, url_for
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from service.checkout.checkouts import Checkout, Line, Mode, Tax
from service.checkout.details import Details
from service.checkout.flows import SECTIONS, Flow
from service.languages import Language
from service.payments.switching import Switch, Switching
from service.web.language import language
from service.web.terms import Told, told

# Pages that are kept: offers times flows, steps and languages, and a few orders of programs.
_ROOM = 512


@dataclass(frozen=True)
class Face:
    """All that a page depends on, apart from what is its visitor's own.

    Attributes:
        language: of the answer.
        origin: the address that visitors know the service by.
        at: the step that is shown first.
        mode: what Stripe's Elements are asked to prepare for.
        methods: Stripe's names of those that may pay; empty where all may.
        saves: whether the visitor is a customer who may have kept a payment method.
        hosted: whether Stripe has a page of its own for the order.
        email: whether an address is known.
        recorded: whether the page may tell what the visitor does.
        unsure: whether a try to pay was never answered, so that nobody knows what was charged.
    """

    language: Language
    origin: str
    flow: Flow
    at: int
    lines: tuple[Line, ...]
    tax: tuple[Tax, ...]
    currency: str
    amount: int
    cancel_url: str | None
    invoiced: bool
    preview: bool
    variant: str | None
    mode: str
    methods: tuple[str, ...]
    saves: bool
    hosted: bool
    terms: Told
    switch: Switch | None
    email: bool
    recorded: bool
    unsure: bool


@dataclass(frozen=True)
class Own:
    """What differs between pages of alike orders.

    Attributes:
        token: what the page sends back with every request that changes something.
        email: as it stands in its field.
        details: what was typed before, as JSON.
    """

    checkout_id: str
    token: str = field(repr=False)
    email: str = field(repr=False)
    details: str = field(repr=False)


@dataclass(frozen=True)
class View:
    """What one visitor is to see of an order.

    Attributes:
        at: the step that is shown first.
        typed: what the visitor typed before.
        token: the page's.
        switch: what is offered in place of a card, if anything.
        recorded: whether the page may tell what the visitor does.
        theirs: whether it is the visitor that the order was made for, or came to first.
        unsure: whether a try to pay was never answered.
    """

    flow: Flow
    at: int
    typed: Details
    token: str = field(repr=False)
    switch: Switch | None
    recorded: bool
    theirs: bool
    unsure: bool


# Where what is the visitor's own goes; nobody can write a text that looks like it.
_PLACES = Own(*(f"place{token_hex(16)}" for _ in fields(Own)))
_SPLIT = re.compile(f"({'|'.join(astuple(_PLACES))})")


class Pages:
    """Renders checkout pages.

    Args:
        switching: when cards are not taken.
        stripe: what every page loads Stripe.js with, by the template's names.
    """

    def __init__(self, switching: Switching, stripe: dict[str, str]) -> None:
        self._switching = switching
        self._parts = lru_cache(_ROOM)(partial(_parts, stripe))

    def render(self, order: Checkout, view: View, *, origin: str, today: date) -> str:
        """The page of an order.

        Args:
            order: what is bought.
            view: what its visitor sees of it.
            origin: the address that visitors know the service by.
            today: the day in UTC, from which a trial is counted.
        """
        face = Face(
            language=language(),
            origin=origin,
            flow=view.flow,
            at=view.at,
            lines=order.lines,
            tax=order.tax,
            currency=order.currency,
            amount=order.amount,
            cancel_url=order.cancel_url,
            invoiced=order.invoiced,
            preview=order.preview,
            variant=order.variant if order.preview else None,
            mode=_elements_mode(order),
            methods=self._switching.methods(order),
            # Who is sent an invoice has no payment method to choose.
            saves=order.customer is not None and not order.invoiced,
            hosted=self._switching.hosted(order) is not None
            and (order.customer is None or view.theirs),
            terms=told(order, language(), today=today),
            switch=view.switch,
            email=bool(view.typed.email),
            recorded=view.recorded,
            unsure=view.unsure,
        )
        own = Own(
            checkout_id=order.checkout_id,
            token=view.token,
            email=escape(view.typed.email or ""),
            details=htmlsafe_json_dumps(_kept(view.typed)),
        )
        values = dict(zip(astuple(_PLACES), astuple(own), strict=True))
        return "".join([values.get(part, part) for part in self._parts(face)])


def _parts(stripe: dict[str, str], face: Face) -> list[str]:
    """The page in pieces, every second of them the place of what is the visitor's own."""
    html = render_template(
        "checkout/page.html",
        checkout=face,
        own=_PLACES,
        flow=face.flow,
        at=face.at,
        sections=SECTIONS,
        texts=_texts(face.language, unsure=face.unsure),
        unsure=face.unsure,
        page=_page(face) | stripe,
        terms=face.terms,
        switch=face.switch,
    )
    return _SPLIT.split(html)


def _page(face: Face) -> dict[str, Any]:
    """What the page's script is told."""
    here = url_for("checkout.show", checkout_id=_PLACES.checkout_id)
    urls = {
        "confirm_url": f"{here}/confirm",
        "session_url": f"{here}/session" if face.saves else "",
        "invoice_url": f"{here}/invoice",
        "hosted_url": f"{here}/hosted" if face.hosted else "",
        "status_url": f"{here}/status",
        "details_url": f"{here}/details",
        "step_urls": [f"{here}?step={each.key}" for each in face.flow.steps],
        "return_url": f"{face.origin}{here}/return",
        # Without an address the page tells nothing of what the visitor does.
        "events_url": url_for("events.collect") if face.recorded else "",
    }
    return urls | {
        "locale": face.language.stripe,
        "mode": face.mode,
        "methods": " ".join(face.methods),
    }


@lru_cache
def _texts(spoken: Language, *, unsure: bool) -> str:
    """What the script says, which no order changes."""
    return Markup(render_template("checkout/texts.html", _=spoken.say, unsure=unsure))  # noqa: S704 - ours alone


def _kept(typed: Details) -> dict[str, Any]:
    """What was typed, as the page's script reads it."""
    kept = asdict(typed)
    del kept["typed_at"]
    return kept


def _elements_mode(order: Checkout) -> str:
    """What Stripe's Elements are asked to prepare for."""
    if order.invoiced:
        return "setup"
    return "subscription" if order.mode is Mode.SUBSCRIPTION else "payment"
