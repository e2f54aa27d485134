"""The control API: the clock, faults, disputes and incoming money, for tests and demonstrations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from service.payments.simulator import agenda
from service.payments.simulator.api import Api, Request, Response
from service.payments.simulator.errors import ApiError, InvalidParameterError
from service.payments.simulator.faults import Faults
from service.payments.simulator.resources import (
    collecting,
    disputes,
    early_fraud_warnings,
    payment_methods,
)
from service.payments.simulator.routes import TASKS
from service.payments.simulator.webhooks import Deliveries
from service.payments.simulator.wire import Json, to_bytes
from service.payments.simulator.work import new_id

PREFIX = "/_control/"


@dataclass(frozen=True)
class Control:
    """What the control endpoints reach."""

    api: Api
    faults: Faults
    deliveries: Deliveries

    def answer(self, request: Request) -> Response:
        """Do what the endpoint says; refusals come as Stripe's envelope."""
        endpoint = _ENDPOINTS.get((request.method, request.path), _nothing)
        try:
            given = _json(request) if request.method == "POST" else None
            return Response(200, to_bytes(endpoint(self, given)))
        except ApiError as refusal:
            return Response(refusal.status, to_bytes(refusal.body))


def _json(request: Request) -> object:
    # A page of another site can't announce JSON without asking first, and is never answered.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise ApiError("The control API takes application/json.", status=415)
    try:
        return json.loads(request.body)
    except ValueError as exc:
        raise InvalidParameterError("The body is not JSON.") from exc


def _count(control: Control, _given: object) -> Json:
    return control.deliveries.counts()


def _script(control: Control, given: object) -> Json:
    return control.faults.script(given)


def _disturb(control: Control, given: object) -> Json:
    return control.deliveries.disturb(given)


def _dispute(control: Control, given: object) -> Json:
    form = given if isinstance(given, dict) else {}
    with control.api.working(new_id("req")) as work:
        dispute = disputes.open_dispute(work, disputes.OPEN.read(form))
    control.deliveries.wake()
    return dispute


def _warn(control: Control, given: object) -> Json:
    form = given if isinstance(given, dict) else {}
    with control.api.working(new_id("req")) as work:
        warning = early_fraud_warnings.raise_warning(work, early_fraud_warnings.RAISE.read(form))
    control.deliveries.wake()
    return warning


def _update_card(control: Control, given: object) -> Json:
    form = given if isinstance(given, dict) else {}
    with control.api.working(new_id("req")) as work:
        asked = payment_methods.UPDATED.read(form)
        updated = payment_methods.update_by_network(work, asked)
    control.deliveries.wake()
    return updated


def _turn_clock(control: Control, given: object) -> Json:
    form = given if isinstance(given, dict) else {}
    seconds = form.get("advance")
    if not isinstance(seconds, int) or not 0 <= seconds <= 400 * 24 * 3600:
        raise InvalidParameterError("advance is a number of seconds, at most 400 days.")
    now, ran = agenda.advance(control.api, TASKS, seconds)
    control.deliveries.pass_by(seconds)
    return {"now": now, "ran": ran}


def _receive_money(control: Control, given: object) -> Json:
    form = given if isinstance(given, dict) else {}
    asked = {name: str(value) for name, value in form.items()}
    with control.api.working(new_id("req")) as work:
        invoice = collecting.receive_money(work, collecting.MONEY.read(asked))
    control.deliveries.wake()
    return invoice


def _nothing(_control: Control, _given: object) -> Json:
    raise ApiError("No such control endpoint.", status=404)


_ENDPOINTS: dict[tuple[str, str], Callable[[Control, object], Json]] = {
    ("GET", "/_control/deliveries"): _count,
    ("POST", "/_control/faults"): _script,
    ("POST", "/_control/webhooks"): _disturb,
    ("POST", "/_control/disputes"): _dispute,
    ("POST", "/_control/warnings"): _warn,
    ("POST", "/_control/clock"): _turn_clock,
    ("POST", "/_control/card-updates"): _update_card,
    ("POST", "/_control/invoice-payments"): _receive_money,
}
