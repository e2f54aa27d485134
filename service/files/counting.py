"""Exposures and events in Parquet as observations: DuckDB counts, what leaves it is a few sums.

The rules are those of `service.store.observations`, and so are the numbers. Files hold what a store
refuses: a unit's later exposures are merged into its first, units in several variants and copies of
an event are left out, and all of it is counted.

What makes it fast: strings are compared once, when a unit is exposed and when its event finds it;
from there on a unit is one whole number, its first exposure (`_Exposures.first`), and what it did
another, one bit for each event. A question that clean data would answer with none is asked only
where the counts do not add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from analysis.aggregates import Aggregates
from analysis.cells import MOST_VALUES, OTHER, UNKNOWN, Cell, by_day, by_segment, together
from analysis.observations import Exclusion, InterimLook, Observations
from experiments import LEDGER_EVENTS, Experiment, FunnelEvent, Kind, Metric, Unit
from experiments.attributes import Attribute
from service.files.database import database, reading
from service.files.directory import Tables, open_tables
from service.files.layout import InvalidFile
from service.store.windows import RESOLUTION, longest_window, window_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
# A segment's value is told by 16 bits beside the exposure: 0 is none, the last any other value.
_BITS, _MOST_CODES = 16, 2**16 - 2
_REST = _MOST_CODES + 1


def read_directory(
    directory: Path,
    experiment: Experiment,
    metrics: Mapping[str, Metric],
    *,
    as_of: datetime,
    units_at_looks: Sequence[int] = (),
    segments: Sequence[Attribute] = (),
) -> Observations:
    """Count an experiment's units, metrics and funnel in files, as they were known at a time.

    Args:
        directory: With the tables `exposures` and `events`, each a file or a directory of files.
        experiment: Whose exposures are counted.
        metrics: The declared metrics by key; those the experiment names are read.
        as_of: Exposures and arrivals after this are left out.
        units_at_looks: How many units each planned look waits for.
        segments: Attributes by whose values units are counted apart.

    Raises:
        InvalidFile: A table, column or time is missing, or a metric is not one of events.
    """
    named = {key: metrics[key] for key in experiment.metrics.keys}
    _refuse_others(experiment, named)
    with database() as connection, reading(str(directory)):
        # Nothing is read in an order, and keeping one costs memory.
        connection.execute("SET preserve_insertion_order = false")
        tables = open_tables(connection, directory)
        exposures = _Exposures(tables, experiment, segments, as_of)
        look = _Look(tables, exposures, experiment, named, as_of)
        return _observations(look, units_at_looks, longest_window(experiment, metrics))


def _refuse_others(experiment: Experiment, metrics: Mapping[str, Metric]) -> None:
    if experiment.unit is not Unit.VISITOR:
        raise InvalidFile(
            f"{experiment.key}: its units are customers; whose an event is, a directory of "
            "exposures and events does not say"
        )
    ledger = [f"{key} ({metric.ledger})" for key, metric in metrics.items() if metric.ledger]
    if ledger:
        raise InvalidFile(
            f"{experiment.key}: {', '.join(ledger)} is read from the ledger, which a directory of "
            "exposures and events does not hold"
        )


def _observations(look: _Look, due: Sequence[int], window: timedelta) -> Observations:
    seen = look.exposures
    cells, axes = look.cells(), (seen.variants, list(look.metrics))
    whole = together(cells, *axes)
    return Observations(
        units=whole.units,
        metrics=whole.metrics,
        days=by_day(cells, *axes),
        segments=by_segment(cells, [each.key for each in seen.segments], *axes),
        currencies={key: look.currencies(key) for key in look.metrics},
        funnel=look.funnel(),
        contradictory_units=seen.torn[1],
        duplicate_rows=seen.kept_rows - sum(whole.units.values()),
        open_windows=seen.since(look.as_of - window),
        first_exposure=seen.earliest,
        looks=tuple(_planned_looks(look, due, window)),
        exclusions=tuple(chain(seen.exclusions(), look.exclusions())),
    )


def _planned_looks(look: _Look, due: Sequence[int], window: timedelta) -> Iterator[InterimLook]:
    """The first units, as they were known when the last of their windows had closed."""
    for units in due:
        last = look.exposures.number(units)
        if last is None or last + window > look.as_of:
            return
        then = replace(look, as_of=last + window, until=last, apart=False)
        whole = together(then.cells(), then.exposures.variants, list(then.metrics))
        yield InterimLook(then.as_of, whole.units, whole.metrics)


class _Exposures:
    """The units of an experiment, in a table `seen` of one row each.

    Its columns: `unit_id`; `first`, the time of the first exposure in microseconds and behind it,
    16 bits each, the codes of that row's segments, so that the least of these numbers is that row;
    `arms`, a bit for each variant it was seen in; and `exposures`, how many rows it has.
    """

    def __init__(
        self,
        tables: Tables,
        experiment: Experiment,
        segments: Sequence[Attribute],
        as_of: datetime,
    ) -> None:
        self.segments = tuple(segments)
        self.variants = [variant.key for variant in experiment.variants]
        self._connection = tables.connection
        self._as_of = as_of
        self._exposed = tables.time("exposures", "exposed_at")
        self._rows = f"exposures WHERE experiment = {_text(experiment.key)}"
        self._values = [tables.attribute(attribute.key) for attribute in segments]
        self._labels = [self._code(index, value) for index, value in enumerate(self._values)]
        self._make()

    @property
    def compared(self) -> str:
        """SQL of a unit that was seen in one variant, which the definition has."""
        return f"arms IN ({', '.join(str(1 << index) for index in range(len(self.variants)))})"

    @property
    def first_at(self) -> str:
        """SQL of a unit's first exposure, in microseconds."""
        return f"(first >> {_BITS * len(self.segments)})::BIGINT"

    @cached_property
    def parts(self) -> list[str]:
        """SQL of what units are counted apart by, beside the variant: the day, each value shown."""
        shown = (self._shown(index) for index in range(len(self.segments)))
        return [f"{self.first_at} // {_micro(_DAY)}", *shown]

    def variant(self, arms: int) -> str:
        """Of the units that were seen in that one alone."""
        return self.variants[arms.bit_length() - 1]

    def values(self, codes: Sequence[int]) -> tuple[str, ...]:
        """What the codes of a row of `parts` stand for."""
        return tuple(
            {0: UNKNOWN, _REST: OTHER}.get(code) or labels[code - 1]
            for code, labels in zip(codes, self._labels, strict=True)
        )

    @cached_property
    def torn(self) -> tuple[int, int]:
        """Rows and units of those that were seen in several variants."""
        return self._count("bit_count(arms) > 1")

    @cached_property
    def kept_rows(self) -> int:
        """Rows of the units that are compared."""
        return self._count(self.compared)[0]

    @cached_property
    def earliest(self) -> datetime | None:
        """When the first unit was exposed."""
        return self._time(f"SELECT min({self.first_at}) FROM seen WHERE {self.compared}")  # noqa: S608 - numbers alone

    def since(self, time: datetime) -> int:
        """Units that were exposed after a time."""
        return self._count(f"{self.compared} AND {self.first_at} > {_micro(time - _EPOCH)}")[1]

    def number(self, number: int) -> datetime | None:
        """When the unit of that number was exposed; None where there are not so many yet."""
        return self._time(
            f"SELECT {self.first_at} FROM seen WHERE {self.compared} "  # noqa: S608 - numbers alone
            f"ORDER BY 1 LIMIT 1 OFFSET {number - 1}"
        )

    def exclusions(self) -> Iterator[Exclusion]:
        """The rows of exposures that are in no count."""
        rows = self._one(f"SELECT count(*) FROM {self._rows}")  # noqa: S608 - the key is quoted
        known, removed = self._count("true"), self._count(f"arms = {1 << len(self.variants)}")
        if rows > known[0]:
            yield from self._unusable()
        if self.torn[0]:
            yield Exclusion("unit seen in several variants", *self.torn)
        if removed[0]:
            yield Exclusion("exposure to a variant that the definition does not have", *removed)

    def _unusable(self) -> Iterator[Exclusion]:
        unit = "nullif(unit_id::VARCHAR, '')"
        lost = "unit_id NOT IN (SELECT unit_id FROM seen)"
        for words, condition in self._rules:
            query = f"""SELECT count(*), count(DISTINCT {unit}) FILTER ({lost}),
                count(DISTINCT {unit}) FROM {self._rows} AND {condition}"""  # noqa: S608 - the key is quoted
            rows, units, affected = self._connection.execute(query).fetchone() or (0, 0, 0)
            if rows:
                yield Exclusion(words, rows, units, affected)

    @property
    def _rules(self) -> tuple[tuple[str, str], ...]:
        """Why an exposure is left out, each row for one reason: words and SQL."""
        unit = "nullif(unit_id::VARCHAR, '') IS NULL"
        variant = "nullif(variant::VARCHAR, '') IS NULL"
        time = f"coalesce({self._exposed}, -1) < 0"
        late = f"{self._exposed} > {_micro(self._as_of - _EPOCH)}"
        return (
            ("exposure without a unit", unit),
            ("exposure without a variant", f"NOT ({unit}) AND {variant}"),
            ("exposure without a time", f"NOT ({unit} OR {variant}) AND {time}"),
            (
                f"exposure after {self._as_of.isoformat()}",
                f"NOT ({unit} OR {variant} OR {time}) AND {late}",
            ),
        )

    def _code(self, index: int, value: str) -> list[str]:
        """Makes a type whose numbers are an attribute's values; returns them in their order.

        Should there ever be more than 65,534 values, those with fewest rows share one number.
        """
        best = f"SELECT value FROM values{index} ORDER BY rows DESC, value"  # noqa: S608 - a number
        self._connection.execute(
            f"CREATE TEMP TABLE values{index} AS SELECT {value} AS value, count(*) AS rows "  # noqa: S608 - names are quoted
            f"FROM {self._rows} AND {value} <> '' GROUP BY 1 ORDER BY rows DESC, value "
            f"LIMIT {_MOST_CODES}"
        )
        labels = [str(row[0]) for row in self._connection.execute(best).fetchall()]
        if labels:
            self._connection.execute(f"CREATE TYPE segment{index} AS ENUM ({best})")
        return labels

    def _first(self) -> str:
        """SQL of what `first` is the least of."""
        first = self._exposed
        for index, (value, labels) in enumerate(zip(self._values, self._labels, strict=True)):
            number = f"enum_code(TRY_CAST({value} AS segment{index}))::INTEGER + 1"
            code = f"CASE WHEN {value} <> '' THEN coalesce({number}, {_REST}) ELSE 0 END"
            first = f"(({first})::HUGEINT << {_BITS} | {code if labels else 0})"
        return first

    def _make(self) -> None:
        bits = " ".join(
            f"WHEN {_text(key)} THEN {1 << index}" for index, key in enumerate(self.variants)
        )
        unusable = " OR ".join(f"({condition})" for _, condition in self._rules)
        self._connection.execute(
            f"""CREATE TEMP TABLE seen AS
            SELECT unit_id, min({self._first()}) AS first, count(*)::UINTEGER AS exposures,
                bit_or(CASE variant {bits} ELSE {1 << len(self.variants)} END) AS arms
            FROM {self._rows} AND NOT ({unusable}) GROUP BY unit_id"""  # noqa: S608 - keys are quoted
        )

    def _shown(self, index: int) -> str:
        """The values that most units have, blind to the variant; all others are one."""
        code = f"((first >> {_BITS * (len(self.segments) - 1 - index)}) & {2**_BITS - 1})::INTEGER"
        query = f"SELECT {code}, count(*) FROM seen WHERE {self.compared} GROUP BY 1"  # noqa: S608 - numbers alone
        units = dict(self._connection.execute(query).fetchall())
        labels = self._labels[index]
        told = [code for code in units if code not in (0, _REST)]
        told.sort(key=lambda code: (-units[code], labels[code - 1]))
        most = ", ".join(map(str, [0, *told[:MOST_VALUES]]))
        return f"CASE WHEN {code} IN ({most}) THEN {code} ELSE {_REST} END"

    def _count(self, condition: str) -> tuple[int, int]:
        """Rows and units of `seen` under a condition."""
        query = f"SELECT coalesce(sum(exposures), 0), count(*) FROM seen WHERE {condition}"  # noqa: S608 - numbers alone
        rows, units = self._connection.execute(query).fetchone() or (0, 0)
        return int(rows), int(units)

    def _time(self, query: str) -> datetime | None:
        found = self._connection.execute(query).fetchone()
        if found is None or found[0] is None:
            return None
        return _EPOCH + timedelta(microseconds=found[0])

    def _one(self, query: str) -> int:
        return int((self._connection.execute(query).fetchone() or (0,))[0])


