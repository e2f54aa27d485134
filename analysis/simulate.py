"""Seeded streams of visitors, with a truth that is known: what a store would hold had they come.

People arrive and pay by the clock and the calendar, try a card again, come back later, want their
money back; programs look and never pay; what browsers tell gets lost, and what is told comes late.
The chance to pay is planted, so a report on the stream can be held against it.

Batch by batch, so that a billion visitors take no more memory than a day of a few.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.errors import InvalidSimulation
from experiments.attributes import Attributes
from experiments.bucketing import PLACES
from experiments.bulk import Units, assign_many
from experiments.definition import Experiment, Unit
from experiments.events import BROWSER_EVENTS, FunnelEvent

Columns: TypeAlias = Mapping[str, NDArray[np.generic]]
_Floats: TypeAlias = NDArray[np.float64]
_Times: TypeAlias = NDArray[np.int64]
_Rows: TypeAlias = NDArray[np.intp]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_HOUR = 3600 * _SECOND
# Most visitors of one batch.
_BATCH = 50_000

# Of a shop that sells to people at home: how many come in each hour of the day and on each day of
# the week, and how ready they are to buy. Only their shape matters.
_COMING_BY_HOUR = (
    3,
    2,
    1,
    1,
    1,
    2,
    4,
    6,
    8,
    9,
    10,
    11,
    12,
    11,
    10,
    10,
    11,
    12,
    13,
    14,
    14,
    12,
    9,
    6,
)
_COMING_BY_DAY = (11.0, 10.0, 10.0, 10.0, 10.5, 12.0, 13.5)
_READY_BY_HOUR = (0.85,) * 6 + (0.95,) * 11 + (1.1,) * 6 + (0.95,)
_READY_BY_DAY = (1.0, 1.0, 1.0, 1.0, 0.97, 1.04, 1.04)
_DEVICES = {"phone": (0.6, 0.93), "desktop": (0.35, 1.12), "tablet": (0.05, 1.0)}
_COUNTRIES = {"SE": 0.4, "NO": 0.2, "DK": 0.15, "DE": 0.15, "US": 0.1}
# Where those who do not pay leave: at the page, the details, the card, after a decline.
_LEAVING = (0.5, 0.22, 0.16, 0.12)
# A bank's readiness differs between people, so that attempts of one are no independent facts.
_APPROVAL = (4.25, 0.75)
_MOST_DECLINES = 4
_LAST_YEAR = 9000
_SPREAD = 0.6
_RETURNING = 0.1
_VIEWS_OF_A_BOT = 40


@dataclass(frozen=True, kw_only=True)
class World:
    """How visitors behave, in truth.

    Attributes:
        baseline: a person's chance to pay in the control, on average over a run, in (0, 1).
        lift: relative change of that chance in every other variant, which stays.
        novelty: what adds to the lift at the start, and halves with every `novelty_half_life`.
        novelty_half_life: above 0.
        bots: share of visitors that are programs: they look many times and never pay, in [0, 1).
        lost: share of the browser's events that never arrive, by variant, each in [0, 1).
        late: share of events that arrive hours after they happened, in [0, 1).
        refunds: share of payments that are given back days later, in [0, 1].
        order_value: median of an order in minor units, at least 1; amounts are log-normal.
        currency: of the amounts.

    Raises:
        InvalidSimulation: If a value is out of its range.
    """

    baseline: float = 0.3
    lift: float = 0.0
    novelty: float = 0.0
    novelty_half_life: timedelta = timedelta(days=3)
    bots: float = 0.0
    lost: Mapping[str, float] = field(default_factory=dict)
    late: float = 0.02
    refunds: float = 0.03
    order_value: int = 4900
    currency: str = "usd"

    def __post_init__(self) -> None:
        shares = {"bots": self.bots, "late": self.late}
        shares |= {f"lost of {variant}": share for variant, share in self.lost.items()}
        rules = (
            ("baseline: above 0 and below 1", 0 < self.baseline < 1),
            ("lift, novelty: finite", math.isfinite(self.lift) and math.isfinite(self.novelty)),
            ("lift: above -1, also with novelty", min(self.lift, self.lift + self.novelty) > -1),
            ("novelty_half_life: above 0", self.novelty_half_life > timedelta(0)),
            ("refunds: from 0 to 1", 0 <= self.refunds <= 1),
            ("order_value: at least 1", self.order_value >= 1),
            *((f"{name}: from 0 to below 1", 0 <= share < 1) for name, share in shares.items()),
        )
        _refuse(rule for rule, holds in rules if not holds)

    def lift_after(self, times: _Times) -> _Floats:
        """The lift so many microseconds after the start."""
        halved = times / (self.novelty_half_life / timedelta(microseconds=1))
        found: _Floats = self.lift + self.novelty * np.exp2(-halved)
        return found


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A stream of visitors of one experiment.

    Attributes:
        experiment: about visitors, who count from their first view.
        visitors: how many come, at least 1; those whom the experiment does not admit leave no row.
        start: when the first may come, aware, at a full hour.
        days: how long they come, at least 1.
        seed: decides everything that is left to chance, 0 or more.
        world: how they behave.

    Raises:
        InvalidSimulation: If the parts do not fit together.
    """

    experiment: Experiment
    visitors: int
    start: datetime
    days: int = 28
    seed: int = 1
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        _refuse(rule for rule in ["start: before 9000"] if self.start.year >= _LAST_YEAR)
        experiment, end = self.experiment, self.start + timedelta(days=self.days, microseconds=-1)
        unknown = set(self.world.lost) - {variant.key for variant in experiment.variants}
        best = self.world.baseline * _readiest() * (1 + max(0.0, *self._lifts))
        rules = (
            ("visitors, days: at least 1", min(self.visitors, self.days) >= 1),
            ("seed: 0 or more", self.seed >= 0),
            (
                "start: a full hour",
                self.start.replace(minute=0, second=0, microsecond=0) == self.start,
            ),
            (f"lost: no variant {', '.join(sorted(unknown))}", not unknown),
            (f"{experiment.key}: must be of visitors", experiment.unit is Unit.VISITOR),
            (
                f"{experiment.key}: must count from checkout_viewed",
                experiment.exposure.trigger is FunnelEvent.CHECKOUT_VIEWED,
            ),
            (
                f"{experiment.key}: must be open from {self.start} to {end}",
                experiment.is_open(self.start) and experiment.is_open(end),
            ),
            (f"baseline, lift: {best:.2f} is no chance, at the best hour", best <= 1),
        )
        _refuse(rule for rule, holds in rules if not holds)

    @property
    def _lifts(self) -> tuple[float, float]:
        return self.world.lift, self.world.lift + self.world.novelty

    @property
    def name(self) -> str:
        """Tells this stream from every other; ids of its units start with it."""
        return "sim-" + hashlib.sha256(repr(self).encode()).hexdigest()[:12]


