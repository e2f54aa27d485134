"""What planned looks show: repeated intervals, a sequential p-value, an estimate without luck.

Between looks nothing is decided. At each, the interval is that of the ordinary test at the level of
the look's bound (a repeated interval, Jennison & Turnbull 1989, JRSS B 51:305-361): all of them
together miss the truth no more often than alpha, so what all of them leave is an interval too.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.aggregates import Aggregates
from analysis.distributions import normal_p, normal_z
from analysis.inference.group_sequential import Design
from analysis.observations import InterimLook
from analysis.plan import MetricPlan, Plan
from analysis.report import (
    Absent,
    Contrast,
    Label,
    Number,
    PlannedLook,
    PlannedLooks,
    Role,
)

# Of the planned units: two looks that are nearer to each other are one.
_HARDLY_MORE = 0.005
_RUNNING = Absent("the looks are not over")
_STOPS_NOTHING = Absent("a secondary metric ends nothing")


@dataclass(frozen=True, slots=True)
class _Taken:
    """A look with what it says of one comparison."""

    number: int
    look: InterimLook
    arms: tuple[Aggregates, Aggregates]
    contrast: Contrast
    z: float


def read_looks(
    plan: Plan, metric: MetricPlan, looks: Sequence[InterimLook], variant: str
) -> PlannedLooks:
    """What the looks that were due say of one variant and its control.

    Args:
        plan: One with planned looks.
        metric: Of the plan.
        looks: Those that were due.
        variant: Key of the variant that is compared with the control.
    """
    waiting = plan.units_at_looks[len(looks) :]
    number, next_units = len(plan.units_at_looks), next(iter(waiting), None)
    taken = list(_taken_of(plan, metric, looks, variant))
    if not taken:
        return PlannedLooks.none(number, len(looks), next_units, _why_none(looks))
    fractions = _fractions([each.look for each in taken], plan.units_at_looks[-1])
    design = Design(fractions, plan.spending)
    bounds = design.bounds(plan.alpha)
    found = tuple(
        _read(metric, each, fraction, bound)
        for each, fraction, bound in zip(taken, fractions, bounds, strict=True)
    )
    p_values = design.repeated_p([each.z for each in taken])
    p_value = min(p_values)
    ends = _left_by_all(found)
    return PlannedLooks(
        looks=found,
        planned=number,
        due=len(looks),
        next_units=next_units,
        estimate=_STOPS_NOTHING
        if metric.role is Role.SECONDARY
        else _estimate(plan, taken, found, ended=next_units is None),
        ci_low=ends[0],
        ci_high=ends[1],
        p_value=p_value,
        adjusted_p_value=p_value,
        gain=taken[p_values.index(p_value)].z > 0,
    )


def _why_none(looks: Sequence[InterimLook]) -> str:
    return "no look had anything to compare" if looks else "no planned look was due yet"


def _taken_of(
    plan: Plan, metric: MetricPlan, looks: Sequence[InterimLook], variant: str
) -> Iterator[_Taken]:
    """The looks with something to compare; of several at almost one moment the first has it all."""
    before, planned = 0, plan.units_at_looks[-1]
    for number, look in enumerate(looks, start=1):
        units = sum(look.units.values())
        more = units - before > _HARDLY_MORE * planned and before < planned
        found = _taken(plan, metric, (number, look), variant) if more else None
        if found is not None:
            yield found
            before = units


def _taken(
    plan: Plan, metric: MetricPlan, numbered: tuple[int, InterimLook], variant: str
) -> _Taken | None:
    number, look = numbered
    arms = look.metrics[metric.key][plan.control], look.metrics[metric.key][variant]
    contrast = metric.compare(*arms, alpha=plan.alpha)
    difference, p_value = contrast.absolute.estimate, contrast.p_value
    # Nothing is spent at a look whose test would not hold.
    if Label.TOO_FEW_UNITS in contrast.labels:
        return None
    if isinstance(difference, Absent) or isinstance(p_value, Absent):
        return None
    return _Taken(number, look, arms, contrast, math.copysign(normal_z(p_value), difference))


def _fractions(looks: Sequence[InterimLook], planned: int) -> tuple[float, ...]:
    """Of the planned units; whatever came at the moment of the last one counts no further."""
    return tuple(min(1.0, sum(look.units.values()) / planned) for look in looks)


def _read(metric: MetricPlan, taken: _Taken, fraction: float, bound: float) -> PlannedLook:
    repeated = metric.compare(*taken.arms, alpha=normal_p(bound)).relative
    return PlannedLook(
        number=taken.number,
        at=taken.look.at,
        units=sum(taken.look.units.values()),
        fraction=fraction,
        z=taken.z,
        bound=bound,
        lift=taken.contrast.relative.estimate,
        ci_low=repeated.ci_low,
        ci_high=repeated.ci_high,
    )


def _left_by_all(looks: Sequence[PlannedLook]) -> tuple[Number, Number]:
    """What every look leaves; where they leave nothing in common, what the last one does."""
    lows = [look.ci_low for look in looks if not isinstance(look.ci_low, Absent)]
    highs = [look.ci_high for look in looks if not isinstance(look.ci_high, Absent)]
    if lows and highs and max(lows) < min(highs):
        return max(lows), min(highs)
    return looks[-1].ci_low, looks[-1].ci_high


def _estimate(
    plan: Plan, taken: Sequence[_Taken], looks: Sequence[PlannedLook], *, ended: bool
) -> Number:
    """The median-unbiased lift where the looks ended: at the first bound, or at the last look."""
    over = next((n for n, look in enumerate(looks) if look.reached), len(looks) - 1)
    if not (looks[over].reached or ended):
        return _RUNNING
    lift, z = looks[over].lift, taken[over].z
    if isinstance(lift, Absent) or z == 0 or lift <= -1:
        return lift
    design = Design(tuple(look.fraction for look in looks[: over + 1]), plan.spending)
    drift = design.drift_at(0.5, z, alpha=plan.alpha)
    # As much of the log ratio as of the drift that it was taken for.
    return math.expm1(math.log1p(lift) * drift * math.sqrt(looks[over].fraction) / z)
