"""The way in: what is on offer, and `/buy`, which makes a checkout."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug import Response

from experiments import Offer, UnknownExperiment
from service.checkout.checkouts import Placement, open_checkout, order_offer, preview_unit
from service.checkout.flows import flow_named
from service.errors import NotFound, Refused, UnknownOffer
from service.languages import sentence
from service.web.context import Services, refuse_prefetch, services
from service.web.signing import new_unit_id

shop = Blueprint("shop", __name__)
_CONSENTS = {None: None, "true": True, "false": False}


@shop.get("/")
def index() -> str:
    """The merchant's offers."""
    return render_template("index.html", offers=list(services().catalog.offers.values()))


@shop.get("/buy/<offer>")
def buy(offer: str) -> Response:
    """Make a checkout for an offer and send the visitor there."""
    refuse_prefetch()
    kassa = services()
    order = order_offer(
        _offer(kassa, offer),
        quantity=_quantity(),
        cancel_url=url_for(".index"),
        analytics_consent=_analytics_consent(),
    )
    preview = _preview(kassa)
    if request.method == "HEAD":
        return Response(mimetype="text/html")
    with kassa.store.write() as connection:
        checkout = open_checkout(connection, order, now=kassa.clock(), preview=preview)
    return redirect(url_for("checkout.show", checkout_id=checkout.checkout_id), 303)


def _offer(kassa: Services, key: str) -> Offer:
    if key not in kassa.catalog.offers:
        raise UnknownOffer(f"there is no offer {key!r}; perhaps it has ended")
    return kassa.catalog.offers[key]


def _quantity() -> int:
    given = request.args.get("quantity", "1")
    if not (given.isascii() and given.isdigit() and len(given) <= 2):
        raise Refused(sentence("quantity: must be a whole number from 1 to 99"))
    return int(given)


def _analytics_consent() -> bool | None:
    given = request.args.get("analytics_consent")
    if given not in _CONSENTS:
        raise Refused("analytics_consent: must be true or false")
    return _CONSENTS[given]


def _preview(kassa: Services) -> Placement | None:
    """A forced variant, by signed link only; its visitor is nobody and is never analysed."""
    token = request.args.get("preview")
    if token is None:
        return None
    experiment, key = kassa.signing.previewed(token)
    try:
        variant = kassa.catalog.experiment(experiment).variant(key)
    except (UnknownExperiment, KeyError) as exc:
        raise NotFound(f"experiment {experiment}, variant {key}: no longer defined") from exc
    flow = flow_named(variant.flow).key
    return Placement(preview_unit(new_unit_id()), flow, experiment, key, preview=True)
