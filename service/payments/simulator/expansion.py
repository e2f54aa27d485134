"""``expand[]``: objects in place of their ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service.payments.simulator.errors import InvalidParameterError
from service.payments.simulator.resources import invoice_payments
from service.payments.simulator.wire import Json
from service.payments.simulator.work import Work

EXPANDABLE = {
    "payment_intent": {"customer", "latest_charge", "payment_method", "review", "application"},
    "charge": {"customer", "payment_intent", "balance_transaction", "review", "application"},
    "refund": {"charge", "payment_intent", "payment_method", "customer", "balance_transaction"},
    "payment_method": {"customer"},
    "customer": {"default_source", "test_clock"},
    "dispute": {"charge", "payment_intent"},
    "invoice": {"customer", "default_payment_method", "payments", "confirmation_secret"},
    "invoice_payment": {"invoice"},
    "setup_intent": {"customer", "payment_method"},
    "subscription": {
        "customer",
        "default_payment_method",
        "latest_invoice",
        "pending_setup_intent",
    },
}
# What an object has only if it is asked for.
_INCLUDED: Mapping[tuple[str, str], Callable[[Work, Json], Json | None]] = {
    ("invoice", "confirmation_secret"): invoice_payments.secret_of,
    ("invoice", "payments"): invoice_payments.of_invoice,
}
_DEEPEST = 4


def expanded(work: Work, body: Json, paths: list[str]) -> Json:
    """The object with every path replaced by what it names.

    Args:
        work: the request.
        body: an object or a list of objects.
        paths: e.g. ``latest_charge`` or, in lists, ``data.latest_charge``; four levels at most.

    Raises:
        InvalidParameterError: a property that can't be expanded.
    """
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST:
            raise InvalidParameterError(
                f"You cannot expand more than {_DEEPEST} levels of a property: {path}.",
                param="expand",
            )
        body = _expand(work, body, steps, path)
    return body


def _expand(work: Work, body: Json, steps: list[str], path: str) -> Json:
    head, *rest = steps
    if body.get("object") == "list" and head == "data" and rest:
        return body | {"data": [_expand(work, member, rest, path) for member in body["data"]]}
    kind = body.get("object", "")
    if head not in EXPANDABLE.get(kind, ()):
        raise InvalidParameterError(f"This property cannot be expanded ({path}).", param="expand")
    if (kind, head) in _INCLUDED:
        found = _INCLUDED[kind, head](work, body)
    else:
        value = body[head]
        found = work.get(value) if isinstance(value, str) else value
    if found is not None and rest:
        found = _expand(work, found, rest, path)
    return body | {head: found}
