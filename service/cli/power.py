"""`kassa power`: how many visitors a lift needs, and what lift a number of visitors shows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from experiments import Catalog
from experiments.definition import Experiment
from experiments.plan import Spending
from service.cli.options import format_option, quiet_option, settings_in_force

if TYPE_CHECKING:
    from analysis.power import Schedule

_Plan = dict[str, float | int | str]
_OPEN = click.FloatRange(0, 1, min_open=True, max_open=True)
_ABOVE_0 = click.FloatRange(0, min_open=True)
# An always-valid reading is one of many; beyond so many one more hardly matters.
_READINGS = 28
_MOST_DAYS = 365


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options say; None where they do not."""

    baseline: float | None
    deviation: float | None
    lift: float | None
    visitors: int | None
    daily_visitors: int | None
    method: str | None
    looks: int | None
    spending: str | None
    alpha: float | None
    chance: float | None


@dataclass(frozen=True, slots=True)
class _Test:
    """What is planned, by the definition and by the options that say otherwise.

    Attributes:
        spread: Units of the whole experiment for each unit of a variant that, with an equal one,
            would show the same: 2 for two equal variants, more for uneven or several ones.
    """

    baseline: float
    method: str
    looks: int
    spending: Spending
    alpha: float
    power: float
    spread: float


@click.command(epilog="Example: kassa power --baseline 0.05 --lift 0.031 --daily-visitors 9000")
@click.argument("experiment", required=False)
@click.option("--baseline", type=_ABOVE_0, help="Control's conversion rate, or mean.")
@click.option("--deviation", type=_ABOVE_0, help="Standard deviation of the values of a mean.")
@click.option("--lift", type=float, help="The relative lift to detect, e.g. 0.031.")
@click.option("--visitors", type=click.IntRange(4), help="In all; prints the lift they show.")
@click.option("--daily-visitors", type=click.IntRange(1), help="Also print how many days.")
@click.option("--method", type=click.Choice(["fixed", "group_sequential", "always_valid"]))
@click.option("--looks", type=click.IntRange(2, 28), help="Of group_sequential, by default 5.")
@click.option("--spending", type=click.Choice([each.value for each in Spending]))
@click.option("--alpha", type=_OPEN, help="Two-sided, by default 0.05.")
@click.option("--power", "chance", type=_OPEN, help="By default 0.8.")
@format_option("text", "json")
@quiet_option
def power(
    experiment: str | None,
    form: str,
    quiet: bool,  # noqa: ARG001, FBT001 - prints the result alone; click passes flags by name
    **options: None,
) -> None:
    """Plan a test of EXPERIMENT, or of two equal variants.

    Prints the visitors that a lift needs, or the lift that a number of visitors shows. Options
    stand for what the definition does not say, or instead of what it says.
    """
    from analysis.errors import InvalidPlan  # noqa: PLC0415 - only this command needs it

    asked, spread, rivals = _Asked(**options), 2.0, 1
    if experiment is not None:
        defined = _defined(experiment)
        asked, spread, rivals = _filled(asked, defined), _spread(defined), len(defined.variants) - 1
    if (asked.lift is None) == (asked.visitors is None):
        raise click.UsageError("give --lift or --visitors, one of the two")
    test = _test(asked, spread=spread, rivals=rivals)
    try:
        plan = _planned(test, asked)
    except InvalidPlan as exc:
        raise click.UsageError(str(exc)) from exc
    if asked.daily_visitors:
        plan |= _days(test, plan, asked.daily_visitors)
    click.echo(
        json.dumps({"schema": "kassa.power/1", **plan}, indent=2) if form == "json" else _said(plan)
    )


def _defined(key: str) -> Experiment:
    return Catalog.load(settings_in_force(make_secret=False).definitions).experiment(key)


def _filled(asked: _Asked, experiment: Experiment) -> _Asked:
    """The options, and where they are silent what the definition says."""
    plan = experiment.analysis
    defined: dict[str, Any] = {
        "baseline": plan.baseline,
        "daily_visitors": int((plan.daily_units or 0) * experiment.traffic) or None,
        "method": plan.method.value,
        "looks": plan.looks,
        "spending": plan.spending and plan.spending.value,
        "alpha": plan.alpha,
        "chance": plan.power,
    }
    if asked.lift is None and asked.visitors is None:
        effect = {"visitors": plan.planned_units} if plan.effect is None else {"lift": plan.effect}
        defined |= effect
    silent = {key: value for key, value in defined.items() if getattr(asked, key) is None}
    return replace(asked, **silent)


def _test(asked: _Asked, *, spread: float, rivals: int) -> _Test:
    """Several treatments share alpha, by Holm's first and strictest level."""
    if asked.baseline is None:
        raise click.UsageError("give --baseline: the control's rate or mean")
    return _Test(
        baseline=asked.baseline,
        method=asked.method or ("group_sequential" if asked.looks else "fixed"),
        looks=asked.looks or 5,
        spending=Spending(asked.spending or "obrien_fleming"),
        alpha=(asked.alpha or 0.05) / rivals,
        power=asked.chance or 0.8,
        spread=spread,
    )


