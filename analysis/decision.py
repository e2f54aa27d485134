"""What to do next: rules in order, the first that applies decides.

A report advises and never acts: ending an experiment stays with a person.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from analysis import wording
from analysis.report import (
    Absent,
    Action,
    Checks,
    Comparison,
    Decision,
    Finding,
    Label,
    MetricResult,
    PlanLock,
    Progress,
    Role,
    Verdict,
)
from analysis.wording import count, interval, level, open_windows, p_value, percent, signed_percent


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a decision may rest on."""

    plan: PlanLock
    progress: Progress
    units: dict[str, int]
    shares: dict[str, float]
    checks: Checks
    metrics: tuple[MetricResult, ...]

    @property
    def primary(self) -> MetricResult:
        """The metric the decision rests on."""
        return next(metric for metric in self.metrics if metric.role is Role.PRIMARY)

    @property
    def guardrails(self) -> tuple[MetricResult, ...]:
        """Metrics with a veto."""
        return tuple(metric for metric in self.metrics if metric.role is Role.GUARDRAIL)

    def verdict(self, metric: MetricResult, variant: str) -> Verdict | None:
        """Whether a variant stays within a metric's margin; None where it has none."""
        comparison = next(c for c in metric.comparisons if c.variant == variant)
        return comparison.verdict(metric.direction, self.progress)


# A definition is taken up and its plan locked in two steps; a unit may come between them.
_IN_TIME = timedelta(minutes=1)
_MISMATCH_ADVICE = (
    "Something removes units from a variant, so no difference below can be trusted; "
    "find the cause before reading on."
)


def decide(evidence: Evidence) -> Decision:
    """The first rule that applies, in the order of `RULES`; an amended plan is said of each."""
    found = next(decision for rule in RULES if (decision := rule(evidence)) is not None)
    remarks = (*_gaps(evidence), *_losses(evidence), *_late(evidence), *_amendments(evidence.plan))
    return replace(found, reasons=(*found.reasons, *remarks))


def _gaps(evidence: Evidence) -> list[str]:
    days = evidence.checks.gaps
    return [f"{wording.without_units(days).capitalize()}."] if days else []


def _losses(evidence: Evidence) -> list[str]:
    check = evidence.checks.outcome_loss
    if check.ok is not False:
        return []
    p = p_value(check.p_value)
    lost = f"Payments of one variant arrived by themselves less often; p = {p}."
    return [f"{lost} Reconciliation brought them: reports of before lack them."]


def _late(evidence: Evidence) -> list[str]:
    locked_at, began = evidence.plan.locked_at, evidence.progress.started_at
    if isinstance(locked_at, Absent) or began is None or locked_at - began <= _IN_TIME:
        return []
    late = wording.duration(locked_at - began)
    return [f"The plan was locked {late} after the first unit came, perhaps with numbers in sight."]


def _amendments(plan: PlanLock) -> list[str]:
    return [f"The plan was amended: {wording.change(change)}." for change in plan.changes]


def _broken_data(evidence: Evidence) -> Decision | None:
    checks = evidence.checks
    broken = [
        *([_whole_mismatch(evidence)] if checks.sample_ratio.ok is False else []),
        *(
            f"Sample ratio mismatch {where} {check.where}; p = {p_value(check.p_value)} "
            "over all of them together."
            for where, check in (("in", checks.segment_ratio), ("on", checks.day_ratio))
            if check.ok is False
        ),
    ]
    return Decision(Action.FIX_DATA, (*broken, _MISMATCH_ADVICE)) if broken else None


def _whole_mismatch(evidence: Evidence) -> str:
    seen = ", ".join(
        f"{variant} {count(units)} (designed {percent(evidence.shares[variant])})"
        for variant, units in evidence.units.items()
    )
    return f"Sample ratio mismatch: {seen}; p = {p_value(evidence.checks.sample_ratio.p_value)}."


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
        f"Guardrail {metric.name} got worse: {_reading(evidence, comparison)}"
        f"{_and_held(metric, comparison)}."
        for metric in evidence.guardrails
        for comparison, better in _differences(evidence, metric)
        if not better and evidence.verdict(metric, comparison.variant) is not Verdict.PASSED
    ]
    if not reasons:
        return None
    primary = [
        f"{evidence.primary.name}, {_reading(evidence, c)}." for c in evidence.primary.comparisons
    ]
    return Decision(Action.ROLL_BACK, (*reasons, *primary))


def _clear_loss(evidence: Evidence) -> Decision | None:
    """Only where no variant won: with several, the winner may ship alone."""
    metric = evidence.primary
    lost = [
        comparison
        for comparison, better in _differences(evidence, metric)
        if not better and evidence.verdict(metric, comparison.variant) is not Verdict.PASSED
    ]
    if not lost or _winners(evidence):
        return None
    return _because(evidence, Action.ROLL_BACK, lost)


def _too_short(evidence: Evidence) -> Decision | None:
    progress = evidence.progress
    if progress.time_left is None or progress.minimum_runtime is None:
        return None
    least = wording.duration(progress.minimum_runtime)
    left = wording.duration(progress.time_left)
    readings = [
        f"{evidence.primary.name}, {_reading(evidence, c)}." for c in evidence.primary.comparisons
    ]
    return Decision(
        Action.KEEP_RUNNING,
        (f"Nothing ships before a minimum runtime of {least}: {left} are left.", *readings),
    )


