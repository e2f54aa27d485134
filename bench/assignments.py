"""Nanoseconds for one assignment: Kassa against the SDKs that people use for it.

Every contender holds one running 50/50 experiment with one targeting rule in memory, is asked
about the same units with the same attributes, and answers one at a time, with exposure logging off.
Rounds are interleaved, so that whatever else the machine does falls on all of them alike; the
median round counts. None of them touches a network.
"""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bench.contenders import CONTENDERS, OUTSIDE, Contender, Visit, visits


@dataclass(frozen=True)
class AssignmentSpeed:
    """What a contender reached.

    Attributes:
        name: package and version.
        does: what one call does.
        nanoseconds: for one assignment, in the median round.
        times_kassa: how many times Kassa's time that is.
        outside: share of the units that are not in the experiment.
        same_as_kassa: share of the units that got what Kassa gives.
    """

    name: str
    does: str
    nanoseconds: float
    times_kassa: float
    outside: float
    same_as_kassa: float


def race(*, units: int, rounds: int, seed: int) -> list[AssignmentSpeed]:
    """Lets all contenders assign the same units, round by round, Kassa first in the list."""
    asked = visits(units, seed=seed)
    with ExitStack() as cleanup:
        contenders = [contender(cleanup) for contender in CONTENDERS]
        answers = [[contender.told(*visit) for visit in asked] for contender in contenders]
        times = _interleaved(contenders, asked, rounds)
    medians = [statistics.median(each) / units for each in times]
    return [
        AssignmentSpeed(
            name=contender.name,
            does=contender.does,
            nanoseconds=median * 1e9,
            times_kassa=median / medians[0],
            outside=given.count(OUTSIDE) / units,
            same_as_kassa=sum(map(str.__eq__, given, answers[0])) / units,
        )
        for contender, median, given in zip(contenders, medians, answers, strict=True)
    ]


def _interleaved(
    contenders: Sequence[Contender], asked: Sequence[Visit], rounds: int
) -> list[list[float]]:
    times: list[list[float]] = [[] for _ in contenders]
    for number in range(rounds):
        for offset in range(len(contenders)):
            place = (number + offset) % len(contenders)
            times[place].append(_seconds(contenders[place], asked))
    return times


def _seconds(contender: Contender, asked: Sequence[Visit]) -> float:
    ask = contender.ask
    start = time.perf_counter()
    for unit, attributes in asked:
        ask(unit, attributes)
    return time.perf_counter() - start
