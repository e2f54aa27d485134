"""What to do next: rules in order, the first that applies decides.

A report advises and never acts: ending an experiment stays with a person.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from analysis.report import (
    Absent,
    Action,
    Checks,
    Comparison,
    Decision,
    Finding,
    Label,
    MetricResult,
    Progress,
    Role,
)
from analysis.wording import count, interval, level, open_windows, p_value, percent, signed_percent


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a decision may rest on."""

    progress: Progress
    units: dict[str, int]
    shares: dict[str, float]
    checks: Checks
    metrics: tuple[MetricResult, ...]

    @property
    def primary(self) -> MetricResult:
        """The metric the decision rests on."""
        return next(metric for metric in self.metrics if metric.role is Role.PRIMARY)


_MISMATCH_ADVICE = (
    "Something removes units from a variant, so no difference below can be trusted; "
    "find the cause before reading on."
)


def decide(evidence: Evidence) -> Decision:
    """The first rule that applies, in the order of `RULES`."""
    return next(decision for rule in RULES if (decision := rule(evidence)) is not None)


def _broken_data(evidence: Evidence) -> Decision | None:
    ratio = evidence.checks.sample_ratio
    if ratio.ok is not False:
        return None
    seen = ", ".join(
        f"{variant} {count(units)} (designed {percent(evidence.shares[variant])})"
        for variant, units in evidence.units.items()
    )
    return Decision(
        Action.FIX_DATA,
        (
            f"Sample ratio mismatch: {seen}; p = {p_value(ratio.p_value)}.",
            _MISMATCH_ADVICE,
        ),
    )


def _nothing_to_read(evidence: Evidence) -> Decision | None:
    gaps = [(c.variant, c.p_value) for c in evidence.primary.comparisons]
    reasons = [
        f"{variant} cannot be compared on {evidence.primary.name} yet: {gap.reason}."
        for variant, gap in gaps
        if isinstance(gap, Absent)
    ]
    return Decision(Action.KEEP_RUNNING, tuple(reasons)) if len(reasons) == len(gaps) else None


def _harmed_guardrail(evidence: Evidence) -> Decision | None:
    reasons = [
        f"Guardrail {metric.name} got worse: {_reading(evidence, comparison)}."
        for metric in evidence.metrics
        if metric.role is Role.GUARDRAIL
        for comparison, better in _differences(evidence, metric)
        if not better
    ]
    if not reasons:
        return None
    primary = [
        f"{evidence.primary.name}, {_reading(evidence, c)}." for c in evidence.primary.comparisons
    ]
    return Decision(Action.ROLL_BACK, (*reasons, *primary))


def _clear_gain(evidence: Evidence) -> Decision | None:
    return _clear(evidence, Action.SHIP, better=True)


def _clear_loss(evidence: Evidence) -> Decision | None:
    return _clear(evidence, Action.ROLL_BACK, better=False)


def _too_early(evidence: Evidence) -> Decision | None:
    if not evidence.progress.early:
        return None
    return Decision(
        Action.KEEP_RUNNING,
        (
            f"{_reached(evidence)}; a fixed-horizon p-value must not be read before all are in.",
            *_undecided(evidence, "No difference was shown yet"),
        ),
    )


def _too_few_units(evidence: Evidence) -> Decision | None:
    few = [c for c in evidence.primary.comparisons if Label.TOO_FEW_UNITS in c.labels]
    if not few:
        return None
    found = _undecided(evidence, "Nothing can be concluded yet", few)
    return Decision(Action.KEEP_RUNNING, (*found, Label.TOO_FEW_UNITS.meaning))


def _no_difference(evidence: Evidence) -> Decision:
    return Decision(
        Action.NEUTRAL,
        (_reached(evidence) + ".", *_undecided(evidence, "No difference was shown")),
    )


Rule = Callable[[Evidence], Decision | None]
RULES: tuple[Rule, ...] = (
    _broken_data,
    _nothing_to_read,
    _harmed_guardrail,
    _clear_gain,
    _clear_loss,
    _too_early,
    _too_few_units,
    _no_difference,
)


def _clear(evidence: Evidence, action: Action, *, better: bool) -> Decision | None:
    metric = evidence.primary
    clear = [c for c, good in _differences(evidence, metric) if good is better]
    if not clear:
        return None
    verb = "better" if better else "worse"
    reasons = [f"{metric.name} is {verb} with {_reading(evidence, c)}." for c in clear]
    reasons += [label.meaning for label in _warnings(clear)]
    return Decision(action, (*reasons, _reached(evidence) + "."))


def _differences(evidence: Evidence, metric: MetricResult) -> list[tuple[Comparison, bool]]:
    """Comparisons that exclude no difference, each with whether it is for the better."""
    found = [(c, c.finding(metric.direction, evidence.progress)) for c in metric.comparisons]
    shown = (Finding.BETTER, Finding.WORSE)
    return [(c, finding is Finding.BETTER) for c, finding in found if finding in shown]


def _warnings(comparisons: list[Comparison]) -> list[Label]:
    few = Label.TOO_FEW_CONVERSIONS
    return [few] if any(few in comparison.labels for comparison in comparisons) else []


def _reading(evidence: Evidence, comparison: Comparison) -> str:
    reading = comparison.reading(early=evidence.progress.early)
    kind = f"{'always-valid ' if reading.always_valid else ''}{level(evidence.progress.alpha)}"
    lift = comparison.relative.estimate
    gap = f"undefined ({lift.reason})" if isinstance(lift, Absent) else signed_percent(lift)
    return (
        f"{comparison.variant}: lift {gap}, "
        f"{kind} interval {interval(reading.ci_low, reading.ci_high)}, "
        f"{'adjusted ' if reading.adjusted else ''}p = {p_value(reading.p_value)}"
    )


def _undecided(
    evidence: Evidence, finding: str, comparisons: Sequence[Comparison] | None = None
) -> list[str]:
    metric = evidence.primary
    shown = metric.comparisons if comparisons is None else comparisons
    return [f"{finding} in {metric.name}: {_reading(evidence, c)}." for c in shown]


def _reached(evidence: Evidence) -> str:
    total = count(sum(evidence.units.values()))
    planned = evidence.progress.planned_units
    if isinstance(planned, Absent):
        return f"{total} units are read as the whole experiment, because no size was planned"
    share = percent(evidence.progress.information_fraction)
    reached = f"{total} of {count(planned)} planned units are in ({share})"
    still_open = evidence.progress.open_windows
    return f"{reached}, and {open_windows(still_open)}" if still_open else reached
