"""Which flow a visitor meets, decided once for each checkout and recorded as it is shown."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from experiments import Assignment, Catalog, Cause, assign
from experiments.assignment import KEEPING
from service import funnel
from service.checkout.checkouts import (
    Checkout,
    Placement,
    checkout_with_id,
    move,
    place,
)
from service.checkout.flows import flow_named

# Inside the traffic a visitor is exposed; outside it, one who was exposed before still is.
_RECORDED = {Cause.SPLIT, *KEEPING}


def placement(unit_id: str, assignment: Assignment | None) -> Placement:
    """What a visitor sees: the variant's flow, or the default one outside any experiment."""
    if assignment is None:
        return Placement(unit_id, flow_named(None).key)
    flow = flow_named(assignment.variant.flow).key
    if not assignment.enrolled:
        return Placement(unit_id, flow)
    return Placement(unit_id, flow, assignment.experiment, assignment.variant.key)


def assignment_of(catalog: Catalog, unit_id: str, *, now: datetime) -> Assignment | None:
    """Where the checkout's experiment puts the visitor; None when none owns the checkout."""
    found = [assign(each, unit_id, now=now) for each in catalog.checkout_experiments]
    return next((each for each in found if each.enrolled), found[0] if found else None)


def admit(
    connection: Connection, catalog: Catalog, checkout: Checkout, unit_id: str, *, now: datetime
) -> Checkout:
    """Show an unseen checkout to its first visitor: expose, and bind the checkout to what is shown.

    Args:
        connection: a writing transaction.
        catalog: the definitions in force.
        checkout: the checkout that is about to be rendered.
        unit_id: who it is rendered for.
        now: the time of the exposure.

    Returns:
        The checkout with its visitor and flow; one that was seen before comes back unchanged.
    """
    assignment = assignment_of(catalog, unit_id, now=now)
    shown = placement(unit_id, assignment)
    # First the checkout, whose row decides between two first visitors, and then the exposure.
    placed = place(connection, checkout.checkout_id, shown)
    if placed is None:
        return checkout_with_id(connection, checkout.checkout_id)
    if assignment is None or assignment.cause not in _RECORDED:
        return placed
    kept = funnel.expose(
        connection,
        catalog.experiment(assignment.experiment),
        assignment,
        checkout_id=checkout.checkout_id,
        attributes=checkout.attributes,
        definitions=catalog.version,
        now=now,
    )
    seen = placement(unit_id, kept)
    return placed if seen == shown else move(connection, checkout.checkout_id, seen)