@dataclass(frozen=True)
class _Fact:
    """Something that a unit did or did not do: an event, within a time of its first exposure."""

    event: str
    window: timedelta


@dataclass(frozen=True)
class _Look:
    """What the units of an experiment did, as it was known at a time.

    Attributes:
        tables: Where the events are.
        exposures: Whose events count.
        experiment: Whose units and windows they are.
        metrics: What is counted.
        as_of: What was received later is left out.
        until: Units that were exposed later are left out; None for none.
        apart: Whether days and segments are counted apart.
    """

    tables: Tables
    exposures: _Exposures
    experiment: Experiment
    metrics: Mapping[str, Metric]
    as_of: datetime
    until: datetime | None = None
    apart: bool = True

    def cells(self) -> list[Cell]:
        """The units by variant, day and segments, and their sums."""
        units = f"SELECT {self._by}, count(*) FROM seen WHERE {self._whose} GROUP BY ALL"  # noqa: S608 - numbers alone
        return [self._cell(tuple(key), n) for *key, n in self._rows(units)]

    def funnel(self) -> dict[str, dict[str, int]]:
        """Units of each variant that had an event at least once."""
        found = {event.value: dict.fromkeys(self.exposures.variants, 0) for event in FunnelEvent}
        for (arms, *_), sums in self._sums.items():
            for number, fact in enumerate(self._facts):
                if fact.window == self._funnel_window:
                    found[fact.event][self.exposures.variant(arms)] += sums[f"fact{number}"]
        return found

    def currencies(self, key: str) -> tuple[str, ...]:
        """Of a metric's values."""
        fact = self._fact(self.metrics[key])
        possible = {money for name, money, _ in self._names if name == fact.event and money}
        if len(possible) < 2:
            # The only one there is: did it come with anything that counts?
            paid = any(sums["did"] & self._money(fact) for sums in self._sums.values())
            return tuple(possible) if paid else ()
        condition = f"name = {_text(fact.event)} AND since < {_micro(fact.window)}"
        query = f"SELECT DISTINCT currency FROM ({self._counted(self._events)}) WHERE {condition}"  # noqa: S608 - names and numbers
        return tuple(sorted(str(money) for (money,) in self._rows(query) if money))

    def exclusions(self) -> Iterator[Exclusion]:
        """The events of the funnel that are in no count."""
        copies, units = self._copies
        if copies:
            yield Exclusion("copy of another event of the same unit", copies, 0, units)
        counted = sum(sums["events"] for sums in self._sums.values())
        if sum(n for *_, n in self._names) - copies > counted:
            yield from self._uncounted()

    def _uncounted(self) -> Iterator[Exclusion]:
        since = f"{self._at} - {self.exposures.first_at}"
        reasons = (
            ("event without a unit", "nullif(e.unit_id::VARCHAR, '') IS NULL"),
            ("event of a unit without an exposure", "seen.unit_id IS NULL"),
            ("event of a unit that is left out", f"NOT ({self.exposures.compared})"),
            ("event without a time", f"{since} IS NULL OR {self._received} IS NULL"),
            (f"event received after {self.as_of.isoformat()}", f"NOT ({self._known})"),
            ("event before the exposure of its unit", f"{since} <= {-_micro(RESOLUTION)}"),
            ("event after the window of its unit", f"{since} >= {_micro(self._longest)}"),
        )
        cases = " ".join(f"WHEN {sql} THEN {i}" for i, (_, sql) in enumerate(reasons))
        query = f"""SELECT CASE {cases} END AS reason, count(*), count(DISTINCT e.unit_id)
            FROM {self._events} e LEFT JOIN seen USING (unit_id) WHERE name IN ({_FUNNEL})
            GROUP BY 1 HAVING reason IS NOT NULL ORDER BY 1"""  # noqa: S608 - names and numbers
        for reason, rows, units in self._rows(query):
            yield Exclusion(reasons[reason][0], rows, 0, units)

    def _cell(self, key: tuple[int, ...], units: int) -> Cell:
        arms, day, *codes = key
        sums = self._sums.get(key)
        return Cell(
            variant=self.exposures.variant(arms),
            day=(_EPOCH + day * _DAY).date() if self.apart else None,
            values=self.exposures.values(codes) if self.apart else (),
            units=units,
            metrics={name: self._aggregates(name, units, sums) for name in self.metrics},
        )

    def _aggregates(self, key: str, units: int, sums: Mapping[str, Any] | None) -> Aggregates:
        if sums is None:
            return Aggregates(units, 0.0, 0.0)
        if self.metrics[key].kind is Kind.MEAN:
            number = self._means.index(key)
            return Aggregates(units, sums[f"total{number}"], sums[f"squares{number}"])
        fact = self._fact(self.metrics[key])
        did = float(sums[f"fact{self._facts.index(fact)}"]) if fact in self._facts else 0.0
        return Aggregates(units, did, did)

    @cached_property
    def _sums(self) -> dict[tuple[int, ...], dict[str, Any]]:
        """What was done in each cell where anything was."""
        return self._summed(self._events) if self._copies[0] else self._with_copies

    @cached_property
    def _with_copies(self) -> dict[tuple[int, ...], dict[str, Any]]:
        return self._summed("events")

    def _summed(self, events: str) -> dict[tuple[int, ...], dict[str, Any]]:
        parts = [
            "sum(events)::BIGINT AS events",
            "max(most) AS most",
            "bit_or(did) AS did",
            *(f"sum((did >> {i}) & 1)::BIGINT AS fact{i}" for i in range(len(self._facts))),
        ]
        for number, key in enumerate(self._means):
            value, cap = f"value{number}", self.metrics[key].cap
            # Not least(), which takes a cap for the value of a unit that has none.
            capped = (
                value if cap is None else f"CASE WHEN {value} > {cap} THEN {cap} ELSE {value} END"
            )
            parts.append(f"coalesce(sum({capped}), 0) AS total{number}")
            parts.append(f"coalesce(sum({capped} * {capped}), 0) AS squares{number}")
        result = self.tables.connection.execute(
            f"SELECT {self._by}, {', '.join(parts)} FROM ({self._units(events)}) GROUP BY ALL"  # noqa: S608 - names and numbers
        )
        names = [column[0] for column in result.description or ()]
        keys = len(names) - len(parts)
        return {
            row[:keys]: dict(zip(names[keys:], row[keys:], strict=True))
            for row in result.fetchall()
        }

    def _units(self, events: str) -> str:
        """SQL of each unit that did anything: what, how often, and the sums of its values."""
        values = [
            f"sum(CASE WHEN {self._is(self._fact(self.metrics[key]))} THEN value::DOUBLE END) "
            f"AS value{number}"
            for number, key in enumerate(self._means)
        ]
        valued = " OR ".join(self._is(self._fact(self.metrics[key])) for key in self._means)
        columns = ["any_value(first) AS first", "any_value(arms) AS arms", "count(*) AS events",
            f"count(*) FILTER ({valued or 'false'}) AS most",
            f"bit_or({self._did}) AS did", *values]  # fmt: skip
        return f"SELECT {', '.join(columns)} FROM ({self._counted(events)}) GROUP BY unit"  # noqa: S608 - names and numbers

    def _counted(self, events: str) -> str:
        """SQL of each event that counts, with how long after the exposure it came."""
        names = ", ".join(map(_text, self._happened)) or "NULL"
        return f"""SELECT seen.rowid AS unit, first, arms, name, value, currency,
            {self._at} - {self.exposures.first_at} AS since
            FROM {events} JOIN seen USING (unit_id)
            WHERE name IN ({names}) AND {self._whose} AND {self._known}
              AND since > {-_micro(RESOLUTION)} AND since < {_micro(self._longest)}"""  # noqa: S608 - names and numbers

    @property
    def _did(self) -> str:
        """SQL of an event's bits: of each fact that it is, and whether money came with that."""
        groups: dict[timedelta, list[str]] = {}
        for number, fact in enumerate(self._facts):
            money = self._money(fact)
            bits = f"{1 << number}"
            if money:
                bits += f" | CASE WHEN currency IS NULL THEN 0 ELSE {money} END"
            groups.setdefault(fact.window, []).append(f"WHEN {_text(fact.event)} THEN {bits}")
        bits_of = (
            f"CASE WHEN {self._within(window)} THEN CASE name {' '.join(cases)} ELSE 0 END "
            "ELSE 0 END"
            for window, cases in groups.items()
        )
        return " | ".join(bits_of) or "0"

    def _is(self, fact: _Fact) -> str:
        return f"name = {_text(fact.event)} AND {self._within(fact.window)}"

    def _within(self, window: timedelta) -> str:
        """SQL of an event inside a window; what is outside the longest is not read at all."""
        return "true" if window == self._longest else f"since < {_micro(window)}"

    def _money(self, fact: _Fact) -> int:
        """The bit that says that a fact came with a currency; 0 where no metric asks."""
        asked = fact in self._facts and fact in map(self._fact, self.metrics.values())
        return 1 << (len(self._facts) + self._facts.index(fact)) if asked else 0

    def _fact(self, metric: Metric) -> _Fact:
        return _Fact(str(metric.event), window_of(self.experiment, metric))

    @cached_property
    def _facts(self) -> list[_Fact]:
        """Those of the funnel and of metrics; not of events that nobody had, which cost as much."""
        funnel = (_Fact(event.value, self._funnel_window) for event in FunnelEvent)
        asked = dict.fromkeys([*funnel, *map(self._fact, self.metrics.values())])
        return [fact for fact in asked if fact.event in self._happened]

    @cached_property
    def _happened(self) -> list[str]:
        return list(dict.fromkeys(name for name, *_ in self._names))

    @property
    def _funnel_window(self) -> timedelta:
        return self.experiment.analysis.conversion_window

    @cached_property
    def _means(self) -> list[str]:
        return [key for key, metric in self.metrics.items() if metric.kind is Kind.MEAN]

    @cached_property
    def _longest(self) -> timedelta:
        windows = (self._fact(metric).window for metric in self.metrics.values())
        return max(self._funnel_window, *windows)

    @property
    def _by(self) -> str:
        """SQL of what units are counted apart by."""
        return ", ".join(["arms", *(self.exposures.parts if self.apart else ["NULL"])])

    @property
    def _whose(self) -> str:
        """SQL of a unit that is counted."""
        if self.until is None:
            return self.exposures.compared
        last = _micro(self.until - _EPOCH)
        return f"{self.exposures.compared} AND {self.exposures.first_at} <= {last}"

    @property
    def _received(self) -> str:
        return self.tables.time("events", "received_at")

    @property
    def _known(self) -> str:
        return f"{self._received} <= {_micro(self.as_of - _EPOCH)}"

    @property
    def _at(self) -> str:
        """SQL of when an event happened; a visitor's clock may be wrong, and Stripe's is not."""
        occurred = self.tables.time("events", "occurred_at")
        return f"CASE WHEN name IN ({_LEDGER}) THEN {occurred} ELSE {self._received} END"

    @property
    def _events(self) -> str:
        return _WITHOUT_COPIES if self._copies[0] else "events"

    @cached_property
    def _copies(self) -> tuple[int, int]:
        """Rows that repeat an event, and units that have any; of proportions nobody asks.

        Copies are a unit's, so they are looked for where a unit has a value more than once.
        """
        if all(sums["most"] < 2 for sums in self._with_copies.values()):
            return (0, 0)
        query = f"""SELECT coalesce(sum(n - 1), 0)::BIGINT, count(DISTINCT unit_id) FROM (
            SELECT unit_id, count(*) AS n FROM events WHERE name IN ({_FUNNEL})
              AND nullif(unit_id::VARCHAR, '') IS NOT NULL AND event_id IS NOT NULL
            GROUP BY unit_id, event_id HAVING n > 1)"""  # noqa: S608 - a constant
        ((rows, units),) = self._rows(query)
        return rows, units

    @cached_property
    def _names(self) -> list[tuple[Any, ...]]:
        """How many events there are of each name and currency."""
        query = (
            f"SELECT name, currency, count(*) FROM events WHERE name IN ({_FUNNEL}) GROUP BY ALL"  # noqa: S608 - a constant
        )
        return self._rows(query)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.tables.connection.execute(query).fetchall()


def _micro(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)


def _text(value: str) -> str:
    """A text in SQL, whatever is in it."""
    return "'" + value.replace("'", "''") + "'"


_FUNNEL = ", ".join(_text(event.value) for event in FunnelEvent)
_LEDGER = ", ".join(_text(event) for event in sorted(LEDGER_EVENTS))
# Of events with one id the one that came first, as a store keeps it.
_WITHOUT_COPIES = f"""(SELECT * FROM events WHERE name IN ({_FUNNEL})
    QUALIFY event_id IS NULL OR row_number() OVER (
        PARTITION BY unit_id, event_id ORDER BY received_at, occurred_at) = 1)"""  # noqa: S608 - a constant
