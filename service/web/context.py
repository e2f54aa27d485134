"""What a request may reach, typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Response, current_app, g, request

from experiments import Catalog
from service.checkout.admission import Admissions
from service.checkout.checkouts import is_preview
from service.definitions import InForce
from service.errors import Prefetched
from service.payments.cashier import Cashier
from service.payments.gateway import PaymentGateway
from service.payments.intake import Intake
from service.settings import Settings
from service.store.session import Store
from service.web.page import Pages
from service.web.signing import Signing, new_unit_id

if TYPE_CHECKING:
    from service.branding.brand import Brand

VISITOR_COOKIE = "kassa_visitor"
# Of testers alone, and gone with their browser's session.
OVERRIDE_COOKIE = "kassa_override"
# Thirteen months, counted from the first visit and not prolonged by later ones.
_COOKIE_AGE = 395 * 24 * 3600


@dataclass(frozen=True)
class Services:
    """Everything a view is given; built once by the composition root."""

    settings: Settings
    in_force: InForce
    store: Store
    gateway: PaymentGateway
    cashier: Cashier
    intake: Intake
    admissions: Admissions
    signing: Signing
    clock: Callable[[], datetime]
    stripe_js: str
    pages: Pages
    brand: Brand | None = None

    @property
    def catalog(self) -> Catalog:
        """The definitions in force: the same from a request's first look at them to its end."""
        if "catalog" not in g:
            g.catalog = self.in_force.catalog
        found: Catalog = g.catalog
        return found


def services() -> Services:
    """The services of the running application."""
    found: Services = current_app.extensions["kassa"]
    return found


def visitor() -> str:
    """The visitor's id: from the signed cookie, or a new one that the answer will carry."""
    if "unit_id" not in g:
        known = services().signing.visitor_of(request.cookies.get(VISITOR_COOKIE))
        if known is not None and is_preview(known) and OVERRIDE_COOKIE not in request.cookies:
            # The test is over, and the browser is a customer's again: nobody knows of whom.
            known = None
        g.new_visitor = known is None
        g.unit_id = known or new_unit_id()
    unit_id: str = g.unit_id
    return unit_id


def become_visitor(unit_id: str) -> None:
    """Make this browser another visitor's, from this answer on."""
    g.unit_id, g.new_visitor = unit_id, True


def keep_visitor(response: Response) -> Response:
    """Give a new visitor the cookie."""
    if g.get("new_visitor"):
        response.set_cookie(
            VISITOR_COOKIE,
            services().signing.visitor_cookie(g.unit_id),
            max_age=_COOKIE_AGE,
            httponly=True,
            secure=secure(),
            samesite="Lax",
        )
    return response


def refuse_prefetch() -> None:
    """Keep a page for when somebody looks at it: showing it counts.

    Raises:
        Prefetched: the browser asks only in case; it will ask again.
    """
    purpose = request.headers.get("Sec-Purpose") or request.headers.get("Purpose") or ""
    if "prefetch" in purpose.lower():
        raise Prefetched("ask again when the page is looked at")


def secure() -> bool:
    """Whether visitors come over TLS, perhaps as far as a proxy in front of us."""
    return request.is_secure or (services().settings.public_url or "").startswith("https://")


def address(path: str) -> str:
    """An absolute address on the name that visitors use."""
    base = services().settings.public_url or f"{request.scheme}://{request.host}"
    return base + path
