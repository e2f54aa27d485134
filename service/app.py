"""The composition root: settings in, a Flask application out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from flask_compress import Compress
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from experiments import Catalog
from service.checkout.admission import Admissions
from service.checkout.flows import check_flows
from service.definitions import InForce
from service.directory import Directory
from service.payments.cashier import Cashier
from service.payments.gateway import PaymentGateway
from service.payments.intake import Intake
from service.payments.switching import Switching
from service.settings import PROJECT, Settings
from service.store.session import Store
from service.web import answers
from service.web.account import account, sessions
from service.web.assets import Assets, files_in
from service.web.bodies import MAX_BODY
from service.web.brand import brand, worn
from service.web.checkout import checkout
from service.web.context import Services
from service.web.events import events
from service.web.flags import features, flags
from service.web.health import health
from service.web.language import words
from service.web.metrics import metrics
from service.web.orders import orders
from service.web.overrides import overrides
from service.web.page import Pages
from service.web.reports import reports
from service.web.scripts import SIMULATED_STRIPE_JS, STRIPE_JS
from service.web.shop import shop
from service.web.signing import Signing
from service.web.webhooks import MAX_WEBHOOK, webhooks

if TYPE_CHECKING:
    from service.branding.brand import Brand

STATIC = PROJECT / "service" / "static"


def utc_now() -> datetime:
    """The clock at the edge; everything inside is handed the time."""
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    *,
    catalog: Catalog | InForce,
    store: Store,
    gateway: PaymentGateway,
    simulator: Path | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Flask:
    """The web application.

    Args:
        settings: what is in force.
        catalog: the definitions, or those in force from time to time; every flow they name is
            resolved here.
        store: a store that has this version's tables.
        gateway: to Stripe, or to the simulator.
        simulator: the simulator's state, whose browser pages are then mounted at ``/sim``.
        clock: the time now, in UTC.

    Raises:
        ConfigurationError: a variant names a flow that does not exist.
        InvalidDefinition: the brand does not hold.
    """
    in_force = (
        catalog
        if isinstance(catalog, InForce)
        else InForce(catalog, Directory(settings.definitions), store=store, clock=clock)
    )
    check_flows(in_force.catalog.experiments.values())
    merchants = _brand(settings.brand) if settings.brand else None
    app = Flask(
        "service",
        root_path=str(PROJECT / "service"),
        template_folder=str(PROJECT / "templates"),
        static_folder=None,
    )
    app.config.update(
        MAX_CONTENT_LENGTH=max(MAX_BODY, MAX_WEBHOOK),
        COMPRESS_MIMETYPES=["text/html", "text/css", "text/javascript", "image/svg+xml"],
        COMPRESS_STREAMS=False,
    )
    # First, so that it is the last to see an answer.
    Compress(app)
    switching = Switching(settings.card_limits, settings.invoice_days)
    stripe_js = SIMULATED_STRIPE_JS if settings.simulated else STRIPE_JS
    app.extensions["kassa"] = Services(
        settings=settings,
        in_force=in_force,
        store=store,
        gateway=gateway,
        cashier=Cashier(store, gateway, clock, switching),
        intake=Intake(store),
        admissions=Admissions(store, lambda: in_force.catalog, clock),
        signing=Signing(settings.secret_keys),
        clock=clock,
        stripe_js=stripe_js,
        pages=Pages(
            switching, {"publishable_key": gateway.publishable_key, "stripe_js": stripe_js}
        ),
        brand=merchants,
    )
    app.jinja_env.globals.update(merchant=settings.merchant, simulated=settings.simulated)
    assets = Assets(files_in(STATIC))
    app.jinja_env.globals["static"] = assets.address
    shipped = assets.address("css/checkout.css")
    app.jinja_env.globals["brand"] = worn(merchants, shipped=shipped)
    app.context_processor(words)
    answers.install(app)
    pages = (shop, checkout, account, overrides, reports, brand)
    programs = (orders, sessions, events, flags, features, webhooks, health, metrics)
    for blueprint in (*pages, *programs, assets.routes()):
        app.register_blueprint(blueprint)
    if simulator is not None:
        _mount_simulator(app, simulator, clock)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # Flask's documented way
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    return app


def _brand(file: Path) -> Brand:
    from service.branding.brand import Brand  # noqa: PLC0415 - colours are not read without one

    return Brand.load(file)


def _mount_simulator(app: Flask, state: Path, clock: Callable[[], datetime]) -> None:
    from service.payments.simulator.browser import (  # noqa: PLC0415 - not loaded beside real keys
        create_browser_app,
    )

    browser = create_browser_app(state, clock=clock)
    app.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]  # Flask's documented way
        app.wsgi_app, {"/sim": browser}
    )