def _fit_to_ship(evidence: Evidence) -> Decision | None:
    fit = [c for c in _winners(evidence) if not _unproven(evidence, c.variant)]
    return _because(evidence, Action.SHIP, fit) if fit else None


def _unproven_guardrail(evidence: Evidence) -> Decision | None:
    """A winner that is not shown to be safe: more units may show it, until none are to come."""
    won = _winners(evidence)
    if not won:
        return None
    early = evidence.progress.early
    doubts = [
        f"Guardrail {metric.name} is not shown safe with {comparison.variant}"
        f"{' yet' if early else ''}: {_held(metric, comparison)}."
        for winner in won
        for metric, comparison in _unproven(evidence, winner.variant)
    ]
    action = Action.KEEP_RUNNING if early else Action.NEUTRAL
    found = _because(evidence, action, won)
    return replace(found, reasons=(*doubts, *found.reasons))


def _too_early(evidence: Evidence) -> Decision | None:
    if not evidence.progress.early:
        return None
    return Decision(
        Action.KEEP_RUNNING,
        (
            f"{_reached(evidence)}; {_next_reading(evidence)}.",
            *_undecided(evidence, "No difference was shown yet"),
        ),
    )


def _next_reading(evidence: Evidence) -> str:
    looks = evidence.primary.comparisons[0].planned
    if looks is None:
        return "a fixed-horizon p-value must not be read before all are in"
    return wording.waiting_for(looks)


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
    _clear_loss,
    _too_short,
    _fit_to_ship,
    _unproven_guardrail,
    _too_early,
    _too_few_units,
    _no_difference,
)


def _winners(evidence: Evidence) -> list[Comparison]:
    """Variants that are better in the primary metric or, where it has a margin, not worse."""
    metric = evidence.primary
    better = {c.variant for c, gained in _differences(evidence, metric) if gained}
    return [
        comparison
        for comparison in metric.comparisons
        if comparison.variant in better
        or evidence.verdict(metric, comparison.variant) is Verdict.PASSED
    ]


def _unproven(evidence: Evidence, variant: str) -> list[tuple[MetricResult, Comparison]]:
    """Guardrails with a margin that a variant has not been shown to stay within."""
    return [
        (metric, comparison)
        for metric in evidence.guardrails
        for comparison in metric.comparisons
        if comparison.variant == variant
        and evidence.verdict(metric, variant) not in (None, Verdict.PASSED)
    ]


def _because(evidence: Evidence, action: Action, clear: list[Comparison]) -> Decision:
    """A decision on what is shown of the primary metric, with what its guardrails passed."""
    metric = evidence.primary
    reasons = [f"{_shown(evidence, metric, c)}." for c in clear]
    if action is Action.SHIP:
        reasons += [
            f"Guardrail {guardrail.name} passed with {c.variant}: {_held(guardrail, c)}."
            for guardrail in evidence.guardrails
            for c in guardrail.comparisons
            if c.tolerance is not None and c.variant in {shown.variant for shown in clear}
        ]
    reasons += [label.meaning for label in _warnings(clear)]
    return Decision(action, (*reasons, _reached(evidence) + "."))


def _shown(evidence: Evidence, metric: MetricResult, comparison: Comparison) -> str:
    finding = comparison.finding(metric.direction, evidence.progress)
    if evidence.verdict(metric, comparison.variant) is Verdict.PASSED:
        gain = "better" if finding is Finding.BETTER else "not worse by its margin"
        held = _held(metric, comparison)
        return f"{metric.name} is {gain} with {_reading(evidence, comparison)}; {held}"
    return f"{metric.name} is {finding} with {_reading(evidence, comparison)}"


def _held(metric: MetricResult, comparison: Comparison) -> str:
    found = comparison.tolerance
    return "" if found is None else wording.held(metric.kind, found)


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
    kind = f"{reading.kind}{level(evidence.progress.alpha)}"
    lift = reading.estimate
    gap = f"undefined ({lift.reason})" if isinstance(lift, Absent) else signed_percent(lift)
    return (
        f"{comparison.variant}: lift {gap}, "
        f"{kind} interval {interval(reading.ci_low, reading.ci_high)}, "
        f"{'adjusted ' if reading.adjusted else ''}p = {p_value(reading.p_value)}"
        f"{wording.harm_shown(comparison.harm)}"
    )


def _undecided(
    evidence: Evidence, finding: str, comparisons: Sequence[Comparison] | None = None
) -> list[str]:
    metric = evidence.primary
    shown = metric.comparisons if comparisons is None else comparisons
    return [
        f"{finding} in {metric.name}: {_reading(evidence, c)}{_and_held(metric, c)}." for c in shown
    ]


def _and_held(metric: MetricResult, comparison: Comparison) -> str:
    held = _held(metric, comparison)
    return held and f"; {held}"


def _reached(evidence: Evidence) -> str:
    total = count(sum(evidence.units.values()))
    planned = evidence.progress.planned_units
    if isinstance(planned, Absent):
        return f"{total} units are read as the whole experiment, because no size was planned"
    share = percent(evidence.progress.information_fraction)
    reached = f"{total} of {count(planned)} planned units are in ({share})"
    still_open = evidence.progress.open_windows
    return f"{reached}, and {open_windows(still_open)}" if still_open else reached
