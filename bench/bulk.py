"""Units a second where many are assigned at once, as a plan of a change does."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bench.contenders import kassa, visits
from experiments import Experiment, assign
from experiments.bulk import Units, assign_many


@dataclass(frozen=True)
class BulkSpeed:
    """How fast many units were assigned.

    Attributes:
        name: what was asked for.
        does: what that takes in.
        per_second: units a second, in the median round.
        times_single: how many times the units that `assign` does one by one.
    """

    name: str
    does: str
    per_second: float
    times_single: float


def race(*, units: int, rounds: int, seed: int) -> list[BulkSpeed]:
    """Assigns the same units in every way there is, round by round, one by one first."""
    ids, known = zip(*visits(units, seed=seed), strict=True)
    now = datetime.now(UTC)
    everyone, some, ready = kassa.for_all(), kassa.for_some(), Units(ids)
    ways: list[tuple[str, str, Callable[[], object]]] = [
        (
            "assign",
            "one by one, without targeting",
            lambda: _one_by_one(everyone, ids, now),
        ),
        (
            "assign_many",
            "the same, from a list of ids",
            lambda: assign_many(everyone, Units(ids), now=now),
        ),
        (
            "assign_many, again",
            "the same, of ids made ready before, as for a second experiment",
            lambda: assign_many(everyone, ready, now=now),
        ),
        (
            "assign_many, targeted",
            "with a rule, and attributes as a dict for each unit",
            lambda: assign_many(some, Units(ids), now=now, attributes=known),
        ),
    ]
    times = [[_seconds(way) for _, _, way in ways] for _ in range(rounds)]
    speeds = [units / statistics.median(each) for each in zip(*times, strict=True)]
    return [
        BulkSpeed(name, does, speed, speed / speeds[0])
        for (name, does, _), speed in zip(ways, speeds, strict=True)
    ]


def _one_by_one(experiment: Experiment, ids: Iterable[str], now: datetime) -> None:
    for unit in ids:
        assign(experiment, unit, now=now)


def _seconds(way: Callable[[], object]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start
