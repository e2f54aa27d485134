"""What is calibrated: a method more is a line in one of these tables.

Each stands for what a report reads, through the code that a report runs. Where that takes one pair
of variants at a time, its bounds are made once, and streams are held against them all at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.aggregates import Aggregates
from analysis.distributions import normal_quantile
from analysis.inference import INFERENCES, wilson
from analysis.inference.group_sequential import Design
from analysis.inference.score import Pair, koopman_limits, mee_limits
from analysis.inference.sequential import half_width
from analysis.report import Absent, Contrast, Estimate
from bench.calibration.lines import Promise, Published
from bench.calibration.published import DELTA_13
from bench.calibration.streams import Flags, Floats, Looks, Stream, attempts, revenue
from experiments.metrics import Kind
from experiments.plan import Spending

ALPHA = 0.05
# Share of visitors who buy, and visitors an arm.
BUYERS = ((0.02, 5000), (0.1, 1000), (0.1, 5000), (0.4, 200), (0.4, 1000))
Arms = tuple[Aggregates, Aggregates]


# Proportions that are read once.

Compare = Callable[..., Contrast]
PROPORTION: Compare = INFERENCES[Kind.PROPORTION].compare


def rejects(contrast: Contrast) -> bool:
    """Whether a test finds a difference; where it says nothing it finds none."""
    return not isinstance(contrast.p_value, Absent) and contrast.p_value < ALPHA


def holds(estimate: Estimate, truth: float) -> bool:
    """Whether an interval has the truth in it; one that says nothing has not."""
    low, high = estimate.ci_low, estimate.ci_high
    return not isinstance(low, Absent) and not isinstance(high, Absent) and low <= truth <= high


# Means and ratios.


@dataclass(frozen=True)
class Trial:
    """A test with its intervals, on arms whose truth is known.

    Attributes:
        name: in the table.
        compare: of (control, treatment) at a level.
        setting: what is drawn.
        draw: makes (control, treatment) without a difference.
        alarms: what is published of its false alarms.
    """

    name: str
    compare: Compare
    setting: str
    draw: Callable[[np.random.Generator], Arms]
    alarms: Published | None = None


def _buyers(rate: float, units: int) -> tuple[str, Callable[[np.random.Generator], Arms]]:
    def draw(rng: np.random.Generator) -> Arms:
        return revenue(rng, rate, units), revenue(rng, rate, units)

    return f"{rate:.0%} buy, {units:,} an arm", draw


def _retries(units: int) -> tuple[str, Callable[[np.random.Generator], Arms]]:
    def draw(rng: np.random.Generator) -> Arms:
        return attempts(rng, units), attempts(rng, units)

    return f"{units:,} an arm, 1.8 attempts each", draw


_WELCH, _DELTA = INFERENCES[Kind.MEAN].compare, INFERENCES[Kind.RATIO].compare
TRIALS: tuple[Trial, ...] = (
    *(Trial("Welch", _WELCH, *_buyers(rate, n)) for rate, n in BUYERS),
    Trial("delta method", _DELTA, *_retries(60)),
    Trial("delta method", _DELTA, *_retries(1500), alarms=DELTA_13),
)


# Intervals of proportions, by what they are of.


@dataclass(frozen=True)
class Interval:
    """An interval of two proportions.

    Attributes:
        name: in the table, and of what is published.
        limits: of conversions and units of (control, treatment).
        truth: what it is of, from the rates of (control, treatment).
    """

    name: str
    limits: Callable[[Pair, Pair], tuple[float, float]]
    truth: Callable[[float, float], float]


def _mee(successes: Pair, units: Pair) -> tuple[float, float]:
    return mee_limits(successes, units, critical=normal_quantile(ALPHA))


def _koopman(successes: Pair, units: Pair) -> tuple[float, float]:
    return koopman_limits(successes, units, critical=normal_quantile(ALPHA))


def _in_closed_form(successes: Pair, units: Pair) -> tuple[Estimate, Estimate]:
    arms = map(Aggregates.of_conversions, units, successes)
    return wilson.intervals(*arms, alpha=ALPHA)


def _newcombe(successes: Pair, units: Pair) -> tuple[float, float]:
    return _ends(_in_closed_form(successes, units)[0])


def _mover_r(successes: Pair, units: Pair) -> tuple[float, float]:
    return _ends(_in_closed_form(successes, units)[1])


def _ends(estimate: Estimate) -> tuple[float, float]:
    """What says nothing has the truth in it nowhere."""
    low, high = estimate.ci_low, estimate.ci_high
    if isinstance(low, Absent) or isinstance(high, Absent):
        return math.inf, -math.inf
    return low, high


def _difference(control: float, treatment: float) -> float:
    return treatment - control


def _lift(control: float, treatment: float) -> float:
    return treatment / control - 1


INTERVALS: tuple[Interval, ...] = (
    Interval("Mee", _mee, _difference),
    Interval("Koopman", _koopman, _lift),
    Interval("Newcombe", _newcombe, _difference),
    Interval("MOVER-R", _mover_r, _lift),
)


# What is read at many looks.


@dataclass(frozen=True)
class Reading:
    """A way to read a stream and to stop at the first look that shows something.

    Attributes:
        name: in the table.
        stops: at which looks it would stop, runs x looks.
        alarms: what is promised of its false alarms at alpha; None where it breaks the promise.
        row: of what is published; empty where nothing is.
        covers: whether its interval holds the true lift at each look, runs x looks; None where it
            has none of its own.
        continuous: whether it may be read after each visitor.
    """

    name: str
    stops: Callable[[Stream], Flags]
    alarms: Promise | None
    row: str = ""
    covers: Callable[[Stream], Flags] | None = None
    continuous: bool = False


def _each_day(stream: Stream) -> Flags:
    return _exceeds(stream.z, np.full(stream.z.shape[1], normal_quantile(ALPHA)))


def _at_the_end(stream: Stream) -> Flags:
    found = _each_day(stream)
    found[:, :-1] = False
    return found


def _exceeds(z: Floats, bounds: Floats) -> Flags:
    found: Flags = np.abs(z) > bounds
    return found


def fractions(looks: int, of: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Which of many looks are taken, counted from 0, and the shares of the units at them."""
    taken = tuple(round(of * number / looks) - 1 for number in range(1, looks + 1))
    return taken, tuple((look + 1) / of for look in taken)


