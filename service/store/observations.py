"""Where the store meets analysis: rows in, sufficient statistics out.

Everything is one unit's first exposure and what followed it inside the conversion window. The
database does the counting; what leaves it is a few sums for each variant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Subquery,
    case,
    distinct,
    func,
    select,
)

from analysis.aggregates import Aggregates
from analysis.cells import Cell, by_day, by_segment, together
from analysis.observations import InterimLook, Observations
from experiments import Experiment, FunnelEvent, Kind, Metric
from experiments.attributes import Attribute
from service.store.journeys import read_journeys
from service.store.look import Look
from service.store.records import Records, funnel_events, records_of
from service.store.tables import EPOCH, events
from service.store.windows import longest_window, window_of


def read_observations(
    connection: Connection,
    experiment: Experiment,
    metrics: Mapping[str, Metric],
    *,
    as_of: datetime,
    units_at_looks: Sequence[int] = (),
    segments: Sequence[Attribute] = (),
) -> Observations:
    """Count an experiment's units, metrics and funnel as they were known at a time.

    Args:
        connection: a consistent snapshot.
        experiment: whose exposures are counted.
        metrics: the declared metrics by key; those the experiment names are read.
        as_of: exposures and arrivals after this are left out.
        units_at_looks: how many units each planned look waits for.
        segments: attributes by whose values units are counted apart; no numbers.
    """
    look = Look(connection, experiment, as_of)
    named = {key: metrics[key] for key in experiment.metrics.keys}
    window = longest_window(experiment, metrics)
    beside = look.beside()
    cells = _cells(look.marked(segments, beside), named)
    axes = [variant.key for variant in experiment.variants], list(named)
    attributes = [attribute.key for attribute in segments]
    parts = by_segment(cells, [*attributes, *map(_named, beside)], *axes)
    whole = together(cells, *axes)
    units = whole.units
    return Observations(
        units=units,
        metrics=whole.metrics,
        days=by_day(cells, *axes),
        segments={key: parts[key] for key in attributes},
        beside={key: parts[_named(key)] for key in beside},
        currencies={key: _currencies(look, metric) for key, metric in named.items()},
        funnel=_funnel(look, units),
        open_windows=look.exposed_since(as_of - window),
        first_exposure=look.first_exposure(),
        looks=tuple(_planned_looks(look, named, units_at_looks, window)),
        journeys=read_journeys(look),
    )


@dataclass(frozen=True)
class UnitValues:
    """A metric of each unit.

    Attributes:
        values: by unit, what it did after it was seen; units that did nothing are not in it.
        currencies: of the values, where they are money.
    """

    values: Mapping[str, float]
    currencies: tuple[str, ...]


def read_unit_values(
    connection: Connection,
    experiment: Experiment,
    metric: Metric,
    *,
    seen: FromClause,
    as_of: datetime,
) -> UnitValues:
    """What each unit did, counted as a report would, were `seen` the exposures.

    Args:
        connection: a consistent snapshot.
        experiment: whose windows and units count.
        metric: what is counted.
        seen: rows with the columns of `exposures`.
        as_of: arrivals after this are left out.
    """
    look = Look(connection, experiment, as_of, seen)
    rows = _values(look, metric)
    found = connection.execute(select(rows.c.unit_id, rows.c.value))
    return UnitValues({row[0]: float(row[1]) for row in found}, _currencies(look, metric))


def _planned_looks(
    look: Look, metrics: Mapping[str, Metric], due: Sequence[int], window: timedelta
) -> Iterator[InterimLook]:
    """The first units, as much of them as each look waits for, as known when their windows closed.

    So a look says the same whenever it is read, and each holds all that those before it held.
    """
    for units in due:
        last = look.exposure(units)
        if last is None or last + window > look.as_of:
            return
        seen = look.until(last)
        then = replace(look, as_of=last + window, seen=seen)
        counted = then.units()
        yield InterimLook(then.as_of, counted, _all_aggregates(then, metrics, counted))


_VALUES: Mapping[Kind, Callable[[Records], ColumnElement[Any]]] = {
    Kind.PROPORTION: lambda _: func.max(1),
    Kind.MEAN: lambda records: func.sum(func.coalesce(records.value, 0)),
}


def _values(look: Look, metric: Metric) -> Subquery:
    """One row for each exposed unit that had anything counted, with the unit's value."""
    records, unit_id = records_of(metric, look.experiment.unit), look.seen.c.unit_id
    rows = (
        select(*look.apart, unit_id, _VALUES[metric.kind](records).label("value"))
        .select_from(look.following(records, window_of(look.experiment, metric)))
        .where(*look.exposed, records.counted)
        .group_by(*look.apart, unit_id)
        .subquery()
    )
    # Squares of money outgrow 64 bits; a float keeps 15 digits of them.
    value = _capped(rows.c.value, metric.cap) * 1.0
    apart = (rows.c[column.name] for column in look.apart)
    return select(*apart, rows.c.unit_id, value.label("value")).subquery()


