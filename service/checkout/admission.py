"""Which flow a visitor meets, decided once for each checkout and recorded as it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from experiments import (
    Assignment,
    Attributes,
    Catalog,
    Cause,
    Experiment,
    FunnelEvent,
    Unit,
    assign,
    entered,
    forced,
    standing,
    unidentified,
)
from service import funnel
from service.checkout.checkouts import (
    Checkout,
    Placement,
    checkout_with_id,
    find_checkout,
    is_preview,
    move,
    place,
)
from service.checkout.flows import flow_named
from service.checkout.knowledge import Client, known_of
from service.store.session import Store
from service.store.together import Together


@dataclass(frozen=True)
class Guest:
    """Who meets a checkout.

    Attributes:
        unit_id: the visitor.
        attributes: what is known of the visitor and of the order.
        override: by a signed link, an experiment's key and the name of one of its overrides; None
            for everybody else.
    """

    unit_id: str
    attributes: Attributes
    override: tuple[str, str] | None = None


def placement(unit_id: str, assignment: Assignment | None) -> Placement:
    """What a visitor sees: the variant's flow, or the default one outside any experiment."""
    alone = Placement(unit_id, flow_named(None).key, preview=is_preview(unit_id))
    if assignment is None:
        return alone
    flow = flow_named(assignment.variant.flow).key
    shown = (assignment.experiment, assignment.variant.key)
    if assignment.cause is Cause.OVERRIDE:
        return Placement(unit_id, flow, *shown, preview=True)
    return Placement(unit_id, flow, *shown) if assignment.enrolled else replace(alone, flow=flow)


def assignments(
    catalog: Catalog, guest: Guest, customer: str | None, *, now: datetime
) -> list[Assignment]:
    """What each experiment of the checkout says of the guest, by its definition alone."""
    return [_assigned(each, guest, customer, now) for each in catalog.checkout_experiments]


def _assigned(
    experiment: Experiment, guest: Guest, customer: str | None, now: datetime
) -> Assignment:
    if guest.override is not None and guest.override[0] == experiment.key:
        return _overridden(experiment, guest, guest.override[1], now)
    unit_id = customer if experiment.unit is Unit.CUSTOMER else guest.unit_id
    if not unit_id or is_preview(guest.unit_id):
        return unidentified(experiment)
    return assign(experiment, unit_id, now=now, attributes=guest.attributes)


def _overridden(experiment: Experiment, guest: Guest, name: str, now: datetime) -> Assignment:
    found = next((each for each in experiment.overrides if each.name == name), None)
    if experiment.stopped or found is None or not found.holds(now):
        return unidentified(experiment)
    return forced(experiment, guest.unit_id, experiment.variant(found.variant))


def _decided(connection: Connection, catalog: Catalog, found: Sequence[Assignment]) -> Assignment:
    """Of what the experiments say, what holds: whoever was shown one of them stays in it."""
    if len(found) == 1 and found[0].cause is Cause.SPLIT:
        # The usual case: recording the exposure will say whether there was one before.
        return found[0]
    shown = funnel.shown(connection, found)
    held = standing([(catalog.experiment(each.experiment), each) for each in found], shown)
    entering = [each for each in held if each.enrolled or each.cause is Cause.OVERRIDE]
    return [*entering, *held][0]