def _spread(experiment: Experiment) -> float:
    """By the smallest treatment, whose comparison shows least."""
    shares = experiment.shares
    control = shares[experiment.control.key]
    smallest = min(share for key, share in shares.items() if key != experiment.control.key)
    return (1 / control + 1 / smallest) / 2


def _schedule(test: _Test) -> Schedule:
    from analysis.power import Schedule  # noqa: PLC0415 - scipy takes a second to load

    if test.method == "always_valid":
        return Schedule.always_valid(_READINGS, test.alpha)
    if test.method == "group_sequential":
        return Schedule.planned(test.looks, test.spending, test.alpha)
    return Schedule.once(test.alpha)


def _planned(test: _Test, asked: _Asked) -> _Plan:
    lift, visitors, deviation = asked.lift, asked.visitors or 0, asked.deviation
    levels = {"alpha": test.alpha, "power": test.power}
    schedule = _schedule(test)
    inflation = schedule.inflation(**levels)
    if lift is not None:
        once = _units(test, lift, deviation, levels)
        each = once if test.method == "fixed" else math.ceil(once * inflation)
        visitors = math.ceil(each * test.spread)
    else:
        each = math.floor(visitors / test.spread)
        lift = _shown(test, each / inflation, deviation, levels)
    return {
        "method": test.method,
        "baseline": test.baseline,
        "lift": lift,
        **levels,
        "units_per_variant": each,
        "units": visitors,
        **_course(test, schedule, visitors),
    }


def _units(test: _Test, lift: float, deviation: float | None, levels: Mapping[str, float]) -> int:
    from analysis.power import sample_size, sample_size_of_mean  # noqa: PLC0415 - see above

    if deviation is None:
        return sample_size(test.baseline, lift, **levels)
    return sample_size_of_mean(test.baseline, deviation, lift, **levels)


def _shown(test: _Test, each: float, deviation: float | None, levels: Mapping[str, float]) -> float:
    from analysis.power import detectable_lift, lift_of_mean  # noqa: PLC0415 - see above

    if deviation is None:
        return detectable_lift(test.baseline, math.floor(each), **levels)
    return lift_of_mean(test.baseline, deviation, each, **levels)


def _course(test: _Test, schedule: Schedule, units: int) -> _Plan:
    """Where it may end early, how many units come before it does."""
    if test.method == "fixed":
        return {}
    course = schedule.course(alpha=test.alpha, power=test.power)
    looks: _Plan = {"looks": len(schedule.fractions)}
    if test.method == "group_sequential":
        looks["spending"] = test.spending.value
    return {
        **looks,
        "expected_units": math.ceil(course.mean * units),
        "units_in_nine_of_ten": math.ceil(course.nearly_all * units),
    }


def _days(test: _Test, plan: _Plan, daily: int) -> _Plan:
    """How long it takes; of a single look also what it would cost to look every day."""
    from analysis.power import Schedule  # noqa: PLC0415 - scipy takes a second to load

    named = {
        "days": "units",
        "expected_days": "expected_units",
        "days_in_nine_of_ten": "units_in_nine_of_ten",
    }
    days: _Plan = {
        name: math.ceil(float(plan[units]) / daily)
        for name, units in named.items()
        if units in plan
    }
    if test.method == "fixed":
        looks = min(int(days["days"]), _MOST_DAYS)
        days["false_alarms_if_read_daily"] = Schedule.peeking(looks, test.alpha).false_alarms
    return days


def _said(plan: _Plan) -> str:
    days = f", {plan['days']} days" if "days" in plan else ""
    first = (
        f"{plan['units']:,} visitors ({plan['units_per_variant']:,} in each variant{days}) show a "
        f"lift of {plan['lift']:+.2%} over {_baseline(plan)} with {plan['power']:.0%} power."
    )
    return "\n".join([first, *_more(plan)])


def _more(plan: _Plan) -> Iterator[str]:
    if plan["method"] != "fixed":
        yield _ends(plan)
    if "false_alarms_if_read_daily" in plan:
        daily, once = map(_percent, (plan["false_alarms_if_read_daily"], plan["alpha"]))
        yield f"Read once, at the end: read daily it raises a false alarm in {daily}, not {once}."


def _percent(share: float | str) -> str:
    return f"{100 * float(share):.3g}%"


def _baseline(plan: _Plan) -> str:
    return f"{plan['baseline']:.2%}" if float(plan["baseline"]) < 1 else f"{plan['baseline']:g}"


def _ends(plan: _Plan) -> str:
    mean, most = plan["expected_units"], plan["units_in_nine_of_ten"]
    days = (
        f" ({plan['expected_days']} and {plan['days_in_nine_of_ten']} days)"
        if "expected_days" in plan
        else ""
    )
    return (
        f"With that lift it ends after {mean:,} visitors on average, and after {most:,} in nine of "
        f"ten cases{days}: {plan['method']}, {plan['looks']} looks."
    )