def _named(experiment: str) -> str:
    """No attribute is named so, for a key has no space."""
    return f"experiment {experiment}"


def _cells(marked: Look, metrics: Mapping[str, Metric]) -> list[Cell]:
    """One pass over the exposures, and one for each metric over what followed them."""
    sums = {key: _sums(marked, metric) for key, metric in metrics.items()}
    counted = marked.connection.execute(
        select(*marked.apart, func.count()).where(*marked.exposed).group_by(*marked.apart)
    )
    return [
        Cell(
            variant,
            EPOCH.date() + timedelta(days=day),
            tuple(values),
            units,
            {
                key: Aggregates(units, *found.get((variant, day, *values), (0.0, 0.0)))
                for key, found in sums.items()
            },
        )
        for variant, day, *values, units in counted
    ]


def _all_aggregates(
    look: Look, metrics: Mapping[str, Metric], units: Mapping[str, int]
) -> dict[str, dict[str, Aggregates]]:
    return {key: _aggregates(look, metric, units) for key, metric in metrics.items()}


def _aggregates(look: Look, metric: Metric, units: Mapping[str, int]) -> dict[str, Aggregates]:
    found = _sums(look, metric)
    return {key: Aggregates(n, *found.get((key,), (0.0, 0.0))) for key, n in units.items()}


def _sums(look: Look, metric: Metric) -> dict[tuple[Any, ...], tuple[float, float]]:
    """Sums and sums of squares over those units that had anything counted, by what parts them."""
    rows = _values(look, metric)
    value, apart = rows.c.value, [rows.c[column.name] for column in look.apart]
    sums = look.connection.execute(
        select(*apart, func.sum(value), func.sum(value * value)).group_by(*apart)
    )
    return {tuple(row[:-2]): (float(row[-2]), float(row[-1])) for row in sums}


def _capped(value: ColumnElement[Any], cap: int | None) -> ColumnElement[Any]:
    return value if cap is None else case((value > cap, cap), else_=value)


def _currencies(look: Look, metric: Metric) -> tuple[str, ...]:
    records = records_of(metric, look.experiment.unit)
    rows = look.connection.scalars(
        select(records.currency)
        .distinct()
        .select_from(look.following(records, window_of(look.experiment, metric)))
        .where(*look.exposed, records.counted, records.currency.is_not(None))
    )
    return tuple(sorted(str(currency) for currency in rows))


def _funnel(look: Look, units: Mapping[str, int]) -> dict[str, dict[str, int]]:
    records = funnel_events(look.experiment.unit)
    window = look.experiment.analysis.conversion_window
    counted = look.connection.execute(
        select(events.c.name, look.seen.c.variant, func.count(distinct(look.seen.c.unit_id)))
        .select_from(look.following(records, window))
        .where(*look.exposed)
        .group_by(events.c.name, look.seen.c.variant)
    )
    found = {(row[0], row[1]): int(row[2]) for row in counted}
    return {
        event.value: {key: found.get((event.value, key), 0) for key in units}
        for event in FunnelEvent
    }
