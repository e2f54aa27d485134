"""`POST /v1/events`: what visitors did, durable before it is acknowledged, counted once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from sqlalchemy import Connection

from experiments import BROWSER_EVENTS, LEDGER_EVENTS, FrictionEvent, FunnelEvent
from service import funnel
from service.checkout.admission import admit_by_event
from service.checkout.consent import consents_of
from service.errors import Refused
from service.web.analytics import recorded
from service.web.bodies import broken_rule, read_json
from service.web.client import client
from service.web.context import services, visitor
from service.web.friction import check_properties

log = logging.getLogger(__name__)
events = Blueprint("events", __name__, url_prefix="/v1/events")

MAX_EVENTS = 100
TOLD_BY_PAGES = BROWSER_EVENTS | frozenset(FrictionEvent)
SERVER_ONLY = "server_only_event"


def _written(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 time with its zone")  # noqa: TRY004 - pydantic's way
    return value


def _fraction(value: object) -> object:
    if not isinstance(value, float):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic's way
    return value


def _plausible(value: datetime) -> datetime:
    if not 1970 <= value.year < 3000:
        raise ValueError("must be between the years 1970 and 3000")
    return value


_Small = Annotated[int, Field(ge=-(2**53), le=2**53)]
_Property = (
    Annotated[str, StringConstraints(max_length=500)]
    | bool
    | _Small
    | Annotated[float, BeforeValidator(_fraction)]
    | None
    | Annotated[list[Annotated[str, StringConstraints(max_length=100)]], Field(max_length=20)]
)


class EventBody(BaseModel):
    """One event as the page reports it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    # No colon: ids of the ledger's own events hold one, and can't be taken from outside.
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    name: Annotated[str, StringConstraints(max_length=40)]
    occurred_at: Annotated[
        AwareDatetime, BeforeValidator(_written), AfterValidator(_plausible), Field(strict=False)
    ]
    checkout_id: Annotated[str, StringConstraints(pattern=r"^[\w-]{1,40}$")] | None = None
    properties: Annotated[dict[str, _Property], Field(max_length=20)] = {}


@events.post("")
def collect() -> tuple[Response, int]:
    """Store a batch; each event is accepted, a duplicate, or rejected with its reason.

    Those of a visitor who refuses analytics are counted in the answer and kept nowhere.
    """
    kassa, unit_id = services(), visitor()
    now = kassa.clock()
    sound: list[funnel.Event] = []
    rejected: list[dict[str, Any]] = []
    for index, item in enumerate(_items(read_json())):
        try:
            sound.append(_event(item, unit_id, now))
        except Refused as exc:
            rejected.append({"index": index, "reason": str(exc)})
    with kassa.store.write() as connection:
        accepted = _consented(connection, sound, unit_id)
        new = funnel.record(connection, accepted)
        if kassa.catalog.triggers:
            seen = client(kassa.settings)
            admit_by_event(connection, kassa.in_force.catalog, accepted, seen, now=now)
        funnel.count_forged(connection, _forged(rejected), now=now)
    return jsonify(
        accepted=len(new),
        duplicates=len(accepted) - len(new),
        not_kept=len(sound) - len(accepted),
        rejected=rejected,
    ), 202


def _items(body: Any) -> list[Any]:
    items = body.get("events") if isinstance(body, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_EVENTS:
        raise Refused(f"events: must be a list of 1 to {MAX_EVENTS} events")
    return items


def _event(item: object, unit_id: str, now: datetime) -> funnel.Event:
    try:
        body = EventBody.model_validate(item)
    except ValidationError as exc:
        raise Refused(f"invalid: {broken_rule(exc)}") from exc
    if body.name in LEDGER_EVENTS:
        raise Refused(f"{SERVER_ONLY}: {body.name} comes from Stripe's webhooks alone")
    if body.name not in TOLD_BY_PAGES:
        raise Refused(f"unknown_event: name must be one of {', '.join(sorted(TOLD_BY_PAGES))}")
    return funnel.Event(
        event_id=body.id,
        unit_id=unit_id,
        name=_named(body),
        occurred_at=body.occurred_at,
        received_at=now,
        checkout_id=body.checkout_id,
        properties=body.properties,
    )


def _named(body: EventBody) -> FunnelEvent | FrictionEvent:
    if body.name in BROWSER_EVENTS:
        return FunnelEvent(body.name)
    name = FrictionEvent(body.name)
    check_properties(name, body.properties)
    return name


def _consented(
    connection: Connection, told: Sequence[funnel.Event], unit_id: str
) -> list[funnel.Event]:
    """Those that may be kept: the page should not have told the others."""
    named = {each.checkout_id for each in told if each.checkout_id is not None}
    consents = consents_of(connection, named, unit_id=unit_id)
    return [each for each in told if recorded(consents.get(each.checkout_id or ""))]


def _forged(rejected: list[dict[str, Any]]) -> int:
    return sum(item["reason"].startswith(SERVER_ONLY) for item in rejected)