@dataclass(frozen=True, eq=False)
class Batch:
    """Some visitors of one day, in the order they came, with all that they ever do.

    Each batch has a chance of its own: one that is made again is the same, without those before it.

    Attributes:
        number: from 0 on.
        day: at midnight UTC, on which they came.
        visitors: how many came, also those who are not in the experiment.
        exposures: columns `variant`, `unit_id`, `exposed_at`, `bucket`, `device`, `country`.
        events: columns of the table `events`, without `properties`; `value` is -1 where there is
            none. Times of both are microseconds since 1970.
    """

    number: int
    day: datetime
    visitors: int
    exposures: Columns
    events: Columns


@dataclass(frozen=True)
class _Part:
    """Visitors that come evenly over a part of an hour."""

    at: int
    length: int
    count: int


def batches(simulation: Simulation) -> Iterator[Batch]:
    """The whole stream, a batch at a time."""
    arriving = _arriving(simulation)
    ready = _Readiness.over(simulation, arriving)
    first = 0
    for number, parts in enumerate(_parted(simulation, arriving)):
        batch = _batch(simulation, ready, number, parts, first)
        first += batch.visitors
        yield batch


def _refuse(broken: Iterator[str]) -> None:
    if message := "; ".join(broken):
        raise InvalidSimulation(message)


