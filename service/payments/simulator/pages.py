"""Lists with cursors, as Stripe pages them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from service.payments.simulator.errors import InvalidParameterError, missing_resource
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work


def listed(
    work: Work, kind: str, url: str, given: Json, equal: Mapping[str, Sequence[str]]
) -> Json:
    """One page of objects, newest first.

    Args:
        work: the request.
        kind: the object's name.
        url: the list's own path, repeated in the answer.
        given: parameters read by `parameters.PAGE`.
        equal: column to allowed values.

    Raises:
        ApiError: a limit outside 1…100, both cursors at once, or an unknown cursor.
    """
    limit = _limit(given)
    before, after = (_cursor(work, kind, given, n) for n in ("starting_after", "ending_before"))
    if before is not None and after is not None:
        raise InvalidParameterError(
            "You may only specify one of starting_after and ending_before.",
            code="parameters_exclusive",
        )
    # One more than asked for tells whether there is more.
    found = work.page(
        kind, equal, given.get("created", {}), before=before, after=after, limit=limit + 1
    )
    kept = found[-limit:] if after is not None else found[:limit]
    return {"object": "list", "data": kept, "has_more": len(found) > limit, "url": url}


def listed_among(whole: Json, kind: str, given: Json) -> Json:
    """One page of a list that another object holds, in its order.

    Raises:
        ApiError: a limit outside 1…100, or an unknown cursor.
    """
    limit, data = _limit(given), whole["data"]
    places = {member["id"]: place for place, member in enumerate(data)}
    for name in ("starting_after", "ending_before"):
        if given.get(name) and given[name] not in places:
            raise missing_resource(kind, given[name], name, status=400)
    if given.get("ending_before"):
        before = data[: places[given["ending_before"]]]
        return whole | {"data": before[-limit:], "has_more": len(before) > limit}
    after = given.get("starting_after")
    rest = data[places[after] + 1 :] if after else data
    return whole | {"data": rest[:limit], "has_more": len(rest) > limit}


def _limit(given: Json) -> int:
    limit: int = given.get("limit", 10)
    if not 1 <= limit <= 100:
        raise InvalidParameterError(
            f"Invalid limit: must be from 1 to 100, not {limit}.",
            code="parameter_invalid_integer",
            param="limit",
        )
    return limit


def _cursor(work: Work, kind: str, given: Json, name: str) -> int | None:
    identity = given.get(name)
    if identity is None:
        return None
    position = work.position(identity)
    if position is None:
        raise missing_resource(kind, identity, name, status=400)
    return position
