"""Where the store meets analysis: rows in, sufficient statistics out.

Everything is one unit's first exposure and what followed it inside the conversion window. The
database does the counting; what leaves it is a few sums for each variant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    distinct,
    func,
    select,
    type_coerce,
)

from analysis.aggregates import Aggregates
from analysis.observations import Observations
from experiments import LEDGER_EVENTS, Experiment, FunnelEvent, Kind, Metric
from service.store.tables import events, exposures, microseconds

# Stripe tells times in whole seconds: a payment in the second of the exposure came after it.
_RESOLUTION = microseconds(timedelta(seconds=1))


def read_observations(
    connection: Connection,
    experiment: Experiment,
    metrics: Mapping[str, Metric],
    *,
    as_of: datetime,
) -> Observations:
    """Count an experiment's units, metrics and funnel as they were known at a time.

    Args:
        connection: a consistent snapshot.
        experiment: whose exposures are counted.
        metrics: the declared metrics by key; those the experiment names are read.
        as_of: exposures and arrivals after this are left out.
    """
    named = experiment.metrics.keys
    units = _units(connection, experiment, as_of)
    return Observations(
        units=units,
        metrics={
            key: _aggregates(connection, experiment, metrics[key], as_of, units) for key in named
        },
        currencies={key: _currencies(connection, experiment, metrics[key], as_of) for key in named},
        funnel=_funnel(connection, experiment, as_of, units),
        open_windows=_open_windows(connection, experiment, as_of),
    )


def _open_windows(connection: Connection, experiment: Experiment, as_of: datetime) -> int:
    """Units that can still convert: exposed less than a conversion window ago."""
    since = as_of - experiment.analysis.conversion_window
    known = [variant.key for variant in experiment.variants]
    counted = connection.scalar(
        select(func.count())
        .select_from(exposures)
        .where(
            *_exposed(experiment, as_of),
            exposures.c.exposed_at > since,
            exposures.c.variant.in_(known),
        )
    )
    return int(counted or 0)


def _units(connection: Connection, experiment: Experiment, as_of: datetime) -> dict[str, int]:
    counted = connection.execute(
        select(exposures.c.variant, func.count())
        .where(*_exposed(experiment, as_of))
        .group_by(exposures.c.variant)
    )
    found = {row[0]: row[1] for row in counted}
    return {variant.key: found.get(variant.key, 0) for variant in experiment.variants}


def _exposed(experiment: Experiment, as_of: datetime) -> tuple[ColumnElement[bool], ...]:
    return (exposures.c.experiment == experiment.key, exposures.c.exposed_at <= as_of)


def _followed(experiment: Experiment, as_of: datetime) -> ColumnElement[bool]:
    """An event belongs to an exposure: same unit, after it, inside the window, known by then."""
    exposed = type_coerce(exposures.c.exposed_at, BigInteger)
    window = microseconds(experiment.analysis.conversion_window)
    return and_(
        events.c.unit_id == exposures.c.unit_id,
        _happened_at > exposed - _RESOLUTION,
        _happened_at < exposed + window,
        events.c.received_at <= as_of,
    )


# A visitor's clock may be wrong by hours; the ledger's times are Stripe's.
_happened_at = type_coerce(
    case(
        (events.c.name.in_(sorted(LEDGER_EVENTS)), events.c.occurred_at),
        else_=events.c.received_at,
    ),
    BigInteger,
)


def _per_unit(
    experiment: Experiment, metric: Metric, as_of: datetime, value: ColumnElement[Any]
) -> Select[Any]:
    """One row for each exposed unit that had the event, with the unit's value."""
    return (
        select(exposures.c.variant.label("variant"), value.label("value"))
        .join(events, _followed(experiment, as_of))
        .where(*_exposed(experiment, as_of), events.c.name == metric.event)
        .group_by(exposures.c.variant, exposures.c.unit_id)
    )


_VALUES: dict[Kind, Callable[[], ColumnElement[Any]]] = {
    Kind.PROPORTION: lambda: func.max(1),
    Kind.MEAN: lambda: func.sum(func.coalesce(events.c.value, 0)),
}


def _aggregates(
    connection: Connection,
    experiment: Experiment,
    metric: Metric,
    as_of: datetime,
    units: Mapping[str, int],
) -> dict[str, Aggregates]:
    rows = _per_unit(experiment, metric, as_of, _VALUES[metric.kind]()).subquery()
    # Squares of money outgrow 64 bits; a float keeps 15 digits of them.
    value = rows.c.value * 1.0
    sums = connection.execute(
        select(rows.c.variant, func.sum(value), func.sum(value * value)).group_by(rows.c.variant)
    )
    found = {row[0]: (float(row[1]), float(row[2])) for row in sums}
    return {key: Aggregates(n, *found.get(key, (0.0, 0.0))) for key, n in units.items()}


def _currencies(
    connection: Connection, experiment: Experiment, metric: Metric, as_of: datetime
) -> tuple[str, ...]:
    rows = connection.scalars(
        select(events.c.currency)
        .distinct()
        .select_from(exposures)
        .join(events, _followed(experiment, as_of))
        .where(
            *_exposed(experiment, as_of),
            events.c.name == metric.event,
            events.c.currency.is_not(None),
        )
    )
    return tuple(sorted(str(currency) for currency in rows))


def _funnel(
    connection: Connection, experiment: Experiment, as_of: datetime, units: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    counted = connection.execute(
        select(events.c.name, exposures.c.variant, func.count(distinct(exposures.c.unit_id)))
        .select_from(exposures)
        .join(events, _followed(experiment, as_of))
        .where(*_exposed(experiment, as_of))
        .group_by(events.c.name, exposures.c.variant)
    )
    found = {(row[0], row[1]): int(row[2]) for row in counted}
    return {
        event.value: {key: found.get((event.value, key), 0) for key in units}
        for event in FunnelEvent
    }
