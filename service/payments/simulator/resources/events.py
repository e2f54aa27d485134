"""Events: what happened, kept for reconciliation."""

from __future__ import annotations

from service.payments.simulator.pages import listed
from service.payments.simulator.parameters import PAGE, Parameters, filled, listing, text
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

RETRIEVE = Parameters()
LIST = Parameters({**PAGE, "type": text, "types": listing(filled)})


def retrieve(work: Work, _given: Json, event: str) -> Json:
    """The event with this id, as it was sent."""
    return _with_pending(work, work.require("event", event))


def listing_of(work: Work, given: Json) -> Json:
    """Events, newest first, of the types asked for."""
    wanted = given.get("types") or ([given["type"]] if given.get("type") else [])
    page = listed(work, "event", "/v1/events", given, {"type": wanted} if wanted else {})
    return page | {"data": [_with_pending(work, event) for event in page["data"]]}


def _with_pending(work: Work, event: Json) -> Json:
    query = "SELECT count(*) FROM deliveries WHERE event = ? AND state = 'pending'"
    (pending,) = work.connection.execute(query, (event["id"],)).fetchone()
    return event | {"pending_webhooks": pending}