def _planned(spending: Spending, looks: int) -> Callable[[Stream], Flags]:
    def stops(stream: Stream) -> Flags:
        taken, shares = fractions(looks, stream.z.shape[1])
        bounds = np.full(stream.z.shape[1], np.inf)
        bounds[list(taken)] = Design(shares, spending).bounds(ALPHA)
        return _exceeds(stream.z, bounds)

    return stops


def _margins(stream: Stream) -> Floats:
    """Half-widths of the always-valid interval over the standard error, at each look."""
    return np.array(
        [
            half_width(1.0, units, tuned_at=stream.planned, alpha=ALPHA)
            for units in stream.gathered.tolist()
        ]
    )


def _away(stream: Stream, log_ratio: float) -> Flags:
    estimate, variance = stream.log_ratio
    z = (estimate - log_ratio) / np.sqrt(np.where(stream.enough, variance, 1.0))
    return stream.enough & _exceeds(z, _margins(stream))


def _excludes_nothing(stream: Stream) -> Flags:
    return _away(stream, 0.0)


def _keeps_the_lift(stream: Stream) -> Flags:
    return ~_away(stream, math.log1p(stream.lift))


def _as_a_report(stream: Stream) -> Flags:
    """What a report of `method: fixed` decides by: always valid before the end, fixed at it."""
    found = _excludes_nothing(stream)
    found[:, -1] = _at_the_end(stream)[:, -1]
    return found


READINGS: tuple[Reading, ...] = (
    Reading("score test, read daily (wrong)", _each_day, None, row="z daily"),
    Reading("score test, read once", _at_the_end, Promise.EQUAL, row="z once"),
    *(
        Reading(
            f"{spending.value.replace('_', ' ')}, {looks} looks",
            _planned(spending, looks),
            Promise.EQUAL,
            row=spending.value if looks == 28 else "",
        )
        for spending in Spending
        for looks in (5, 28)
    ),
    Reading(
        "always valid, read daily",
        _excludes_nothing,
        Promise.AT_MOST,
        row="always valid",
        covers=_keeps_the_lift,
        continuous=True,
    ),
    Reading("always valid, then the score test", _as_a_report, None),
)


def ever(stops: Flags) -> Flags:
    """Whether a run stopped at any look."""
    found: Flags = np.logical_or.reduce(stops, axis=1)
    return found


def first_stop(stops: Flags) -> Looks:
    """The look that each run stopped at, or the last, counted from 0."""
    found: Looks = np.where(ever(stops), stops.argmax(axis=1), stops.shape[1] - 1)
    return found


def used(stream: Stream, stops: Flags) -> Floats:
    """How much of the planned units was in when each run stopped."""
    found: Floats = stream.gathered[first_stop(stops)] / stream.planned
    return found
