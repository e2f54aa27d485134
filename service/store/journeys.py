"""How far each unit got, what is last known of those that left, and how they tried to pay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Subquery,
    case,
    func,
    literal,
    literal_column,
    select,
    text,
    union_all,
)

from analysis.journey import Attempts, Journeys, Leaving, Milestone
from experiments import FrictionEvent, FunnelEvent, LedgerColumn
from experiments.attributes import BUILT_IN
from service.store.look import Look
from service.store.records import funnel_events, ledger_rows
from service.store.tables import events

# Whatever a unit tells of a later milestone, it has passed those before: a beacon may be lost.
_PROOF: Final[Mapping[Milestone, tuple[FunnelEvent, ...]]] = {
    Milestone.DETAILS: (FunnelEvent.DETAILS_COMPLETED, FunnelEvent.PAYMENT_INFO_COMPLETED),
    Milestone.ATTEMPT: (
        FunnelEvent.PAYMENT_SUBMITTED,
        FunnelEvent.PAYMENT_DECLINED,
        FunnelEvent.PAYMENT_PROCESSING,
    ),
    Milestone.PAID: (FunnelEvent.PAYMENT_SUCCEEDED,),
}
_RANKS: Final = {milestone: rank for rank, milestone in enumerate(Milestone)}
_UNDONE: Final = (FunnelEvent.PAYMENT_REFUNDED, FunnelEvent.PAYMENT_DISPUTED)
# What a visitor did or met, and not how long it took.
_TELLING: Final = (
    FrictionEvent.STEP_SHOWN,
    FrictionEvent.FIELD_LEFT,
    FrictionEvent.FIELD_CORRECTED,
    FrictionEvent.ERROR_SHOWN,
    FrictionEvent.RAGE_CLICKED,
    FunnelEvent.PAYMENT_DECLINED,
)
_NO_REASON: Final = "unknown"


def read_journeys(look: Look) -> Journeys:
    """What became of the units of one experiment.

    Args:
        look: its exposures, as they were known at a time.
    """
    marked = look.marked([BUILT_IN["device"]]).without_days()
    reached = _reached(marked)
    attempts, declines = _attempts(look)
    return Journeys(_milestones(marked, reached), _leavings(marked, reached), attempts, declines)


def _reached(look: Look) -> Subquery:
    """One row for each unit that got past its exposure: the rank of its last milestone."""
    unit = look.experiment.unit
    window = look.experiment.analysis.conversion_window
    told, charged = funnel_events(unit), ledger_rows(LedgerColumn.AMOUNT_CHARGED, unit)
    rank = case(
        *(
            (events.c.name.in_(list(proof)), literal_column(str(_RANKS[milestone])))
            for milestone, proof in _PROOF.items()
        )
    )
    proven = [name for proof in _PROOF.values() for name in proof]
    found = union_all(
        select(look.seen.c.unit_id, rank.label("rank"))
        .select_from(look.following(told, window))
        .where(*look.exposed, events.c.name.in_(proven)),
        select(look.seen.c.unit_id, literal(_RANKS[Milestone.AUTHORIZED]))
        .select_from(look.following(charged, window))
        .where(*look.exposed, charged.counted),
    ).subquery()
    return (
        select(found.c.unit_id, func.max(found.c.rank).label("rank"))
        .group_by(found.c.unit_id)
        .subquery()
    )


def _milestones(look: Look, reached: Subquery) -> dict[Milestone, dict[str, int]]:
    variant = look.seen.c.variant
    rows = look.connection.execute(
        select(variant, _rank(reached), func.count())
        .select_from(look.seen.outerjoin(reached, reached.c.unit_id == look.seen.c.unit_id))
        .where(*look.exposed)
        .group_by(variant, _rank(reached))
    )
    exactly: dict[tuple[str, int], int] = {(key, rank): count for key, rank, count in rows}
    variants = [each.key for each in look.experiment.variants]
    found = {
        milestone: {
            key: sum(count for (of, rank), count in exactly.items() if of == key and rank >= least)
            for key in variants
        }
        for milestone, least in _RANKS.items()
    }
    undone = _undone(look)
    found[Milestone.KEPT] = {
        key: count - undone.get(key, 0) for key, count in found[Milestone.PAID].items()
    }
    return found


def _rank(reached: Subquery) -> ColumnElement[int]:
    # Grouped by: a bound 0 would be another one in each place.
    return func.coalesce(reached.c.rank, literal_column("0"))


def _undone(look: Look) -> dict[str, int]:
    """Units that got money back or disputed it of what they paid, however late and little."""
    told, unit_id = funnel_events(look.experiment.unit), look.seen.c.unit_id
    window, undone = look.experiment.analysis.conversion_window, events.alias()
    paid = (
        select(look.seen.c.variant, unit_id, events.c.checkout_id)
        .select_from(look.following(told, window))
        .where(*look.exposed, events.c.name == FunnelEvent.PAYMENT_SUCCEEDED.value)
        .subquery()
    )
    rows = look.connection.execute(
        select(paid.c.variant, func.count(paid.c.unit_id.distinct()))
        .select_from(paid.join(undone, undone.c.checkout_id == paid.c.checkout_id))
        .where(undone.c.name.in_(list(_UNDONE)), undone.c.received_at <= look.as_of)
        .group_by(paid.c.variant)
    )
    return {row[0]: row[1] for row in rows}


def _leavings(look: Look, reached: Subquery) -> tuple[Leaving, ...]:
    """Units that did not pay, by the last that they told."""
    last, unit_id = _last_told(look), look.seen.c.unit_id
    what = [last.c[name] for name in ("name", "section", "detail")]
    by = [*look.apart, _rank(reached), *what]
    rows = look.connection.execute(
        select(*by, func.count())
        .select_from(
            look.seen.outerjoin(reached, reached.c.unit_id == unit_id).outerjoin(
                last, (last.c.unit_id == unit_id) & (last.c.position == 1)
            )
        )
        .where(*look.exposed, _rank(reached) < _RANKS[Milestone.PAID])
        .group_by(*by)
    )
    ranked = list(Milestone)
    found: dict[tuple[Milestone, str, str, str], dict[str, int]] = defaultdict(dict)
    for *apart, rank, name, section, detail, count in rows:
        variant, device = apart
        key = (ranked[rank], device, _said(name, detail), section or "")
        found[key][variant] = found[key].get(variant, 0) + count
    most_first = sorted(found.items(), key=lambda each: (-sum(each[1].values()), each[0]))
    return tuple(Leaving(*key, dict(sorted(units.items()))) for key, units in most_first)


def _last_told(look: Look) -> Subquery:
    """What each unit told, the last of it at position 1."""
    told, properties = funnel_events(look.experiment.unit), events.c.properties
    window = look.experiment.analysis.conversion_window

    def member(*names: str) -> ColumnElement[Any]:
        return func.coalesce(*(properties[name].as_string() for name in names))

    position = func.row_number().over(
        partition_by=look.seen.c.unit_id,
        # A page's own clock may be wrong by hours; of what came together it still knows the order.
        order_by=(
            told.happened_at.desc(),
            events.c.occurred_at.desc(),
            events.c.event_id.desc(),
        ),
    )
    return (
        select(
            look.seen.c.unit_id,
            events.c.name,
            member("section", "element", "step").label("section"),
            member("field", "code", "target", "step").label("detail"),
            position.label("position"),
        )
        .select_from(look.following(told, window))
        .where(*look.exposed, events.c.name.in_(list(_TELLING)))
        .subquery()
    )


_WORDS: Final[Mapping[str, str]] = {
    FrictionEvent.STEP_SHOWN: "saw the step",
    FrictionEvent.FIELD_LEFT: "left the field",
    FrictionEvent.FIELD_CORRECTED: "corrected the field",
    FrictionEvent.ERROR_SHOWN: "met the error",
    FrictionEvent.RAGE_CLICKED: "clicked in anger on",
    FunnelEvent.PAYMENT_DECLINED: "was declined",
}


def _said(name: str | None, detail: str | None) -> str:
    return "" if name is None else " ".join(filter(None, (_WORDS[name], detail)))


# Of the experiment's orders; what renews a subscription is no attempt of a checkout, and the
# payment of its first invoice is the checkout's own.
_ATTEMPTS: Final = """
  SELECT variant, COALESCE(method, 'unknown') AS method, COALESCE(brand, '') AS brand,
    COALESCE(decline_code, failure_code, '') AS reason, authorized, COUNT(*) AS attempts
  FROM payment_attempts
  WHERE experiment = :experiment AND counted = 1 AND attempted_at <= {at}
    AND payment_intent_id IN (
      SELECT payment_intent_id FROM ledger_payments WHERE checkout_id IS NOT NULL)
  GROUP BY 1, 2, 3, 4, 5"""
_AT: Final = {
    "sqlite": "datetime(:at, 'unixepoch')",
    "postgresql": "to_timestamp(:at)",
}


def _attempts(look: Look) -> tuple[tuple[Attempts, ...], dict[str, dict[str, int]]]:
    at = _AT[look.connection.dialect.name]
    rows = look.connection.execute(
        text(_ATTEMPTS.format(at=at)),
        {"experiment": look.experiment.key, "at": int(look.as_of.timestamp())},
    )
    variants = {each.key for each in look.experiment.variants}
    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    authorized: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    declines: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for variant, method, brand, reason, good, attempts in rows:
        if variant not in variants:
            continue
        name = f"{method} {brand}".strip()
        counted[name][variant] += attempts
        (authorized[name] if good else declines[reason or _NO_REASON])[variant] += attempts
    found = (Attempts(name, dict(counted[name]), dict(authorized[name])) for name in counted)
    return _most_first(found), {
        reason: dict(by)
        for reason, by in sorted(
            declines.items(), key=lambda each: (-sum(each[1].values()), each[0])
        )
    }


def _most_first(found: Iterable[Attempts]) -> tuple[Attempts, ...]:
    return tuple(sorted(found, key=lambda each: (-sum(each.counted.values()), each.method)))
