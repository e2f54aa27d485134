"""`POST /webhooks/stripe`: verified on the raw bytes, stored once, applied once."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from service.errors import InvalidSignature
from service.payments.wire import read_event
from service.web.bodies import read_body
from service.web.context import services

webhooks = Blueprint("webhooks", __name__, url_prefix="/webhooks")

MAX_WEBHOOK = 512 * 1024


@webhooks.post("/stripe")
def stripe_event() -> Response:
    """Take what Stripe signed; 2xx only after it is durable."""
    kassa = services()
    body = read_body(MAX_WEBHOOK)
    now = kassa.clock()
    kassa.gateway.verify(body, request.headers.get("Stripe-Signature"), now=now)
    event = read_event(body)
    if event.livemode != kassa.settings.live:
        raise InvalidSignature("the signature does not match")
    return jsonify(result=kassa.intake.receive(event, body, now=now))