class Admissions:
    """Shows unseen checkouts to their first visitors; those at the same time share a transaction.

    Args:
        store: where exposures are recorded.
        catalog: gives the definitions in force.
        clock: gives the time.
    """

    def __init__(
        self, store: Store, catalog: Callable[[], Catalog], clock: Callable[[], datetime]
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._together = Together(store, self._admit)

    def admit(self, checkout: Checkout, guest: Guest) -> Checkout:
        """What `admit` says, recorded for good.

        Raises:
            StoreUnavailable: nothing was recorded.
        """
        return self._together.write((checkout, guest))

    def _admit(
        self, connection: Connection, asked: Sequence[tuple[Checkout, Guest]]
    ) -> list[Checkout]:
        # One's turn to write may come seconds later: what was stopped meanwhile exposes nobody.
        catalog, now = self._catalog(), self._clock()
        return [admit(connection, catalog, checkout, guest, now=now) for checkout, guest in asked]


def admit(
    connection: Connection, catalog: Catalog, checkout: Checkout, guest: Guest, *, now: datetime
) -> Checkout:
    """Show an unseen checkout to its first visitor: expose, and bind the checkout to what is shown.

    Args:
        connection: a writing transaction.
        catalog: the definitions in force.
        checkout: the checkout that is about to be rendered.
        guest: who it is rendered for.
        now: the time of the exposure.

    Returns:
        The checkout with its visitor and flow; one that was seen before comes back unchanged.
    """
    found = assignments(catalog, guest, checkout.customer, now=now)
    assignment = _decided(connection, catalog, found) if found else None
    shown = placement(guest.unit_id, assignment)
    # First the checkout, whose row decides between two first visitors, and then the exposure.
    placed = place(connection, checkout, shown)
    if placed is None:
        return checkout_with_id(connection, checkout.checkout_id)
    if assignment is None or assignment.cause is not Cause.SPLIT:
        return placed
    experiment = catalog.experiment(assignment.experiment)
    if experiment.exposure.trigger is not FunnelEvent.CHECKOUT_VIEWED:
        return placed
    recorded = _expose(connection, catalog, assignment, placed, guest.attributes, now)
    seen = placement(guest.unit_id, recorded)
    return placed if seen == shown else move(connection, checkout.checkout_id, seen)


def admit_by_event(
    connection: Connection,
    catalog: Catalog,
    happened: Sequence[funnel.Event],
    client: Client,
    *,
    now: datetime,
) -> None:
    """Expose whoever got as far as the event that makes units of their experiment count.

    Args:
        connection: a writing transaction.
        catalog: the definitions in force.
        happened: events of one visitor, as the page told them.
        client: what the visitor's browser says of itself.
        now: the time of the exposure.
    """
    for event in happened:
        if event.name not in catalog.triggers or event.checkout_id is None:
            continue
        checkout = find_checkout(connection, event.checkout_id)
        if checkout is None or checkout.unit_id != event.unit_id or checkout.preview:
            continue
        experiment = catalog.experiments.get(checkout.experiment or "")
        assignment = None if experiment is None else _shown(experiment, checkout, event, now)
        if assignment is None:
            continue
        guest = Guest(assignment.unit_id, known_of(checkout, client))
        if _still_enters(connection, catalog, assignment, guest, now):
            _expose(connection, catalog, assignment, checkout, guest.attributes, now)


def _shown(
    experiment: Experiment, checkout: Checkout, event: funnel.Event, now: datetime
) -> Assignment | None:
    """What the checkout showed, where the event makes its unit count now."""
    if experiment.exposure.trigger is not event.name or not experiment.is_open(now):
        return None
    unit_id = checkout.customer if experiment.unit is Unit.CUSTOMER else checkout.unit_id
    if not unit_id or checkout.variant is None or checkout.variant not in experiment.shares:
        return None
    return entered(experiment, unit_id, experiment.variant(checkout.variant))


def _still_enters(
    connection: Connection, catalog: Catalog, assignment: Assignment, guest: Guest, now: datetime
) -> bool:
    """Whether no other experiment of its layer took the unit since the page was rendered."""
    own = catalog.experiment(assignment.experiment)
    others = [
        (each, assign(each, guest.unit_id, now=now, attributes=guest.attributes))
        for each in catalog.experiments.values()
        if own.layer is not None and each.layer == own.layer and each.unit is own.unit
        if each.key != own.key
    ]
    if not others:
        return True
    found = [(own, assignment), *others]
    shown = funnel.shown(connection, [each for _, each in found])
    return standing(found, shown)[0].enrolled


def _expose(
    connection: Connection,
    catalog: Catalog,
    assignment: Assignment,
    checkout: Checkout,
    attributes: Attributes,
    now: datetime,
) -> Assignment:
    return funnel.expose(
        connection,
        catalog.experiment(assignment.experiment),
        assignment,
        checkout_id=checkout.checkout_id,
        attributes=attributes,
        definitions=catalog.version,
        now=now,
    )
