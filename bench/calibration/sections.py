"""What is tried, section by section of the table."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from analysis.aggregates import Aggregates
from analysis.distributions import normal_p
from analysis.inference.group_sequential import Design
from analysis.inference.proportion import BOSCHLOO_UNITS
from analysis.inference.sequential import half_width
from analysis.report import Absent, Action, Label
from analysis.srm import ALERT, chi_square, log_e_value
from bench.calibration import pipeline, published
from bench.calibration.lines import Line, Promise, Published, Target, mean, share
from bench.calibration.methods import (
    ALPHA,
    INTERVALS,
    PROPORTION,
    READINGS,
    TRIALS,
    Reading,
    ever,
    first_stop,
    fractions,
    holds,
    rejects,
    used,
)
from bench.calibration.streams import DAYS, Flags, Floats, Stream, chance, daily, one_by_one
from experiments.plan import Spending

FALSE_ALARMS, POWER, COVERAGE = "false alarms", "power", "coverage"
RATES = (0.02, 0.1, 0.4)
_NOMINAL = Target(Promise.EQUAL, ALPHA)
_AT_MOST = Target(Promise.AT_MOST, ALPHA)
_EIGHTY = Target(Promise.EQUAL, 0.8)


@dataclass(frozen=True)
class Effort:
    """How often everything is tried.

    Attributes:
        runs: of what is counted all at once; what takes one pair at a time is tried less often.
        seed: decides every run.
    """

    runs: int = 20_000
    seed: int = 2026

    @property
    def pairs(self) -> int:
        """Of what is compared pair by pair."""
        return max(self.runs // 5, 50)

    @property
    def crowds(self) -> int:
        """Of what is made visitor by visitor."""
        return max(self.runs // 10, 50)


Section = Callable[[Effort], Iterator[Line]]


# Proportions that are read once.


def one_look(effort: Effort) -> Iterator[Line]:
    """False alarms and power of tests of proportions that are read once."""
    for rate in RATES:
        yield _conversions(effort, rate, 5000, _NOMINAL)
    # So few that an exact test is read, which may only be too careful.
    for rate in RATES:
        yield _conversions(effort, rate, 20, _AT_MOST)
    for rate, units in published.UNITS_7.items():
        yield _finding(effort, rate, units)
    for rate, units in published.ALWAYS_VALID_UNITS_7.items():
        yield _finding_at_any_time(effort, rate, units)


def _conversions(effort: Effort, rate: float, units: int, target: Target) -> Line:
    rng = chance(effort.seed, "one look", rate, units)
    counts = rng.binomial(units, rate, (effort.pairs, 2)).tolist()
    found = np.array([_finds(units, x_c, x_t) for x_c, x_t in counts])
    name = "exact test" if units * 2 <= BOSCHLOO_UNITS else "score test"
    return share(name, f"{rate:.0%}, {units:,} an arm", FALSE_ALARMS, found, target)


@lru_cache(maxsize=100_000)
def _finds(units: int, x_c: int, x_t: int) -> bool:
    arms = Aggregates.of_conversions(units, x_c), Aggregates.of_conversions(units, x_t)
    return rejects(PROPORTION(*arms, alpha=ALPHA))


def _finding(effort: Effort, rate: float, units: int) -> Line:
    rng, lift = chance(effort.seed, "power", rate, units), published.LIFT_7
    counts = rng.binomial(units, [rate, rate * (1 + lift)], (effort.pairs, 2)).tolist()
    found = np.array([_finds(units, x_c, x_t) for x_c, x_t in counts])
    said = f"{rate:.0%}, {units:,} an arm, {lift:+.1%}"
    return share("score test", said, POWER, found, _EIGHTY, published.POWER_7)


def _finding_at_any_time(effort: Effort, rate: float, units: int) -> Line:
    rng, lift = chance(effort.seed, "always valid", rate), published.LIFT_7
    x_c, x_t = (rng.binomial(units, p, effort.runs) for p in (rate, rate * (1 + lift)))
    width = half_width(1.0, 2 * units, tuned_at=2 * units, alpha=ALPHA)
    z = np.log(x_t / x_c) / np.sqrt(1 / x_c + 1 / x_t - 2 / units)
    said = f"{rate:.0%}, {units:,} an arm, {lift:+.1%}"
    found = np.abs(z) > width
    return share("always valid, read once", said, POWER, found, _EIGHTY, published.POWER_7)


# Intervals of proportions.

_SIZES = (50, 200, 1000)
_FEW = 200


def intervals(effort: Effort) -> Iterator[Line]:
    """How often intervals of proportions hold the truth, at small counts too."""
    for interval in INTERVALS:
        limits = lru_cache(maxsize=None)(interval.limits)
        for rate, units, lift in product(RATES, _SIZES, (0.0, 0.5)):
            rng = chance(effort.seed, "coverage", rate, units, lift)
            rates = rate, rate * (1 + lift)
            # The same few tables come again and again where units are few.
            runs = effort.runs if units <= _FEW else effort.pairs
            counts = rng.binomial(units, rates, (runs, 2)).tolist()
            truth = interval.truth(*rates)
            found = (limits(tuple(x), (units, units)) for x in counts)
            known = published.coverage(interval.name, rate, lift, units)
            yield share(
                interval.name,
                f"{rate:.0%}, {lift:+.0%}, {units:,} an arm",
                COVERAGE,
                # At no difference an end may be the truth itself, but for rounding.
                np.array([low - 1e-9 <= truth <= high + 1e-9 for low, high in found]),
                _covering(interval.name, known),
                known,
            )


def _covering(name: str, known: Published | None) -> Target:
    if known is not None:
        return Target(Promise.EQUAL, known.value)
    return Target(Promise.AT_LEAST, published.LEAST_COVERAGE.get(name, 1 - ALPHA))


# Means and ratios.


def means_and_ratios(effort: Effort) -> Iterator[Line]:
    """False alarms and coverage, where no label says that there are too few units."""
    for trial in TRIALS:
        rng = chance(effort.seed, trial.name, trial.setting)
        drawn = (trial.compare(*trial.draw(rng), alpha=ALPHA) for _ in range(effort.pairs))
        told = [each for each in drawn if Label.TOO_FEW_UNITS not in each.labels]
        alarms = np.array([rejects(each) for each in told])
        yield share(trial.name, trial.setting, FALSE_ALARMS, alarms, _NOMINAL, trial.alarms)
        for name, estimates in (
            ("difference", [each.absolute for each in told]),
            ("lift", [each.relative for each in told]),
        ):
            held = np.array([holds(each, 0.0) for each in estimates])
            target = Target(Promise.EQUAL, 1 - ALPHA)
            yield share(f"{trial.name}, {name}", trial.setting, COVERAGE, held, target)


# Many looks.


def many_looks(effort: Effort) -> Iterator[Line]:
    """False alarms, power, coverage and mean sample of what is read at 28 looks or at some."""
    settings = {each: (lift,) for each, lift in published.SETTINGS_6.items()}
    for setting, lifts in (settings | published.SETTINGS_7).items():
        rate, per_day = setting
        for lift in (0.0, *lifts):
            rng = chance(effort.seed, "many looks", setting, lift)
            stream = daily(rng, rate=rate, per_day=per_day, lift=lift, runs=effort.runs)
            for reading in READINGS:
                yield from _read(reading, stream, setting)


def _read(reading: Reading, stream: Stream, setting: tuple[float, int]) -> Iterator[Line]:
    rate, per_day = setting
    stops = reading.stops(stream)
    said = f"{rate:.0%}, {per_day:,} a day"
    stopped = ever(stops)
    if not stream.lift:
        target = None if reading.alarms is None else Target(reading.alarms, ALPHA)
        known = published.alarms(reading.row, setting)
        yield share(reading.name, said, FALSE_ALARMS, stopped, target, known)
    else:
        said = f"{said}, {stream.lift:+.1%}"
        lift, row = round(stream.lift, 6), reading.row
        power = published.power(row, setting, lift)
        yield share(reading.name, said, POWER, stopped, _at_least(row, setting), power)
        known = published.used(row, setting, lift)
        yield mean(reading.name, said, "sample used", used(stream, stops), published=known)
    if reading.covers is not None:
        held = ~ever(~reading.covers(stream))
        target = Target(Promise.AT_LEAST, 1 - ALPHA)
        yield share(reading.name, said, "coverage at all looks", held, target)


def _at_least(row: str, setting: tuple[float, int]) -> Target | None:
    best = published.best_power(row, setting)
    if best is None:
        return None
    error = math.sqrt(best.value * (1 - best.value) / published.RUNS_6["power"])
    return Target(Promise.AT_LEAST, best.value, error)


# After each visitor.


def continuous(effort: Effort) -> Iterator[Line]:
    """False alarms of what may be read after each visitor."""
    visitors = 20_000
    for rate in RATES:
        rng = chance(effort.seed, "continuous", rate)
        streams = one_by_one(rng, rate=rate, visitors=visitors, runs=effort.crowds)
        alarms: dict[str, list[Any]] = {}
        for stream in streams:
            for reading in READINGS:
                if reading.continuous:
                    alarms.setdefault(reading.name, []).append(ever(reading.stops(stream)))
        for name, found in alarms.items():
            yield share(
                name.replace("daily", "after each visitor"),
                f"{rate:.0%}, {visitors:,} visitors",
                FALSE_ALARMS,
                np.concatenate(found),
                _AT_MOST,
            )


# What is estimated after an early end.


def early_ends(effort: Effort) -> Iterator[Line]:
    """What the lift is said to be where looks ended it, before and after the luck is taken out."""
    setting, looks = (0.3, 1500), 5
    rate, per_day = setting
    lift = published.SETTINGS_6[setting]
    rng = chance(effort.seed, "early ends")
    stream = daily(rng, rate=rate, per_day=per_day, lift=lift, runs=effort.runs)
    taken, shares = fractions(looks, DAYS)
    stream = stream.at(np.array(taken))
    said = f"{rate:.0%}, {per_day:,} a day, {lift:+.1%}"
    for spending in Spending:
        name = f"{spending.value.replace('_', ' ')}, {looks} looks"
        ended = _Ended.of(stream, Design(shares, spending))
        for measure, lifts, promised in (
            ("lift, before", ended.plain, None),
            ("lift, corrected", ended.corrected, Target(Promise.EQUAL, 0.5)),
        ):
            early = ended.look < looks - 1
            bias = lifts / lift - 1
            yield mean(name, said, f"{measure}: bias", bias)
            yield mean(name, said, f"{measure}: bias of early ends", bias[early])
            yield share(name, said, f"{measure}: above the truth", lifts > lift, promised)
        held = np.array([ended.holds(run, lift) for run in range(effort.pairs)])
        target = Target(Promise.AT_LEAST, 1 - ALPHA)
        yield share(name, said, "repeated intervals: coverage", held, target)


@dataclass(frozen=True, eq=False)
class _Ended:
    """Where looks ended each run, and what they then say of its lift.

    Attributes:
        stream: of the looks alone.
        bounds: of each look.
        look: at which each run ended.
        plain: the lift that was seen.
        corrected: the median-unbiased one.
    """

    stream: Stream
    bounds: tuple[float, ...]
    look: Any
    plain: Floats
    corrected: Floats

    @classmethod
    def of(cls, stream: Stream, design: Design) -> "_Ended":
        bounds = design.bounds(ALPHA)
        look = first_stop(np.abs(stream.z) >= bounds)
        runs = np.arange(len(look))
        z, estimate = stream.z[runs, look], stream.log_ratio[0][runs, look]
        times = np.empty(len(look))
        for each in range(len(bounds)):
            here = look == each
            times[here] = _drift_over_z(design, each, z[here])
        return cls(stream, bounds, look, np.expm1(estimate), np.expm1(estimate * times))

    def holds(self, run: int, lift: float) -> bool:
        """Whether what all looks leave has the lift in it, as `read_looks` puts it together."""
        ends = [self._ends(run, look) for look in range(self.look[run] + 1)]
        low, high = max(low for low, _ in ends), min(high for _, high in ends)
        if low >= high:
            low, high = ends[-1]
        return low <= lift <= high

    def _ends(self, run: int, look: int) -> tuple[float, float]:
        pairs = zip(self.stream.units, self.stream.converted, strict=True)
        arms = [Aggregates.of_conversions(int(n[0, look]), int(x[run, look])) for n, x in pairs]
        found = PROPORTION(*arms, alpha=normal_p(self.bounds[look])).relative
        if isinstance(found.ci_low, Absent) or isinstance(found.ci_high, Absent):
            return -1.0, math.inf
        return found.ci_low, found.ci_high


def _drift_over_z(design: Design, look: int, z: Floats) -> Floats:
    """What `read_looks` multiplies a log ratio with, by a table of the statistics that ended it."""
    if not len(z):
        return z
    until = Design(design.fractions[: look + 1], design.spending)
    span = np.linspace(z.min(), z.max(), 60)
    drifts = [until.drift_at(0.5, each, alpha=ALPHA) for each in span.tolist()]
    drift = np.interp(z, span, drifts) * math.sqrt(until.fractions[-1])
    found: Floats = np.divide(drift, z, out=np.ones_like(z), where=z != 0)
    return found


# Are the variants the right size.


def sizes(effort: Effort) -> Iterator[Line]:
    """False alarms and power of the checks of the sample ratio."""
    for part in (0.5, 0.505, 0.51):
        yield _once(effort, part)
        yield _while_running(effort, part)
    yield _after_each(effort)


_HALVES = {"a": 0.5, "b": 0.5}


def _once(effort: Effort, part: float) -> Line:
    units, rng = 100_000, chance(effort.seed, "sizes", part)
    counts = rng.binomial(units, part, 5 * effort.runs).tolist()
    found = np.array([chi_square({"a": x, "b": units - x}, _HALVES) < ALERT for x in counts])
    return _mismatch("chi-square, read once", units, part, found)


def _while_running(effort: Effort, part: float) -> Line:
    looks, rng = np.arange(1, 101), chance(effort.seed, "running sizes", part)
    came = np.cumsum(rng.binomial(1000, part, (effort.runs, len(looks))), axis=1)
    bounds = np.array([_bound(1000 * look) for look in looks.tolist()])
    found = ever(np.abs(came - 500 * looks) >= bounds)
    return _mismatch("e-value, read 100 times", 100_000, part, found)


def _after_each(effort: Effort) -> Line:
    units, rng, at_a_time = 5000, chance(effort.seed, "sizes after each"), 500
    half = np.arange(1, units + 1) / 2
    bounds = np.array([_bound(number) for number in range(1, units + 1)])
    found = []
    for _ in range(0, effort.runs, at_a_time):
        came = np.cumsum(rng.random((at_a_time, units)) < 0.5, axis=1)
        found.append(ever(np.abs(came - half) >= bounds))
    return _mismatch("e-value, read after each unit", units, 0.5, np.concatenate(found))


def _mismatch(name: str, units: int, part: float, found: Flags) -> Line:
    said = f"{units:,} units, {part:.1%} in one"
    if part != 0.5:
        return share(name, said, POWER, found)
    promise = Promise.EQUAL if name.startswith("chi") else Promise.AT_MOST
    return share(name, said, FALSE_ALARMS, found, Target(promise, ALERT))


def _bound(units: int) -> float:
    """How far from half of them the units of one variant are when the e-value alerts."""
    low, high = 0, units // 2 + 1
    while low < high:
        away = (low + high) // 2
        there = units // 2 - away
        if there >= 0 and log_e_value({"a": there, "b": units - there}, _HALVES) < -math.log(ALERT):
            low = away + 1
        else:
            high = away
    return math.inf if low > units // 2 else units / 2 - (units // 2 - low)


# From raw events to the decision.


def whole_pipeline(effort: Effort) -> Iterator[Line]:
    """How often the shipped definition ships or rolls back where nothing differs."""
    setting = f"{pipeline.UNITS:,} visitors, 30%"
    for name, looks, runs in (
        ("read once", False, effort.crowds),
        ("five planned looks", True, effort.crowds // 4),
    ):
        decided = pipeline.Experiments(looks=looks, seed=effort.seed).decided(runs)
        found = np.array([action.value for action in decided])
        acted = np.isin(found, [Action.SHIP.value, Action.ROLL_BACK.value])
        yield share(name, setting, "ships or rolls back", acted, _AT_MOST)
        shipped, alarmed = found == Action.SHIP.value, found == Action.FIX_DATA.value
        yield share(name, setting, "ships", shipped, Target(Promise.AT_MOST, ALPHA / 2))
        # The ratio of all units, of each segment's and of each day's: an alert for each.
        target = Target(Promise.AT_MOST, 3 * ALERT)
        yield share(name, setting, "fixes the data", alarmed, target)


SECTIONS: Mapping[str, Section] = {
    "one look": one_look,
    "intervals": intervals,
    "means and ratios": means_and_ratios,
    "many looks": many_looks,
    "each visitor": continuous,
    "early ends": early_ends,
    "sample ratio": sizes,
    "whole pipeline": whole_pipeline,
}
