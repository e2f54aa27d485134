"""The same judgement of parts of the units: by segment, and day by day."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from analysis.aggregates import added
from analysis.cells import Group
from analysis.distributions import chi_square_p
from analysis.judging import Look, as_family, by_role, judge
from analysis.multiplicity import adjusted, benjamini_hochberg
from analysis.observations import Observations
from analysis.report import (
    Absent,
    Comparison,
    LogRatio,
    MetricResult,
    Number,
    Segment,
    Segmentation,
    Until,
    primary,
)
from experiments.plan import Method

# A line through more points shows no more; each costs its roots.
MOST_DAYS = 60
_Judged = tuple[str, str, Group, tuple[MetricResult, ...]]


def read_segments(look: Look, observations: Observations) -> tuple[Segmentation, ...]:
    """Every metric in every segment: what was not asked beforehand, so none of it decides.

    All p-values of a metric, over attributes, values and variants, are one family of Benjamini and
    Hochberg's; those by other experiments are another.

    Args:
        look: By which plan, and how far along.
        observations: With their segments.
    """
    look = _without_looks(look)
    others = {f"experiment {key}": by for key, by in observations.interacting.items()}
    return (
        *_segmented(look, observations, observations.apart),
        *_segmented(look, observations, others),
    )


def _segmented(
    look: Look, observations: Observations, parts: Mapping[str, Mapping[str, Group]]
) -> Iterator[Segmentation]:
    judged = [
        (attribute, value, group, _judged(look, group, observations))
        for attribute, values in parts.items()
        for value, group in values.items()
    ]
    return _segmentations(look, _one_family(judged))


def read_days(look: Look, observations: Observations) -> tuple[Until, ...]:
    """Every metric over the units that were first exposed until each day, as known now.

    Of long experiments some days are left out, evenly, and never the last.

    Args:
        look: By which plan, and how far along.
        observations: With their days.
    """
    look = _without_looks(look)
    return tuple(
        Until(day, new.units, by_role(_judged(look, whole, observations)))
        for day, new, whole in _growing(_thinned(observations.days))
    )


def _without_looks(look: Look) -> Look:
    """Planned looks read the whole; a part has the intervals that hold at every look."""
    return replace(look, plan=replace(look.plan, method=Method.FIXED, looks=None))


def _judged(look: Look, group: Group, observations: Observations) -> tuple[MetricResult, ...]:
    return tuple(
        judge(
            look,
            replace(metric, margin=None),
            group.metrics[metric.key],
            currencies=observations.currencies.get(metric.key, ()),
        )
        for metric in look.plan.metrics
    )


def _one_family(judged: Sequence[_Judged]) -> list[_Judged]:
    by_metric = zip(*(metrics for *_, metrics in judged), strict=True)
    done = zip(*(as_family(family, benjamini_hochberg) for family in by_metric), strict=True)
    return [(*part[:3], metrics) for part, metrics in zip(judged, done, strict=True)]


def _segmentations(look: Look, judged: Sequence[_Judged]) -> Iterator[Segmentation]:
    attributes = list(dict.fromkeys(attribute for attribute, *_ in judged))
    found = {
        attribute: tuple(
            Segment(value, group.units, metrics)
            for of, value, group, metrics in judged
            if of == attribute
        )
        for attribute in attributes
    }
    variants = [v for v in look.plan.variants if v != look.plan.control]
    asked = [(attribute, variant) for attribute in attributes for variant in variants]
    p_values = adjusted(
        benjamini_hochberg,
        [_one_lift(_compared(found[attribute], variant)) for attribute, variant in asked],
    )
    answers = dict(zip(asked, p_values, strict=True))
    for attribute, segments in found.items():
        yield Segmentation(attribute, segments, {v: answers[attribute, v] for v in variants})


def _compared(segments: Iterable[Segment], variant: str) -> Iterator[Comparison]:
    for segment in segments:
        comparisons = primary(segment.metrics).comparisons
        yield next(each for each in comparisons if each.variant == variant)


def _one_lift(comparisons: Iterable[Comparison]) -> Number:
    """Cochran's Q (1954, doi.org/10.2307/3001666) of the log ratios: are they one?"""
    found = [c.log_ratio for c in comparisons if isinstance(c.log_ratio, LogRatio)]
    if len(found) < 2:
        return Absent("a lift is known in fewer than two segments")
    weights = [1 / each.variance for each in found]
    mean = math.fsum(w * each.estimate for w, each in zip(weights, found, strict=True))
    mean /= math.fsum(weights)
    statistic = math.fsum(
        w * (each.estimate - mean) ** 2 for w, each in zip(weights, found, strict=True)
    )
    return chi_square_p(statistic, len(found) - 1)


def _thinned(days: Mapping[date, Group]) -> list[tuple[date, list[Group]]]:
    """Each day with the groups since the one before it, the last day always among them."""
    step = math.ceil(len(days) / MOST_DAYS) or 1
    listed = list(days.items())
    ends = range(len(listed), 0, -step)
    return [
        (listed[end - 1][0], [group for _, group in listed[max(0, end - step) : end]])
        for end in reversed(ends)
    ]


def _growing(days: Iterable[tuple[date, Sequence[Group]]]) -> Iterator[tuple[date, Group, Group]]:
    """Each day with its new units, and with all units until then."""
    whole: Group | None = None
    for day, groups in days:
        new = _merged(groups)
        whole = new if whole is None else _merged([whole, new])
        yield day, new, whole


def _merged(groups: Sequence[Group]) -> Group:
    first = groups[0]
    return Group(
        units={variant: sum(group.units[variant] for group in groups) for variant in first.units},
        metrics={
            key: {v: added(group.metrics[key][v] for group in groups) for v in arms}
            for key, arms in first.metrics.items()
        },
    )