def _readiest() -> float:
    devices = [readiness for _, readiness in _DEVICES.values()]
    return max(_READY_BY_HOUR) * max(_READY_BY_DAY) * max(devices)


def _hours(simulation: Simulation) -> tuple[_Floats, _Floats]:
    """How many come in each hour, as shares, and how ready they are."""
    at = [simulation.start + timedelta(hours=hour) for hour in range(24 * simulation.days)]
    coming = [_COMING_BY_DAY[hour.weekday()] * _COMING_BY_HOUR[hour.hour] for hour in at]
    ready = [_READY_BY_DAY[hour.weekday()] * _READY_BY_HOUR[hour.hour] for hour in at]
    return np.array(coming) / sum(coming), np.array(ready)


def _arriving(simulation: Simulation) -> NDArray[np.int64]:
    shares, _ = _hours(simulation)
    return np.random.default_rng([simulation.seed, 0]).multinomial(simulation.visitors, shares)


@dataclass(frozen=True, eq=False)
class _Readiness:
    """How much readier to pay than on average people are, by hour of the run and by device."""

    by_hour: _Floats
    by_device: _Floats

    @classmethod
    def over(cls, simulation: Simulation, arriving: NDArray[np.int64]) -> "_Readiness":
        """Scaled so that those who come are as ready as `baseline` says, on average."""
        _, ready = _hours(simulation)
        shares, devices = map(np.array, zip(*_DEVICES.values(), strict=True))
        by_hour = ready / np.average(ready, weights=arriving)
        return cls(by_hour, devices / (devices @ shares))


def _parted(simulation: Simulation, arriving: NDArray[np.int64]) -> Iterator[list[_Part]]:
    """Parts of each day that make a batch together."""
    start = _micros(simulation.start)
    waiting: list[_Part] = []
    for hour, count in enumerate(arriving.tolist()):
        if waiting and (
            hour % 24 == 0 or sum(part.count for part in waiting) + min(count, _BATCH) > _BATCH
        ):
            yield waiting
            waiting = []
        *full, rest = _split(start + hour * _HOUR, count)
        yield from ([part] for part in full)
        waiting.append(rest)
    yield waiting


