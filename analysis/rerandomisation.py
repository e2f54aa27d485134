"""How often an experiment's own plan would cry wolf on history in which nothing differed.

The same units with the same outcomes are split anew again and again, each time by another seed;
whatever a split shows is then chance. Each is judged exactly as the report would judge it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from analysis.aggregates import Aggregates
from analysis.analyze import analyze
from analysis.observations import InterimLook, Observations
from analysis.plan import Plan
from analysis.report import Absent, Action, MetricResult
from experiments.bulk import Indices, Units, assign_many
from experiments.definition import Experiment


@dataclass(frozen=True, eq=False)
class History:
    """Units that an experiment could have had, and what each did after it was first seen.

    Attributes:
        units: the units, all of them targeted and none held out.
        values: by metric, the value of each unit in their order; 0 where it did nothing.
        currencies: currencies of a metric's values, by metric key.
    """

    units: Units
    values: Mapping[str, NDArray[np.float64]]
    currencies: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        units: Units,
        values: Mapping[str, Mapping[str, float]],
        currencies: Mapping[str, tuple[str, ...]],
    ) -> "History":
        """Builds it from the values of those units that did something, by metric and unit."""
        found = {
            metric: np.array([known.get(unit, 0.0) for unit in units.ids], dtype=np.float64)
            for metric, known in values.items()
        }
        return cls(units, found, currencies)

    def observed(self, experiment: Experiment, entered: Indices) -> Observations:
        """The units and sums of each variant, for one split of the units.

        Args:
            experiment: whose variants they are.
            entered: the index of each unit's variant; -1 for those that do not enter.
        """
        units, metrics = self._sums(experiment, entered, np.flatnonzero(entered >= 0))
        return Observations(units=units, metrics=metrics, currencies=self.currencies)

    def looks(
        self, experiment: Experiment, entered: Indices, due: Sequence[int], *, at: datetime
    ) -> tuple[InterimLook, ...]:
        """The planned looks at one split, each at the first units that entered.

        Args:
            experiment: whose variants they are.
            entered: as of `observed`.
            due: how many units each look waits for.
            at: the time that all of them are said to be of.
        """
        inside = np.flatnonzero(entered >= 0)
        return tuple(
            InterimLook(at, *self._sums(experiment, entered, inside[:units]))
            for units in due
            if units <= len(inside)
        )

    def _sums(
        self, experiment: Experiment, entered: Indices, which: NDArray[np.intp]
    ) -> tuple[dict[str, int], dict[str, dict[str, Aggregates]]]:
        keys = [variant.key for variant in experiment.variants]
        arms, count = entered[which], len(keys)
        units = np.bincount(arms, minlength=count).tolist()
        metrics = {}
        for metric, values in self.values.items():
            value = values[which]
            totals = np.bincount(arms, weights=value, minlength=count).tolist()
            squares = np.bincount(arms, weights=value * value, minlength=count).tolist()
            sums = zip(keys, units, totals, squares, strict=True)
            metrics[metric] = {key: Aggregates(*each) for key, *each in sums}
        return dict(zip(keys, units, strict=True)), metrics


@dataclass(frozen=True)
class Verdict:
    """What the report would say of one split.

    Attributes:
        action: what it would advise.
        significant: whether a variant's adjusted p-value of the primary metric is below alpha.
        mismatch: whether it would call the split itself broken.
    """

    action: Action
    significant: bool
    mismatch: bool


@dataclass(frozen=True)
class Frequency:
    """How often something happened in the splits that were drawn.

    Attributes:
        count: splits in which it happened.
        splits: splits that were drawn.
    """

    count: int
    splits: int

    @property
    def share(self) -> float:
        """The share of splits, in [0, 1]."""
        return self.count / self.splits if self.splits else 0.0

    @property
    def error(self) -> float:
        """The Monte Carlo standard error of the share."""
        return math.sqrt(self.share * (1 - self.share) / self.splits) if self.splits else 0.0

    def within(self, nominal: float) -> bool:
        """Whether the share is no more than chance would make of a true rate of `nominal`."""
        if not self.splits:
            return True
        return self.share <= nominal + 2 * math.sqrt(nominal * (1 - nominal) / self.splits)


@dataclass(frozen=True)
class FalseAlarms:
    """What the plan says of history in which nothing differed.

    Attributes:
        alpha: the false alarms that the plan allows, ships and roll-backs together.
        significant: how often the primary metric was significant.
        actions: how often each action was advised.
        mismatch: how often the split itself was called broken.
    """

    alpha: float
    significant: Frequency
    actions: Mapping[Action, Frequency]
    mismatch: Frequency


def read_at_the_end(plan: Plan, units: int) -> Plan:
    """The plan as if it were sized to a history, and read once all of that is in."""
    planned = units if plan.planned_units is None else min(plan.planned_units, units)
    return replace(plan, planned_units=max(planned, 2))


def verdicts(
    experiment: Experiment, plan: Plan, history: History, *, seeds: Iterable[str], as_of: datetime
) -> Iterator[Verdict]:
    """Judges history once for each seed.

    Args:
        experiment: the definition; only its split matters, for `history` holds who may enter.
        plan: how it is judged.
        history: units that may enter, and what each did.
        seeds: each is another split of the same units.
        as_of: the time up to which the history reaches, at which the experiment runs.
    """
    for seed in seeds:
        split = assign_many(replace(experiment, seed=seed), history.units, now=as_of)
        observations = replace(
            history.observed(experiment, split.entered),
            looks=history.looks(experiment, split.entered, plan.units_at_looks, at=as_of),
        )
        report = analyze(plan, observations, as_of=as_of, generated_at=as_of)
        yield Verdict(
            action=report.decision.action,
            significant=_significant(report.primary, plan.alpha),
            mismatch=report.checks.mismatch,
        )


def _significant(primary: MetricResult, alpha: float) -> bool:
    values = ((each.planned or each).adjusted_p_value for each in primary.comparisons)
    return any(not isinstance(value, Absent) and value < alpha for value in values)


def false_alarms(found: Iterable[Verdict], *, alpha: float) -> FalseAlarms:
    """Counts verdicts."""
    drawn = tuple(found)

    def frequency(count: int) -> Frequency:
        return Frequency(count, len(drawn))

    return FalseAlarms(
        alpha=alpha,
        significant=frequency(sum(each.significant for each in drawn)),
        actions={
            action: frequency(sum(each.action is action for each in drawn)) for action in Action
        },
        mismatch=frequency(sum(each.mismatch for each in drawn)),
    )
