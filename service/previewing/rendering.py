"""A preview as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.report import Absent, Action, Number
from analysis.rerandomisation import FalseAlarms, Frequency
from analysis.wording import p_value, percent, plural, signed_percent
from experiments import FunnelEvent, Kind, ShipIf
from service.previewing.replay import Replay

SCHEMA = "kassa.preview/1"
_SHOWN_DAYS = 14


def to_text(replay: Replay, alarms: FalseAlarms, *, wanted: int) -> str:
    """As a terminal shows it.

    Args:
        replay: what the experiment would have been.
        alarms: what its plan says of history in which nothing differs.
        wanted: how many splits were to be drawn.
    """
    parts = (_population(replay), _arrivals(replay), _size(replay), _alarms(replay, alarms, wanted))
    return "\n\n".join("\n".join(part) for part in parts)


def _population(replay: Replay) -> Iterator[str]:
    yield (
        f"{replay.experiment.key} as if it had run from {replay.since:%Y-%m-%d} to "
        f"{replay.until:%Y-%m-%d}: {plural(replay.visitors, 'visitor')} seen"
    )
    trigger = replay.experiment.exposure.trigger
    rows = {cause.value: count for cause, count in replay.causes.items()}
    if replay.uncounted:
        rows[f"no {trigger}"] = replay.uncounted
    width = max(map(len, rows), default=0)
    for name, count in rows.items():
        yield f"    {name:<{width}}  {count:>10,}  {percent(count / replay.visitors):>7}"
    if trigger is not FunnelEvent.CHECKOUT_VIEWED:
        yield f"    each counts from its first {trigger}, as the definition's exposure says"


def _arrivals(replay: Replay) -> Iterator[str]:
    keys = list(replay.units)
    width = max(map(len, keys))
    designed = replay.experiment.shares
    for key, count in replay.units.items():
        yield f"    {key:<{width}}  {count:>10,}  designed {percent(designed[key])}"
    ratio = replay.sample_ratio
    if isinstance(ratio.p_value, Absent):
        yield f"    sample ratio: {ratio.p_value.reason}"
        return
    verdict = "as designed" if ratio.ok is True else "NOT as designed"
    yield f"    sample ratio: {verdict}, p = {p_value(ratio.p_value)}"
    yield ""
    yield f"    {'day (UTC)':<10}  {'  '.join(f'{key:>{max(8, len(key))}}' for key in keys)}"
    for day, counts in list(replay.days.items())[-_SHOWN_DAYS:]:
        cells = "  ".join(f"{counts[key]:>{max(8, len(key))},}" for key in keys)
        yield f"    {day.isoformat()}  {cells}"
    if len(replay.days) > _SHOWN_DAYS:
        yield f"    and {plural(len(replay.days) - _SHOWN_DAYS, 'day')} before, in --format json"


def _size(replay: Replay) -> Iterator[str]:
    plan, total = replay.experiment.analysis, sum(replay.units.values())
    value = _value(replay)
    still = f", {plural(replay.open_windows, 'window')} still open" if replay.open_windows else ""
    yield f"{replay.metric.name}: {value} of {plural(total, 'unit')}{still}"
    if isinstance(replay.days_needed, Absent):
        yield f"{plan.planned_units:,} planned units: {replay.days_needed.reason}"
    else:
        yield (
            f"{plan.planned_units:,} planned units take {replay.days_needed:,.1f} days at "
            f"{replay.daily_units:,.1f} a day"
        )
    if isinstance(replay.detectable, Absent):
        yield f"lift they can show: none to tell ({replay.detectable.reason})"
    else:
        power = f"{plan.power:.0%}"
        yield f"they show a lift of {signed_percent(replay.detectable)} with {power} power"


def _value(replay: Replay) -> str:
    if isinstance(replay.baseline, Absent):
        return f"absent ({replay.baseline.reason})"
    if replay.metric.kind is Kind.PROPORTION:
        return percent(replay.baseline)
    return f"{replay.baseline:,.2f}"


def _alarms(replay: Replay, alarms: FalseAlarms, wanted: int) -> Iterator[str]:
    splits = alarms.significant.splits
    if not wanted:
        yield "false alarms: none to tell, nobody would enter"
        return
    if splits < wanted:
        yield f"INTERRUPTED after {splits:,} of {wanted:,} splits"
    yield (
        f"{plural(splits, 'split')} of these units anew, in which nothing differs, each judged by "
        f"the experiment's own plan at its end:"
    )
    alpha, found = alarms.alpha, alarms.significant
    verdict = "within" if found.within(alpha) else "NOT WITHIN"
    yield f"    {f'p < {alpha:g}':<11}{_rate(found)}  {verdict} the nominal {percent(alpha)}"
    for action in (Action.SHIP, Action.ROLL_BACK, Action.FIX_DATA):
        yield f"    {action:<11}{_rate(alarms.actions[action])}{_nominal(replay, alarms, action)}"


def _nominal(replay: Replay, alarms: FalseAlarms, action: Action) -> str:
    nominal = nominal_of(replay, alarms.alpha, action)
    if isinstance(nominal, Absent):
        return f"  {nominal.reason}"
    verdict = "within" if alarms.actions[action].within(nominal) else "NOT WITHIN"
    return f"  {verdict} the nominal {percent(nominal)}"


def nominal_of(replay: Replay, alpha: float, action: Action) -> Number:
    """How often an action may be advised where nothing differs; absent where no rate is set."""
    if action is Action.FIX_DATA:
        return 0.001
    if action is Action.SHIP and replay.experiment.decision.ship_if is ShipIf.NOT_WORSE:
        return Absent("a variant that is no worse is right to ship here")
    if action is Action.ROLL_BACK and replay.experiment.metrics.guardrails:
        return Absent("each guardrail has a veto of its own besides")
    return alpha / 2


def _rate(frequency: Frequency) -> str:
    return f"{percent(frequency.share):>7} ± {percent(frequency.error)}"


def to_json(replay: Replay, alarms: FalseAlarms, *, wanted: int) -> dict[str, Any]:
    """As programs read it: numbers at full precision, absent ones null with a reason beside."""
    plan = replay.experiment.analysis
    return {
        "schema": SCHEMA,
        "experiment": replay.experiment.key,
        "since": replay.since.isoformat().replace("+00:00", "Z"),
        "until": replay.until.isoformat().replace("+00:00", "Z"),
        "visitors": replay.visitors,
        "exposure": {
            "trigger": replay.experiment.exposure.trigger.value,
            "never": replay.uncounted,
        },
        "causes": {
            cause.value: {"count": count, "share": count / replay.visitors}
            for cause, count in replay.causes.items()
        },
        "units": dict(replay.units),
        "days": [{"day": day.isoformat(), "units": dict(c)} for day, c in replay.days.items()],
        "sample_ratio": {
            "ok": None if isinstance(replay.sample_ratio.ok, Absent) else replay.sample_ratio.ok,
            **_number("p_value", replay.sample_ratio.p_value),
        },
        "primary": {
            "metric": replay.metric.key,
            "kind": replay.metric.kind.value,
            **_number("baseline", replay.baseline),
            "open_windows": replay.open_windows,
        },
        "size": {
            "planned_units": plan.planned_units,
            "daily_units": replay.daily_units,
            **_number("days", replay.days_needed),
            "power": plan.power,
            **_number("detectable_lift", replay.detectable),
        },
        "false_alarms": {
            "splits": alarms.significant.splits,
            "interrupted": alarms.significant.splits < wanted,
            "alpha": alarms.alpha,
            "significant": _frequency(alarms.significant, alarms.alpha),
            "actions": {
                action.value: _frequency(found, nominal_of(replay, alarms.alpha, action))
                if action in {Action.SHIP, Action.ROLL_BACK, Action.FIX_DATA}
                else _frequency(found, Absent("no rate is set"))
                for action, found in alarms.actions.items()
            },
        },
    }


def _number(name: str, number: Number) -> Mapping[str, Any]:
    if isinstance(number, Absent):
        return {name: None, f"{name}_reason": number.reason}
    return {name: number}


def _frequency(found: Frequency, nominal: Number) -> dict[str, Any]:
    return {
        "count": found.count,
        "share": found.share,
        "standard_error": found.error,
        **_number("nominal", nominal),
        "within": None
        if isinstance(nominal, Absent) or not found.splits
        else found.within(nominal),
    }