def _split(at: int, count: int) -> Iterator[_Part]:
    pieces = max(1, math.ceil(count / _BATCH))
    for piece in range(pieces):
        here = count * (piece + 1) // pieces - count * piece // pieces
        yield _Part(at + piece * (_HOUR // pieces), _HOUR // pieces, here)


def _batch(
    simulation: Simulation, ready: _Readiness, number: int, parts: list[_Part], first: int
) -> Batch:
    rng = np.random.default_rng([simulation.seed, 1, number])
    count = sum(part.count for part in parts)
    arrived = np.sort(
        np.concatenate([part.at + rng.integers(0, part.length, part.count) for part in parts])
    )
    crowd = _crowd(simulation, rng, arrived, first)
    day = (_EPOCH + timedelta(microseconds=parts[0].at)).replace(hour=0)
    exposures = {
        "variant": crowd.variants[crowd.variant],
        "unit_id": crowd.unit_id,
        "exposed_at": crowd.at,
        "bucket": crowd.bucket,
        "device": np.array(tuple(_DEVICES), dtype=object)[crowd.device],
        "country": np.array(tuple(_COUNTRIES), dtype=object)[crowd.country],
    }
    events = _Happening(simulation, rng, crowd).all(_pays(simulation, ready, rng, crowd))
    return Batch(number, day, count, exposures, events)


@dataclass(frozen=True, eq=False)
class _Crowd:
    """Visitors that are in the experiment; each array has an entry for each of them."""

    variants: NDArray[np.object_]
    variant: NDArray[np.int16]
    unit_id: NDArray[np.object_]
    at: _Times
    bucket: _Floats
    device: _Rows
    country: _Rows
    bot: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.at)


def _crowd(simulation: Simulation, rng: np.random.Generator, arrived: _Times, first: int) -> _Crowd:
    experiment, count = simulation.experiment, len(arrived)
    shares = [share for share, _ in _DEVICES.values()]
    device = rng.choice(len(_DEVICES), size=count, p=shares)
    country = rng.choice(len(_COUNTRIES), size=count, p=list(_COUNTRIES.values()))
    bot = rng.random(count) < simulation.world.bots
    name = simulation.name
    units = Units(f"{name}-{number}" for number in range(first, first + count))
    # Ramps are taken between batches: a unit keeps its variant, so nobody sees two.
    now = _EPOCH + timedelta(microseconds=int(arrived[0])) if count else simulation.start
    known = None if experiment.targeting is None else _known(device, country)
    entered = assign_many(experiment, units, now=now, attributes=known).entered
    inside = np.flatnonzero(entered >= 0)
    return _Crowd(
        variants=np.array([variant.key for variant in experiment.variants], dtype=object),
        variant=entered[inside],
        unit_id=np.array(units.ids, dtype=object)[inside],
        at=arrived[inside],
        bucket=units.places(experiment.seed)[inside] / PLACES,
        device=device[inside],
        country=country[inside],
        bot=bot[inside],
    )


def _known(device: _Rows, country: _Rows) -> list[Attributes]:
    one = [[{"device": d, "country": c} for c in _COUNTRIES] for d in _DEVICES]
    return [one[d][c] for d, c in zip(device.tolist(), country.tolist(), strict=True)]


def _pays(
    simulation: Simulation, ready: _Readiness, rng: np.random.Generator, crowd: _Crowd
) -> NDArray[np.bool_]:
    since = crowd.at - _micros(simulation.start)
    lift = simulation.world.lift_after(since)
    control = [variant.control for variant in simulation.experiment.variants]
    treated = ~np.array(control)[crowd.variant]
    chance = (
        simulation.world.baseline * ready.by_hour[since // _HOUR] * ready.by_device[crowd.device]
    )
    paid: NDArray[np.bool_] = rng.random(len(crowd)) < chance * np.where(treated, 1 + lift, 1.0)
    return paid & ~crowd.bot


class _Happening:
    """What a crowd does, gathered event by event."""

    def __init__(self, simulation: Simulation, rng: np.random.Generator, crowd: _Crowd) -> None:
        self._world = simulation.world
        self._rng = rng
        self._crowd = crowd
        self._found: list[tuple[FunnelEvent, _Rows, _Times, _Times, NDArray[np.int64]]] = []

    def all(self, paid: NDArray[np.bool_]) -> Columns:
        """Everything that becomes known of it, in the order in which it does."""
        rng, crowd = self._rng, self._crowd
        reached = np.where(paid, 3, rng.choice(len(_LEAVING), size=len(crowd), p=_LEAVING))
        reached[crowd.bot] = 0
        self._look()
        at = crowd.at + self._takes(2)
        for event, seconds, needed in _STEPS:
            at = at + self._takes(seconds)
            here = np.flatnonzero(reached >= needed)
            self._add(event, here, at[here])
        # Some come back another day before they pay.
        returning = rng.random(len(crowd)) < _RETURNING
        at = at + np.where(returning, self._takes(24 * 3600), 0)
        self._try_to_pay(np.flatnonzero(reached == 3), paid, at)
        return self._columns()

    def _look(self) -> None:
        views = np.ones(len(self._crowd), dtype=np.intp)
        bots = np.flatnonzero(self._crowd.bot)
        views[bots] += self._rng.geometric(1 / _VIEWS_OF_A_BOT, len(bots))
        who = np.repeat(np.arange(len(self._crowd)), views)
        again = np.arange(len(who)) - np.repeat(np.cumsum(views) - views, views)
        self._add(FunnelEvent.CHECKOUT_VIEWED, who, self._crowd.at[who] + again * _SECOND, again)

    def _try_to_pay(self, who: _Rows, paid: NDArray[np.bool_], at: _Times) -> None:
        """Declines until the bank approves, or until whoever does not pay has enough of them."""
        rng, buys = self._rng, paid[who]
        approval = rng.beta(*_APPROVAL, len(who))
        declined = np.minimum(rng.geometric(np.maximum(approval, 0.05)) - 1, _MOST_DECLINES)
        declined = np.where(buys, declined, np.maximum(declined, 1))
        amount = self._amounts(len(self._crowd))
        tries = declined + buys
        each = np.repeat(who, tries)
        again = np.arange(len(each)) - np.repeat(np.cumsum(tries) - tries, tries)
        pressed = at[each] + again * 30 * _SECOND
        self._add(FunnelEvent.PAYMENT_SUBMITTED, each, pressed, again)
        refused = again < np.repeat(declined, tries)
        told = pressed + 2 * _SECOND
        self._add(FunnelEvent.PAYMENT_DECLINED, each[refused], told[refused], again[refused])
        payer, when = each[~refused], told[~refused]
        self._add(FunnelEvent.PAYMENT_SUCCEEDED, payer, when, value=amount[payer])
        back = rng.random(len(payer)) < self._world.refunds
        later = rng.exponential(5 * 24 * 3600, len(payer)) * _SECOND
        regretted = (when + later.astype(np.int64))[back]
        self._add(FunnelEvent.PAYMENT_REFUNDED, payer[back], regretted, value=amount[payer[back]])

    def _amounts(self, count: int) -> NDArray[np.int64]:
        sizes = self._rng.lognormal(math.log(self._world.order_value), _SPREAD, count)
        found: NDArray[np.int64] = np.maximum(np.rint(sizes), 1).astype(np.int64)
        return found

    def _takes(self, seconds: float) -> _Times:
        """How long each visitor takes for something."""
        spent = self._rng.exponential(seconds, len(self._crowd)) * _SECOND
        found: _Times = spent.astype(np.int64)
        return found

    def _add(
        self,
        event: FunnelEvent,
        who: _Rows,
        at: _Times,
        again: _Rows | None = None,
        *,
        value: NDArray[np.int64] | None = None,
    ) -> None:
        """What arrives of an event; `again` counts from 0 what one visitor does several times."""
        kept = np.ones(len(who), dtype=np.bool_)
        if event in BROWSER_EVENTS:
            lost = [self._world.lost.get(variant, 0.0) for variant in self._crowd.variants]
            kept = self._rng.random(len(who)) >= np.array(lost)[self._crowd.variant[who]]
        again = np.zeros(len(who), dtype=np.intp) if again is None else again
        value = np.full(len(who), -1) if value is None else value
        self._found.append((event, who[kept], at[kept], again[kept], value[kept]))

    def _columns(self) -> Columns:
        counts = [len(who) for _, who, *_ in self._found]
        order = np.repeat(np.arange(len(counts)), counts)
        who, at, again, value = (
            np.concatenate(parts) for parts in zip(*(row[1:] for row in self._found), strict=True)
        )
        delay = self._rng.exponential(1, len(at))
        late = self._rng.random(len(at)) < self._world.late
        received = at + (delay * np.where(late, 6 * _HOUR, _SECOND)).astype(np.int64)
        rows = np.argsort(received, kind="stable")
        order, who, at, again = order[rows], who[rows], at[rows], again[rows]
        units = self._crowd.unit_id[who]
        named = [event.value for event, *_ in self._found]
        parts = zip(units.tolist(), order.tolist(), again.tolist(), strict=True)
        ids = [f"{unit}.{named[event]}.{number}" for unit, event, number in parts]
        value = value[rows]
        return {
            "event_id": np.array(ids, dtype=object),
            "unit_id": units,
            "name": np.array(named, dtype=object)[order],
            "occurred_at": at,
            "received_at": received[rows],
            "value": value,
            "currency": np.where(value < 0, None, self._world.currency),  # type: ignore[call-overload] # None is an object
        }


# What a page tells on the way to the button, the seconds that it takes, and who gets there.
_STEPS = (
    (FunnelEvent.DETAILS_COMPLETED, 40, 1),
    (FunnelEvent.PAYMENT_FORM_READY, 2, 1),
    (FunnelEvent.PAYMENT_INFO_COMPLETED, 30, 2),
)


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)
